"""How many pairs a comparison needs, and which gap a number of pairs can detect: before a run, and after one.

Every figure of this kind in gapbench comes from :func:`required_pairs` and :func:`detectable_gap`. For 0/1 scores the
variance of a paired difference is the share of pairs that differ (the discordance psi), less the squared gap. Without
the last term, which is negligible at the gaps that matter here and errs to the safe side, the pairs for McNemar's test
are::

    n = (z(1 - alpha/2) + z(power))^2 psi / gap^2

(Connor, Biometrics 43 (1987) 207, formula 3 with psi for both variances; McNemar, Psychometrika 12 (1947) 153).
Clusters multiply the variance by the design effect 1 + (m - 1) icc (Kish, Survey Sampling, 1965), where m is the mean size
of the cluster that a pair is in, and the quantiles become those of Student's t with as many degrees of freedom as
clusters, less one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import special

ALPHA = 0.05
"""Level of a two-sided test."""
POWER = 0.8
"""Probability of detecting a gap that is there."""
DISCORDANCE = 0.2
"""Share of pairs that differ, where nothing was measured yet: typical of two strong models."""
ICC = 0.2
"""Correlation of two differences of one cluster, where nothing was measured yet."""
MIN_CLUSTERS = 5
"""With fewer clusters the spread is only a guess: a cluster then counts as one pair, and no sample size is given."""
EQUIVALENCE_LEVEL = 1 - ALPHA / 2
"""One-sided confidence of each of the two tests of equivalence; see :func:`gapbench.stats.paired.is_equivalent`."""
ROUNDS = 60
"""Iterations of the fixed-point search for the number of clusters."""


def design_effect(sizes: Sequence[float], icc: float) -> float:
    """Return by how much clusters inflate the variance of a mean.

    Args:
        sizes: Pairs in each cluster.
        icc: Correlation of two differences of one cluster.
    """
    total = sum(sizes)
    if not total:
        return 1.0
    return 1 + (sum(size * size for size in sizes) / total - 1) * icc


def required_pairs(
    distance: float,
    variance: float,
    *,
    level: float = 1 - ALPHA / 2,
    power: float = POWER,
    pairs_per_cluster: float | None = None,
) -> float | None:
    """Return the number of pairs, not rounded, with which a test detects a distance from its hypothesis.

    Args:
        distance: Distance of the true gap from the hypothesized one, 0 to 1.
        variance: Variance of a mean over the pairs, times the pairs: for independent 0/1 scores the discordance, times
            the design effect for clusters.
        level: One-sided confidence of the test; for a two-sided test at 5 %, 0.975.
        power: Probability of detecting it.
        pairs_per_cluster: Mean pairs in a cluster. None: the pairs are independent, and the quantiles are normal.

    Returns:
        None if there is no distance to detect.
    """
    if distance <= 0 or variance <= 0:
        return None
    wanted = float(special.ndtri(level) + special.ndtri(power))
    pairs = variance * (wanted / distance) ** 2
    if pairs_per_cluster is None:
        return pairs
    for _ in range(ROUNDS):
        pairs = (pairs + variance * (_t_sum(pairs / pairs_per_cluster, level, power) / distance) ** 2) / 2
    return pairs


def detectable_gap(
    pairs: float,
    variance: float,
    *,
    level: float = 1 - ALPHA / 2,
    power: float = POWER,
    pairs_per_cluster: float | None = None,
) -> float | None:
    """Return the smallest gap that a number of pairs detects; the inverse of :func:`required_pairs`.

    Returns:
        0 to 1. None: there are no pairs or too few clusters, or not even a gap of 1 is detected.
    """
    if pairs <= 0:
        return None
    if pairs_per_cluster is None:
        wanted = float(special.ndtri(level) + special.ndtri(power))
    elif pairs / pairs_per_cluster < MIN_CLUSTERS:
        return None
    else:
        wanted = _t_sum(pairs / pairs_per_cluster, level, power)
    gap = wanted * math.sqrt(variance / pairs)
    return gap if gap <= 1 else None


def detectable_change(
    tolerated: float,
    slack: float,
    clusters: int,
    *,
    level: float,
    power: float = POWER,
    seen: float | None = None,
) -> float | None:
    """Return the smallest worsening that a one-sided gate detects, by the noise behind its bound.

    The gate fails if the bound of the change is beyond what is tolerated, so a true worsening must exceed that by the noise of
    both kinds of error. With t the quantiles of Student's t with as many degrees of freedom as clusters, less one, the bound
    is ``t(level)`` standard errors from the estimate, and::

        worsening = tolerated + (t(level) + t(power)) error

    For shares the worsening itself adds noise: each item that breaks differs between the two runs. A share d of items that
    break beyond those that were seen adds ``d (1 - d) / clusters`` to the squared error.

    Args:
        tolerated: The worsening that does not fail. Negative: an improvement is required.
        slack: Distance of the tested bound from the estimate, in the same unit.
        clusters: Independent sources behind the estimate.
        level: One-sided confidence of the bound.
        power: Probability of detecting it.
        seen: For shares, in points: the worsening that was seen (negative: an improvement). None: not a share.

    Returns:
        In the unit of ``tolerated``. None if there are too few clusters, or if not even the loss of all is detected.
    """
    if clusters < MIN_CLUSTERS or not math.isfinite(slack):
        return None
    wanted = _t_sum(clusters, level, power)
    error = slack / float(special.stdtrit(clusters - 1, level))
    if seen is None:
        return tolerated + wanted * error
    found = 50.0  # From above: with no error at all, no worsening at all would solve the equation too.
    for _ in range(ROUNDS):
        more = min(max(found - max(seen, 0.0), 0.0), 100.0)
        found = tolerated + wanted * math.sqrt(error**2 + more * (100 - more) / clusters)
    return found if found <= 100 else None


def _t_sum(clusters: float, level: float, power: float) -> float:
    """Return the sum of the two quantiles of Student's t with a number of clusters."""
    free = max(clusters - 1, 1.0)
    return float(special.stdtrit(free, level) + special.stdtrit(free, power))


def pairs_for_equivalence(
    margin: float, variance: float, *, power: float = POWER, pairs_per_cluster: float | None = None
) -> float | None:
    """Return the pairs that show two equal models to be equivalent within a margin.

    Julious, Stat. Med. 23 (2004) 1921, section 4: with no true gap either of the two one-sided tests may miss.

    Args:
        margin: Half width of the region that counts as no difference, 0 to 1.
        variance: As for :func:`required_pairs`.
        power: Probability of showing it.
        pairs_per_cluster: As for :func:`required_pairs`.
    """
    missed = (1 - power) / 2
    return required_pairs(
        margin, variance, level=EQUIVALENCE_LEVEL, power=1 - missed, pairs_per_cluster=pairs_per_cluster
    )


def round_up(pairs: float | None) -> int | None:
    """Return a whole number of pairs. None stays None."""
    return None if pairs is None else math.ceil(pairs - 1e-6)
