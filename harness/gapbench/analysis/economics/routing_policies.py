"""Metrics of routing policies, with intervals from the same draws of clusters for all policies."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gapbench.analysis.economics.routing import (
    Kind,
    RoutedTasks,
    RoutingOutcome,
    apgr,
    call_performance_threshold,
    incremental_benefit,
    points_over_mix,
)
from gapbench.stats import Floats, Ints, cluster_totals

Counts = npt.NDArray[np.uint8]
_MAX_COUNTS = 200_000_000
_STEP = 64


def draw_clusters(cluster: Ints, draws: int, seed: int) -> tuple[Ints, Counts]:
    """Return each task's cluster as a dense code, and how often each cluster is drawn, shape (draws, clusters).

    With many clusters there are fewer draws (but at least 100), so that the counts fit into 200 MB.
    """
    names, place = np.unique(cluster, return_inverse=True)
    rng = np.random.default_rng(seed)
    counts = np.empty((max(100, min(draws, _MAX_COUNTS // len(names))), len(names)), dtype=np.uint8)
    for row in counts:
        row[:] = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))
    return place.astype(np.int64), counts


class PolicyEvaluator:
    """Evaluates policies on the same draws of clusters.

    Args:
        items: The tasks.
        fold: Fold of each task.
        drawn: Result of :func:`draw_clusters`.
        target: Share of the gap to recover at the operating point.
        resolved: Whether the closed model is certainly ahead. Otherwise measures of the gap are left out.
        tried: Policies that are tried. The decision on each is corrected for that, since the best of them is chosen.
    """

    def __init__(
        self,
        items: RoutedTasks,
        fold: Ints,
        drawn: tuple[Ints, Counts],
        target: float,
        *,
        resolved: bool,
        tried: int = 1,
    ) -> None:
        self._tried = max(1, tried)
        self._items, self._fold, self._target, self._resolved = items, fold, target, resolved
        self._place, self._counts = drawn
        self._sizes = self._draw(np.ones((len(items), 1)))
        self._quality = [self._means(values) for values in (items.open_quality, items.closed_quality)]
        self._usd = [self._means(values) for values in (items.open_usd, items.closed_usd)]

    def _draw(self, columns: Floats) -> Floats:
        sums = np.ascontiguousarray(cluster_totals(tuple(columns.T), self._place, self._items.design)[1].T)
        # In chunks of draws, since the counts are bytes and the product needs floats.
        parts = [
            self._counts[at : at + _STEP].astype(np.float64) @ sums
            for at in range(0, len(self._counts), _STEP)
        ]
        return np.concatenate(parts)

    def _means(self, columns: Floats) -> Floats:
        wide = columns if columns.ndim == 2 else columns[:, np.newaxis]
        means = self._draw(wide) / self._sizes
        return means if columns.ndim == 2 else means[:, 0]

    def evaluate_fixed(self, policy: str, result: RoutingOutcome) -> dict[str, Any]:
        """Return the row of a policy without a threshold."""
        return self._row(
            policy,
            "baseline",
            result.quality[:, 0],
            result.usd[:, 0],
            result.response_s[:, 0],
            result.closed[:, 0],
        )

    def evaluate_sweep(self, policy: str, kind: Kind, result: RoutingOutcome) -> dict[str, Any]:
        """Return the row of a policy with thresholds, at its operating point, with the measures of its whole curve."""
        at = self._operating_points(result)
        rows = np.arange(len(self._items))
        quality, usd = result.quality[rows, at], result.usd[rows, at]
        row = self._row(policy, kind, quality, usd, result.response_s[rows, at], result.closed[rows, at])
        if not self._resolved:
            return row
        items = self._items
        ends = [float(items.mean(side)) for side in (items.open_quality, items.closed_quality)]
        share, curve = items.mean(result.closed), items.mean(result.quality)
        row["apgr"] = float(apgr(share, curve, np.array(ends[0]), np.array(ends[1])))
        drawn = apgr(self._means(result.closed), self._means(result.quality), *self._quality)
        row["apgr_low"], row["apgr_high"] = _interval_ends(drawn)
        row |= self._compare_with_mix(quality, usd, result.closed[rows, at])
        recovered = (curve - ends[0]) / (ends[1] - ends[0])
        spent = [float(items.mean(side)) for side in (items.open_usd, items.closed_usd)]
        extra = spent[1] - spent[0]
        for level in (50, 80):
            row[f"cpt_{level}"] = call_performance_threshold(share, recovered, level / 100)
            if np.isfinite(extra) and extra > 0:
                spend = (items.mean(result.usd) - spent[0]) / extra
                row[f"spend_cpt_{level}"] = call_performance_threshold(spend, recovered, level / 100)
        if np.isfinite(extra) and extra > 0 and items.mean(usd) > spent[0]:
            point = incremental_benefit(
                items.mean(quality),
                items.mean(usd),
                (np.array(ends[0]), np.array(spent[0])),
                (np.array(ends[1]), np.array(spent[1])),
            )
            row["delta_ibc_percent"] = float(point)
            benefit = incremental_benefit(
                self._means(quality),
                self._means(usd),
                (self._quality[0], self._usd[0]),
                (self._quality[1], self._usd[1]),
            )
            row["delta_ibc_low"], row["delta_ibc_high"] = _interval_ends(benefit)
        return row

    def _compare_with_mix(self, quality: Floats, usd: Floats, closed: Floats) -> dict[str, Any]:
        """Return the points over a random mix that spends the same, with the interval that decides, and the decision.

        Spending is dollars or, if a price is unknown, closed calls. The interval is 95 % for all policies together
        (Bonferroni): a policy beats the mix if it lies above zero.
        """
        items = self._items
        ends = [float(items.mean(side)) for side in (items.open_quality, items.closed_quality)]
        spent, drawn, sides = usd, self._means(usd), list(self._usd)
        limits = [float(items.mean(side)) for side in (items.open_usd, items.closed_usd)]
        if not np.isfinite([float(items.mean(usd)), *limits]).all():
            spent, drawn = closed, self._means(closed)
            limits, sides = [0.0, 1.0], [np.zeros(len(drawn)), np.ones(len(drawn))]
        sides_now = [(np.array(ends[side]), np.array(limits[side])) for side in (0, 1)]
        point = float(points_over_mix(items.mean(quality), items.mean(spent), *sides_now))
        if not np.isfinite(point):
            return {}
        draws = points_over_mix(
            self._means(quality), drawn, (self._quality[0], sides[0]), (self._quality[1], sides[1])
        )
        low, high = _interval_ends(draws, 0.05 / self._tried)
        if low is None or high is None:
            return {"over_mix_points": 100 * point}
        return {
            "over_mix_points": 100 * point,
            "over_mix_low": 100 * low,
            "over_mix_high": 100 * high,
            "beats_mix": low > 1e-12,
        }

    def _operating_points(self, result: RoutingOutcome) -> Ints:
        """Return the threshold for each task: the cheapest that recovers the target on the other folds."""
        at = np.zeros(len(self._items), dtype=np.int64)
        for one in np.unique(self._fold):
            others = self._fold != one
            if not others.any():
                others = ~others
            items = self._items
            low, high = (items.mean(side, others) for side in (items.open_quality, items.closed_quality))
            enough = items.mean(result.quality, others) >= low + self._target * (high - low) - 1e-12
            # If prices are unknown, use the number of closed calls as the cost.
            costs = items.mean(result.usd, others)
            costs = costs if np.isfinite(costs).all() else items.mean(result.closed, others)
            last = result.quality.shape[1] - 1
            at[~others if others.sum() < len(others) else others] = (
                int(np.where(enough, costs, np.inf).argmin()) if enough.any() else last
            )
        return at

    def _row(
        self, policy: str, kind: str, quality: Floats, usd: Floats, response_s: Floats, closed: Floats
    ) -> dict[str, Any]:
        low, high = _interval_ends(self._means(quality))
        known = bool(np.isfinite(usd).all())
        usd_low, usd_high = _interval_ends(self._means(usd)) if known else (None, None)
        items, timed = self._items, np.isfinite(response_s)
        return {
            "policy": policy,
            "kind": kind,
            "quality": float(items.mean(quality)),
            "quality_low": low,
            "quality_high": high,
            "usd_per_task": float(items.mean(usd)) if known else None,
            "usd_per_task_low": usd_low,
            "usd_per_task_high": usd_high,
            "response_s": float(items.mean(response_s, timed)) if timed.any() else None,
            "closed_share": float(items.mean(closed)),
            "closed_usd_per_task": self._closed_usd(closed),
        }

    def _closed_usd(self, closed: Floats) -> float | None:
        """Return the dollars of the closed calls alone, over all tasks. None if a price is unknown."""
        usd = float(self._items.mean(np.where(closed > 0, self._items.closed_usd, 0.0)))
        return usd if np.isfinite(usd) else None


def _interval_ends(means: Floats, alpha: float = 0.05) -> tuple[float | None, float | None]:
    known = means[np.isfinite(means)]
    if len(known) < 0.9 * len(means):
        return None, None
    low, high = np.quantile(known, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)
