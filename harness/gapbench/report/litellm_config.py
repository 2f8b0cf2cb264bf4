"""A guaranteed rule as a configuration of the LiteLLM proxy.

LiteLLM chooses by the model name that an application asks for. So a rule by category or task becomes one alias for each
group (``router_settings.model_group_alias``); the application asks for the name of its group. Source:
https://docs.litellm.ai/docs/proxy/configs and https://docs.litellm.ai/docs/routing (read 2026-11-30), and LiteLLM 1.108 itself,
which tests/vllm/test_litellm_export.py runs. LiteLLM's auto routers decide by rules of their own, for which nothing was shown here, so
a rule by length and a cascade are not written.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from gapbench.analysis.economics.tiers_guarantee import TiersGuarantee
from gapbench.errors import ResultsError
from gapbench.store.manifest import ModelEntry

_MARK = "# Written by bench tiers --guarantee"
_PREFIXES = {"openai": "openai", "anthropic": "anthropic", "google": "gemini", "vllm": "hosted_vllm"}
_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "google": "GEMINI_API_KEY"}
_HOSTS = {"openai": "openai.com", "anthropic": "anthropic.com", "google": "googleapis.com"}
_MASTER_KEY = "LITELLM_MASTER_KEY"
_SERVER = "os.environ/HOSTED_VLLM_API_BASE"


def write_litellm_config(
    found: TiersGuarantee, models: tuple[ModelEntry, ModelEntry], path: Path
) -> list[str]:
    """Write the rule, and return what must be set or sent for it to work, one sentence each.

    Args:
        found: The guarantee.
        models: The open and the closed model.
        path: The file.

    Raises:
        ResultsError: Nothing is guaranteed, LiteLLM cannot follow the rule or call a model, or the file cannot be written.
    """
    document, notes = litellm_config(found, models)
    text = yaml.safe_dump(document, sort_keys=False, width=110, allow_unicode=True)
    lines = [found.headline(), *notes, f"Start it: litellm --config {path.name}"]
    wrapped = (part for line in lines for part in textwrap.wrap(line, 108, break_long_words=False))
    head = "\n".join([f"{_MARK}: {found.promise}", *(f"# {line}" for line in wrapped)])
    try:
        if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(_MARK):
            raise ResultsError(
                f"{path} exists and is not a file of this command; it is left as it is, so name another file"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{head}\n{text}", encoding="utf-8")
    except OSError as exc:
        raise ResultsError(f"cannot write {path}: {exc.strerror or exc}; choose another place") from exc
    return notes


def litellm_config(
    found: TiersGuarantee, models: tuple[ModelEntry, ModelEntry]
) -> tuple[dict[str, Any], list[str]]:
    """Return the configuration, and what must be set or sent for it to work.

    Raises:
        ResultsError: Nothing is guaranteed, or LiteLLM cannot follow the rule or call a model.
    """
    chosen = found.found.chosen
    if chosen is None:
        raise ResultsError("nothing is guaranteed, so no LiteLLM configuration is written")
    rule = chosen.rule
    if rule.kind != "router" or rule.grouping is None or rule.condition is not None:
        raise ResultsError(
            f"LiteLLM cannot follow the rule {rule.policy!r}: it chooses by the model name that is asked for, and looks neither "
            "at a prompt's length nor at an answer; route by it in your application"
        )
    ids = {found.open_model, found.closed_model}
    taken = sorted(ids & {*rule.groups, *rule.rest})
    if taken:
        raise ResultsError(
            f"{rule.grouping} {taken[0]!r} has the name of a model, so LiteLLM cannot tell them apart; rename one"
        )
    deployments: list[dict[str, Any]] = []
    notes: list[str] = []
    for entry in models:
        added, note = _deployments(entry)
        deployments += added
        notes += note
    aliases = dict.fromkeys(rule.groups, found.open_model) | dict.fromkeys(rule.rest, found.closed_model)
    notes.insert(
        0,
        f"Ask LiteLLM for the model named as the {rule.grouping} of the request: {', '.join(sorted(aliases))}.",
    )
    notes.append(
        f"Ask for {found.closed_model} where a request has none of these names; nothing was shown for it."
    )
    notes.append(
        f"Set {_MASTER_KEY} to a new key (sk-…), which applications send; LiteLLM does not start without it."
    )
    document = {
        "model_list": deployments,
        "router_settings": {
            "model_group_alias": aliases,
            # LiteLLM looks a fallback up by the name that was asked for, and does not resolve aliases first.
            "fallbacks": [{name: [found.closed_model]} for name in (*rule.groups, found.open_model)],
        },
        "general_settings": {"master_key": f"os.environ/{_MASTER_KEY}"},
    }
    return document, notes


def _deployments(entry: ModelEntry) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the entries of a model in LiteLLM's list, one for each of its servers, and what must be set."""
    if entry.simulated or entry.runner not in _PREFIXES:
        kind = "is simulated" if entry.simulated else f"is asked by the runner {entry.runner!r}"
        raise ResultsError(
            f"{entry.id} {kind}, which LiteLLM cannot call; it can call models of: {', '.join(sorted(_PREFIXES))}"
        )
    common: dict[str, Any] = {"model": f"{_PREFIXES[entry.runner]}/{entry.name}"}
    notes: list[str] = []
    addresses: list[str | None] = [*entry.replicas] or [entry.base_url]
    if entry.runner == "vllm" and addresses == [None]:
        addresses = [_SERVER]
        notes.append(
            f"Set HOSTED_VLLM_API_BASE to the address of the server of {entry.id}, such as http://HOST:8000/v1."
        )
    key = _KEYS.get(entry.runner)
    if key is not None:
        if all(_is_of_vendor(address, _HOSTS[entry.runner]) for address in addresses):
            notes.append(f"Set {key} to your key of {entry.runner}, for {entry.id}.")
        else:
            # The vendor's key is not for another server.
            key = f"{re.sub('[^A-Z0-9]', '_', entry.id.upper())}_API_KEY"
            notes.append(f"Set {key} to the key of the server of {entry.id}; any text if it asks for none.")
        common["api_key"] = f"os.environ/{key}"
    found = [
        {
            "model_name": entry.id,
            "litellm_params": common | ({} if address is None else {"api_base": address}),
        }
        for address in addresses
    ]
    return found, notes


def _is_of_vendor(address: str | None, domain: str) -> bool:
    """Return whether a server is the vendor's, whose address LiteLLM knows where none is given."""
    if address is None:
        return True
    host = urlsplit(address).hostname or ""
    return host == domain or host.endswith(f".{domain}")
