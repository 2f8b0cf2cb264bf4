"""A quotient of two totals over the same items, such as dollars per correct task."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from gapbench.stats.bootstrap import RESAMPLES, SEED
from gapbench.stats.proportions import Floats, Interval, Ints, cluster_sums, robust_variance


def ratio_interval(above: Floats, below: Floats, clusters: Ints, confidence: float = 0.95) -> Interval:
    """Return an interval of a total over a total, both summed over the same items.

    Linearised (delta method) on the logarithm, cluster-robust, with Student's t on one less than the clusters:
    Cochran, Sampling Techniques (1977), section 6.

    Args:
        above: What is summed above the line, item by item.
        below: The same below the line.
        clusters: Codes; items of one cluster count together.
        confidence: Nominal coverage.

    Both bounds are None where a total is not above 0 or there are fewer than two clusters.
    """
    total, over = float(np.sum(above)), float(np.sum(below))
    if total <= 0 or over <= 0:
        return Interval(None, None)
    ratio = total / over
    residuals, sizes = cluster_sums(above - ratio * below, clusters)
    if len(sizes) < 2:
        return Interval(None, None)
    error = math.sqrt(robust_variance(residuals, over)) / ratio
    half = float(special.stdtrit(len(sizes) - 1, 0.5 + confidence / 2)) * error
    return Interval(ratio * math.exp(-half), ratio * math.exp(half))


def ratio_noise(
    first: Floats, second: Floats, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Floats | None:
    """Return draws of the factor by which noise of the parts moves the ratio of two totals; None: fewer than two parts.

    For parts that were measured once on each side, such as the time of a cell: the logarithms of their ratios are
    taken to spread alike, and are weighted by the parts of the first total, with Student's t on one less than the parts.
    A part that differs for a reason of its own widens the spread.

    Args:
        first: The parts of the first total.
        second: The same parts of the second.
        resamples: Draws.
        seed: Of the draws.
    """
    there = (first > 0) & (second > 0)
    parts = int(there.sum())
    if parts < 2:
        return None
    changes, weights = np.log(second[there] / first[there]), first[there] / first[there].sum()
    error = float(changes.std(ddof=1)) * math.sqrt(float(np.square(weights).sum()))
    draws = np.random.default_rng(seed).standard_t(parts - 1, resamples)
    # Of two parts the tails reach farther than a float does.
    noise: Floats = np.exp(np.clip(error * draws, -50, 50))
    return noise
