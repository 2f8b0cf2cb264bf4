"""A quotient of two totals over the same items, such as dollars per correct task."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from harness.stats.shares import Floats, Interval, Ints, cluster_sums, robust_variance


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
