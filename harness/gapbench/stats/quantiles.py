"""Quantiles: intervals, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from gapbench.stats.bootstrap import SEED
from gapbench.stats.order_statistics import nearby_quantiles
from gapbench.stats.paired import CONFIDENCE, INNER, Difference
from gapbench.stats.proportions import (
    Floats,
    Interval,
    Ints,
    dense_codes,
    is_rare,
    robust_variance,
)
from gapbench.stats.studentised_test import StudentisedTest
from gapbench.stats.survey_design import Design, weighted_quantile

MIN_FOR_P95 = 60
"""With fewer pairs the two or three longest times decide the 95th percentile, and its interval misses it too often."""


def quantile_interval(
    values: Floats,
    share: float,
    confidence: float = 0.95,
    clusters: Ints | None = None,
    design: Design | None = None,
) -> Interval:
    """Return an interval of a quantile; see :func:`quantile_estimates`.

    Args:
        values: The values.
        share: The quantile, 0 to 1.
        confidence: Nominal coverage.
        clusters: Cluster code of each value. None means independent values.
        design: Weights and strata of the values, with clusters. None: each counts once.

    Returns:
        A bound is None if there are too few values for it, such as the upper bound of the 95th percentile of fewer than
        72 values.
    """
    (found,) = quantile_estimates(values, (share,), clusters, design, confidence)
    return Interval(found.low, found.high)


class QuantileEstimate(NamedTuple):
    """A quantile and its interval. None: there are too few values.

    Attributes:
        value: The quantile.
        low: Lower bound.
        high: Upper bound.
    """

    value: float | None
    low: float | None
    high: float | None


def quantile_estimates(
    values: Floats,
    shares: Sequence[float],
    clusters: Ints | None = None,
    design: Design | None = None,
    confidence: float = 0.95,
) -> list[QuantileEstimate]:
    """Return quantiles with intervals from order statistics, without assumptions on the distribution.

    Conover, Practical Nonparametric Statistics (1999), section 3.2, interpolated between neighbouring order statistics,
    since they alone give more than the nominal coverage. With clusters, the ranks are those of the effective
    number of values: as many independent ones would show the share below the quantile as precisely (Woodruff, J. Am.
    Stat. Assoc. 47 (1952) 635).

    Args:
        values: The values.
        shares: The quantiles, 0 to 1.
        clusters: Cluster code of each value. None means independent values.
        design: Weights and strata of the values, with clusters. None: each counts once.
        confidence: Nominal coverage.
    """
    if not len(values):
        return [QuantileEstimate(None, None, None)] * len(shares)
    # Sorted once for all of them.
    ordered = values if design is not None else np.sort(values)
    codes = None if clusters is None else dense_codes(clusters)
    sizes = None if codes is None else np.bincount(codes).astype(np.float64)
    found: list[QuantileEstimate] = []
    for share in shares:
        value = _quantile_of_sorted(ordered, share) if design is None else design.quantile(values, share)
        effective, level = len(values), confidence
        if codes is not None and sizes is not None:
            effective, level = _effective_values(values, value, confidence, codes, sizes, design)
        found.append(QuantileEstimate(value, *_order_statistics(ordered, share, level, effective, design)))
    return found


def _order_statistics(
    ordered: Floats, share: float, confidence: float, effective: int, design: Design | None
) -> Interval:
    """Return the interval of a quantile of ``effective`` independent values; with a design ``ordered`` are all as they are."""
    tail = (1 - confidence) / 2
    below = _binomial_quantile(tail, effective, share)
    above = _binomial_quantile(1 - tail, effective, share)
    scale = len(ordered) / effective
    low = high = None
    if below > 0:
        # Between two order statistics, as far as the wanted tail lies between theirs.
        least, most = special.bdtr([below - 1, below], effective, share)
        low = _value_at(ordered, (below - 1 + (tail - least) / (most - least)) * scale, design)
    if above < effective:
        least, most = special.bdtr([above - 1, above], effective, share) if above else (0.0, 1.0)
        high = _value_at(ordered, (above - (most - 1 + tail) / (most - least)) * scale, design)
    return Interval(low, high)


def _value_at(ordered: Floats, rank: float, design: Design | None) -> float:
    """Return the value at a fractional rank, counted from 0; with a design ``ordered`` are its values as they are."""
    rank = min(max(rank, 0.0), float(len(ordered) - 1))
    if design is not None:
        return design.quantile(ordered, rank / max(len(ordered) - 1, 1))
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (rank - below))


def _quantile_of_sorted(ordered: Floats, share: float) -> float:
    """Return what :func:`numpy.quantile` does of ascending values, by the two that it lies between."""
    rank = share * (len(ordered) - 1)
    below = math.floor(rank)
    return float(np.quantile(ordered[below : below + 2], rank - below))


def _effective_values(
    values: Floats, value: float, confidence: float, codes: Ints, sizes: Floats, design: Design | None
) -> tuple[int, float]:
    """Return the effective number of values, and the confidence that makes up for the few clusters it is known from.

    Args:
        values: The values.
        value: Their quantile.
        confidence: Nominal coverage.
        codes: Cluster code of each value, without gaps.
        sizes: Values of each cluster.
        design: Weights and strata of the values.
    """
    n, groups = len(values), len(sizes)
    if design is not None:
        is_below = values <= value
        found = design.estimate(is_below.astype(np.float64), codes)
        error, below = found.standard_error, found.mean
        known = below * (1 - below) / error**2 if error else found.effective
        if found.is_uneven or is_rare(is_below, codes, design):
            known = min(known, found.effective)
        t = float(special.stdtrit(found.degrees, 0.5 + confidence / 2))
        return max(1, round(known)), 2 * float(special.ndtr(t)) - 1
    if groups == n:
        return n, confidence
    if groups < 2:
        return 1, confidence
    sums = np.bincount(codes, weights=values <= value)
    below = float(sums.sum()) / n
    variance = robust_variance(sums - below * sizes, n)
    effective = min(float(n), below * (1 - below) / variance) if variance > 0 else float(n)
    t = float(special.stdtrit(groups - 1, 0.5 + confidence / 2))
    return max(1, round(effective)), 2 * float(special.ndtr(t)) - 1


def _binomial_quantile(level: float, n: int, share: float) -> int:
    """Return the smallest count that a binomial variable does not exceed with probability ``level``."""
    count = max(0, math.ceil(float(special.bdtrik(level, n, share))))
    below = max(0, count - 1)
    return below if float(special.bdtr(below, n, share)) >= level else count


def known_quantile(values: Floats, share: float, design: Design | None = None) -> float | None:
    """Return a quantile of the known values (not NaN); None where there are none."""
    is_known = ~np.isnan(values)
    if not is_known.any():
        return None
    return weighted_quantile(values[is_known], share, None if design is None else design.take(is_known))


class QuantilePair(NamedTuple):
    """One quantile of two paired samples.

    Attributes:
        first: Quantile of the first.
        second: Quantile of the second.
        difference: First minus second, with its interval.
    """

    first: float
    second: float
    difference: Difference


def quantile_difference(
    first: Floats,
    second: Floats,
    clusters: Ints,
    share: float,
    design: Design | None = None,
    *,
    resamples: int = 2_000,
    seed: int = SEED,
) -> Difference:
    """Return the difference of one quantile of two paired samples, first minus second; see :func:`paired_quantiles`."""
    return paired_quantiles(first, second, clusters, share, design, resamples=resamples, seed=seed).difference


def paired_quantiles(
    first: Floats,
    second: Floats,
    clusters: Ints,
    share: float,
    design: Design | None = None,
    *,
    resamples: int = 2_000,
    seed: int = SEED,
) -> QuantilePair:
    """Return one quantile of two paired samples, and the difference.

    Below 1,500 pairs the standard error is a quarter of the spread between the 2.5 and 97.5 % quantiles of a cluster
    bootstrap, which a heavy tail does not inflate as it does the standard deviation. Above, it comes from the influence
    functions of the quantiles, summed over clusters, with densities from order-statistic intervals (Woodruff, J. Am.
    Stat. Assoc. 47 (1952) 635), as it does with weights (``design``). Interval and p-value are Student's.
    """
    if design is not None:
        return _weighted_quantiles(first, second, clusters, share, design)
    n = len(first)
    if n < 1_500:
        middle, other = float(np.quantile(first, share)), float(np.quantile(second, share))
    else:
        (middle, influence), (other, others) = _influence(first, share), _influence(second, share)
    observed = middle - other
    rounding = 1e-12 * _largest(first, second)
    if abs(observed) <= rounding:
        observed = 0.0
    codes = dense_codes(clusters)
    groups = int(codes.max()) + 1
    if n < 1_500:
        error = _resampled_error(first, second, codes, share, resamples=resamples, seed=seed)
    else:
        error = math.sqrt(
            robust_variance(np.bincount(codes, influence - others).astype(np.float64, copy=False), n)
        )
    if error <= rounding:
        # Every draw shows the same difference: fall back to the spreads of both samples as if they were unpaired.
        error = math.hypot(_unpaired_error(first, share), _unpaired_error(second, share))
    if error <= rounding:
        error = 0.0
    test = StudentisedTest(observed, error, max(groups - 1, 1))
    found = _difference(test, observed, error, n, groups, "bootstrap" if n < 1_500 else "t")
    return QuantilePair(middle, other, found)


def _weighted_quantiles(
    first: Floats, second: Floats, clusters: Ints, share: float, design: Design
) -> QuantilePair:
    (middle, influence), (other, others) = (
        _weighted_influence(values, clusters, share, design) for values in (first, second)
    )
    rounding = 1e-12 * _largest(first, second)
    observed = 0.0 if abs(middle - other) <= rounding else middle - other
    found = design.estimate(influence - others, clusters)
    error = 0.0 if found.standard_error <= rounding else found.standard_error
    test = StudentisedTest(observed, error, found.degrees)
    return QuantilePair(middle, other, _difference(test, observed, error, len(first), found.clusters, "t"))


def _difference(
    test: StudentisedTest, observed: float, error: float, pairs: int, clusters: int, name: str
) -> Difference:
    """Return the difference that a test is of."""
    inner, outer = test.interval(INNER), test.interval(CONFIDENCE)
    return Difference(
        observed, *outer, *inner, test.p_value(), error, pairs, clusters, "quantile", name, test
    )


def _largest(first: Floats, second: Floats) -> float:
    """Return the largest absolute value of both."""
    return max(float(value) for side in (first, second) for value in (side.max(), -side.min()))


def _weighted_influence(values: Floats, clusters: Ints, share: float, design: Design) -> tuple[float, Floats]:
    """Return the weighted quantile, and each value's influence on it, with the density from Woodruff's interval."""
    middle = design.quantile(values, share)
    below = (values <= middle).astype(np.float64)
    reach = 1.96 * max(design.estimate(below, clusters).standard_error, 1 / len(values))
    low, high = max(share - reach, 0.0), min(share + reach, 1.0)
    slope = (design.quantile(values, high) - design.quantile(values, low)) / (high - low)
    influence: Floats = (share - below) * slope
    return middle, influence


def _unpaired_error(values: Floats, share: float) -> float:
    """Return a quantile's standard error from its order-statistic interval; 0 if all values are equal."""
    low, high = quantile_interval(values, share)
    lowest = float(values.min()) if low is None else low
    highest = float(values.max()) if high is None else high
    return (highest - lowest) / (2 * 1.96)


def _influence(values: Floats, share: float) -> tuple[float, Floats]:
    """Return the quantile, and each value's influence on it."""
    n = len(values)
    reach = 1.96 * math.sqrt(share * (1 - share) / n)
    low, middle, high = nearby_quantiles(values, [max(share - reach, 0), share, min(share + reach, 1)])
    width = min(share + reach, 1) - max(share - reach, 0)
    influence: Floats = (share - (values <= middle).astype(np.float64)) * ((high - low) / width)
    return middle, influence


def _resampled_error(
    first: Floats, second: Floats, codes: Ints, share: float, *, resamples: int, seed: int
) -> float:
    """Return the standard error of the quantile difference over draws of whole clusters."""
    rng = np.random.default_rng(seed)
    groups = int(codes.max()) + 1
    if groups < 2:
        return 0.0
    members = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[members], np.arange(groups + 1))
    if groups == len(first):
        picks = members[rng.integers(0, groups, size=(resamples, groups))]
        found = np.quantile(first[picks], share, axis=1) - np.quantile(second[picks], share, axis=1)
    else:
        draws = rng.integers(0, groups, size=(min(resamples, 500), groups))
        parts = [members[starts[k] : starts[k + 1]] for k in range(groups)]
        found = np.empty(len(draws))
        for row, drawn in enumerate(draws):
            picked = np.concatenate([parts[k] for k in drawn])
            found[row] = np.quantile(first[picked], share) - np.quantile(second[picked], share)
    low, high = np.quantile(found, [0.025, 0.975])
    # Draws of G clusters vary by the factor (G - 1) / G too little.
    return float(high - low) / (2 * 1.959964) * math.sqrt(groups / (groups - 1))
