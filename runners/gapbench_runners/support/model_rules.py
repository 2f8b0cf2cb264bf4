"""Apply each model's parameter rules, read from ``model_rules.json``: names, dropped parameters, reasoning settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from typing import Any

from gapbench.errors import SetupError
from gapbench.values import Disclosure, Params


@dataclass(frozen=True, slots=True)
class ModelRule:
    """How requests to one family of models must look.

    Attributes:
        model: Glob over the provider's model name.
        max_tokens: The body's name for the token budget.
        drop: Parameters that the provider refuses.
        reasoning: The form of the reasoning setting: ``none``, ``effort``, ``adaptive``, ``budget``, ``level``
            or ``template``.
        efforts: Values of an effort setting, from least to most.
        budgets: Tokens for each effort, if the setting is a budget.
        disclosure: How much of its reasoning the provider shows.
        why: Why parameters are dropped, for the user.
        source: Source of this rule.
    """

    model: str
    max_tokens: str
    drop: tuple[str, ...]
    reasoning: str
    efforts: tuple[str, ...]
    disclosure: Disclosure
    why: str
    source: str
    budgets: Mapping[str, int] = field(default_factory=dict)


@lru_cache
def _rules_document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        files("gapbench_runners.support").joinpath("model_rules.json").read_text(encoding="utf-8")
    )
    return document


@lru_cache
def rule_for(runner: str, model: str, *, is_official_endpoint: bool) -> ModelRule:
    """Return the first rule that matches.

    Args:
        runner: The runner's name.
        model: What the provider calls the model; a path's last part counts.
        is_official_endpoint: Whether the address is the vendor's own.

    Raises:
        SetupError: No rule matches; every runner that uses these rules needs one for ``*``.
    """
    name = model.rsplit("/", 1)[-1]
    entry = next(
        (
            rule
            for rule in _rules_document()["rules"]
            if rule["runner"] == runner
            and rule["own"] in {None, is_official_endpoint}
            and fnmatchcase(name, rule["model"])
        ),
        None,
    )
    if entry is None:
        raise SetupError(f"model_rules.json has no rule for runner {runner!r}, model {model!r}; add one")
    return ModelRule(
        model=entry["model"],
        max_tokens=entry.get("max_tokens", "max_tokens"),
        drop=tuple(entry["drop"]),
        reasoning=entry["reasoning"],
        efforts=tuple(entry.get("efforts", ())),
        disclosure=entry["disclosure"],
        why=entry["why"],
        source=entry["source"],
        budgets=entry.get("budgets", _rules_document()["anthropic_budgets"]),
    )


def default_max_tokens() -> int:
    """Return the token budget for Anthropic, which requires one, if the suite gives none."""
    return int(_rules_document()["anthropic_max_tokens"])


class ParamMapper:
    """A request's parameters under one rule: what remains to be sent, and what was changed."""

    def __init__(self, params: Params, rule: ModelRule) -> None:
        """Drop what the rule drops."""
        self.rule = rule
        self.changes: list[str] = []
        self.max_tokens = params.max_tokens
        self.temperature = self._unless_dropped("temperature", params.temperature)
        self.top_p = self._unless_dropped("top_p", params.top_p)
        self.stop = self._unless_dropped("stop", list(params.stop) or None)
        self.seed = self._unless_dropped("seed", params.seed)
        self.reasoning = params.reasoning
        self.extra = dict(params.extra)

    def _unless_dropped(self, name: str, value: Any) -> Any:
        if value is not None and name in self.rule.drop:
            self.changes.append(f"{name} dropped: {self.rule.why}")
            return None
        return value

    def note_unsupported(self, name: str, value: Any, why: str) -> None:
        """Record that this API does not support a parameter."""
        if value is not None:
            self.changes.append(f"{name} dropped: {why}")

    def effort(self) -> str | None:
        """Return the reasoning setting as the nearest of the rule's efforts."""
        requested = self.reasoning
        if requested is None:
            return None
        if isinstance(requested, int):
            word = next((name for name, tokens in self.rule.budgets.items() if requested <= tokens), "high")
        else:
            word = str(requested)
        efforts = self.rule.efforts
        near = {"off": "none", "max": "xhigh"}.get(word, word)
        chosen = next((candidate for candidate in (word, near) if candidate in efforts), None)
        if chosen is None:
            chosen = efforts[0] if word in {"off", "minimal"} else efforts[-1]
        if chosen not in {requested, near}:
            self.changes.append(
                f"reasoning {requested} sent as {chosen}: the model takes {', '.join(efforts)}"
            )
        return chosen

    def budget(self) -> int | None:
        """Return the reasoning setting in tokens; 0 for off."""
        requested = self.reasoning
        if requested is None or isinstance(requested, int):
            return requested
        return self.rule.budgets.get(str(requested), 0)
