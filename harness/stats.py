"""Numbers in, intervals out: what an observed share, difference, quantile or ratio can be said to show.

numpy and scipy only; no tables, no models, no files. Every random draw takes a seed, so a report repeats.
Ratios are 0 to 1. A p-value is two-sided. ``clusters`` are integer codes of items that share a source
(the same document, the same sample asked again); items of one cluster are resampled together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats as _dist

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RESAMPLES = 10_000
SEED = 20_260_226
FEW_DISCORDANT = 30
"""Below this many clusters that tell two models apart, a resampled spread is no guide to the true one."""
_CHUNK_DRAWS = 4_000_000
_FEW_KINDS = 512


class Interval(NamedTuple):
    """A two-sided interval. A bound is None where the data cannot give one."""

    low: float | None
    high: float | None


class Difference(NamedTuple):
    """A paired difference of means, first minus second.

    Attributes:
        estimate: Mean difference over the pairs.
        low: Lower bound of the 95 % interval.
        high: Upper bound of the 95 % interval.
        inner_low: Lower bound of the 90 % interval, for the two one-sided tests of equivalence.
        inner_high: Upper bound of the 90 % interval.
        p_value: Two-sided, of no difference.
        standard_error: Cluster-robust. 0 where every cluster shows the same.
        n_pairs: Pairs.
        n_clusters: Clusters.
        method: What made the interval: ``bootstrap-t`` or ``score``.
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
    z = float(_dist.norm.ppf(0.5 + confidence / 2))
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
    variance = _sandwich(sums, n)
    spread = share * (1 - share)
    effective = float(len(sizes)) if variance <= 0 or spread <= 0 else min(float(n), spread / variance)
    return wilson(share, effective, confidence)


def cluster_sums(values: Floats, clusters: Ints) -> tuple[Floats, Floats]:
    """Return the sum of ``values`` and the number of items in each cluster, empty clusters left out."""
    _, codes = np.unique(clusters, return_inverse=True)
    sizes = np.bincount(codes).astype(np.float64)
    return np.bincount(codes, weights=values).astype(np.float64), sizes


def _sandwich(centred_sums: Floats, n: float) -> float:
    """Return the cluster-robust variance of a mean (CR1: times G / (G - 1))."""
    groups = len(centred_sums)
    if groups < 2:
        return 0.0
    return float(np.square(centred_sums).sum()) / n**2 * groups / (groups - 1)


def paired_difference(
    first: Floats, second: Floats, clusters: Ints, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Difference:
    """Return the mean of ``first - second`` over pairs with its 95 % interval.

    Studentised cluster bootstrap (Cameron, Gelbach and Miller, Rev. Econ. Stat. 90 (2008) 414) where
    enough clusters tell the two apart; else Tango's score interval at the effective number of pairs,
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
    error = math.sqrt(_sandwich(sums - estimate * sizes, n))
    telling = int(np.count_nonzero(np.abs(sums) > 1e-12))
    if telling < FEW_DISCORDANT or error <= 0:
        return _by_score(first, second, clusters, estimate, error)
    t = np.sort(_studentised(sums, sizes, estimate, resamples, seed))
    # Symmetric: the quantile of |t| corrects for skew about as well and keeps interval and p-value at one.
    size = np.sort(np.abs(t))
    outer, inner = (float(np.quantile(size, level)) for level in (0.95, 0.90))
    beyond = len(size) - int(np.searchsorted(size, abs(estimate) / error, side="left"))
    return Difference(
        estimate,
        max(-1.0, estimate - outer * error),
        min(1.0, estimate + outer * error),
        max(-1.0, estimate - inner * error),
        min(1.0, estimate + inner * error),
        (beyond + 1) / (len(size) + 1),
        error,
        n,
        len(sizes),
        "bootstrap-t",
    )


def _studentised(sums: Floats, sizes: Floats, estimate: float, resamples: int, seed: int) -> Floats:
    """Return ``resamples`` studentised errors of the ratio of cluster sums to cluster sizes."""
    columns = np.stack([sums, sizes, sums * sums, sums * sizes, sizes * sizes], axis=1)
    total, n, ss, sn, nn = resample_sums(columns, resamples, seed).T
    mean = total / n
    groups = len(sums)
    variance = (ss - 2 * mean * sn + mean * mean * nn) / n**2 * groups / (groups - 1)
    error = np.sqrt(np.maximum(variance, 0.0))
    return (mean - estimate) / np.where(error > 0, error, np.inf)


def resample_sums(columns: Floats, resamples: int, seed: int = SEED) -> Floats:
    """Return column sums of ``resamples`` draws of rows with replacement, shape (resamples, columns).

    Rows that are alike are drawn as one multinomial count, which for 0/1 scores is all of them: the same
    distribution, for a thousandth of the work.
    """
    rng = np.random.default_rng(seed)
    rows = len(columns)
    kinds, counts = np.unique(columns, axis=0, return_counts=True)
    if len(kinds) <= _FEW_KINDS:
        drawn = rng.multinomial(rows, counts / rows, size=resamples)
        return np.asarray(drawn @ kinds, dtype=np.float64)
    out = np.empty((resamples, columns.shape[1]))
    step = max(1, _CHUNK_DRAWS // rows)
    small = np.uint16 if rows <= np.iinfo(np.uint16).max else np.uint32
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        picks = rng.integers(0, rows, size=(size, rows), dtype=small)
        # Counting how often each row was drawn once serves every column by one matrix product.
        picks_flat = (picks + (np.arange(size, dtype=np.int64) * rows)[:, None]).ravel()
        counted = np.bincount(picks_flat, minlength=size * rows).reshape(size, rows)
        out[start : start + size] = counted.astype(np.float32) @ columns.astype(np.float32)
    return out


def _by_score(
    first: Floats, second: Floats, clusters: Ints, estimate: float, error: float
) -> Difference:
    """Return the difference with Tango's interval, at the number of pairs that the clusters are worth.

    Partial credit enters as its mean gains and losses, which only widens the interval.
    """
    n = len(first)
    gains = float(np.maximum(first - second, 0).sum()) / n
    losses = float(np.maximum(second - first, 0).sum()) / n
    groups = len(np.unique(clusters))
    independent = (gains + losses - estimate**2) / n
    inflated = error * error / independent if independent > 1e-15 else 1.0
    effective = min(float(n), n / max(inflated, 1.0)) if error > 0 else float(groups)
    outer = tango(gains, losses, effective, 0.95)
    inner = tango(gains, losses, effective, 0.90)
    # Below one discordant pair per cluster the exact test is McNemar's; clusters shrink its counts.
    shrink = effective / n
    p = mcnemar(round(gains * n * shrink), round(losses * n * shrink))
    return Difference(estimate, *outer, *inner, p, error, n, groups, "score")


def tango(gains: float, losses: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return Tango's score interval of a difference of paired shares.

    Tango, Stat. Med. 17 (1998) 891. Open also when no pair is discordant.

    Args:
        gains: Share of pairs where only the first is right.
        losses: Share of pairs where only the second is right.
        n: Pairs; an effective number may be fractional.
        confidence: Nominal coverage.
    """
    z = float(_dist.norm.ppf(0.5 + confidence / 2))
    up, down = gains * n, losses * n
    point = gains - losses

    def statistic(delta: float) -> float:
        b = -up - down + (2 * n - up + down) * delta
        c = -down * delta * (1 - delta)
        q = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        variance = n * (2 * q + delta * (1 - delta))
        shift = up - down - n * delta
        if variance <= 1e-15:
            return 0.0 if abs(shift) <= 1e-12 else math.copysign(math.inf, shift)
        return shift / math.sqrt(variance)

    def bound(outside: float, sign: float) -> float:
        inside = point
        for _ in range(80):
            middle = (inside + outside) / 2
            if sign * statistic(middle) > z:
                outside = middle
            else:
                inside = middle
        return (inside + outside) / 2

    return bound(-1.0, 1.0), bound(1.0, -1.0)


def mcnemar(gains: int, losses: int) -> float:
    """Return the exact two-sided p-value of McNemar's test: a sign test over the discordant pairs.

    Args:
        gains: Pairs where only the first is right.
        losses: Pairs where only the second is right.
    """
    if gains + losses == 0:
        return 1.0
    return float(_dist.binomtest(gains, gains + losses, 0.5).pvalue)


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


def equivalent(difference: Difference, margin: float, shift: float = 0.0) -> bool:
    """Return whether two one-sided tests at 5 % each put the difference within ``margin`` of zero.

    Schuirmann, J. Pharmacokinet. Biopharm. 15 (1987) 657: the 90 % interval lies inside the margin.

    Args:
        difference: The difference.
        margin: Half width of the region that makes no difference, in the difference's own unit.
        shift: Added to the interval first (a correction for having picked the best).
    """
    return -margin < difference.inner_low + shift and difference.inner_high + shift < margin


def items_needed(estimate: float, standard_error: float, n_pairs: int, power: float = 0.8) -> int | None:
    """Return the pairs that would resolve the observed difference at 5 % with ``power``.

    Clusters are taken to be as large and as alike as those seen. None: the difference is zero, or its
    spread is not known.
    """
    if abs(estimate) < 1e-12 or standard_error <= 0:
        return None
    z = float(_dist.norm.ppf(0.975) + _dist.norm.ppf(power))
    return math.ceil(n_pairs * (z * standard_error / estimate) ** 2)


def quantile_interval(values: Floats, share: float, confidence: float = 0.95) -> Interval:
    """Return an interval of a quantile from order statistics, without any assumption on the shape.

    Conover, Practical Nonparametric Statistics (1999), section 3.2. A bound is None where there are too
    few values for it, as for the upper bound of a 95th percentile of fewer than 73.
    """
    n = len(values)
    if n == 0:
        return Interval(None, None)
    tail = (1 - confidence) / 2
    low = int(_dist.binom.ppf(tail, n, share)) - 1
    high = int(_dist.binom.ppf(1 - tail, n, share))
    if _dist.binom.cdf(low, n, share) > tail:
        low -= 1
    ordered = np.sort(values)
    return Interval(
        float(ordered[low]) if low >= 0 else None, float(ordered[high]) if high < n else None
    )


def quantile_difference(
    first: Floats, second: Floats, clusters: Ints, share: float, *, resamples: int = 2_000, seed: int = SEED
) -> Difference:
    """Return the difference of one quantile of two paired samples, first minus second.

    The spread is that of the quantiles' influence, with densities from order-statistic intervals
    (Woodruff, J. Am. Stat. Assoc. 47 (1952) 635), summed over clusters; below 1,500 pairs it is resampled.
    """
    n = len(first)
    here = float(np.quantile(first, share) - np.quantile(second, share))
    _, codes = np.unique(clusters, return_inverse=True)
    groups = int(codes.max()) + 1
    if n < 1_500:
        error = _resampled_quantiles(first, second, codes, share, resamples, seed)
    else:
        influence = _influence(first, share) - _influence(second, share)
        error = math.sqrt(_sandwich(np.bincount(codes, weights=influence), n))
    t = _dist.t(max(groups - 1, 1))
    outer, inner = float(t.ppf(0.975)) * error, float(t.ppf(0.95)) * error
    p = float(2 * t.sf(abs(here) / error)) if error > 0 else 1.0
    return Difference(
        here, here - outer, here + outer, here - inner, here + inner, p, error, n, groups, "quantile"
    )


def _influence(values: Floats, share: float) -> Floats:
    """Return each value's pull on the quantile."""
    n = len(values)
    reach = 1.96 * math.sqrt(share * (1 - share) / n)
    low, middle, high = np.quantile(values, [max(share - reach, 0), share, min(share + reach, 1)])
    width = min(share + reach, 1) - max(share - reach, 0)
    return (share - (values <= middle)) * (float(high - low) / width)


def _resampled_quantiles(
    first: Floats, second: Floats, codes: Ints, share: float, resamples: int, seed: int
) -> float:
    """Return the standard deviation of the quantile difference over draws of whole clusters."""
    rng = np.random.default_rng(seed)
    groups = int(codes.max()) + 1
    members = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[members], np.arange(groups + 1))
    if groups == len(first):
        picks = members[rng.integers(0, groups, size=(resamples, groups))]
        found = np.quantile(first[picks], share, axis=1) - np.quantile(second[picks], share, axis=1)
        return float(found.std(ddof=1)) if groups > 1 else 0.0
    drawn = rng.integers(0, groups, size=(min(resamples, 500), groups))
    parts = [members[starts[k] : starts[k + 1]] for k in range(groups)]
    found = np.empty(len(drawn))
    for row, groups_drawn in enumerate(drawn):
        picked = np.concatenate([parts[k] for k in groups_drawn])
        found[row] = np.quantile(first[picked], share) - np.quantile(second[picked], share)
    return float(found.std(ddof=1)) if groups > 1 else 0.0


def ratio_interval(
    over: tuple[Floats, Floats], under: tuple[Floats, Floats], clusters: Ints, *, seed: int = SEED
) -> tuple[float | None, Interval, float | None]:
    """Return (a / b) / (c / d) of paired totals, its 95 % interval, and the p-value of a ratio of 1.

    For cost per correct task: a and c are dollars, b and d are scores, item by item. Resampled on the
    logarithm by clusters. All None where a total is not above zero.

    Args:
        over: a and b.
        under: c and d.
        clusters: Codes of the items.
        seed: Of the draws.
    """
    columns = np.stack([cluster_sums(part, clusters)[0] for part in (*over, *under)], axis=1)
    totals = columns.sum(axis=0)
    if (totals <= 0).any():
        return None, Interval(None, None), None
    point = float(totals[0] / totals[1] / (totals[2] / totals[3]))
    drawn = resample_sums(columns, RESAMPLES, seed)
    drawn = drawn[(drawn > 0).all(axis=1)]
    if len(drawn) < RESAMPLES * 0.9:
        return point, Interval(None, None), None
    logs = np.log(drawn[:, 0] / drawn[:, 1] / (drawn[:, 2] / drawn[:, 3]))
    low, high = np.exp(np.quantile(logs, [0.025, 0.975]))
    side = min(int((logs <= 0).sum()), int((logs >= 0).sum()))
    return point, Interval(float(low), float(high)), min(1.0, 2 * (side + 1) / (len(logs) + 1))


def selection_bias(candidates: Floats, clusters: Ints, *, resamples: int = 2_000, seed: int = SEED) -> float:
    """Return by how much the best of several models is flattered by being picked on the same items.

    In each resample the best is picked anew; its excess there over its score here is what picking adds
    (Efron's bootstrap estimate of bias, J. Am. Stat. Assoc. 109 (2014) 991). 0 for one candidate.

    Args:
        candidates: Scores, one row for each item and one column for each model.
        clusters: Codes of the items.
        resamples: Bootstrap draws.
        seed: Of the draws.
    """
    items, models = candidates.shape
    if models < 2 or items == 0:
        return 0.0
    sums = [cluster_sums(candidates[:, k], clusters) for k in range(models)]
    columns = np.stack([*(part for part, _ in sums), sums[0][1]], axis=1)
    drawn = resample_sums(columns, resamples, seed)
    means = drawn[:, :models] / drawn[:, models:]
    best = means.argmax(axis=1)
    here = candidates.mean(axis=0)
    return max(0.0, float((means[np.arange(len(best)), best] - here[best]).mean()))
