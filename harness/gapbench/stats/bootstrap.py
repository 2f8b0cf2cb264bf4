"""Bootstrap: sums of resampled rows, and selection bias."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gapbench.stats.proportions import Floats, Ints, dense_codes
from gapbench.stats.survey_design import Design

RESAMPLES = 10_000
SEED = 20_260_226
_CHUNK_DRAWS = 4_000_000
_FEW_KINDS = 512
_CHEAP_KINDS = 32
"""So few counts are drawn as fast as their limiting normal distribution."""
MANY_ROWS = 20_000
"""From this many rows on, sums of draws come from their limiting normal distribution, unless rows are too skewed."""
_SKEW = 0.05


def resample_sums(columns: Floats, resamples: int, seed: int = SEED) -> Floats:
    """Return column sums of ``resamples`` draws of rows with replacement, shape (resamples, columns).

    Identical rows are drawn as one multinomial count. For 0/1 scores this covers all rows, and gives the same
    distribution for a thousandth of the work. From 20,000 rows of more than 32 kinds on, the sums are drawn from their
    limiting normal distribution, provided that no column's skewness over the square root of the number of rows is above
    0.05 (Edgeworth's first term, Hall, The Bootstrap and Edgeworth Expansion (1992), 2.2).
    """
    rows, width = columns.shape
    # SFC64 is the fastest of numpy's generators, and the draws are most of the work.
    rng = np.random.Generator(np.random.SFC64(seed))
    kinds, counts = _kinds(columns)
    has_limit = (
        rows >= MANY_ROWS and len(kinds) > _CHEAP_KINDS and _skewness(columns) <= _SKEW * math.sqrt(rows)
    )
    if len(kinds) <= _FEW_KINDS and not has_limit:
        draws = rng.multinomial(rows, counts / rows, size=resamples)
        return np.asarray(draws @ kinds, dtype=np.float64)
    if has_limit:
        centred = columns - columns.mean(axis=0)
        scale = np.maximum(np.sqrt(np.square(centred).mean(axis=0)), 1e-300)
        unit = centred / scale
        root = _square_root(unit.T @ unit / rows)
        normal = rng.standard_normal((resamples, width)) @ root
        return np.asarray(columns.sum(axis=0) + normal * (scale * math.sqrt(rows)))
    out = np.empty((resamples, width))
    small = np.uint16 if rows <= np.iinfo(np.uint16).max else np.uint32
    constant = columns.min(axis=0) == columns.max(axis=0)
    out[:, constant] = columns[0, constant] * rows
    # Center first, so that single precision does not lose the spread.
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


def _kinds(columns: Floats) -> tuple[Floats, Ints]:
    """Return the distinct rows and their counts. If a sample shows that there are too many, return all rows."""
    rows = len(columns)
    if rows > 4 * _FEW_KINDS:
        # A few thousand rows show whether rows repeat, without sorting a million of them.
        sample = columns[:: max(1, rows // (4 * _FEW_KINDS))]
        if len(np.unique(sample, axis=0)) > _FEW_KINDS:
            return columns, np.ones(rows, dtype=np.int64)
    _, first, counts = np.unique(_keys(columns), return_index=True, return_counts=True)
    return columns[first], counts


def _keys(columns: Floats) -> Ints:
    """Return an integer code for each row; equal rows have equal codes."""
    key = np.zeros(len(columns), dtype=np.int64)
    for column in columns.T:
        values, code = distinct(column)
        if len(values) == 1:
            continue
        key = key * len(values) + code
        key = dense_codes(key).astype(np.int64)
    return key


def distinct(values: Floats) -> tuple[Floats, Ints]:
    """Return the different values, ascending, and for each value its place among them: ``numpy.unique``, but fast if few differ."""
    step = max(1, len(values) // (4 * _FEW_KINDS))
    found = np.unique(values[::step])
    if step > 1 and len(found) <= _FEW_KINDS:
        places = np.searchsorted(found, values)
        places[places == len(found)] = 0
        missed = found[places] != values
        if missed.any():
            found = np.unique(np.concatenate([found, values[missed]]))
            places = np.searchsorted(found, values)
        return found, places
    found, places = np.unique(values, return_inverse=True)
    return found, places


def _skewness(columns: Floats) -> float:
    """Return the largest absolute skewness of the columns; constant columns count as 0."""
    centred = columns - columns.mean(axis=0)
    squares = centred * centred
    spread = np.sqrt(squares.mean(axis=0))
    # A product: a power of an array takes ten times as long.
    third = np.abs((squares * centred).mean(axis=0))
    return float((third / np.where(spread > 0, spread, np.inf) ** 3).max())


def _square_root(covariance: Floats) -> Floats:
    """Return the symmetric square root of the covariance, which may be singular.

    It is the only one that is symmetric, so that draws do not depend on the order in which rows were summed.
    """
    values, vectors = np.linalg.eigh(covariance)
    # Rounding makes a few of a singular matrix's zeros.
    kept = np.where(values > 1e-12 * values.max(), values, 0.0)
    return np.asarray((vectors * np.sqrt(kept)) @ vectors.T)


def selection_bias(
    candidates: Floats,
    clusters: Ints,
    counted: np.ndarray[Any, np.dtype[np.bool_]] | None = None,
    design: Design | None = None,
    *,
    resamples: int = 2_000,
    seed: int = SEED,
) -> float:
    """Return how much choosing the best of several models on the same items inflates its mean score.

    Each resample chooses its own best model. The mean excess of that model's score in the resample over its score in
    the data is the bias (Efron's bootstrap estimate, J. Am. Stat. Assoc. 109 (2014) 991). 0 for one candidate.

    Args:
        candidates: Scores, one row for each item and one column for each model.
        clusters: Cluster code of each item.
        counted: The items whose mean score is judged; the model is still chosen on all items. None: all items.
        design: Weights and strata of the items. None: each counts once.
        resamples: Bootstrap draws.
        seed: Seed of the draws.
    """
    items, models = candidates.shape
    mask = np.ones(items, dtype=bool) if counted is None else counted
    if models < 2 or not mask.any():
        return 0.0
    codes = dense_codes(clusters)
    if design is not None:
        return _weighted_selection_bias(candidates, codes, mask, design, resamples, seed)
    columns = [*(np.bincount(codes, candidates[:, k]) for k in range(models)), np.bincount(codes)]
    if counted is not None:
        some, groups = codes[mask], len(columns[0])
        columns += [np.bincount(some, candidates[:, k][mask], groups) for k in range(models)]
        columns.append(np.bincount(some, minlength=groups))
    draws = resample_sums(np.stack(columns, axis=1).astype(np.float64), resamples, seed)
    judged = candidates.T if counted is None else (column[mask] for column in candidates.T)
    return _mean_excess(draws, np.array([column.mean() for column in judged]))


def _weighted_selection_bias(
    candidates: Floats,
    codes: Ints,
    mask: np.ndarray[Any, np.dtype[np.bool_]],
    design: Design,
    resamples: int,
    seed: int,
) -> float:
    values = [*candidates.T, np.ones(len(codes))]
    values += [np.where(mask, part, 0.0) for part in values]
    columns = [np.bincount(codes, design.contributions(part, codes)) for part in values]
    draws = resample_sums(np.stack(columns, axis=1).astype(np.float64), resamples, seed)
    judged = design.take(mask)
    return _mean_excess(draws, np.array([judged.mean(column) for column in candidates[mask].T]))


def _mean_excess(draws: Floats, observed: Floats) -> float:
    """Return the mean excess of the chosen model's score in the draws over its score in the data.

    Args:
        draws: For each draw the models' sums and the number of items, then the same of the items that are judged.
        observed: Mean score of each model over the judged items.
    """
    models = len(observed)
    best = (draws[:, :models] / draws[:, models : models + 1]).argmax(axis=1)
    judged = draws[:, -models - 1 :]
    # A resample without any counted item says nothing about them.
    has_items = judged[:, models] > 0
    means = judged[has_items, :models] / judged[has_items, models:]
    best = best[has_items]
    return max(0.0, float((means[np.arange(len(best)), best] - observed[best]).mean())) if len(best) else 0.0
