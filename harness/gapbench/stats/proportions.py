"""Shares and counts: their intervals, and the exact tests between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.signedinteger[Any]]
_FINEST = 1_000
"""Sums of clusters are counted in whole numbers up to this."""
_MAX_STEPS = 100_000_000


class Interval(NamedTuple):
    """A two-sided interval. A bound is None where the data cannot give one."""

    low: float | None
    high: float | None


def wilson(share: float, n: float, confidence: float = 0.95) -> Interval:
    """Return Wilson's score interval of a share.

    Wilson, J. Am. Stat. Assoc. 22 (1927) 209. Never has zero width, also at 0 and 1.

    Args:
        share: Observed share.
        n: Observations; an effective number may be fractional. Not above 0: both bounds are None.
        confidence: Nominal coverage.
    """
    if n <= 0:
        return Interval(None, None)
    z = float(special.ndtri(0.5 + confidence / 2))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if share <= 0 else max(0.0, middle - half)
    high = 1.0 if share >= 1 else min(1.0, middle + half)
    return Interval(low, high)


def mean_interval(values: Floats, clusters: Ints, confidence: float = 0.95) -> Interval:
    """Return an interval of the mean of scores in 0 to 1: Wilson's, with the effective number of items.

    The effective number is p(1-p) over the cluster-robust variance of the mean, never more than the
    items there are; with all scores alike it is the number of clusters.
    """
    n = len(values)
    if n == 0:
        return Interval(None, None)
    share = float(values.mean())
    sums, sizes = cluster_sums(values - share, clusters)
    variance = robust_variance(sums, n)
    spread = share * (1 - share)
    effective = float(len(sizes)) if variance <= 0 or spread <= 0 else min(float(n), spread / variance)
    return wilson(share, effective, confidence)


def cluster_sums(values: Floats, clusters: Ints) -> tuple[Floats, Floats]:
    """Return the sum of ``values`` and the number of items in each cluster, empty clusters left out."""
    codes = dense_codes(clusters)
    sizes = np.bincount(codes).astype(np.float64)
    return np.bincount(codes, weights=values).astype(np.float64), sizes


def dense_codes(codes: Ints) -> Ints:
    """Return codes in the same order without gaps: 0 for the least, then 1 for the next that is there.

    As ``numpy.unique`` gives its inverse, and without sorting where the codes are not much larger than they are many.
    """
    if not len(codes):
        return codes.astype(np.int32)
    least = int(codes.min())
    reach = int(codes.max()) - least + 1
    if reach > 4 * len(codes):
        return np.unique(codes, return_inverse=True)[1].astype(np.int32)
    places = codes - least if least else codes
    there = np.zeros(reach, dtype=np.int32)
    there[places] = 1
    found: Ints = np.cumsum(there, out=there)[places]
    found -= 1
    return found


def robust_variance(centred_sums: Floats, n: float) -> float:
    """Return the cluster-robust variance of a mean over ``n`` items: CR1, times G / (G - 1).

    Args:
        centred_sums: Sum of each cluster's deviations from the mean.
        n: Items.
    """
    groups = len(centred_sums)
    if groups < 2:
        return 0.0
    return float(np.square(centred_sums).sum()) / n**2 * groups / (groups - 1)


def tango(
    gains: float,
    losses: float,
    n: float,
    confidence: float = 0.95,
    design_effect: Callable[[float], float] | None = None,
) -> tuple[float, float]:
    """Return Tango's score interval of a difference of paired shares.

    Tango, Stat. Med. 17 (1998) 891. Open also when no pair is discordant.

    Args:
        gains: Share of pairs where only the first is right.
        losses: Share of pairs where only the second is right.
        n: Pairs; an effective number may be fractional.
        confidence: Nominal coverage.
        design_effect: What the variance is multiplied by at a difference (Rao and Scott, Biometrics 48 (1992) 577).
    """
    z = float(special.ndtri(0.5 + confidence / 2))
    point = gains - losses

    def bound(outside: float, sign: float) -> float:
        inside = point
        for _ in range(80):
            middle = (inside + outside) / 2
            if sign * tango_score(gains, losses, n, middle, design_effect) > z:
                outside = middle
            else:
                inside = middle
        return (inside + outside) / 2

    return bound(-1.0, 1.0), bound(1.0, -1.0)


def tango_score(
    gains: float,
    losses: float,
    n: float,
    difference: float,
    design_effect: Callable[[float], float] | None = None,
) -> float:
    """Return how many standard errors, taken at a difference, the one seen lies above it; see :func:`tango`."""
    up, down = gains * n, losses * n
    b = -up - down + (2 * n - up + down) * difference
    c = -down * difference * (1 - difference)
    q = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    variance = (
        n * (2 * q + difference * (1 - difference)) * (design_effect(difference) if design_effect else 1.0)
    )
    shift = up - down - n * difference
    if variance <= 1e-15:
        return 0.0 if abs(shift) <= 1e-12 else math.copysign(math.inf, shift)
    return shift / math.sqrt(variance)


def mcnemar(gains: int, losses: int) -> float:
    """Return the exact two-sided p-value of McNemar's test: a sign test over the discordant pairs.

    Args:
        gains: Pairs where only the first is right.
        losses: Pairs where only the second is right.
    """
    if gains + losses == 0:
        return 1.0
    # Symmetric at one half: twice the smaller tail.
    return min(1.0, 2 * float(special.bdtr(min(gains, losses), gains + losses, 0.5)))


def sign_flip(sums: Floats) -> float | None:
    """Return the exact two-sided p-value of the sign-flip test of clusters' sums of differences.

    Were the two models alike, every sum could as well have had the other sign: the p-value is the share of
    all flips whose total is at least as far from zero (Fisher, The Design of Experiments (1935), section 21).
    For clusters of one pair it is McNemar's. It holds its level for any number of clusters; sums that are not
    symmetric about zero keep it in the limit (Janssen, Stat. Probab. Lett. 36 (1997) 9).

    Args:
        sums: One for each cluster. Large or broken ones are counted in thousandths of the largest.

    Returns:
        None where counting the flips would take seconds.
    """
    largest = float(np.abs(sums).max())
    if largest <= 1e-12:
        return 1.0
    steps = sums if largest <= _FINEST and (np.rint(sums) == sums).all() else sums * (_FINEST / largest)
    whole = np.rint(steps).astype(np.int64)
    sizes = np.sort(np.abs(whole[whole != 0]))
    # The total is the sum less twice what is flipped, so only so much may be flipped in the tail.
    tail = int(sizes.sum() - abs(whole.sum())) // 2
    if tail == 0:
        return float(2.0 ** (1 - len(sizes)))
    if (tail + 1_000) * len(sizes) > _MAX_STEPS:
        return None
    chances = np.zeros(tail + 1)
    chances[0] = 1.0
    for size in sizes:
        chances[size:] += chances[: max(0, tail + 1 - size)]
        chances /= 2
    return min(1.0, 2 * float(chances.sum()))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected for their number by Holm's step-down rule; None stays None.

    Holm, Scand. J. Stat. 6 (1979) 65.
    """
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - rank)))
        corrected[index] = largest
    return corrected
