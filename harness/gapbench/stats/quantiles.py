"""Quantiles: intervals, and paired differences."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from gapbench.stats.bootstrap import SEED
from gapbench.stats.paired import INNER, Difference
from gapbench.stats.proportions import Floats, Interval, Ints, cluster_sums, dense_codes, robust_variance


def quantile_interval(values: Floats, share: float, confidence: float = 0.95) -> Interval:
    """Return an interval of a quantile from order statistics, without assumptions on the distribution.

    Conover, Practical Nonparametric Statistics (1999), section 3.2. A bound is None if there are too few values for it,
    such as the upper bound of the 95th percentile of fewer than 72 values.
    """
    n = len(values)
    if n == 0:
        return Interval(None, None)
    tail = (1 - confidence) / 2
    low = _binomial_quantile(tail, n, share) - 1
    high = _binomial_quantile(1 - tail, n, share)
    ordered = np.sort(values)
    return Interval(float(ordered[low]) if low >= 0 else None, float(ordered[high]) if high < n else None)


def _binomial_quantile(level: float, n: int, share: float) -> int:
    """Return the smallest count that a binomial variable does not exceed with probability ``level``."""
    count = max(0, math.ceil(float(special.bdtrik(level, n, share))))
    below = max(0, count - 1)
    return below if float(special.bdtr(below, n, share)) >= level else count


def quantile_difference(
    first: Floats, second: Floats, clusters: Ints, share: float, *, resamples: int = 2_000, seed: int = SEED
) -> Difference:
    """Return the difference of one quantile of two paired samples, first minus second.

    Below 1,500 pairs the standard error comes from a cluster bootstrap. Above, it comes from the influence functions
    of the quantiles, summed over clusters, with densities from order-statistic intervals (Woodruff, J. Am. Stat. Assoc.
    47 (1952) 635).
    """
    n = len(first)
    observed = float(np.quantile(first, share) - np.quantile(second, share))
    codes = dense_codes(clusters)
    groups = int(codes.max()) + 1
    if n < 1_500:
        error = _resampled_quantiles(first, second, codes, share, resamples=resamples, seed=seed)
    else:
        influence = _influence(first, share) - _influence(second, share)
        error = math.sqrt(robust_variance(cluster_sums(influence, codes)[0], n))
    if error <= 0:
        # Every draw shows the same difference: fall back to the spreads of both samples as if they were unpaired.
        error = math.hypot(_unpaired_error(first, share), _unpaired_error(second, share))
    free = max(groups - 1, 1)
    outer, inner = (float(special.stdtrit(free, level)) * error for level in (0.975, 0.5 + INNER / 2))
    p = float(2 * special.stdtr(free, -abs(observed) / error)) if error > 0 else float(observed == 0)
    return Difference(
        observed,
        observed - outer,
        observed + outer,
        observed - inner,
        observed + inner,
        p,
        error,
        n,
        groups,
        "quantile",
        "t",
    )


def _unpaired_error(values: Floats, share: float) -> float:
    """Return a quantile's standard error from its order-statistic interval; 0 if all values are equal."""
    low, high = quantile_interval(values, share)
    lowest = float(values.min()) if low is None else low
    highest = float(values.max()) if high is None else high
    return (highest - lowest) / (2 * 1.96)


def _influence(values: Floats, share: float) -> Floats:
    """Return each value's influence on the quantile."""
    n = len(values)
    reach = 1.96 * math.sqrt(share * (1 - share) / n)
    low, middle, high = np.quantile(values, [max(share - reach, 0), share, min(share + reach, 1)])
    width = min(share + reach, 1) - max(share - reach, 0)
    influence: Floats = (share - (values <= middle)) * (float(high - low) / width)
    return influence


def _resampled_quantiles(
    first: Floats, second: Floats, codes: Ints, share: float, *, resamples: int, seed: int
) -> float:
    """Return the standard deviation of the quantile difference over draws of whole clusters."""
    rng = np.random.default_rng(seed)
    groups = int(codes.max()) + 1
    members = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[members], np.arange(groups + 1))
    if groups == len(first):
        picks = members[rng.integers(0, groups, size=(resamples, groups))]
        found = np.quantile(first[picks], share, axis=1) - np.quantile(second[picks], share, axis=1)
        return float(found.std(ddof=1)) if groups > 1 else 0.0
    picks_of_clusters = rng.integers(0, groups, size=(min(resamples, 500), groups))
    parts = [members[starts[k] : starts[k + 1]] for k in range(groups)]
    found = np.empty(len(picks_of_clusters))
    for row, groups_drawn in enumerate(picks_of_clusters):
        picked = np.concatenate([parts[k] for k in groups_drawn])
        found[row] = np.quantile(first[picked], share) - np.quantile(second[picked], share)
    return float(found.std(ddof=1)) if groups > 1 else 0.0
