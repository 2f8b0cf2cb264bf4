"""Ratios of two totals over the same items, such as dollars per correct task."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from gapbench.stats.bootstrap import RESAMPLES, SEED
from gapbench.stats.proportions import Floats, Interval, Ints, cluster_sums, robust_variance


def ratio_interval(above: Floats, below: Floats, clusters: Ints, confidence: float = 0.95) -> Interval:
    """Return an interval of the ratio of two totals over the same items.

    Delta method on the logarithm, cluster-robust, with Student's t with one degree of freedom less than clusters:
    Cochran, Sampling Techniques (1977), section 6.

    Args:
        above: Numerator of each item.
        below: Denominator of each item.
        clusters: Cluster code of each item.
        confidence: Nominal coverage.

    Returns:
        Both bounds are None if a total is not above 0 or there are fewer than two clusters.
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
