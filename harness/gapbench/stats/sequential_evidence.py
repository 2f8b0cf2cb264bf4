"""An always-valid interval: one may look after every cluster, as often as one likes, and stop at any time.

Bets against a hypothesized gap g (Waudby-Smith and Ramdas, J. R. Stat. Soc. B 86 (2024) 1; Ville's inequality). A cluster
with sum of differences s over k pairs multiplies the capital of bet b by ``1 + b (s - g k)``. If the clusters are drawn
at random and the mean gap is at most g, the expected factor is at most 1 for every b >= 0, whatever the distribution of
the scores and however alike the pairs of a cluster are. So the mean capital over a fixed set of bets is an e-process: the
probability that it ever reaches 40 is at most 1/40. The gaps for which neither side reaches 40 are a 95 % confidence
sequence.

For 0/1 scores of independent items and a gap of zero this is a sequential probability ratio test with a mixture of
alternatives on the discordant pairs (Robbins, Ann. Math. Stat. 41 (1970) 1397). The order of the clusters does not
affect the result.
"""

from __future__ import annotations

import math

import numpy as np

from gapbench.stats.proportions import Floats

BETS = 96
"""Number of bets. Any number is valid; with fewer, some gaps would be found later."""
SMALLEST_BET = 1e-3
"""Smallest bet as a share of the largest: enough to find a gap of a tenth of a point."""
CONCENTRATION = 9.0
"""Half of the capital starts as a Beta(10, 10) density of the winner's share among discordant pairs, which is best at
gaps of 5 to 15 points. The other half starts uniform, for clusters, partial credit and larger gaps."""
STEPS = 50
"""Bisections of a bound: more than enough for double precision."""


def bets() -> tuple[Floats, Floats]:
    """Return the bets as shares of the largest possible one, and the capital that starts on each; both fixed in advance."""
    edges = np.geomspace(SMALLEST_BET, 1.0, BETS + 1)
    centers, widths = np.sqrt(edges[1:] * edges[:-1]), np.diff(edges)
    near = (1 - centers**2) ** CONCENTRATION * widths
    even = widths / widths.sum()
    return centers, 0.5 * near / near.sum() + 0.5 * even


def evidence_path(sums: Floats, sizes: Floats, gap: float, largest: int) -> Floats:
    """Return the logarithm of the evidence against a mean gap of ``gap`` or less, after each cluster.

    Args:
        sums: Sum of the differences in each cluster, each difference -1 to 1; the last axis is the order of the looks.
        sizes: Pairs in each cluster, of the same shape.
        gap: The hypothesized gap, above -1.
        largest: Pairs in the largest cluster of the plan, known before the first look.
    """
    shares, capital = bets()
    # The largest bet that cannot lose more than everything, at a cluster in which the second wins each pair.
    outcomes = (sums - gap * sizes) / (largest * (1 + gap))
    growth = np.cumsum(np.log1p(outcomes[..., None] * shares), axis=-2) + np.log(capital)
    most = growth.max(axis=-1)
    path: Floats = most + np.log(np.exp(growth - most[..., None]).sum(axis=-1))
    return path


def confidence_sequence(
    sums: Floats, sizes: Floats, largest: int, alpha: float = 0.05
) -> tuple[float, float]:
    """Return the interval of the mean gap that is valid at every look.

    Args:
        sums: As for :func:`evidence_path`, one axis, in any order.
        sizes: As for :func:`evidence_path`.
        largest: As for :func:`evidence_path`.
        alpha: Probability that the gap is ever outside; each side gets half.

    Raises:
        ValueError: A cluster is larger than ``largest``.
    """
    distinct, counts = np.unique(np.stack([sums, sizes], axis=1), axis=0, return_counts=True)
    threshold = math.log(2 / alpha)
    shares, capital = bets()

    def is_rejected(gap: float, sign: float) -> bool:
        outcomes = (sign * distinct[:, 0] - gap * distinct[:, 1]) / (largest * (1 + gap))
        growth = counts @ np.log1p(outcomes[:, None] * shares[None, :])
        return float(np.logaddexp.reduce(np.log(capital) + growth)) >= threshold

    def bound(sign: float) -> float:
        # The evidence against "at most g" falls as g rises, so the bound is where it crosses the threshold.
        low, high = -1.0 + 1e-9, 1.0
        if not len(distinct) or not is_rejected(low, sign):
            return -1.0
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (middle, high) if is_rejected(middle, sign) else (low, middle)
        return low

    if len(distinct) and float(distinct[:, 1].max()) > largest:
        raise ValueError(f"a cluster has {distinct[:, 1].max():g} pairs, more than the {largest} planned")
    return bound(1.0), -bound(-1.0)
