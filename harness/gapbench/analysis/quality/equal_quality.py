"""Comparisons at equal quality: the cheapest open model that is no worse, and the lag behind closed models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from gapbench.analysis.frames import Runs
from gapbench.analysis.quality.gap_row import ALPHA, NOT_DISTINGUISHABLE
from gapbench.analysis.quality.model_pairs import ModelRequests, pair_requests
from gapbench.stats import (
    Difference,
    Floats,
    is_equivalent,
    is_non_inferior,
    paired_difference,
    pairs_to_decide,
)

DAYS_PER_MONTH = 30.4375


def cheapest_equal_quality(
    models: Mapping[str, ModelRequests], closed: Sequence[str], opened: Sequence[str], margin: float
) -> list[dict[str, Any]]:
    """Return for each closed model the cheapest open configuration that is no worse.

    A model counts as no worse only if the non-inferiority test shows that the gap is below ``margin``; a gap that is not
    significant is not enough. A configuration is a model of the suite, so the same weights served in two ways are two
    configurations. Each open model is tested on its own, without a correction for the number of open models.

    Fields: ``closed`` and ``open`` (``model``, ``value``: accuracy over their shared requests, ``usd_per_task``),
    ``verdict``, ``gap_points`` with ``ci_low`` and ``ci_high``, ``n_pairs``, ``cost_ratio`` (closed over open),
    ``passed`` (open models that are no worse), ``candidates`` (open models with a price and shared requests) and
    ``margin_points``. ``open`` is null if no model passed. ``untold`` is the cheapest open model for which the data do
    not decide yet, unless a model that passed costs no more: ``model``, ``usd_per_task``, ``gap_points``, ``ci_low``,
    ``ci_high``, ``n_pairs``, ``n_clusters``, and ``items_needed``, the pairs that would decide (null if not known).

    Args:
        models: Each model's requests.
        closed: Closed models.
        opened: Open models.
        margin: Gap that makes no difference, in points of accuracy.
    """
    return [_cheapest_match(models, name, opened, margin) for name in closed]


@dataclass(frozen=True)
class _Match:
    """A closed model compared with one open model on their shared requests.

    Attributes:
        closed: ``model``, ``value`` (accuracy) and ``usd_per_task``.
        open: The same of the open model.
        open_usd: Dollars per task of the open model.
        is_no_worse: Whether the open model is no worse. None if the data do not show it either way.
        verdict: In words.
        difference: Closed minus open accuracy, 0 to 1.
        items_needed: Pairs that would decide ``is_no_worse``. None if not known.
        cost_ratio: Closed over open. None if the closed model has no price or the open one is free.
    """

    closed: dict[str, Any]
    open: dict[str, Any]
    open_usd: float
    is_no_worse: bool | None
    verdict: str
    difference: Difference
    items_needed: int | None
    cost_ratio: float | None

    def gap(self) -> dict[str, Any]:
        """Return the gap in points with its interval, and the number of pairs."""
        return {
            "gap_points": self.difference.estimate * 100,
            "ci_low": self.difference.low * 100,
            "ci_high": self.difference.high * 100,
            "n_pairs": self.difference.n_pairs,
        }


def _cheapest_match(
    models: Mapping[str, ModelRequests], name: str, opened: Sequence[str], margin: float
) -> dict[str, Any]:
    matches = [match for other in opened if (match := _match(models, name, other, margin)) is not None]
    passed = [match for match in matches if match.is_no_worse is True]
    undecided = [match for match in matches if match.is_no_worse is None]
    best = min(passed, key=_open_usd, default=None)
    cheapest_undecided = min(undecided, key=_open_usd, default=None)
    if cheapest_undecided and best and best.open_usd <= cheapest_undecided.open_usd:
        cheapest_undecided = None
    return {
        **(_no_match(models[name], name) if best is None else _matched_row(best)),
        "passed": len(passed),
        "candidates": len(matches),
        "margin_points": margin,
        "untold": None if cheapest_undecided is None else _undecided_row(cheapest_undecided),
    }


def _open_usd(match: _Match) -> float:
    return match.open_usd


def _no_match(side: ModelRequests, name: str) -> dict[str, Any]:
    means = {"value": _mean(side.columns["score"]), "usd_per_task": _mean(side.columns["usd"])}
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


def _matched_row(match: _Match) -> dict[str, Any]:
    return {
        "closed": match.closed,
        "open": match.open,
        "verdict": match.verdict,
        **match.gap(),
        "cost_ratio": match.cost_ratio,
    }


def _undecided_row(match: _Match) -> dict[str, Any]:
    return {
        "model": match.open["model"],
        "usd_per_task": match.open_usd,
        **match.gap(),
        "n_clusters": match.difference.n_clusters,
        "items_needed": match.items_needed,
    }


def _match(models: Mapping[str, ModelRequests], name: str, other: str, margin: float) -> _Match | None:
    """Return two models compared, or None if they share no scored request or the open one has no price."""
    shared = pair_requests(*(models[side].select("score", "usd") for side in (name, other)))
    closed_usd, open_usd = (
        _mean(side.columns["usd"][~np.isnan(side.columns["score"])]) for side in (shared.closed, shared.open)
    )
    shared = shared.with_known("score")
    if not len(shared.closed.item) or open_usd is None:
        return None
    first, second = shared.closed.columns["score"], shared.open.columns["score"]
    difference = paired_difference(first, second, shared.closed.cluster)
    is_no_worse, verdict = _verdict(difference, margin, nothing_right=not first.any())
    return _Match(
        {"model": name, "value": float(first.mean()), "usd_per_task": closed_usd},
        {"model": other, "value": float(second.mean()), "usd_per_task": open_usd},
        open_usd,
        is_no_worse,
        verdict,
        difference,
        pairs_to_decide(difference, ALPHA, margin / 100, one_sided=True),
        closed_usd / open_usd if closed_usd is not None and open_usd else None,
    )


def _verdict(difference: Difference, margin: float, *, nothing_right: bool) -> tuple[bool | None, str]:
    """Return whether the open model is no worse (None: the data do not show it) and the verdict in words."""
    if nothing_right:
        # Both at zero: there is no quality to match.
        return None, "no right answer"
    if is_equivalent(difference, margin / 100):
        return True, f"equivalent within {margin:g} points"
    if is_non_inferior(difference, margin / 100):
        open_ahead = difference.estimate < 0 and difference.p_value < ALPHA
        return True, "open ahead" if open_ahead else f"no worse by {margin:g} points"
    if difference.p_value < ALPHA and difference.estimate > 0:
        return False, "closed ahead"
    return None, NOT_DISTINGUISHABLE


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


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
    scores = side.columns["score"]
    return _mean(scores if code is None else scores[side.category == code])


def _dated_model(name: str, value: float, day: date | None) -> dict[str, Any]:
    return {"model": name, "value": value, "released": None if day is None else day.isoformat()}


def _months(start: date, end: date | None) -> float | None:
    return None if end is None else round((end - start).days / DAYS_PER_MONTH, 1)
