"""Comparisons at equal quality: the cheapest open model that is no worse, and the lag behind closed models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from gapbench.analysis.frames import Runs
from gapbench.analysis.quality.applied_rule import AppliedRule
from gapbench.analysis.quality.gap_row import ALPHA
from gapbench.analysis.quality.model_pairs import ModelPairs, Pair, pair_requests
from gapbench.analysis.quality.model_requests import ModelRequests
from gapbench.stats import Difference, pairs_to_decide, weighted_mean

DAYS_PER_MONTH = 30.4375


def cheapest_equal_quality(
    models: Mapping[str, ModelRequests],
    closed: Sequence[str],
    opened: Sequence[str],
    margin: float,
    rule: AppliedRule | None,
    known: Mapping[Pair, ModelPairs],
    pool: Executor,
) -> list[dict[str, Any]]:
    """Return for each closed model the cheapest open configuration that is no worse.

    A model counts as no worse only if the non-inferiority test shows that the gap is below ``margin``; a gap that is not
    significant is not enough. A configuration is a model of the suite, so the same weights served in two ways are two
    configurations. The open models are tested by Holm's method, so that the chance of calling any of them no worse though
    it is worse by the margin is at most 2.5 %; the intervals are those of its last step. Runs with a stopping rule take the
    intervals of their rule instead.

    Fields: ``closed`` and ``open`` (``model``, ``value``: accuracy over their shared requests, ``usd_per_task``),
    ``verdict``, ``gap_points`` with ``ci_low`` and ``ci_high``, ``n_pairs``, ``cost_ratio`` (closed over open),
    ``passed`` (open models that are no worse), ``candidates`` (open models with a price and shared requests) and
    ``margin_points``. ``open`` is null if no model passed. ``untold`` is the cheapest open model for which the data do
    not decide yet, unless a model that passed costs no more: ``model``, ``usd_per_task``, ``gap_points``, ``ci_low``,
    ``ci_high``, ``n_pairs``, ``n_clusters``, and ``items_needed``, the pairs that would decide (null if not known).
    ``reason`` says why no model could be compared, if ``candidates`` is 0; else it is null.

    Args:
        models: Each model's requests.
        closed: Closed models.
        opened: Open models.
        margin: Gap that makes no difference, in points of accuracy.
        rule: The runs' stopping rule. None if the number of pairs was fixed before.
        known: The pairs that were made already.
        pool: Where pairs of models are compared side by side.
    """
    found = pool.map(
        lambda pair: _match(models, pair, known.get(pair), rule),
        [(name, other) for name in closed for other in opened],
    )
    matches = [[next(found) for _ in opened] for _ in closed]
    return [
        _cheapest_match(models, name, opened, margin, [match for match in of_name if match is not None])
        for name, of_name in zip(closed, matches, strict=True)
    ]


@dataclass(frozen=True)
class _Match:
    """A closed model compared with one open model on their shared requests.

    Attributes:
        closed: ``model``, ``value`` (accuracy) and ``usd_per_task``.
        open: The same of the open model.
        open_usd: Dollars per task of the open model.
        difference: Closed minus open accuracy, 0 to 1.
        nothing_right: Whether neither model has a right answer, so that there is no quality to match.
        cost_ratio: Closed over open. None if the closed model has no price or the open one is free.
        by_rule: Interval of the gap by the runs' stopping rule, 0 to 1. None without a rule.
    """

    closed: dict[str, Any]
    open: dict[str, Any]
    open_usd: float
    difference: Difference
    nothing_right: bool
    cost_ratio: float | None
    by_rule: tuple[float, float] | None = None

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the interval of the gap, 0 to 1. That of a stopping rule is already split over the models."""
        return self.difference.interval(confidence) if self.by_rule is None else self.by_rule

    def gap(self, confidence: float) -> dict[str, Any]:
        """Return the gap in points with its interval, and the number of pairs."""
        low, high = self.interval(confidence)
        return {
            "gap_points": self.difference.estimate * 100,
            "ci_low": low * 100,
            "ci_high": high * 100,
            "n_pairs": self.difference.n_pairs,
        }

    def is_no_worse(self, margin: float, confidence: float) -> bool:
        """Return whether the open model is shown to be no worse."""
        return not self.nothing_right and self.interval(confidence)[1] < margin / 100

    def is_worse(self, confidence: float) -> bool:
        """Return whether the open model is shown to be worse."""
        return self.interval(confidence)[0] > 0

    def verdict(self, margin: float, confidence: float) -> str:
        """Return in words how an open model that is no worse compares."""
        low, high = self.interval(confidence)
        if -margin / 100 < low and high < margin / 100:
            return f"equivalent within {margin:g} points"
        return "open ahead" if high < 0 else f"no worse by {margin:g} points"


def _cheapest_match(
    models: Mapping[str, ModelRequests],
    name: str,
    opened: Sequence[str],
    margin: float,
    matches: Sequence[_Match],
) -> dict[str, Any]:
    confidence, passed = _no_worse(matches, margin)
    undecided = [match for match in matches if match not in passed and not match.is_worse(confidence)]
    best = min(passed, key=_open_usd, default=None)
    cheapest_undecided = min(undecided, key=_open_usd, default=None)
    if cheapest_undecided and best and best.open_usd <= cheapest_undecided.open_usd:
        cheapest_undecided = None
    return {
        **(_no_match(models[name], name) if best is None else _matched_row(best, margin, confidence)),
        "passed": len(passed),
        "candidates": len(matches),
        "margin_points": margin,
        "reason": None if matches else _reason_for_no_candidate(models, name, opened),
        "untold": None
        if cheapest_undecided is None
        else _undecided_row(cheapest_undecided, margin, confidence),
    }


def _no_worse(matches: Sequence[_Match], margin: float) -> tuple[float, list[_Match]]:
    """Return the models that are no worse by Holm's method, and the confidence of its last step."""
    passed: list[_Match] = []
    while True:
        confidence = 1 - ALPHA / max(1, len(matches) - len(passed))
        found = [match for match in matches if match.is_no_worse(margin, confidence)]
        if len(found) == len(passed):
            return confidence, passed
        passed = found


def _reason_for_no_candidate(models: Mapping[str, ModelRequests], name: str, opened: Sequence[str]) -> str:
    """Return why a closed model could be compared with no open one."""
    if not _has_scores(models[name]):
        return f"{name} has no scored answer"
    answered = [other for other in opened if _has_scores(models[other])]
    if not answered:
        return "no open model has a scored answer"
    shared = [
        other
        for other in answered
        if len(pair_requests(models[name], models[other]).with_known("score").closed.item)
    ]
    if not shared:
        return f"no open model has a scored answer to a request that {name} answered too"
    return "no open model that can be compared has a price"


def _has_scores(side: ModelRequests) -> bool:
    return bool((~np.isnan(side.columns["score"])).any())


def _open_usd(match: _Match) -> float:
    return match.open_usd


def _no_match(side: ModelRequests, name: str) -> dict[str, Any]:
    means = {"value": _mean(side, "score"), "usd_per_task": _mean(side, "usd")}
    return {
        "closed": {"model": name, **means},
        "open": None,
        "verdict": None,
        "gap_points": None,
        "ci_low": None,
        "ci_high": None,
        "n_pairs": None,
        "cost_ratio": None,
    }


def _matched_row(match: _Match, margin: float, confidence: float) -> dict[str, Any]:
    return {
        "closed": match.closed,
        "open": match.open,
        "verdict": match.verdict(margin, confidence),
        **match.gap(confidence),
        "cost_ratio": match.cost_ratio,
    }


def _undecided_row(match: _Match, margin: float, confidence: float) -> dict[str, Any]:
    return {
        "model": match.open["model"],
        "usd_per_task": match.open_usd,
        **match.gap(confidence),
        "n_clusters": match.difference.n_clusters,
        "items_needed": None
        if match.by_rule is not None
        else pairs_to_decide(match.difference, 1 - confidence, margin / 100, one_sided=True),
    }


def _match(
    models: Mapping[str, ModelRequests], pair: Pair, known: ModelPairs | None, rule: AppliedRule | None
) -> _Match | None:
    """Return two models compared, or None if they share no scored request or the open one has no price."""
    every = known if known is not None else pair_requests(*(models[name] for name in pair))
    closed_usd, open_usd = (
        _mean(side.filter(~np.isnan(side.columns["score"])), "usd") for side in (every.closed, every.open)
    )
    shared = every.with_known("score")
    if not len(shared.closed.item) or open_usd is None:
        return None
    first, second = shared.closed.columns["score"], shared.open.columns["score"]
    design = shared.closed.design
    return _Match(
        {"model": pair[0], "value": weighted_mean(first, design), "usd_per_task": closed_usd},
        {"model": pair[1], "value": weighted_mean(second, design), "usd_per_task": open_usd},
        open_usd,
        every.score_difference,
        not first.any(),
        closed_usd / open_usd if closed_usd is not None and open_usd else None,
        None if rule is None else rule.interval(first - second, shared.closed.cluster),
    )


def _mean(side: ModelRequests, column: str) -> float | None:
    """Return the mean of a column over the requests in which it is known. None: there are none."""
    known = side.filter(~np.isnan(side.columns[column]))
    return weighted_mean(known.columns[column], known.design) if len(known.item) else None


def lag_by_category(
    runs: Runs,
    models: Mapping[str, ModelRequests],
    scopes: Mapping[str, int | None],
    closed: Sequence[str],
    opened: Sequence[str],
) -> list[dict[str, Any]]:
    """Return, for each category, how much earlier a closed model first reached the best open model's accuracy.

    Fields: ``category``, ``open`` and ``closed`` (``model``, ``value``, ``released``), ``lag_months`` (from the closed
    model's release to the day of the run) and ``lag_release_months`` (to the open model's release; null if the suite
    does not give it). A category has a row only if a closed model with a release date scores at least as high as the
    best open model.

    Args:
        runs: The runs, for release dates and the day of the run.
        models: Each model's requests.
        scopes: Code of each category by name; None stands for all categories.
        closed: Closed models.
        opened: Open models.
    """
    released = {
        name: date.fromisoformat(str(day)[:10])
        for name in (*closed, *opened)
        if (day := runs.model(name).released)
    }
    today = date.fromisoformat(str(runs.manifests[-1].started_at)[:10])
    rows: list[dict[str, Any]] = []
    for scope, code in scopes.items():
        value = {name: _scope_mean(models[name], code) for name in (*closed, *opened)}
        known = {name: score for name, score in value.items() if score is not None}
        best = max((name for name in opened if name in known), key=lambda name: known[name], default=None)
        if best is None:
            continue
        reached = [
            name for name in closed if name in known and name in released and known[name] >= known[best]
        ]
        first = min(reached, key=lambda name: released[name], default=None)
        if first is not None:
            rows.append(
                {
                    "category": scope,
                    "open": _dated_model(best, known[best], released.get(best)),
                    "closed": _dated_model(first, known[first], released[first]),
                    "lag_months": _months(released[first], today),
                    "lag_release_months": _months(released[first], released.get(best)),
                }
            )
    return rows


def _scope_mean(side: ModelRequests, code: int | None) -> float | None:
    return _mean(side if code is None else side.filter(side.category == code), "score")


def _dated_model(name: str, value: float, day: date | None) -> dict[str, Any]:
    return {"model": name, "value": value, "released": None if day is None else day.isoformat()}


def _months(start: date, end: date | None) -> float | None:
    return None if end is None else round((end - start).days / DAYS_PER_MONTH, 1)
