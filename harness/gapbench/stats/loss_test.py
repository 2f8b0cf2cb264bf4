"""A test that a mean loss is below a margin, valid with any number of clusters: a game whose bets aim at the last cluster.

H0: the weighted mean loss is at least the margin, E[S] >= margin E[W], for a cluster with sum of weighted losses S and sum of
weights W. A cluster multiplies the capital of a bet b by ``1 + b (margin W - S) / L``, where L is the largest S that a cluster
could have. Under H0 the expected factor is at most 1 whatever b is, if b is chosen before the cluster is seen, so the capital is a
supermartingale and reaches 20 with a probability of at most 5 % (Ville). This is testing by betting (Waudby-Smith and Ramdas,
J. R. Stat. Soc. B 86 (2024) 1, arXiv 2010.09686). No distribution is assumed. Both sides of a ratio stand in one sum, so
clusters of unequal size or weight need no approximation.

What is assumed: the clusters are drawn independently from the traffic, in proportion to the inverse of their weights, and
the order in which they are played is random. No cluster can lose more than L, the weight of its tasks that a policy could lose,
which must be known from the design; a caller that takes the largest of the sample assumes that the traffic has no larger one. Strata of fixed sizes are not covered by the proof
(the last clusters of a stratum are not independent of the first); benchmarks/tiers_guarantee.py simulates them.

The bets: with the number of clusters known, the capital that a fixed-sample test deserves is the price of an option that pays
1/level if the test rejects. Its delta for normal sums is the bet ``phi(z) / (q sd sqrt(left))`` with q the share of the goal that has
been reached, z its normal quantile, and ``left`` the clusters to come. The same idea with a bound in place of the delta is
Voracek and Orabona, arXiv 2505.22422. It loses little to the normal test, where a bet that is fixed in advance needs two to
three times as many samples. The bets may be poor, for instance because losses are far from normal; the test stays valid.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from gapbench.stats.proportions import Floats

OVERSHOOT = 1.1
"""The bets aim at so many times the goal. A goal that is aimed at exactly is approached and never reached."""
MAX_STEPS = 20_000
"""With more clusters, several are played as one."""
_ALMOST = 1 - 1e-12


def loss_evidence(
    loss_sums: Floats,
    weight_sums: Floats,
    margin: float,
    *,
    largest_loss: Floats,
    variance: Floats,
    variance_clusters: float,
    least_variance: Floats,
    level: float = 0.05,
) -> Floats:
    """Return the largest capital of the game against each of several policies, at most 1/level.

    The loss of a policy is shown to be below the margin, with an error of at most ``level``, if its capital is 1/level. The
    inverse of the capital is a p-value.

    Args:
        loss_sums: Sum of weight times loss in each cluster, each loss -1 to 1; shape (clusters, policies), in random order.
        weight_sums: Sum of the weights in each cluster, shape (clusters,).
        margin: The loss that is tolerated, above 0 and below 1.
        largest_loss: Largest weighted loss that a cluster could have, shape (policies,): the most weight in one cluster of
            tasks that the policy could lose.
        variance: Mean square of ``margin W - S`` on other clusters, shape (policies,). The bets start from it.
        variance_clusters: Number of those clusters.
        least_variance: Least mean square if the loss were at the margin, shape (policies,). A policy without a single loss
            so far is not taken for one that cannot lose.
        level: Chance that a policy whose loss is at least the margin reaches 1/level.

    Raises:
        ValueError: The margin is not between 0 and 1, or a cluster lost more than ``largest_loss`` or than it weighs.
    """
    if not 0 < margin < 1:
        raise ValueError(f"the margin is {margin:g}; it is between 0 and 1")
    most = np.minimum(largest_loss, weight_sums[:, np.newaxis])
    if (loss_sums > most * (1 + 1e-9)).any():
        raise ValueError("a cluster lost more than the largest loss that it could have, or than it weighs")
    gains = (margin * weight_sums[:, np.newaxis] - loss_sums) / largest_loss
    scale, least = np.asarray(variance) / largest_loss**2, np.asarray(least_variance) / largest_loss**2
    together = -(-len(gains) // MAX_STEPS)
    if together > 1:
        starts = np.arange(0, len(gains), together)
        # The sum of k clusters has k times the variance; divided by k, its bound is that of a single cluster again.
        gains = np.add.reduceat(gains, starts, axis=0) / together
        scale, least = scale / together, least / together
        variance_clusters /= together
    return _play(gains, 1 / (1 - margin), scale, variance_clusters, least, 1 / level)


def _play(
    gains: Floats, largest_bet: float, variance: Floats, variance_clusters: float, least: Floats, goal: float
) -> Floats:
    """Return the largest capital of each policy, by columns of gains, at most the goal."""
    count, policies = gains.shape
    capital, best = np.ones(policies), np.ones(policies)
    seen = np.maximum(variance_clusters + np.arange(count), 1)[:, np.newaxis]
    squares = variance * variance_clusters + np.cumsum(gains**2, axis=0) - gains**2
    left = (count - np.arange(count))[:, np.newaxis]
    scales = np.sqrt(2 * math.pi * left * np.maximum(squares / seen, np.maximum(least, 1e-12)))
    # A policy that has reached the goal stops.
    largest = np.full(policies, largest_bet)
    for gain, scale in zip(gains, scales, strict=True):
        reached = np.minimum(np.maximum(capital / (goal * OVERSHOOT), 1e-12), _ALMOST)
        z = special.ndtri(reached)
        bet = np.minimum(np.exp(-0.5 * z * z) / (reached * scale), largest)
        capital = np.maximum(capital * (1 + bet * gain), 0.0)
        best = np.maximum(best, capital)
        done = best >= goal * _ALMOST
        if done.any():
            largest[done] = 0.0
            if done.all():
                break
    return np.where(best >= goal * _ALMOST, goal, best)


def clusters_for_zero_losses(margin: float, level: float = 0.05, largest_loss: float = 1.0) -> int:
    """Return the clusters with which a policy that never loses is shown to lose less than the margin.

    With fewer, no valid test can: a loss at the margin could stand in the clusters that can lose most, and none of these be seen
    with a chance of more than ``level``.

    Args:
        margin: The loss that is tolerated.
        level: Chance of an error.
        largest_loss: Largest weighted loss that a cluster could have, relative to the mean weight of a cluster.
    """
    return math.ceil(math.log(1 / level) / math.log1p(margin / (1 - margin) / largest_loss))
