"""A sample that was drawn with unequal chances: its weights and strata, and estimates that are valid for them.

A sample of a team's traffic has more rare requests than the traffic has, on purpose. Each item then carries a weight: how
many requests it stands for, which is the inverse of its chance of being drawn. Weighted estimates are about the traffic,
unweighted ones about the file.

Means and ratios are Hájek's: both totals are estimated (Särndal, Swensson and Wretman, Model Assisted Survey Sampling
(1992), sections 5.6 and 5.7). Their variance is that of the linearised values (Binder, Int. Stat. Rev. 51 (1983) 279):
within strata, since the number of items of each stratum was fixed, and summed over clusters, since the answers to items of
one source are alike. A cluster may have items in several strata. Items are drawn from far more, so there is no correction
for a finite population.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gapbench.stats.proportions import Floats, Ints, dense_codes, robust_variance

_ZERO = 1e-12


class WeightedMean(NamedTuple):
    """A weighted mean.

    Attributes:
        mean: The estimate.
        standard_error: Of the estimate, for weights, strata and clusters. 0 if nothing varies within the strata.
        degrees: Degrees of freedom of the standard error, at least 1.
        effective: How many independent items of equal weight say as much if nothing is known of their values.
        clusters: Number of clusters.
    """

    mean: float
    standard_error: float
    degrees: float
    effective: float
    clusters: int


@dataclass(frozen=True, slots=True)
class Design:
    """How the items were drawn.

    Attributes:
        weights: How many requests of the traffic each item stands for, above 0.
        strata: Code of the stratum that each item was drawn from. One code: the sample was not stratified.
    """

    weights: Floats
    strata: Ints

    def take(self, rows: np.ndarray[Any, Any]) -> Design:
        """Return the design of the items that a mask or an index array selects."""
        return Design(self.weights[rows], self.strata[rows])

    def shared_by(self, sources: Ints) -> Design:
        """Return the design of several answers to each item: they share its weight.

        Args:
            sources: Code of each answer's item.
        """
        codes = dense_codes(sources)
        return Design(self.weights / np.bincount(codes)[codes], self.strata)

    def mean(self, values: Floats) -> float:
        """Return the weighted mean. NaN if there are no values."""
        return float(self.weights @ values / self.weights.sum()) if len(values) else math.nan

    def quantile(self, values: Floats, share: float) -> float:
        """Return a weighted quantile, interpolated as :func:`numpy.quantile` does where all weights are equal.

        Args:
            values: At least one value.
            share: The quantile, 0 to 1.
        """
        order = np.argsort(values, kind="stable")
        ordered, weights = values[order], self.weights[order]
        if len(ordered) == 1:
            return float(ordered[0])
        middles = np.cumsum(weights) - weights / 2
        return float(np.interp(share, (middles - middles[0]) / (middles[-1] - middles[0]), ordered))

    def effective_clusters(self, clusters: Ints) -> float:
        """Return the number of clusters of equal weight that are worth as much.

        Kish, Survey Sampling (1965), section 11.7: the squared sum of the weights over the sum of their squares.
        """
        totals = np.bincount(dense_codes(clusters), weights=self.weights)
        return float(totals.sum() ** 2 / (totals @ totals))

    def contributions(self, values: Floats, clusters: Ints) -> Floats:
        """Return what each item adds to the weighted total, with the differences between strata taken out.

        The sum is that of the weighted values, over the mean weight. Each stratum's mean is moved to the overall one, since
        how many items a stratum has is not chance, and its deviations are widened for its own number of clusters. So the
        spread of the clusters' sums is that of the stratified total, and what is known of independent clusters (their
        variance, skewness, resampling) holds for them. Strata with one cluster show no spread of their own and are
        collapsed (Cochran, Sampling Techniques (1977), section 5A.12).

        Args:
            values: Value of each item.
            clusters: Code of each item's cluster.
        """
        weighted = values * (self.weights / self.weights.mean())
        codes, counts = _collapsed(self.strata, clusters)
        items = np.bincount(codes)
        if len(items) == 1:
            return np.asarray(weighted, dtype=np.float64)
        means = np.bincount(codes, weights=weighted) / items
        groups = int(dense_codes(clusters).max()) + 1
        widening = np.sqrt(counts / np.maximum(counts - 1, 1) * (groups - 1) / groups)
        found: Floats = weighted.mean() + (weighted - means[codes]) * widening[codes]
        return found

    def estimate(self, values: Floats, clusters: Ints) -> WeightedMean:
        """Return the weighted mean of values with its standard error.

        The degrees of freedom are Satterthwaite's over the strata (Cochran, Sampling Techniques (1977), equation 5.16), with
        the effective number of clusters of each.

        Args:
            values: Value of each item, at least one.
            clusters: Code of each item's cluster.
        """
        clusters = dense_codes(clusters)
        groups = int(clusters.max()) + 1
        mean = float(np.round(self.mean(values), 12))
        influence = self.contributions(values - mean, clusters)
        sums = np.bincount(clusters, weights=influence).astype(np.float64, copy=False)
        error = math.sqrt(robust_variance(sums, float(len(values))))
        effective = self.effective_clusters(clusters)
        if error <= _ZERO:
            return WeightedMean(mean, 0.0, max(1.0, effective - 1), effective, groups)
        return WeightedMean(mean, error, self._degrees(influence, clusters), effective, groups)

    def _degrees(self, influence: Floats, clusters: Ints) -> float:
        codes, _ = _collapsed(self.strata, clusters)
        groups = int(clusters.max()) + 1
        # One code for the items of a cluster in a stratum.
        parts, place = np.unique(codes.astype(np.int64) * groups + clusters, return_inverse=True)
        strata = (parts // groups).astype(np.int64)
        variances = np.bincount(strata, weights=np.bincount(place, weights=influence) ** 2)
        weights = np.bincount(place, weights=self.weights)
        effective = np.bincount(strata, weights=weights) ** 2 / np.bincount(strata, weights=weights**2)
        below = float((variances**2 / np.maximum(effective - 1, 0.5)).sum())
        found = float(variances.sum()) ** 2 / below if below > 0 else 1.0
        return min(max(found, 1.0), max(1.0, groups - 1.0))


def weighted_mean(values: Floats, design: Design | None) -> float:
    """Return the mean of values, at least one; without a design each counts once."""
    return float(values.mean()) if design is None else design.mean(values)


def weighted_quantile(values: Floats, share: float, design: Design | None) -> float:
    """Return a quantile of values, at least one; without a design each counts once."""
    return float(np.quantile(values, share)) if design is None else design.quantile(values, share)


def _collapsed(strata: Ints, clusters: Ints) -> tuple[Ints, Floats]:
    """Return codes of the strata with those of a single cluster put together, and the number of clusters of each."""
    codes = dense_codes(strata)
    counts = _clusters_of(codes, clusters)
    alone = counts < 2
    if alone.any() and len(counts) > 1:
        target = int(np.flatnonzero(alone)[0]) if alone.sum() > 1 else int(counts.argmax())
        codes = dense_codes(np.where(alone[codes], target, codes))
        counts = _clusters_of(codes, clusters)
        if len(counts) > 1 and (counts < 2).any():
            # All of them have the same single cluster.
            return np.zeros_like(codes), _clusters_of(np.zeros_like(codes), clusters)
    return codes, counts


def _clusters_of(codes: Ints, clusters: Ints) -> Floats:
    """Return the number of clusters that have an item in each stratum."""
    reach = int(clusters.max()) + 1
    pairs = np.unique(codes.astype(np.int64) * reach + clusters)
    return np.bincount(pairs // reach).astype(np.float64)
