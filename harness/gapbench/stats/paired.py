"""Paired differences of scores and what they settle."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np
from scipy import special

from gapbench.stats.bootstrap import RESAMPLES, SEED, resample_sums
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
"""Below this many clusters that tell two models apart, a resampled spread is no guide to the true one."""
INNER = 0.93
"""Confidence of the inner interval: each one-sided test of equivalence is made at 3.5 %, so that its false verdicts
stay below 5 % also where scores are near 0 or 1 and clusters are few (benchmarks/coverage.py)."""
FEW_FLIPS = 11
"""From so many clusters that tell, the least p-value of the exact test, 2 / 2^11, is below 0.001: low enough to be called
ahead among many comparisons. Of five clusters it is 0.062, and no gap could ever be told; the score's is used there."""
MIN_CLUSTERS = 5
"""Of fewer, the spread is a guess: a cluster then counts as one pair, and no number of pairs is said to be enough."""
ROUNDS = 60
"""Of halving the way to the number of clusters that asks for itself."""
MIN_DESIGN_EFFECT = 0.5
"""Below it, answers that happen to cancel within their clusters would leave next to no width."""


class Difference(NamedTuple):
    """A paired difference of means, first minus second.

    Attributes:
        estimate: Mean difference over the pairs.
        low: Lower bound of the 95 % interval.
        high: Upper bound of the 95 % interval.
        inner_low: Lower bound of the inner interval, for the two one-sided tests of equivalence.
        inner_high: Upper bound of the inner interval.
        p_value: Two-sided, of no difference.
        standard_error: Cluster-robust. 0 where every cluster shows the same.
        n_pairs: Pairs.
        n_clusters: Clusters.
        method: What made the interval: ``bootstrap-t``, ``score`` or ``quantile``.
        test: What made the p-value: ``McNemar`` (exact, of 0/1 scores of unrelated items), ``sign-flip`` (exact
            as well, of whole clusters), ``score`` (the interval's own, of few clusters), ``bootstrap-t`` or ``t``.
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

    Studentised cluster bootstrap (Cameron, Gelbach and Miller, Rev. Econ. Stat. 90 (2008) 414) where
    enough clusters tell the two apart; else Tango's score interval times the clusters' design effect,
    which stays open when all pairs agree.

    Args:
        first: Scores in 0 to 1.
        second: Scores of the same items.
        clusters: Codes; equal codes are resampled together.
        resamples: Bootstrap draws.
        seed: Of the draws.
    """
    n = len(first)
    if n == 0 or n != len(second) or n != len(clusters):
        msg = f"a paired difference needs as many scores on both sides and at least one: {n}, {len(second)}"
        raise ValueError(msg)
    difference = first - second
    sums, sizes = cluster_sums(difference, clusters)
    estimate = float(difference.mean())
    error = math.sqrt(robust_variance(sums - estimate * sizes, n))
    exact = _binary(first) and _binary(second)
    telling = np.count_nonzero(np.abs(sums) > 1e-12)
    if telling < FEW_DISCORDANT or error <= 1e-12:
        score = _Score.of(difference, sums, sizes)
        if telling < FEW_FLIPS and score.design_effect is not None:
            p, test = score.p_value(), "score"
        else:
            found = _exact_test(difference, sums, exact)
            assert found is not None, "few clusters, or all alike, are counted at once"
            p, test = found
        outer = score.interval(0.95)
        # Of few clusters the design effect is a guess: equivalence is then tested with the interval itself.
        inner = score.interval(INNER) if len(sizes) == n else outer
        return Difference(estimate, *outer, *inner, p, error, n, len(sizes), "score", test)
    score_low, score_high = _Score.of(difference, sums, sizes).interval(INNER)
    # Symmetric: the quantile of |t| corrects for skew about as well and keeps interval and p-value at one.
    # Never below Student's own, which it falls short of where few clusters carry the sum.
    free = len(sizes) - 1
    drawn = _studentised(sums, sizes, estimate, resamples, seed)
    size = np.sort(np.abs(drawn))
    width, inner_width = (
        max(float(np.quantile(size, level)), float(special.stdtrit(free, 0.5 + level / 2)))
        for level in (0.95, INNER)
    )
    # Each of the two one-sided tests has a tail of its own: skew makes one of them the longer, and near 0 and 1
    # the score interval knows the bound that the draws do not.
    lower, upper = (float(bound) for bound in np.quantile(drawn, [(1 - INNER) / 2, (1 + INNER) / 2]))
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
    """Tango's score, its variance times what the clusters add to it.

    Variance and design effect are those at the gap that is tried, as in any score test. At the gap seen, the
    design effect is least where by chance no cluster with a large gap was drawn, and the interval misses.
    Partial credit enters as its mean gains and losses, which only widens the interval.

    Sums of a few right and wrong answers are often the same in all of a few clusters. Student's t would then be without
    bound, so its error is never less than :data:`MIN_DESIGN_EFFECT` leaves to pairs that know nothing of each other.
    """

    gains: float
    losses: float
    n: int
    groups: int
    design_effect: Callable[[float], float] | None
    least_error: float

    @classmethod
    def of(cls, difference: Floats, sums: Floats, sizes: Floats) -> Self:
        """Return that of differences, of their clusters' sums and of the clusters' sizes."""
        n, groups = len(difference), len(sizes)
        gains, losses = (float(np.maximum(sign * difference, 0).sum()) / n for sign in (1, -1))
        if groups == n or groups < MIN_CLUSTERS:
            # Clusters as alike as they may be are worth one pair each. So few show by chance that they are not.
            return cls(gains, losses, groups, groups, None, 0.0)
        together = float(sums @ sums), float(sums @ sizes), float(sizes @ sizes)
        apart = float(difference @ difference), float(sums.sum()), float(n)

        def design_effect(gap: float) -> float:
            of_clusters, of_pairs = (a - 2 * gap * b + gap * gap * c for a, b, c in (together, apart))
            return max(MIN_DESIGN_EFFECT, of_clusters / of_pairs) if of_pairs > 1e-12 else together[2] / n

        within = MIN_DESIGN_EFFECT * float(difference.var(ddof=1)) / n
        return cls(gains, losses, n, groups, design_effect, math.sqrt(within))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the gaps whose score is not critical."""
        if self.design_effect is None:
            if self.groups < MIN_CLUSTERS:
                free = max(self.groups - 1, 1)
                confidence = 2 * float(special.ndtr(special.stdtrit(free, 0.5 + confidence / 2))) - 1
            return tango(self.gains, self.losses, self.n, confidence)
        # Student's t with its squares taken at the gap tried, not at the mean, has this for its critical value.
        t = float(special.stdtrit(self.groups - 1, 0.5 + confidence / 2))
        critical = t * math.sqrt(self.groups / (self.groups - 1 + t * t))
        normal = 2 * float(special.ndtr(critical)) - 1
        low, high = tango(self.gains, self.losses, self.n, normal, self.design_effect)
        gap, width = self.gains - self.losses, t * self.least_error
        return max(-1.0, min(low, gap - width)), min(1.0, max(high, gap + width))

    def p_value(self) -> float:
        """Return the two-sided p-value of no gap over clusters: below 5 % where the 95 % interval leaves zero out."""
        squared = tango_score(self.gains, self.losses, self.n, 0.0, self.design_effect) ** 2
        # The inverse of the critical value above; the square reaches the number of clusters where all sums are alike.
        t = math.sqrt(squared * (self.groups - 1) / max(self.groups - squared, 1e-9))
        if self.least_error <= 0:
            # Every pair says the same: all that is known is that as many clusters point one way.
            return float(max(2 * special.stdtr(self.groups - 1, -t), 0.5**self.groups))
        t = min(t, abs(self.gains - self.losses) / self.least_error)
        return 2 * float(special.stdtr(self.groups - 1, -t))


def _exact_test(difference: Floats, sums: Floats, exact: bool) -> tuple[float, str] | None:
    """Return the p-value of McNemar's test or, of clusters or partial credit, the sign-flip test; None: too long."""
    if exact and len(sums) == len(difference):
        return mcnemar(int((difference > 0).sum()), int((difference < 0).sum())), "McNemar"
    p = sign_flip(sums)
    return None if p is None else (p, "sign-flip")


def shift(difference: Difference, by: float) -> Difference:
    """Return a difference moved by a known bias, its p-value with it; its spread stays.

    The p-value is read as a normal deviate and moved by as much as the estimate, in standard errors.
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
        margin: Half width of the region that makes no difference, in the difference's own unit.
    """
    return -margin < difference.inner_low and difference.inner_high < margin


def is_non_inferior(difference: Difference, margin: float) -> bool:
    """Return whether the second is worse by less than ``margin``: one of the two tests of :func:`is_equivalent`.

    Args:
        difference: First minus second, of scores of which the higher is better.
        margin: What makes no difference, in the difference's own unit.
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
    """Return the pairs that would resolve the observed difference with ``power``.

    Clusters are taken to be as large and as alike as those seen. None: the difference is zero, its spread is not known,
    or the pairs at hand should have done: then the test in use is coarser than the formula, and the number is not known.

    Args:
        estimate: The difference.
        standard_error: Its standard error at ``n_pairs``.
        n_pairs: Pairs seen.
        power: Chance of resolving a difference of this size.
        alpha: Level of the two-sided test, after any correction for other tests.
        n_clusters: Clusters seen. None: as many as pairs.
    """
    if abs(estimate) < 1e-12:
        return None
    clusters = n_pairs if n_clusters is None else n_clusters
    return _required_pairs(
        abs(estimate) / standard_error if standard_error > 0 else 0.0, n_pairs, clusters, 1 - alpha / 2, power
    )


def _required_pairs(errors: float, n_pairs: int, n_clusters: int, level: float, power: float) -> int | None:
    """Return the pairs from which a distance of ``errors`` standard errors is seen at ``level`` with ``power``.

    Student's t over the clusters that there would be then, found by going through their number: with few it is much
    longer than the normal's.
    """
    if errors <= 0 or n_clusters < MIN_CLUSTERS:
        return None
    wanted = float(special.ndtri(level) + special.ndtri(power))
    clusters = max(2.0, n_clusters * (wanted / errors) ** 2)
    for _ in range(ROUNDS):
        free = max(clusters - 1, 1.0)
        wanted = float(special.stdtrit(free, level) + special.stdtrit(free, power))
        clusters = (clusters + max(2.0, n_clusters * (wanted / errors) ** 2)) / 2
    pairs = math.ceil(clusters * n_pairs / n_clusters - 1e-6)
    return pairs if pairs > n_pairs else None


def pairs_to_decide(
    difference: Difference,
    alpha: float = 0.05,
    margin: float | None = None,
    power: float = 0.8,
    *,
    one_sided: bool = False,
) -> int | None:
    """Return the pairs that would settle a difference: resolve it, or put it within the margin.

    The smaller of the two where the difference seen is inside the margin; the second by Julious, Stat. Med.
    23 (2004) 1921, section 4, with the power split over both sides at no difference.

    Args:
        difference: The difference seen.
        alpha: Level of the two-sided test, after any correction for other tests.
        margin: Half width of the region that makes no difference. None: none is given.
        power: Chance of settling it.
        one_sided: The margin's upper bound alone is asked for, as by :func:`is_non_inferior`.

    Returns:
        None: the spread is not known, or the difference is zero and there is no margin, or the pairs at hand should have
        done (:func:`items_needed`).
    """
    n, groups, error = difference.n_pairs, difference.n_clusters, difference.standard_error
    needed = [items_needed(difference.estimate, error, n, power, alpha, groups)]
    room = (
        0.0 if margin is None else margin - (difference.estimate if one_sided else abs(difference.estimate))
    )
    if room > 0 and error > 0:
        # At no difference either of the two tests may miss.
        missed = (1 - power) / (1 if one_sided or abs(difference.estimate) >= 1e-12 else 2)
        # Of few clusters equivalence is tested with the 95 % interval itself.
        inner = 0.95 if difference.inner_high == difference.high else INNER
        needed.append(_required_pairs(room / error, n, groups, 0.5 + inner / 2, 1 - missed))
    return min((count for count in needed if count is not None), default=None)
