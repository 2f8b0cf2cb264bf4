"""Paired differences of scores: intervals, p-values, equivalence tests and sample sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from scipy import special

from gapbench.stats.bootstrap import RESAMPLES, SEED, resample_sums
from gapbench.stats.power import MIN_CLUSTERS, ROUNDS, required_pairs, round_up
from gapbench.stats.proportions import (
    FEW_WEIGHTED,
    Floats,
    Ints,
    cluster_sums,
    dense_codes,
    robust_variance,
)
from gapbench.stats.score_test import ScoreTest, WeightedScoreTest
from gapbench.stats.studentised_test import StudentisedTest
from gapbench.stats.survey_design import Design

CONFIDENCE = 0.95
"""Confidence of an interval that is not corrected for several tests."""
FEW_DISCORDANT = 30
"""With fewer clusters in which the models differ, the bootstrap does not estimate the spread reliably."""
INNER = 0.93
"""Confidence of the inner interval. Each one-sided test of the regression gate is made at 3.5 %, so that its error rate
stays below 5 % even if scores are near 0 or 1 and there are few clusters (benchmarks/coverage.py)."""
_DECIMALS = 12
"""Differences are rounded to this many decimals, so that 0.3 - 0.1 equals 0.2."""


class Evidence(Protocol):
    """A test of a difference that can be made at every level."""

    def p_value(self, value: float = 0.0, /) -> float:
        """Return the two-sided p-value of a hypothesized difference."""
        ...

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Return the smallest and the largest difference that are not rejected at ``1 - confidence``."""
        ...


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference, first minus second. The p-value and all intervals come from one test.

    Attributes:
        estimate: Mean difference over the pairs.
        low: Lower bound of the 95 % interval.
        high: Upper bound of the 95 % interval.
        inner_low: Lower bound of the inner interval, for the one-sided tests of the regression gate.
        inner_high: Upper bound of the inner interval.
        p_value: Two-sided p-value of the hypothesis of no difference: below 5 % exactly if the 95 % interval excludes 0.
        standard_error: Cluster-robust. 0 if all clusters show the same difference.
        n_pairs: Number of pairs.
        n_clusters: Number of clusters.
        method: Method of the interval: ``score``, ``bootstrap-t``, ``quantile``, or with weights ``linearised``.
        test: Test of the p-value: ``score``, ``bootstrap-t``, ``bootstrap`` or ``t``.
        evidence: The test behind the p-value and the intervals, before ``offset`` is added.
        offset: What :func:`shift` added to the estimate.
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
    evidence: Evidence = field(compare=False, repr=False)
    offset: float = 0.0

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Return the interval at another confidence, such as one corrected for several tests."""
        low, high = self.evidence.interval(confidence)
        return low + self.offset, high + self.offset


def paired_difference(
    first: Floats,
    second: Floats,
    clusters: Ints,
    design: Design | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Difference:
    """Return the mean of ``first - second`` over pairs with its 95 % interval.

    For right and wrong answers to independent items, and if the scores differ in few clusters, this is the score test
    (:class:`gapbench.stats.score_test.ScoreTest`) and its inversion. Otherwise it is a studentised cluster bootstrap
    (Cameron, Gelbach and Miller, Rev. Econ. Stat. 90 (2008) 414).

    With weights, estimate and standard error are those of :meth:`gapbench.stats.survey_design.Design.estimate`. The test is
    then the score test with the effective number of pairs, or for partial credit Student's t. Where few pairs decide, that
    number is at most Kish's.

    Args:
        first: Scores in 0 to 1.
        second: Scores of the same items.
        clusters: Cluster code of each item; items of one cluster are resampled together.
        design: Weights and strata of the items. None: each counts once.
        resamples: Bootstrap draws.
        seed: Seed of the draws.

    Raises:
        ValueError: There are no scores, the arrays differ in length, or a score is outside 0 to 1.
    """
    n = len(first)
    if n == 0 or n != len(second) or n != len(clusters):
        msg = (
            f"a paired difference needs at least one score and equally many on both sides: {n}, {len(second)}"
        )
        raise ValueError(msg)
    for scores in (first, second):
        if not (scores.min() >= 0 and scores.max() <= 1):
            msg = f"scores are 0 to 1; found {float(scores.min()):g} to {float(scores.max()):g}"
            raise ValueError(msg)
    difference = np.round(first - second, _DECIMALS)
    if design is not None:
        return _weighted_difference(
            difference, clusters, design, is_binary=_is_binary(first) and _is_binary(second)
        )
    sums, sizes = cluster_sums(difference, clusters)
    estimate = float(np.round(difference.mean(), _DECIMALS))
    error = math.sqrt(robust_variance(sums - estimate * sizes, n))
    if error <= 10.0**-_DECIMALS:
        error = 0.0
    binary = _is_binary(first) and _is_binary(second)
    is_independent = len(sizes) == n
    differing = np.count_nonzero(np.abs(sums) > 10.0**-_DECIMALS)
    if (binary and is_independent) or differing < FEW_DISCORDANT or not error:
        score = ScoreTest(difference, sums, sizes, error)
        outer = score.interval(CONFIDENCE)
        # With few clusters the design effect is only a guess, so the gate uses the outer interval.
        inner = score.interval(INNER) if is_independent else outer
        return Difference(
            estimate, *outer, *inner, score.p_value(), error, n, len(sizes), "score", "score", score
        )
    errors = _studentised(sums, sizes, estimate, resamples, seed)
    # Symmetric: the quantile of |t| corrects for skew about as well as one for each tail. Never below Student's t,
    # which the bootstrap's quantile falls short of if few clusters dominate the sum.
    test = StudentisedTest(estimate, error, len(sizes) - 1, np.sort(np.abs(errors)), -1.0, 1.0)
    inner_low, inner_high = test.interval(INNER)
    # Each one-sided test uses its own tail, since skew makes one longer than the other.
    lower, upper = (float(bound) for bound in np.quantile(errors, [(1 - INNER) / 2, (1 + INNER) / 2]))
    inner_low = max(-1.0, min(inner_low, estimate - upper * error))
    inner_high = min(1.0, max(inner_high, estimate - lower * error))
    if binary:
        # Near 0 and 1 the score interval respects the bound of the scores, which the draws do not.
        score_low, score_high = ScoreTest(difference, sums, sizes, error).interval(INNER)
        inner_low, inner_high = min(inner_low, score_low), max(inner_high, score_high)
    low, high = test.interval(CONFIDENCE)
    return Difference(
        estimate,
        low,
        high,
        inner_low,
        inner_high,
        test.p_value(),
        error,
        n,
        len(sizes),
        "bootstrap-t",
        "bootstrap-t",
        test,
    )


def _weighted_difference(
    difference: Floats, clusters: Ints, design: Design, *, is_binary: bool
) -> Difference:
    found = design.estimate(difference, clusters)
    error = found.standard_error
    sums, _ = cluster_sums(difference, clusters)
    differs = np.abs(sums) > 10.0**-_DECIMALS
    is_scarce = np.count_nonzero(differs) < FEW_DISCORDANT
    is_few = (
        is_scarce
        or found.is_uneven
        or design.effective_share(differs[dense_codes(clusters)], clusters) < FEW_WEIGHTED
    )
    test: Evidence
    spread = design.mean(difference**2) - found.mean**2
    if is_binary or is_scarce or not error:
        effective = spread / error**2 if error else found.effective
        if is_few:
            # Which weights so few have is chance: the variance is as likely far too small as too large.
            effective = min(effective, found.effective)
        test = WeightedScoreTest(
            difference, design.weights, effective=effective, degrees=found.degrees, error=error
        )
        method = "score"
    else:
        if is_few:
            # As for right and wrong answers: never a smaller error than that of Kish's number of items.
            error = max(error, math.sqrt(spread / found.effective))
        test = StudentisedTest(found.mean, error, found.degrees, None, -1.0, 1.0)
        method = "linearised"
    outer = test.interval(CONFIDENCE)
    inner = outer if is_scarce else test.interval(INNER)
    name = "score" if method == "score" else "t"
    return Difference(
        found.mean, *outer, *inner, test.p_value(), error, len(difference), found.clusters, method, name, test
    )


def _is_binary(scores: Floats) -> bool:
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


def shift(difference: Difference, by: float) -> Difference:
    """Return a difference shifted by a known bias. Estimate, bounds and p-value change; the standard error does not."""
    if not by:
        return difference
    offset = difference.offset + by
    return replace(
        difference,
        estimate=difference.estimate + by,
        low=difference.low + by,
        high=difference.high + by,
        inner_low=difference.inner_low + by,
        inner_high=difference.inner_high + by,
        p_value=difference.evidence.p_value(-offset),
        offset=offset,
    )


def is_equivalent(difference: Difference, margin: float, confidence: float = CONFIDENCE) -> bool:
    """Return whether the interval lies within ``margin`` of zero.

    These are two one-sided tests, each at half of ``1 - confidence``: Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987)
    657.

    Args:
        difference: The difference.
        margin: Half width of the region that counts as no difference, in the unit of the difference.
        confidence: Confidence of the interval.
    """
    low, high = difference.interval(confidence)
    return -margin < low and high < margin


def is_non_inferior(difference: Difference, margin: float, confidence: float = CONFIDENCE) -> bool:
    """Return whether the second is worse by less than ``margin``: one of the two tests of :func:`is_equivalent`.

    Args:
        difference: First minus second, where higher scores are better.
        margin: Largest difference that does not matter, in the unit of the difference.
        confidence: Confidence of the interval.
    """
    return difference.interval(confidence)[1] < margin


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
        needed.append(_required_pairs(room / error, n, groups, 1 - alpha / 2, 1 - missed))
    elif room > 0 and groups >= MIN_CLUSTERS and abs(difference.estimate) < 1e-12:
        needed.append(_agreeing_pairs(room, n, groups, 1 - alpha / 2))
    return min((count for count in needed if count is not None), default=None)


def _agreeing_pairs(margin: float, n_pairs: int, n_clusters: int, level: float) -> int | None:
    """Return the pairs that put the score interval inside the margin if all of them agree, as the observed ones do.

    Over N clusters its bound is t² / (N - 1 + t²).
    """
    clusters = float(n_clusters)
    for _ in range(ROUNDS):
        t = float(special.stdtrit(max(clusters - 1, 1.0), level))
        clusters = 1 + t * t * (1 - margin) / margin
    pairs = math.floor(clusters * n_pairs / n_clusters) + 1
    return pairs if pairs > n_pairs else None
