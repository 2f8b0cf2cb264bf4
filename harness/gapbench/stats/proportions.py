"""Shares and counts: intervals, sums of clusters, and Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

if TYPE_CHECKING:
    from gapbench.stats.survey_design import Design

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.signedinteger[Any]]


FEW_WEIGHTED = 10
"""With fewer scores that differ from the others, which weights they have is chance, and so is the linearised variance. A
weighted sample counts its effective number of them."""
FEW_EFFECTIVE = 30
"""With a smaller effective number of items (Kish) a handful of them decides, and the linearised variance is as likely far
too small as too large."""


class Interval(NamedTuple):
    """A two-sided interval. A bound is None if the data do not determine it."""

    low: float | None
    high: float | None


def wilson(share: float, n: float, confidence: float = 0.95) -> Interval:
    """Return Wilson's score interval of a share.

    Wilson, J. Am. Stat. Assoc. 22 (1927) 209. Its width is never zero, not even at 0 and 1.

    Args:
        share: Observed share.
        n: Number of observations; an effective number may be fractional. If it is 0 or less, both bounds are None.
        confidence: Nominal coverage.
    """
    if n <= 0:
        return Interval(None, None)
    return _wilson(share, n, float(special.ndtri(0.5 + confidence / 2)))


def _wilson(share: float, n: float, z: float) -> Interval:
    """Return Wilson's interval at a critical value."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if share <= 0 else max(0.0, middle - half)
    high = 1.0 if share >= 1 else min(1.0, middle + half)
    return Interval(low, high)


def mean_interval(
    values: Floats, clusters: Ints, confidence: float = 0.95, design: Design | None = None
) -> Interval:
    """Return Wilson's interval of the mean of scores in 0 to 1, with the effective number of items.

    The effective number is p(1-p) over the cluster-robust variance of the mean. It is at most the number of items, unless
    there is partial credit, which can vary less than right and wrong answers. The critical value is Student's, with one
    degree of freedom less than clusters. If all scores are equal, the effective number is that of the clusters.

    With weights, mean and variance are those of :meth:`gapbench.stats.survey_design.Design.estimate` (for shares Korn and
    Graubard, Surv. Methodol. 24 (1998) 193). If few scores differ from the others, the effective number is at most that of
    the weights.

    Args:
        values: Scores in 0 to 1.
        clusters: Cluster code of each item.
        confidence: Nominal coverage.
        design: Weights and strata of the items. None: each counts once.

    Raises:
        ValueError: A score is outside 0 to 1.
    """
    n = len(values)
    if n == 0:
        return Interval(None, None)
    if not (values.min() >= 0 and values.max() <= 1):
        msg = f"scores are 0 to 1; found {float(values.min()):g} to {float(values.max()):g}"
        raise ValueError(msg)
    if design is not None:
        return _weighted_interval(values, clusters, confidence, design)
    share = float(values.mean())
    sums, sizes = cluster_sums(values - share, clusters)
    variance = robust_variance(sums, n)
    spread = share * (1 - share)
    if variance <= 1e-15 or spread <= 0:
        return wilson(share, len(sizes), confidence)
    effective = spread / variance
    if ((values == 0) | (values == 1)).all():
        effective = min(float(n), effective)
    return _wilson(share, effective, float(special.stdtrit(len(sizes) - 1, 0.5 + confidence / 2)))


def _weighted_interval(values: Floats, clusters: Ints, confidence: float, design: Design) -> Interval:
    found = design.estimate(values, clusters)
    spread = found.mean * (1 - found.mean)
    if found.standard_error <= 0 or spread <= 0:
        return wilson(found.mean, found.effective, confidence)
    # Strata can make it more than the number of items.
    effective = spread / found.standard_error**2
    right = values > 0.5
    if found.is_uneven or is_rare(right, clusters, design):
        effective = min(effective, found.effective)
    return _wilson(found.mean, effective, float(special.stdtrit(found.degrees, 0.5 + confidence / 2)))


def is_rare(chosen: npt.NDArray[np.bool_], clusters: Ints, design: Design) -> bool:
    """Return whether so few items are chosen, or not chosen, that which weights they have is chance.

    Args:
        chosen: Which items are.
        clusters: Cluster code of each item.
        design: Their weights and strata.
    """
    return min(design.effective_share(part, clusters) for part in (chosen, ~chosen)) < FEW_WEIGHTED


def cluster_sums(values: Floats, clusters: Ints) -> tuple[Floats, Floats]:
    """Return the sum of ``values`` and the number of items in each cluster, in the order of the cluster codes."""
    codes = dense_codes(clusters)
    sizes = np.bincount(codes).astype(np.float64)
    return np.bincount(codes, weights=values).astype(np.float64), sizes


def dense_codes(codes: Ints) -> Ints:
    """Return codes renumbered without gaps, in the same order: 0 for the smallest code, 1 for the next.

    The result equals the inverse of ``numpy.unique``, but needs no sorting unless the range of codes is very large. Codes that
    have no gaps are returned as they are.
    """
    if not len(codes):
        return codes.astype(np.int32)
    least = int(codes.min())
    reach = int(codes.max()) - least + 1
    if reach > 4 * len(codes):
        return np.unique(codes, return_inverse=True)[1].astype(np.int32)
    places = codes - least if least else codes
    present = np.zeros(reach, dtype=bool)
    present[places] = True
    if present.all():
        return places
    found: Ints = np.cumsum(present, dtype=np.int32).take(places)
    found -= 1
    return found


def robust_variance(centred_sums: Floats, n: float) -> float:
    """Return the cluster-robust variance of a mean over ``n`` items: CR1, times G / (G - 1).

    Args:
        centred_sums: Sum of each cluster's deviations from the mean.
        n: Number of items.
    """
    groups = len(centred_sums)
    if groups < 2:
        return 0.0
    return float(np.square(centred_sums).sum()) / n**2 * groups / (groups - 1)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values corrected for multiple tests by Holm's step-down method; None stays None.

    Holm, Scand. J. Stat. 6 (1979) 65.
    """
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(known):
        largest = max(largest, min(1.0, p * (len(known) - rank)))
        corrected[index] = largest
    return corrected


def holm_levels(p_values: Sequence[float | None], alpha: float = 0.05) -> list[float | None]:
    """Return the level at which Holm's step-down method tests each p-value; None stays None.

    A p-value is below its level exactly if its corrected p-value (:func:`holm`) is below ``alpha``, so an interval at that
    level excludes no difference exactly if the test rejects it. After the first that is not rejected, all are tested at
    its level.

    Args:
        p_values: Uncorrected p-values.
        alpha: Chance of any false rejection.
    """
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    levels: list[float | None] = [None] * len(p_values)
    rejected = 0
    for p, index in known:
        level = alpha / (len(known) - rejected)
        levels[index] = level
        if p < level and sum(value is not None for value in levels) == rejected + 1:
            rejected += 1
    return levels
