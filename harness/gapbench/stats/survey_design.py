"""A sample that was drawn with unequal chances: its weights and strata, and estimates that are valid for them.

A sample of a team's traffic has more rare requests than the traffic has, on purpose. Each item then carries a weight: how
many requests it stands for, which is the inverse of its chance of being drawn. Weighted estimates are about the traffic,
unweighted ones about the file.

Means and ratios are Hájek's: both totals are estimated (Särndal, Swensson and Wretman, Model Assisted Survey Sampling
(1992), sections 5.6 and 5.7). Their variance is that of the linearised values (Binder, Int. Stat. Rev. 51 (1983) 279):
within strata, since the number of items of each stratum was fixed, and summed over clusters, since the answers to items of
one source are alike. A cluster may have items in several strata. Items are drawn from far more, so there is no correction
for a finite population.

Every weighted interval takes its critical value from the degrees of freedom of :meth:`Design.estimate`. They are
Satterthwaite's (Biometrics Bulletin 2 (1946) 110), over the strata as in Cochran, Sampling Techniques (1977), equation
5.16, where a stratum counts with the effective number of its clusters. So a stratum of n equal clusters has n - 1, and one
in which a few clusters hold nearly all the weight has little more than those few. Residuals are smaller the more weight
their item has, since the estimate follows it: the variance is therefore widened by the effective number too (the bias is that
of Bell and McCaffrey, Surv. Methodol. 28 (2002) 169, section 2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gapbench.stats.order_statistics import nearby_quantiles
from gapbench.stats.proportions import FEW_EFFECTIVE, Floats, Ints, dense_codes, robust_variance

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

    @property
    def is_uneven(self) -> bool:
        """Whether a handful of the clusters holds so much of the weight that the linearised variance rests on their values."""
        return self.effective < min(FEW_EFFECTIVE, self.clusters / 2)


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
        """Return a weighted quantile: that of values of which the lightest is there once and each as often as its weight.

        It is :func:`numpy.quantile` of values that are repeated so, and of the values as they are where all weights are equal.

        Args:
            values: At least one value.
            share: The quantile, 0 to 1.
        """
        order = np.argsort(values, kind="stable")
        ordered, weights = values[order], self.weights[order]
        if len(ordered) == 1:
            return float(ordered[0])
        counts = weights / weights.min()
        last = np.cumsum(counts) - 1
        # The first and the last place of each value, counted from 0.
        places = np.maximum.accumulate(np.stack([last - counts + 1, last], axis=1).ravel())
        return float(np.interp(share * last[-1], places, np.repeat(ordered, 2)))

    def effective_clusters(self, clusters: Ints) -> float:
        """Return the number of clusters of equal weight that are worth as much.

        Kish, Survey Sampling (1965), section 11.7: the squared sum of the weights over the sum of their squares.
        """
        totals = np.bincount(dense_codes(clusters), weights=self.weights)
        return float(totals.sum() ** 2 / (totals @ totals))

    def effective_share(self, chosen: np.ndarray[Any, np.dtype[np.bool_]], clusters: Ints) -> float:
        """Return the number of clusters of equal weight that some of the items are worth. 0: there are none.

        Args:
            chosen: Which items count.
            clusters: Code of each item's cluster.
        """
        return self.take(chosen).effective_clusters(clusters[chosen]) if chosen.any() else 0.0

    def contributions(self, values: Floats, clusters: Ints) -> Floats:
        """Return what each item adds to the weighted total, with the differences between strata taken out.

        The sum is that of the weighted values, over the mean weight. Each stratum's mean is moved to the overall one, since
        how many items a stratum has is not chance, and its deviations are widened for its own effective number of clusters. So the
        spread of the clusters' sums is that of the stratified total, and what is known of independent clusters (their
        variance, skewness, resampling) holds for them. Strata with one cluster show no spread of their own and are
        collapsed (Cochran, Sampling Techniques (1977), section 5A.12).

        Args:
            values: Value of each item; there may be none.
            clusters: Code of each item's cluster.
        """
        if not len(values):
            return values
        weighted = values * (self.weights / self.weights.mean())
        codes = _collapsed(self.strata, clusters)
        groups = int(dense_codes(clusters).max()) + 1
        means = np.bincount(codes, weights=weighted) / np.bincount(codes)
        effective = np.maximum(self._parts(codes, clusters)[2], 2)
        widening = np.sqrt(effective / (effective - 1) * (groups - 1) / groups)
        found: Floats = weighted.mean() + (weighted - means[codes]) * widening[codes]
        return found

    def estimate(self, values: Floats, clusters: Ints) -> WeightedMean:
        """Return the weighted mean of values with its standard error.

        See the module's docstring for its degrees of freedom.

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
        groups = int(clusters.max()) + 1
        strata, place, effective = self._parts(_collapsed(self.strata, clusters), clusters)
        variances = np.bincount(strata, weights=np.bincount(place, weights=influence) ** 2)
        below = float((variances**2 / np.maximum(effective - 1, 0.5)).sum())
        found = float(variances.sum()) ** 2 / below if below > 0 else 1.0
        return min(max(found, 1.0), max(1.0, groups - 1.0))

    def _parts(self, codes: Ints, clusters: Ints) -> tuple[Ints, Ints, Floats]:
        """Return the stratum of each part (the items of a cluster in a stratum), each item's part, and the strata's Kish numbers."""
        reach = int(clusters.max()) + 1
        parts, place = np.unique(codes.astype(np.int64) * reach + clusters, return_inverse=True)
        strata = (parts // reach).astype(np.int64)
        weights = np.bincount(place, weights=self.weights)
        effective = np.bincount(strata, weights=weights) ** 2 / np.bincount(strata, weights=weights**2)
        return strata, place, effective


def weighted_mean(values: Floats, design: Design | None) -> float:
    """Return the mean of values, at least one; without a design each counts once."""
    return float(values.mean()) if design is None else design.mean(values)


def weighted_quantile(values: Floats, share: float, design: Design | None) -> float:
    """Return a quantile of values, at least one; without a design each counts once."""
    return nearby_quantiles(values, [share])[0] if design is None else design.quantile(values, share)


def _collapsed(strata: Ints, clusters: Ints) -> Ints:
    """Return codes of the strata with those of a single cluster put together."""
    codes = dense_codes(strata)
    counts = _clusters_of(codes, clusters)
    alone = counts < 2
    if alone.any() and len(counts) > 1:
        target = int(np.flatnonzero(alone)[0]) if alone.sum() > 1 else int(counts.argmax())
        codes = dense_codes(np.where(alone[codes], target, codes))
        counts = _clusters_of(codes, clusters)
        if len(counts) > 1 and (counts < 2).any():
            # All of them have the same single cluster.
            return np.zeros_like(codes)
    return codes


def _clusters_of(codes: Ints, clusters: Ints) -> Floats:
    """Return the number of clusters that have an item in each stratum."""
    reach = int(clusters.max()) + 1
    pairs = np.unique(codes.astype(np.int64) * reach + clusters)
    return np.bincount(pairs // reach).astype(np.float64)
