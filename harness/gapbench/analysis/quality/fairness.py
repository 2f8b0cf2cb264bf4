"""Fairness: what differs between two compared models besides the model itself, one sentence for each violation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from gapbench.analysis.frames import Runs
from gapbench.analysis.quality.model_pairs import ModelPairs
from gapbench.analysis.quality.side_by_side import different_company, models_beside
from gapbench.analysis.quality.tool_fairness import different_tools, group_tool_changes, tool_conditions
from gapbench.analysis.quality.user_fairness import different_users, users_by_model
from gapbench.formatting import format_percent
from gapbench.values.batches import BATCH_TRANSPORT
from gapbench.values.cache_place import CACHE_TRANSPORT

_TRANSPORTS = {
    "httpx2": "httpx2 sent {} requests (transport: httpx2, or a proxy), so their times have no kernel receive stamps and include "
    "delays of this client",
    BATCH_TRANSPORT: "its batch API answered {} requests: within a day, without times, and at the price of batches",
    CACHE_TRANSPORT: "the response cache answered {} requests, without times: each is priced as if the model had been asked",
}
"""What a reader must know of requests by how they were answered; {} is how many."""
MAX_SHARE_DIFFERENCE_POINTS = 2.0
"""A larger difference in the share of truncated, refused or failed requests is reported, in points. If the margin is
smaller, any difference above the margin is."""
_KEY_DIFFERENCES = {
    "version": "belong to another version of the task",
    "scorer": "were scored by another scorer",
    "scorer options": "were scored with other options of the scorer",
    "target": "have another target",
}
_SETTINGS = ("max_tokens", "reasoning", "temperature", "top_p")
_RENAMED = re.compile(r" renamed\b|^max_tokens sent as [a-zA-Z_]+$")


def violations_by_pair(
    runs: Runs, pairs: Mapping[tuple[str, str], ModelPairs], margin: float = MAX_SHARE_DIFFERENCE_POINTS
) -> dict[tuple[str, str], list[str]]:
    """Return one sentence for each violated condition of each compared pair.

    Args:
        runs: The runs.
        pairs: The compared requests by (closed model, open model).
        margin: Gap that makes no difference, in points of accuracy.
    """
    models = list(dict.fromkeys(name for names in pairs for name in names))
    replies = runs.tally[runs.tally["timed"].to_numpy(dtype=bool)]
    of_replies = {name: replies[(replies["model_id"] == name).to_numpy()] for name in models}
    parts = {name: rows[rows["final"].to_numpy(dtype=bool)] for name, rows in of_replies.items()}
    requested = {name: _requested_settings(part) for name, part in parts.items()}
    tools = {name: tool_conditions(runs, name, of_replies[name]) for name in models}
    own = {
        name: [
            *_changed_settings(name, of_replies[name]),
            *_transports(name, parts[name]),
        ]
        for name in models
    }
    users = users_by_model(runs)
    beside = models_beside(runs)
    found: dict[tuple[str, str], list[str]] = {}
    for (one, other), shared in pairs.items():
        violations = found[one, other] = [*own[one], *own[other]]
        violations += _different_prompts(one, other, shared)
        violations += _different_keys(one, other, shared)
        violations += _different_settings(one, other, requested[one], requested[other])
        for compare in (
            _different_images,
            _different_reasoning,
            _different_dates,
            _different_loads,
        ):
            violations += compare(one, other, parts[one], parts[other])
        violations += different_tools(one, other, tools[one], tools[other])
        violations += different_users(one, other, users.get(one, {}), users.get(other, {}))
        violations += different_company(one, other, beside)
        most = min(MAX_SHARE_DIFFERENCE_POINTS, margin)
        counted = "the file's requests" if runs.applied_weights.has_design else "requests"
        violations += _different_outcome_shares(one, other, parts[one], parts[other], most, counted)
    return found


def request_conditions(runs: Runs, fingerprints: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the conditions under which each model was asked, so that readers can compare them.

    Fields: ``model``, ``weights``, ``requests``, ``prompts`` (a fingerprint of the hashes of all its prompts: equal
    for two models that were sent the same prompts equally often), ``images`` (``count``, ``bytes_mean``, ``detail``),
    ``asked`` (requested values of each setting), ``changed`` (settings that the provider's rules dropped or changed),
    ``tools`` (see :func:`gapbench.analysis.quality.tool_fairness.tool_conditions`; null without tools),
    ``users`` (the models that played the users of its episodes; [] if they were scripted),
    ``truncated`` ``refused`` ``infra`` (shares, 0 to 1), ``reasoning`` (``disclosure``, ``tokens_mean``),
    ``first_day`` and ``last_day``, ``loads``, ``beside`` (the other models that were asked at the same time).

    Args:
        runs: The runs.
        fingerprints: The fingerprint of all prompts of each model; see
            :attr:`gapbench.analysis.quality.request_reader.RequestsByModel.prompt_fingerprints`.
    """
    users = users_by_model(runs)
    beside = models_beside(runs)
    measured = runs.tally[(runs.tally["final"] & (runs.tally["phase"] == "measure")).to_numpy(dtype=bool)]
    rows: list[dict[str, Any]] = []
    for name, fingerprint in fingerprints.items():
        part = measured[(measured["model_id"] == name).to_numpy()]
        images = part[part["with_images"] > 0]
        days = pd.to_datetime(part["started_at"].drop_duplicates(), utc=True).dt.date
        rows.append(
            {
                "model": name,
                "weights": runs.model(name).weights,
                "requests": int(part["n"].sum()),
                "prompts": fingerprint,
                "images": {
                    "count": int(part["images"].sum()),
                    "bytes_mean": _image_bytes(images) if len(images) else None,
                    "detail": sorted({str(value) for value in images["image_detail"].dropna().unique()}),
                },
                "asked": {
                    key: sorted(
                        {value for settings in _requested_settings(part).values() for value in settings[key]}
                    )
                    for key in _SETTINGS
                },
                "changed": list(_changed_settings(name, part)),
                "tools": tool_conditions(runs, name, part),
                "users": sorted({name for names in users.get(name, {}).values() for name in names}),
                **{
                    outcome: _share(part, "outcome", outcome) if len(part) else None
                    for outcome in ("truncated", "refused", "infra")
                },
                "reasoning": {
                    "disclosure": _most_common(part),
                    "tokens_mean": _per(part["reasoning_tokens"], part["reasoning_known"]),
                },
                "first_day": str(min(days)) if len(days) else None,
                "last_day": str(max(days)) if len(days) else None,
                "loads": sorted(str(load) for load in part["load"].unique()),
                "beside": beside.get(name, []),
            }
        )
    return rows


def _share(part: pd.DataFrame, column: str, value: str) -> float:
    """Return the share of attempts with a value."""
    return float(part["n"][(part[column] == value).to_numpy()].sum()) / float(part["n"].sum())


def _per(total: pd.Series[Any], count: pd.Series[Any]) -> float | None:
    return float(total.sum()) / float(count.sum()) if count.sum() else None


def _image_bytes(images: pd.DataFrame) -> float:
    return float(images["image_bytes"].sum()) / float(images["with_images"].sum())


def _transports(name: str, part: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence for each way in which requests were answered that makes times or dollars differ."""
    for transport, sentence in _TRANSPORTS.items():
        share = _share(part, "transport", transport) if len(part) else 0.0
        if transport == CACHE_TRANSPORT and len(part):
            share += float(part["partly_cached"].sum()) / float(part["n"].sum())
        if share > 0:
            yield f"{name}: {sentence.format('all' if share == 1 else f'{100 * share:.0f} % of')}"


def _changed_settings(name: str, part: pd.DataFrame) -> Iterator[str]:
    """Yield what the provider's rules dropped or changed; a mere rename of a setting is not a difference."""
    changes = part["params_changes"].unique()
    lines = dict.fromkeys(line for kind in changes for line in str(kind).splitlines())
    # Models read the names of tools, so another name is another prompt.
    told = (line for line in lines if line.startswith("tool ") or not _RENAMED.search(line))
    for line in group_tool_changes(told):
        yield f"{name}: {line}."


def _different_prompts(one: str, other: str, shared: ModelPairs) -> Iterator[str]:
    total = len(shared.closed.item) + shared.unequal_prompts
    if shared.unequal_prompts:
        yield (
            f"{one} and {other}: {shared.unequal_prompts} of {total} shared requests had different prompts "
            "and are left out."
        )
    alone = [
        f"{count} only to {name}"
        for name, count in ((one, shared.only_closed), (other, shared.only_open))
        if count
    ]
    if alone:
        yield f"{one} and {other}: requests that only one of them was sent are left out: {', '.join(alone)}."


def _different_keys(one: str, other: str, shared: ModelPairs) -> Iterator[str]:
    for name, task, count, total in shared.unequal_keys:
        yield (
            f"{one} and {other}: {count} of {total} shared requests of {task} {_KEY_DIFFERENCES[name]} "
            "and are left out."
        )


def _requested_settings(part: pd.DataFrame) -> dict[str, dict[str, set[str]]]:
    """Return the requested values of each setting by task, as text."""
    found: dict[str, dict[str, set[str]]] = {}
    for row in part.drop_duplicates(["task", "params_asked"])[["task", "params_asked"]].to_dict("records"):
        params: dict[str, Any] = json.loads(str(row["params_asked"]))
        settings = found.setdefault(str(row["task"]), {})
        for key in _SETTINGS:
            settings.setdefault(key, set()).add(str(params.get(key, "the model's default")))
    return found


def _different_settings(
    one: str,
    other: str,
    first: Mapping[str, Mapping[str, set[str]]],
    second: Mapping[str, Mapping[str, set[str]]],
) -> Iterator[str]:
    for key in _SETTINGS:
        differing = [
            task for task in first if task in second and first[task].get(key) != second[task].get(key)
        ]
        if differing:
            task = differing[0]
            yield (
                f"{key} differs: {one} {_join(first[task][key])}, {other} {_join(second[task][key])} "
                f"({_join(differing)})."
            )


def _different_images(one: str, other: str, first: pd.DataFrame, second: pd.DataFrame) -> Iterator[str]:
    with_images = [part[part["with_images"] > 0] for part in (first, second)]
    details = [
        {"the default" if pd.isna(value) else str(value) for value in part["image_detail"].unique()}
        for part in with_images
    ]
    if details[0] and details[1] and details[0] != details[1]:
        yield f"image detail differs: {one} {_join(details[0])}, {other} {_join(details[1])}."
    means = [_image_bytes(part) if len(part) else 0.0 for part in with_images]
    if min(means) > 0 and max(means) / min(means) > 1.01:
        yield f"image sizes differ: {one} {means[0]:.0f} bytes on average, {other} {means[1]:.0f}."


def _different_reasoning(one: str, other: str, first: pd.DataFrame, second: pd.DataFrame) -> Iterator[str]:
    shown = [_most_common(part) for part in (first, second)]
    spent = [_per(part["reasoning_tokens"], part["n"]) or 0.0 for part in (first, second)]
    if min(spent) < 1 <= max(spent):
        thinker, silent = (one, other) if spent[0] > spent[1] else (other, one)
        yield f"{thinker} reasons before it answers ({max(spent):.0f} tokens a request) and {silent} does not."
    elif "unknown" not in shown and shown[0] != shown[1]:
        yield f"reasoning is disclosed differently: {one} {shown[0]}, {other} {shown[1]}."


def _different_outcome_shares(
    one: str, other: str, first: pd.DataFrame, second: pd.DataFrame, most: float, counted: str
) -> Iterator[str]:
    words = {"truncated": "ran into the token budget", "refused": "were refused", "infra": "got no answer"}
    for outcome, word in words.items():
        shares = [_share(part, "outcome", outcome) if len(part) else 0.0 for part in (first, second)]
        if abs(shares[0] - shares[1]) * 100 > most + 1e-9:
            yield (
                f"{format_percent(shares[0])} of {counted} to {one} {word}, {format_percent(shares[1])} to {other}."
            )


def _different_dates(one: str, other: str, first: pd.DataFrame, second: pd.DataFrame) -> Iterator[str]:
    days = [
        tuple(pd.to_datetime(part["started_at"].drop_duplicates(), utc=True).dt.date)
        for part in (first, second)
    ]
    if days[0] and days[1]:
        apart = max((max(days[0]) - min(days[1])).days, (max(days[1]) - min(days[0])).days)
        if apart > 1:
            yield f"measured up to {apart} days apart: {one} on {max(days[0])}, {other} on {max(days[1])}."


def _different_loads(one: str, other: str, first: pd.DataFrame, second: pd.DataFrame) -> Iterator[str]:
    loads = [set(part["load"].unique()) for part in (first, second)]
    if loads[0] != loads[1]:
        yield f"loads differ: {one} {_join(loads[0])}, {other} {_join(loads[1])}; times do not compare."


def _most_common(part: pd.DataFrame) -> str:
    counts = part.groupby("reasoning_disclosure", sort=False)["n"].sum()
    return str(counts.idxmax()) if len(counts) else "unknown"


def _join(values: Any) -> str:
    listed = sorted(values)
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")
