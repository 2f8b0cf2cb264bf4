"""Draws with replacement, and what is read off them."""

from __future__ import annotations

import numpy as np

from harness.stats.shares import Floats, Interval, Ints, cluster_sums

RESAMPLES = 10_000
SEED = 20_260_226
_CHUNK_DRAWS = 4_000_000
_FEW_KINDS = 512


def resample_sums(columns: Floats, resamples: int, seed: int = SEED) -> Floats:
    """Return column sums of ``resamples`` draws of rows with replacement, shape (resamples, columns).

    Rows that are alike are drawn as one multinomial count, which for 0/1 scores is all of them: the same
    distribution, for a thousandth of the work.
    """
    rows, width = columns.shape
    # SFC64 is the quickest of numpy's generators, and the draws are most of the work.
    rng = np.random.Generator(np.random.SFC64(seed))
    kinds, counts = np.unique(columns, axis=0, return_counts=True)
    if len(kinds) <= _FEW_KINDS:
        drawn = rng.multinomial(rows, counts / rows, size=resamples)
        return np.asarray(drawn @ kinds, dtype=np.float64)
    out = np.empty((resamples, width))
    small = np.uint16 if rows <= np.iinfo(np.uint16).max else np.uint32
    constant = columns.min(axis=0) == columns.max(axis=0)
    out[:, constant] = columns[0, constant] * rows
    # Centred first, so that single precision loses nothing of the spread.
    middle = columns.mean(axis=0)
    narrow = (columns - middle).astype(np.float32)
    step = max(1, _CHUNK_DRAWS // rows)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        picks = rng.integers(0, rows, size=(size, rows), dtype=small)
        for column in np.flatnonzero(~constant):
            sums = np.take(narrow[:, column], picks).sum(axis=1, dtype=np.float32)
            out[start : start + size, column] = sums + middle[column] * rows
    return out


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
