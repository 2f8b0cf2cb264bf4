"""Paired differences of scores: intervals, p-values, equivalence tests and sample sizes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np
from scipy import special

from gapbench.stats.bootstrap import RESAMPLES, SEED, resample_sums
from gapbench.stats.power import MIN_CLUSTERS, required_pairs, round_up
from gapbench.stats.proportions import (
    Floats,
    Ints,
    cluster_sums,
    mcnemar,
    robust_variance,
    sign_flip,
    tango,
    tango_score,
)

FEW_DISCORDANT = 30
"""With fewer clusters in which the models differ, the bootstrap does not estimate the spread reliably."""
INNER = 0.93
"""Confidence of the inner interval. Each one-sided equivalence test is made at 3.5 %, so that its error rate stays below
5 % even if scores are near 0 or 1 and there are few clusters (benchmarks/coverage.py)."""
FEW_FLIPS = 11
"""With this many differing clusters, the smallest p-value of the exact test, 2 / 2^11, is below 0.001: small enough to be
significant among many comparisons. With five clusters it is 0.062, so no gap could be significant; below this limit the
score test is used instead."""
MIN_DESIGN_EFFECT = 0.5
"""Lower bound of the design effect. Without it, answers that cancel by chance within clusters would leave no width."""


class Difference(NamedTuple):
    """A paired difference of means, first minus second.

    Attributes:
        estimate: Mean difference over the pairs.
        low: Lower bound of the 95 % interval.
        high: Upper bound of the 95 % interval.
        inner_low: Lower bound of the inner interval, for the two one-sided tests of equivalence.
        inner_high: Upper bound of the inner interval.
        p_value: Two-sided p-value of the hypothesis of no difference.
        standard_error: Cluster-robust. 0 if all clusters show the same difference.
        n_pairs: Number of pairs.
        n_clusters: Number of clusters.
        method: Method of the interval: ``bootstrap-t``, ``score`` or ``quantile``.
        test: Test of the p-value: ``McNemar`` (exact, for 0/1 scores of independent items), ``sign-flip`` (exact, for
            clusters), ``score`` (the test of the score interval, for few clusters), ``bootstrap-t`` or ``t``.
    """

    estimate: float
    low: float
    high: float
    inner_low: float
    inner_high: float
    p_value: float
    standard_error: float
    n_pairs: int
    n_clusters: int
    method: str
    test: str


def paired_difference(
    first: Floats, second: Floats, clusters: Ints, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Difference:
    """Return the mean of ``first - second`` over pairs with its 95 % interval.

    If the scores differ in enough clusters, the interval is a studentised cluster bootstrap (Cameron, Gelbach and
    Miller, Rev. Econ. Stat. 90 (2008) 414). Otherwise it is Tango's score interval with the clusters' design effect,
    which has positive width even if all pairs agree.

    Args:
        first: Scores in 0 to 1.
        second: Scores of the same items.
        clusters: Cluster code of each item; items of one cluster are resampled together.
        resamples: Bootstrap draws.
        seed: Seed of the draws.

    Raises:
        ValueError: There are no scores, or the arrays differ in length.
    """
    n = len(first)
    if n == 0 or n != len(second) or n != len(clusters):
        msg = (
            f"a paired difference needs at least one score and equally many on both sides: {n}, {len(second)}"
        )
        raise ValueError(msg)
    difference = first - second
    sums, sizes = cluster_sums(difference, clusters)
    estimate = float(difference.mean())
    error = math.sqrt(robust_variance(sums - estimate * sizes, n))
    exact = _binary(first) and _binary(second)
    differing = np.count_nonzero(np.abs(sums) > 1e-12)
    if differing < FEW_DISCORDANT or error <= 1e-12:
        score = _Score.of(difference, sums, sizes)
        if differing < FEW_FLIPS and score.design_effect is not None:
            p, test = score.p_value(), "score"
        else:
            found = _exact_test(difference, sums, exact)
            assert found is not None, "with few clusters, or equal ones, the exact test is quick"
            p, test = found
        outer = score.interval(0.95)
        # With few clusters the design effect is only a guess, so equivalence is tested with the outer interval.
        inner = score.interval(INNER) if len(sizes) == n else outer
        return Difference(estimate, *outer, *inner, p, error, n, len(sizes), "score", test)
    score_low, score_high = _Score.of(difference, sums, sizes).interval(INNER)
    # Symmetric: the quantile of |t| corrects for skew about as well and keeps interval and p-value consistent.
    # Never below Student's t, which the bootstrap quantile falls short of if few clusters dominate the sum.
    free = len(sizes) - 1
    errors = _studentised(sums, sizes, estimate, resamples, seed)
    size = np.sort(np.abs(errors))
    width, inner_width = (
        max(float(np.quantile(size, level)), float(special.stdtrit(free, 0.5 + level / 2)))
        for level in (0.95, INNER)
    )
    # Each of the two one-sided tests uses its own tail, since skew makes one longer than the other. Near 0 and 1
    # the score interval respects the bound of the scores, which the draws do not.
    lower, upper = (float(bound) for bound in np.quantile(errors, [(1 - INNER) / 2, (1 + INNER) / 2]))
    beyond = len(size) - int(np.searchsorted(size, abs(estimate) / error, side="left"))
    p = max((beyond + 1) / (len(size) + 1), float(2 * special.stdtr(free, -abs(estimate) / error)))
    p, test = (_exact_test(difference, sums, exact) if exact else None) or (p, "bootstrap-t")
    return Difference(
        estimate,
        max(-1.0, estimate - width * error),
        min(1.0, estimate + width * error),
        max(-1.0, min(score_low, estimate - max(inner_width, upper) * error)),
        min(1.0, max(score_high, estimate + max(inner_width, -lower) * error)),
        p,
        error,
        n,
        len(sizes),
        "bootstrap-t",
        test,
    )


def _binary(scores: Floats) -> bool:
    return bool(((scores == 0) | (scores == 1)).all())


def _studentised(sums: Floats, sizes: Floats, estimate: float, resamples: int, seed: int) -> Floats:
    """Return ``resamples`` studentised errors of the ratio of cluster sums to cluster sizes."""
    columns = np.stack([sums, sizes, sums * sums, sums * sizes, sizes * sizes], axis=1)
    total, n, ss, sn, nn = resample_sums(columns, resamples, seed).T
    mean = total / n
    groups = len(sums)
    variance = (ss - 2 * mean * sn + mean * mean * nn) / n**2 * groups / (groups - 1)
    error = np.sqrt(np.maximum(variance, 0.0))
    studentised: Floats = (mean - estimate) / np.where(error > 0, error, np.inf)
    return studentised


class _Score(NamedTuple):
    """Tango's score test, with its variance multiplied by the clusters' design effect.

    Variance and design effect are evaluated at the hypothesized gap, as in any score test. Evaluated at the observed
    gap, the design effect would be smallest when by chance no cluster with a large gap was sampled, and the interval
    would miss the true gap. Partial credit enters as mean gains and losses, which only widens the interval.

    With few clusters, all cluster sums are often equal, and Student's t would be unbounded. Its standard error is
    therefore at least that of independent pairs with a design effect of :data:`MIN_DESIGN_EFFECT`.

    Attributes:
        gains: Mean gain per pair: for 0/1 scores, the share of pairs where only the first is right.
        losses: Mean loss per pair.
        n: Number of pairs, or of clusters if there are too few of them.
        groups: Number of clusters.
        design_effect: Design effect at a hypothesized gap. None if every pair is its own cluster or clusters are few.
        least_error: Lower bound of the standard error.
    """

    gains: float
    losses: float
    n: int
    groups: int
    design_effect: Callable[[float], float] | None
    least_error: float

    @classmethod
    def of(cls, difference: Floats, sums: Floats, sizes: Floats) -> Self:
        """Return the score of paired differences, with the sums and the sizes of their clusters."""
        n, groups = len(difference), len(sizes)
        gains, losses = (float(np.maximum(sign * difference, 0).sum()) / n for sign in (1, -1))
        if groups == n or groups < MIN_CLUSTERS:
            # Too few clusters to estimate how alike their pairs are: assume the worst case, one pair per cluster.
            return cls(gains, losses, groups, groups, None, 0.0)
        together = float(sums @ sums), float(sums @ sizes), float(sizes @ sizes)
        apart = float(difference @ difference), float(sums.sum()), float(n)

        def design_effect(gap: float) -> float:
            of_clusters, of_pairs = (a - 2 * gap * b + gap * gap * c for a, b, c in (together, apart))
            return max(MIN_DESIGN_EFFECT, of_clusters / of_pairs) if of_pairs > 1e-12 else together[2] / n

        within = MIN_DESIGN_EFFECT * float(difference.var(ddof=1)) / n
        return cls(gains, losses, n, groups, design_effect, math.sqrt(within))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the smallest and largest gap that the score test does not reject."""
        if self.design_effect is None:
            if self.groups < MIN_CLUSTERS:
                free = max(self.groups - 1, 1)
                confidence = 2 * float(special.ndtr(special.stdtrit(free, 0.5 + confidence / 2))) - 1
            return tango(self.gains, self.losses, self.n, confidence)
        # The critical value of Student's t if its sum of squares is taken at the hypothesized gap, not at the mean.
        t = float(special.stdtrit(self.groups - 1, 0.5 + confidence / 2))
        critical = t * math.sqrt(self.groups / (self.groups - 1 + t * t))
        normal = 2 * float(special.ndtr(critical)) - 1
        low, high = tango(self.gains, self.losses, self.n, normal, self.design_effect)
        gap, width = self.gains - self.losses, t * self.least_error
        return max(-1.0, min(low, gap - width)), min(1.0, max(high, gap + width))

    def p_value(self) -> float:
        """Return the two-sided p-value of no gap: below 5 % if the 95 % interval excludes zero."""
        squared = tango_score(self.gains, self.losses, self.n, 0.0, self.design_effect) ** 2
        # The inverse of the critical value above. The square reaches the number of clusters if all sums are equal.
        t = math.sqrt(squared * (self.groups - 1) / max(self.groups - squared, 1e-9))
        if self.least_error <= 0:
            # All pairs show the same difference: the only evidence is how many clusters have the same sign.
            return float(max(2 * special.stdtr(self.groups - 1, -t), 0.5**self.groups))
        t = min(t, abs(self.gains - self.losses) / self.least_error)
        return 2 * float(special.stdtr(self.groups - 1, -t))


def _exact_test(difference: Floats, sums: Floats, exact: bool) -> tuple[float, str] | None:
    """Return the p-value and name of an exact test: McNemar's, or the sign-flip test for clusters or partial credit.

    None if the sign-flip test would take too long.
    """
    if exact and len(sums) == len(difference):
        return mcnemar(int((difference > 0).sum()), int((difference < 0).sum())), "McNemar"
    p = sign_flip(sums)
    return None if p is None else (p, "sign-flip")


def shift(difference: Difference, by: float) -> Difference:
    """Return a difference shifted by a known bias. Estimate, bounds and p-value change; the standard error does not.

    The p-value is converted to a normal deviate and shifted as much as the estimate, in standard errors.
    """
    if not by:
        return difference
    sign = 1.0 if difference.estimate >= 0 else -1.0
    z = sign * float(-special.ndtri(max(difference.p_value, 1e-300) / 2))
    p = difference.p_value
    if difference.standard_error > 0:
        p = float(2 * special.ndtr(-abs(z + by / difference.standard_error)))
    moved = {
        name: getattr(difference, name) + by
        for name in ("estimate", "low", "high", "inner_low", "inner_high")
    }
    return difference._replace(**moved, p_value=p)


def is_equivalent(difference: Difference, margin: float) -> bool:
    """Return whether two one-sided tests put the difference within ``margin`` of zero.

    Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657: the inner interval lies inside the margin.

    Args:
        difference: The difference.
        margin: Half width of the region that counts as no difference, in the unit of the difference.
    """
    return -margin < difference.inner_low and difference.inner_high < margin


def is_non_inferior(difference: Difference, margin: float) -> bool:
    """Return whether the second is worse by less than ``margin``: one of the two tests of :func:`is_equivalent`.

    Args:
        difference: First minus second, where higher scores are better.
        margin: Largest difference that does not matter, in the unit of the difference.
    """
    return difference.inner_high < margin


def items_needed(
    estimate: float,
    standard_error: float,
    n_pairs: int,
    power: float = 0.8,
    alpha: float = 0.05,
    n_clusters: int | None = None,
) -> int | None:
    """Return the number of pairs that would resolve the observed difference with ``power``.

    Further clusters are assumed to be as large and as alike as the observed ones.

    Args:
        estimate: The difference.
        standard_error: Its standard error at ``n_pairs``.
        n_pairs: Observed pairs.
        power: Probability of resolving a difference of this size.
        alpha: Level of the two-sided test, after any correction for multiple tests.
        n_clusters: Observed clusters. None means as many as pairs.

    Returns:
        None if the difference is zero, its spread is unknown, or the observed pairs should have been enough. In the
        last case the test in use is coarser than the formula, and the number is unknown.
    """
    if abs(estimate) < 1e-12:
        return None
    clusters = n_pairs if n_clusters is None else n_clusters
    return _required_pairs(
        abs(estimate) / standard_error if standard_error > 0 else 0.0, n_pairs, clusters, 1 - alpha / 2, power
    )


def _required_pairs(errors: float, n_pairs: int, n_clusters: int, level: float, power: float) -> int | None:
    """Return the pairs needed to detect a distance of ``errors`` standard errors at ``level`` with ``power``.

    See :func:`gapbench.stats.power.required_pairs`.
    """
    if errors <= 0 or n_clusters < MIN_CLUSTERS:
        return None
    # In units of the standard error at n_pairs, a mean over one pair has the variance n_pairs.
    needed = round_up(
        required_pairs(
            errors,
            float(n_pairs),
            level=level,
            power=power,
            pairs_per_cluster=None if n_clusters == n_pairs else n_pairs / n_clusters,
        )
    )
    return needed if needed is not None and needed > n_pairs else None


def pairs_to_decide(
    difference: Difference,
    alpha: float = 0.05,
    margin: float | None = None,
    power: float = 0.8,
    *,
    one_sided: bool = False,
) -> int | None:
    """Return the number of pairs that would settle a difference: resolve it, or show that it is within the margin.

    If the observed difference is inside the margin, this is the smaller of the two numbers. The second follows Julious,
    Stat. Med. 23 (2004) 1921, section 4, with the power split over both sides if there is no difference.

    Args:
        difference: The observed difference.
        alpha: Level of the two-sided test, after any correction for multiple tests.
        margin: Half width of the region that counts as no difference. None means there is no margin.
        power: Probability of settling it.
        one_sided: Test only the upper bound of the margin, as in :func:`is_non_inferior`.

    Returns:
        None if the spread is unknown, if the difference is zero and there is no margin, or if the observed pairs should
        have been enough (:func:`items_needed`).
    """
    n, groups, error = difference.n_pairs, difference.n_clusters, difference.standard_error
    needed = [items_needed(difference.estimate, error, n, power, alpha, groups)]
    room = (
        0.0 if margin is None else margin - (difference.estimate if one_sided else abs(difference.estimate))
    )
    if room > 0 and error > 0:
        # If there is no difference, either of the two tests may miss.
        missed = (1 - power) / (1 if one_sided or abs(difference.estimate) >= 1e-12 else 2)
        # With few clusters, equivalence is tested with the 95 % interval.
        inner = 0.95 if difference.inner_high == difference.high else INNER
        needed.append(_required_pairs(room / error, n, groups, 0.5 + inner / 2, 1 - missed))
    return min((count for count in needed if count is not None), default=None)
