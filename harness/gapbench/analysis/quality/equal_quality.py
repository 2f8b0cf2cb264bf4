"""Quality held equal: the cheapest open model that is no worse, and how long ago a closed one was as good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from gapbench.analysis.frames import Runs
from gapbench.analysis.quality.model_pairs import ModelPairs, ModelRequests, pair_requests
from gapbench.stats import Floats, is_equivalent, is_non_inferior, paired_difference, pairs_to_decide

ALPHA = 0.05
DAYS_PER_MONTH = 30.4375
_OWN_MEANS = (("value", "score"), ("usd_per_task", "usd"))


def cheapest_equal_quality(
    models: Mapping[str, ModelRequests], closed: Sequence[str], opened: Sequence[str], margin: float
) -> list[dict[str, Any]]:
    """Return for each closed model the cheapest open configuration that is no worse.

    No worse is a finding, not a lack of one: the test of non-inferiority puts the gap below ``margin``. A configuration is
    a model of the suite: the same weights served in two ways are two. No correction is made for the number of open
    models: each is asked about alone.

    Fields: ``closed`` and ``open`` (``model``, ``value``: accuracy over their shared requests,
    ``usd_per_task``), ``verdict``, ``gap_points`` with ``ci_low`` and ``ci_high``, ``n_pairs``,
    ``cost_ratio`` (closed over open), ``passed`` and ``candidates`` (open models that are no worse, and
    those with a price that share requests), ``margin_points``. ``open`` is null where none passed. ``untold``: the cheapest
    of which it can't be told yet, unless one that passed is as cheap: ``model``, ``usd_per_task``, ``gap_points``,
    ``ci_low``, ``ci_high``, ``n_pairs``, ``n_clusters``, and ``items_needed``, the pairs that would tell (null: not known).

    Args:
        models: Each model's requests.
        closed: Closed models.
        opened: Open models.
        margin: Gap that makes no difference, in points.
    """
    return [_cheapest_match(models, name, opened, margin) for name in closed]


def _cheapest_match(
    models: Mapping[str, ModelRequests], name: str, opened: Sequence[str], margin: float
) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for other in opened:
        shared = pair_requests(*(models[side].select("score", "usd") for side in (name, other)))
        usd = [
            _mean(side.columns["usd"][~np.isnan(side.columns["score"])])
            for side in (shared.closed, shared.open)
        ]
        shared = shared.with_known("score")
        if len(shared.closed.item) and usd[1] is not None:
            found.append(_compare_quality(shared, name, other, usd, margin))
    passed = [one for one in found if one["told"] is True]
    nothing = {
        "closed": {"model": name, **{key: _mean(models[name].columns[column]) for key, column in _OWN_MEANS}},
        "open": None,
        "verdict": None,
        "gap_points": None,
        "ci_low": None,
        "ci_high": None,
        "n_pairs": None,
        "cost_ratio": None,
    }
    best = min(passed, key=_open_price, default=nothing)
    untold = min((one for one in found if one["told"] is None), key=_open_price, default=None)
    if untold is not None and passed and _open_price(untold) >= _open_price(best):
        untold = None
    shown = ("gap_points", "ci_low", "ci_high", "n_pairs", "n_clusters", "items_needed")
    return {
        **{key: best[key] for key in nothing},
        "passed": len(passed),
        "candidates": len(found),
        "margin_points": margin,
        "untold": None
        if untold is None
        else {
            **{key: untold["open"][key] for key in ("model", "usd_per_task")},
            **{key: untold[key] for key in shown},
        },
    }


def _open_price(row: Mapping[str, Any]) -> float:
    return float(row["open"]["usd_per_task"])


def _compare_quality(
    shared: ModelPairs, name: str, other: str, usd: Sequence[float | None], margin: float
) -> dict[str, Any]:
    first, second = shared.closed.columns["score"], shared.open.columns["score"]
    seen = paired_difference(first, second, shared.closed.cluster)
    # Whether it is no worse; None: the data do not tell.
    told: bool | None = None
    verdict = "not distinguishable"
    if not first.any():
        # Equal at nothing: no quality was shown that could be matched.
        verdict = "no right answer"
    elif is_equivalent(seen, margin / 100):
        told, verdict = True, f"equivalent within {margin:g} points"
    elif is_non_inferior(seen, margin / 100):
        ahead = seen.estimate < 0 and seen.p_value < ALPHA
        told, verdict = True, "open ahead" if ahead else f"no worse by {margin:g} points"
    elif seen.p_value < ALPHA and seen.estimate > 0:
        told, verdict = False, "closed ahead"
    mine, theirs = usd
    return {
        "closed": {"model": name, "value": float(first.mean()), "usd_per_task": mine},
        "open": {"model": other, "value": float(second.mean()), "usd_per_task": theirs},
        "told": told,
        "verdict": verdict,
        "gap_points": seen.estimate * 100,
        "ci_low": seen.low * 100,
        "ci_high": seen.high * 100,
        "n_pairs": seen.n_pairs,
        "n_clusters": seen.n_clusters,
        "items_needed": pairs_to_decide(seen, ALPHA, margin / 100, one_sided=True),
        "cost_ratio": mine / theirs if mine is not None and theirs else None,
    }


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
    """Return by category how long before, a closed model first reached the best open model's accuracy.

    Fields: ``category``, ``open`` and ``closed`` (``model``, ``value``, ``released``), ``lag_months`` (from
    the closed model's release to the day of the run) and ``lag_release_months`` (to the open model's
    release; null where the suite does not give it). A category has a row where a closed model with a
    release date is at or above the best open one.

    Args:
        runs: The runs, for release dates and the day.
        models: Each model's requests.
        scopes: Categories by name, with their codes; None: all.
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
