"""The change of a metric over paired requests, with the bounds that the regression gate tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import as_floats, group_codes
from gapbench.analysis.regression.run_pairs import RunPairs
from gapbench.analysis.sample_design import design_of_attempts
from gapbench.stats import (
    MIN_FOR_P95,
    RESAMPLES,
    Design,
    Floats,
    Ints,
    cluster_sums,
    cluster_totals,
    paired_difference,
    quantile_difference,
    ratio_noise,
    resample_sums,
    weighted_mean,
    weighted_quantile,
)
from gapbench.stats.paired import INNER

INNER_LEVEL = (1 + INNER) / 2
"""One-sided confidence of the bounds of shares and times."""
COST_LEVEL = 0.95
"""One-sided confidence of the bounds of costs."""


def metric_change(pairs: RunPairs, metric: str) -> dict[str, Any]:
    """Return the change of a metric from baseline to new run.

    Keys: ``base``, ``new``, ``change``, ``low``, ``high``, ``level`` (one-sided confidence of the bounds), ``pairs``,
    ``clusters``, ``method``, and ``reason`` if one of them is unknown. See :mod:`gapbench.analysis.regression.compare` for units.

    Args:
        pairs: A model's paired requests.
        metric: See :data:`gapbench.analysis.regression.threshold.METRICS`.
    """
    if metric == "coverage":
        base, new = (_ones(side["outcome"] != "infra") for side in (pairs.base, pairs.new))
        return _points(base, new, pairs.clusters, pairs.design())
    if metric == "accuracy":
        scores = [
            np.where(side["scored"].to_numpy(), as_floats(side["score"]), np.nan)
            for side in (pairs.base, pairs.new)
        ]
        mask = pairs.known_mask(*scores)
        row = _points(scores[0][mask], scores[1][mask], pairs.clusters[mask], pairs.design(mask))
        return row | {"reason": pairs.lost_cells_reason(scores[0], scores[1], "scored") or row.get("reason")}
    if metric.startswith("cost"):
        return _cost(pairs, metric)
    share, column = float(metric[1:3]) / 100, f"{metric[4:]}_s"
    times = [
        np.where((side["outcome"] == "infra").to_numpy(), np.nan, as_floats(side[column]))
        for side in (pairs.base, pairs.new)
    ]
    lost = pairs.lost_cells_reason(times[0], times[1], "answered and timed")
    valid = ~(pairs.base["is_time_invalid"].to_numpy() | pairs.new["is_time_invalid"].to_numpy())
    mask = pairs.known_mask(*times) & valid
    row = _quantiles(times[0][mask], times[1][mask], pairs.clusters[mask], share, pairs.design(mask))
    return row | {"reason": lost or pairs.invalid_times_reason() or row.get("reason")}


def _points(base: Floats, new: Floats, clusters: Ints, design: Design | None) -> dict[str, Any]:
    if len(base) == 0:
        return {"reason": "no request is scored in both runs"}
    found = paired_difference(new, base, clusters, design)
    return {
        "base": weighted_mean(base, design),
        "new": weighted_mean(new, design),
        "change": 100 * found.estimate,
        "low": 100 * found.inner_low,
        "high": 100 * found.inner_high,
        "level": INNER_LEVEL,
        "method": found.method,
        **_counts(clusters),
    }


def _quantiles(
    base: Floats, new: Floats, clusters: Ints, share: float, design: Design | None
) -> dict[str, Any]:
    if len(base) == 0:
        return {"reason": "no request is answered and timed in both runs"}
    here, now = weighted_quantile(base, share, design), weighted_quantile(new, share, design)
    found = quantile_difference(new, base, clusters, share, design)
    row = {"base": here, "new": now, "method": "paired quantiles", **_counts(clusters)}
    if here <= 0:
        return row | {"reason": "the baseline's time is 0, so a change in percent is undefined"}
    if share > 0.9 and len(base) < MIN_FOR_P95:
        return row | {
            "change": 100 * found.estimate / here,
            "reason": f"{len(base)} pairs are too few for a 95th percentile, which needs {MIN_FOR_P95}; "
            "add samples, or use a rule on p50",
        }
    return row | {
        "change": 100 * found.estimate / here,
        "low": 100 * found.inner_low / here,
        "high": 100 * found.inner_high / here,
        "level": INNER_LEVEL,
    }


def _cost(pairs: RunPairs, metric: str) -> dict[str, Any]:
    """Return the change of dollars per answer, or per correct answer: a ratio of ratios, resampled by clusters."""
    per_correct = metric == "cost_per_correct"
    counted = "correct answer" if per_correct else "answer"
    columns: list[Floats] = []
    for side in (pairs.base, pairs.new):
        outcome, usd = side["outcome"], as_floats(side["whole_usd"])
        if per_correct:
            # An answer without a score is neither right nor wrong, and has its part of what lost requests took.
            unanswered = (outcome == "infra").to_numpy(dtype=bool)
            usd = np.where(unanswered, 0.0 * usd, as_floats(side["answer_usd"]))
            usd = np.where((outcome == "unscored").to_numpy(dtype=bool), np.nan, usd)
        columns += [usd, _ones(outcome == "correct" if per_correct else outcome != "infra")]
    mask = pairs.known_mask(columns[0], columns[2])
    lost = pairs.lost_cells_reason(columns[0], columns[2], "priced and scored" if per_correct else "priced")
    row: dict[str, Any] = {"reason": lost, **_counts(pairs.clusters[mask])}
    if not mask.any():
        return row | {"reason": "no request has a known cost in both runs; `bench cost` shows why"}
    row["unpriced_share"] = pairs.unpriced_share
    columns = [column[mask] for column in columns]
    # As in the cost table: answers of an item share its weight, and money lost on its other requests counts as often.
    designs = [design_of_attempts(side[mask]) for side in (pairs.base, pairs.new)]
    totals = [
        cluster_totals(columns[2 * number :][:2], pairs.clusters[mask], design)[1]
        for number, design in enumerate(designs)
    ]
    sums = np.ascontiguousarray(np.concatenate(totals).T)
    total = sums.sum(axis=0)
    if (total <= 0).any():
        return row | {"reason": f"a run has no {counted}, or costs nothing"}
    base, new = float(total[0] / total[1]), float(total[2] / total[3])
    row |= {"base": base, "new": new, "change": 100 * (new / base - 1)}
    draws = resample_sums(sums, RESAMPLES)
    draws = draws[(draws > 0).all(axis=1)]
    if len(sums) < 2 or len(draws) < 0.9 * RESAMPLES:
        return row | {"reason": f"too few requests with a {counted} for bounds of their cost"}
    ratios = (draws[:, 2] / draws[:, 3]) / (draws[:, 0] / draws[:, 1])
    method = "paired bootstrap"
    if pairs.hosted:
        # All requests of a hosted cell share the cell's time, so its variation shows only between cells.
        cells = group_codes(pairs.base[mask], ["task", "load"])
        spent = [
            column * (1.0 if design is None else design.weights)
            for column, design in zip((columns[0], columns[2]), designs, strict=True)
        ]
        noise = ratio_noise(*(cluster_sums(column, cells)[0] for column in spent))
        if noise is None:
            return row | {
                "reason": "the cost of a model paid by the hour is its cells' time, and one cell does not show its noise; "
                "run two or more tasks or loads, or use a rule on p50_response"
            }
        ratios, method = ratios * noise[: len(ratios)], "paired bootstrap, t over cells' time"
    low, high = (float(100 * (bound - 1)) for bound in np.quantile(ratios, [1 - COST_LEVEL, COST_LEVEL]))
    return row | {"low": low, "high": high, "level": COST_LEVEL, "method": method}


def _counts(clusters: Ints) -> dict[str, int]:
    return {"pairs": len(clusters), "clusters": len(np.unique(clusters))}


def _ones(mask: pd.Series[Any]) -> Floats:
    """Return 1 where a condition holds and 0 elsewhere."""
    return np.where(mask.to_numpy(dtype=bool), 1.0, 0.0)
