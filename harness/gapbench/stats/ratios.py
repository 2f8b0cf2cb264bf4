"""Ratios of two totals over the same items, such as dollars per correct task, and their difference between two models."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from gapbench.stats.bootstrap import RESAMPLES, SEED
from gapbench.stats.proportions import Floats, Interval, Ints, dense_codes
from gapbench.stats.survey_design import Design

SKEW_WIDENING = 2.0
"""How many times the second-order term of the skewness widens an interval. 1 is Hall's term for normal tails; 2 keeps the
coverage for lognormal costs with a sigma of up to 1.5, whose skewness a sample underestimates (benchmarks/coverage.py)."""
_EDGEWORTH = 1.08
"""(z^4 + 2 z^2 - 3) / 18 at z = 1.96: Hall, The Bootstrap and Edgeworth Expansion (1992), 2.6."""
_SKEWNESS_OF_KURTOSIS = 0.6
"""Squared skewness that counts for one of excess kurtosis where the skewness itself is less: about that of a gamma variable (2/3)."""
_MAX_SLOPE = 0.25
"""Largest slope of the transformation, times the critical value of 5 %."""
_LEAST_STRETCH = 1 - _MAX_SLOPE
"""Cube root of the transformation's scale where its straight continuation begins. The cubic becomes flat at a scale of 0: a
bound that is looked for there, at a stricter level or with a widened interval, would be several standard errors too far out."""
_MIN_SOURCES = 3
"""With fewer clusters that have anything to count, one in ten resamples would have none: there is no interval."""
_HALVINGS = 60


class RatioTest:
    """Tests the ratio of two totals, or how two such ratios differ, on the logarithmic scale.

    Student's t of the log-ratio (Cochran, Sampling Techniques (1977), section 6), corrected for skewness. Costs are
    skewed: most samples lack the few dear tasks, so the mean and its standard error are too small together, and the plain
    t interval misses the truth in up to 17 % of samples. Hall's cubic transformation (J. R. Stat. Soc. B 54 (1992) 221),
    with the curvature of the logarithm, moves the interval; the second-order term widens it. Far out the transformation
    is continued by its tangent.

    Args:
        totals: Cluster sums of one numerator and denominator, or of two: shape (2 or 4, clusters). Sums of each row are
            above 0.
        degrees: Degrees of freedom, at least 1. None: one less than clusters.
    """

    def __init__(self, totals: Floats, degrees: float | None = None) -> None:
        """Compute the moments that every hypothesis needs."""
        self._groups = totals.shape[1]
        self._degrees = self._groups - 1.0 if degrees is None else degrees
        means = totals.mean(axis=1)
        relative = totals / means[:, None] - 1
        self.first = float(means[0] / means[1])
        self.second = float(means[2] / means[3]) if len(means) > 2 else 1.0
        one = relative[0] - relative[1]
        other = relative[2] - relative[3] if len(means) > 2 else np.zeros(self._groups)
        if abs(self.first - self.second) <= 1e-12 * self.first:
            self.second = self.first
        self._moments = np.array([one @ one, one @ other, other @ other]) / self._groups
        # Products: powers of arrays take ten times as long.
        squares = one * one, one * other, other * other
        self._third = (
            np.array([squares[0] @ one, squares[0] @ other, squares[2] @ one, squares[2] @ other])
            / self._groups
        )
        self._fourth = np.array(
            [
                squares[0] @ squares[0], squares[0] @ squares[1], squares[0] @ squares[2], squares[1] @ squares[2],
                squares[2] @ squares[2],
            ]
        ) / self._groups  # fmt: skip
        self._along = np.stack([relative @ one, relative @ other], axis=1) / self._groups

    def ratio_p_value(self, ratio: float = 1.0) -> float:
        """Return the two-sided p-value of a ratio of the first to the second (or of the first alone)."""
        return self._p_value(math.log(self.first / self.second / ratio), 1.0, 1.0)

    def ratio_interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the smallest and the largest ratio that are not rejected at ``1 - confidence``."""
        error, slope, constant, widening = self._corrections(1.0, 1.0)
        width = float(special.stdtrit(self._degrees, 0.5 + confidence / 2)) * widening
        low, high = (_untransform(sign * width, slope, constant) * error for sign in (1, -1))
        ratio = self.first / self.second
        return ratio * math.exp(-low), ratio * math.exp(-high)

    def p_value(self, change: float = 0.0) -> float:
        """Return the two-sided p-value of a difference, first minus second; 0 is a ratio of 1."""
        if change >= 0:
            moved = self.second + change
            return self._p_value(math.log(self.first / moved), 1.0, self.second / moved)
        moved = self.first - change
        return self._p_value(math.log(moved / self.second), self.first / moved, 1.0)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the smallest and the largest difference that are not rejected at ``1 - confidence``."""
        observed, level = self.first - self.second, 1 - confidence
        if self._moments[0] + self._moments[2] <= 1e-24:
            # Every cluster has the same ratio: nothing varies.
            return observed, observed

        def is_kept(change: float) -> bool:
            return self.p_value(change) >= level

        return _bound(is_kept, observed, -self.second), _bound(is_kept, observed, self.first)

    def _p_value(self, distance: float, first_weight: float, second_weight: float) -> float:
        error, slope, constant, widening = self._corrections(first_weight, second_weight)
        if error <= 1e-12:
            return float(abs(distance) <= 1e-12)
        t = distance / error
        corrected = _transform(t, slope, constant)
        return 2 * float(special.stdtr(self._degrees, -abs(corrected) / widening))

    def _corrections(self, first: float, second: float) -> tuple[float, float, float, float]:
        """Return standard error, slope and constant of the transformation, and widening, at weights of the two ratios."""
        n, effective = self._groups, self._degrees + 1
        variance = float(self._moments @ (first * first, -2 * first * second, second * second))
        if variance <= 1e-24:
            return 0.0, 0.0, 0.0, 1.0
        spread = math.sqrt(variance)
        third = self._third @ (first**3, -3 * first**2 * second, 3 * first * second**2, -(second**3))
        powers = np.array([first ** (4 - k) * (-second) ** k for k in range(5)]) * (1, 4, 6, 4, 1)
        # A sample shows too little skewness, the more so the smaller it is.
        sample = 1 + 6 / effective
        skewness = float(third) / spread**3 * sample
        # Between two equally skewed costs the skewness cancels; what is left of the heavy tails is the kurtosis. What uneven
        # weights add to it is in the degrees of freedom.
        kurtosis = max(0.0, float(self._fourth @ powers) / variance**2 - 3 * n / effective) * sample**2
        tail = max(skewness * skewness, _SKEWNESS_OF_KURTOSIS * kurtosis)
        along = self._along @ (first, -second) / variance
        curvature = _curvature(along[:2], first)
        if len(along) > 2:
            curvature -= _curvature(along[2:], second)
        root = math.sqrt(n)
        # Of a handful of clusters the slope is a guess, and the transformation nearly flat where the bounds lie.
        most = _MAX_SLOPE / float(special.stdtrit(self._degrees, 0.975))
        slope = min(most, max(-most, (skewness / 3 + curvature * spread / 2) / root))
        widening = 1 + SKEW_WIDENING * _EDGEWORTH * tail / n
        return spread / math.sqrt(n - 1), slope, skewness / (6 * root), widening


def _curvature(along: Floats, weight: float) -> float:
    """Return the second derivative of the logarithm of (numerator over denominator plus a constant).

    Args:
        along: Relative change of numerator and denominator in the direction of the estimate's error.
        weight: Share of the quotient in its sum with the constant.
    """
    above, below = float(along[0]), float(along[1])
    return weight * (below * below - above * above) + weight * (1 - weight) * (above - below) ** 2


def _transform(t: float, slope: float, constant: float) -> float:
    """Return t + a t^2 + a^2 t^3 / 3 + b of a statistic, continued by its tangent where the cubic would become flat."""
    cubic = t + slope * t * t + slope * slope * t**3 / 3
    if 1 + slope * t >= _LEAST_STRETCH:
        return cubic + constant
    start, value = _straight_start(slope)
    # Very far out the cubic is steep again.
    return max(cubic, value + _LEAST_STRETCH**2 * (t - start), key=abs) + constant


def _untransform(value: float, slope: float, constant: float) -> float:
    """Return the statistic whose transformation has a value."""
    if abs(slope) < 1e-9:
        return value - constant
    start, begin = _straight_start(slope)
    cubic = (float(np.cbrt(1 + 3 * slope * (value - constant))) - 1) / slope
    if (value - constant - begin) * slope < 0:
        return min(cubic, start + (value - constant - begin) / _LEAST_STRETCH**2, key=abs)
    return cubic


def _straight_start(slope: float) -> tuple[float, float]:
    """Return where the straight continuation begins, and the transformation there without its constant."""
    return (_LEAST_STRETCH - 1) / slope, (_LEAST_STRETCH**3 - 1) / (3 * slope)


def _bound(is_kept: Callable[[float], bool], inside: float, step: float) -> float:
    """Return where the kept values end in the direction of ``step``, starting at a kept value.

    Zero is tried first if it lies on the way, so that the bound agrees with the p-value of no difference.
    """
    outside = inside + step
    if inside * step < 0:
        inside, outside = (0.0, step) if is_kept(0.0) else (inside, 0.0)
    for _ in range(_HALVINGS):
        if not is_kept(outside):
            break
        inside, outside = outside, outside + 2 * (outside - inside)
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if is_kept(middle) else (inside, middle)
    return (inside + outside) / 2


@dataclass(frozen=True, slots=True)
class Quotients:
    """Two quotients of totals over the same items, such as dollars per correct task. None means unknown.

    Attributes:
        first: Quotient of the first.
        second: Quotient of the second.
        ratio: First over second.
        ratio_low: Lower bound of the ratio's 95 % interval.
        ratio_high: Upper bound.
        low: Lower bound of the 95 % interval of first minus second.
        high: Upper bound.
        p_value: Two-sided, of a ratio of 1: below 5 % exactly if the intervals exclude 1 and 0.
        evidence: The test behind them.
    """

    first: float | None
    second: float | None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    evidence: RatioTest | None = field(default=None, compare=False, repr=False)


def compare_quotients(
    first: tuple[Floats, Floats],
    second: tuple[Floats, Floats],
    clusters: Ints,
    design: Design | None = None,
) -> Quotients:
    """Return two quotients of totals and their difference, with intervals; see :class:`RatioTest`.

    Args:
        first: Numerator and denominator of each item, such as dollars and scores.
        second: The same for the other model.
        clusters: Cluster code of each item.
        design: Weights and strata of the items. None: each counts once.
    """
    counted, totals = cluster_totals((*first, *second), clusters, design)
    sums = totals.sum(axis=1)
    observed_first, observed_second = (
        float(sums[k] / sums[k + 1]) if sums[k + 1] > 0 else None for k in (0, 2)
    )
    if (sums <= 0).any():
        return Quotients(observed_first, observed_second)
    ratio = float(sums[0] / sums[1] / (sums[2] / sums[3]))
    if not _has_interval(counted):
        return Quotients(observed_first, observed_second, ratio)
    test = RatioTest(totals, _degrees((*first, *second), clusters, design))
    return Quotients(
        observed_first,
        observed_second,
        ratio,
        *test.ratio_interval(),
        *test.interval(),
        test.ratio_p_value(),
        test,
    )


def cluster_totals(
    columns: Sequence[Floats], clusters: Ints, design: Design | None = None
) -> tuple[Floats, Floats]:
    """Return the clusters' sums of some columns, and what they add to the totals; both of shape (columns, clusters).

    Without a design the two are the same. With one, the second has the weights, and the differences between strata are taken
    out; see :meth:`gapbench.stats.survey_design.Design.contributions`.
    """
    codes = dense_codes(clusters)
    counted = np.stack([np.bincount(codes, part).astype(np.float64, copy=False) for part in columns])
    if design is None:
        return counted, counted
    return counted, np.stack([np.bincount(codes, design.contributions(part, codes)) for part in columns])


def ratio_interval(
    above: Floats, below: Floats, clusters: Ints, confidence: float = 0.95, design: Design | None = None
) -> Interval:
    """Return an interval of the ratio of two totals over the same items; see :class:`RatioTest`.

    Args:
        above: Numerator of each item.
        below: Denominator of each item.
        clusters: Cluster code of each item.
        confidence: Nominal coverage.
        design: Weights and strata of the items. None: each counts once.

    Returns:
        Both bounds are None if a total is not above 0 or too few clusters have anything to count.
    """
    counted, totals = cluster_totals((above, below), clusters, design)
    # Not below or equal: an unknown value is not above 0 either.
    if not (totals.sum(axis=1) > 0).all() or not _has_interval(counted):
        return Interval(None, None)
    return Interval(*RatioTest(totals, _degrees((above, below), clusters, design)).ratio_interval(confidence))


def _degrees(columns: Sequence[Floats], clusters: Ints, design: Design | None) -> float | None:
    """Return the degrees of freedom of the log-ratio of two totals, or of two such ratios. None: without weights."""
    if design is None:
        return None
    relative = [column / design.mean(column) for column in columns]
    influence = relative[0] - relative[1]
    if len(relative) > 2:
        influence = influence - (relative[2] - relative[3])
    return design.estimate(influence, clusters).degrees


def _has_interval(totals: Floats) -> bool:
    return bool((np.count_nonzero(totals > 0, axis=1) >= min(_MIN_SOURCES, totals.shape[1])).all()) and (
        totals.shape[1] >= 2
    )


def ratio_noise(
    first: Floats, second: Floats, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Floats | None:
    """Return draws of the factor by which the noise of the parts changes the ratio of two totals.

    For parts that were measured once on each side, such as the time of a cell. The log-ratios of the parts are assumed
    to have the same variance and are weighted by the parts of the first total, with Student's t with one degree of
    freedom less than parts. A part that differs for a real reason widens the spread.

    Args:
        first: The parts of the first total.
        second: The same parts of the second total.
        resamples: Number of draws.
        seed: Seed of the draws.

    Returns:
        Shape (resamples,), or None if there are fewer than two positive parts.
    """
    positive = (first > 0) & (second > 0)
    parts = int(positive.sum())
    if parts < 2:
        return None
    changes, weights = np.log(second[positive] / first[positive]), first[positive] / first[positive].sum()
    error = float(changes.std(ddof=1)) * math.sqrt(float(np.square(weights).sum()))
    draws = np.random.default_rng(seed).standard_t(parts - 1, resamples)
    # With two parts the tails exceed the range of a float.
    noise: Floats = np.exp(np.clip(error * draws, -50, 50))
    return noise
