"""Repeated samples: pass@k, and the variance that repeats contribute."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gapbench.stats.proportions import Floats, Ints, cluster_sums, dense_codes


class Components(NamedTuple):
    """Variance components of a mean over items that were asked several times.

    Attributes:
        repeats: Mean number of answers to one item.
        item_variance: Variance of the items' true values.
        repeat_variance: Variance of the answers to one item.
        repeat_sd: Standard deviation of the mean from one repetition of all items to the next.
        share: Share of the mean's variance that is due to the answers and would vanish with infinitely many repeats.
        items: Number of items; with weights that of equal ones that say as much (Kish).
    """

    repeats: float
    item_variance: float
    repeat_variance: float
    repeat_sd: float
    share: float
    items: float


def variance_components(values: Floats, items: Ints, weights: Floats | None = None) -> Components | None:
    """Return the two variance components by analysis of variance of a one-way random layout.

    Searle, Casella and McCulloch, Variance Components (1992), section 3.6, which allows unequal numbers of repeats. A
    negative component between items is set to zero.

    With weights, the variance within items is the weighted total of their squares over that of their degrees of freedom, and the
    variance between items follows from the weighted spread of their means by the method of moments. Balanced items of equal
    weight give the same as without.

    Args:
        values: Value of each answer.
        items: Code of each answer's item.
        weights: Weight of each answer; those of an item add up to its weight. None: each counts once.

    Returns:
        None if no item was asked twice, or there is only one item.
    """
    sums, sizes = cluster_sums(values, items)
    n, groups = len(values), len(sums)
    if groups < 2 or n <= groups:
        return None
    if weights is not None:
        return _weighted_components(values, dense_codes(items), weights)
    squares = float(np.square(values).sum())
    between = float((sums**2 / sizes).sum())
    within = max(0.0, (squares - between) / (n - groups))
    mean_square = (between - float(values.sum()) ** 2 / n) / (groups - 1)
    typical = (n - float((sizes**2).sum()) / n) / (groups - 1)
    item = max(0.0, (mean_square - within) / typical)
    of_mean = item * float((sizes**2).sum()) / n**2 + within / n
    share = within / n / of_mean if of_mean > 0 else 0.0
    return Components(n / groups, item, within, float(np.sqrt(within / groups)), share, float(groups))


def _weighted_components(values: Floats, items: Ints, weights: Floats) -> Components:
    sums, sizes = np.bincount(items, values), np.bincount(items)
    totals = np.bincount(items, weights)
    parts, means = totals / totals.sum(), sums / sizes
    squares = np.bincount(items, (values - means[items]) ** 2)
    within = float(parts @ squares / (parts @ (sizes - 1)))
    alike = float(parts @ parts)
    spread = float(parts @ (means - parts @ means) ** 2)
    by_chance = within * float((parts * (1 - parts)) @ (1 / sizes))
    item = max(0.0, (spread - by_chance) / (1 - alike))
    of_answers = within * float((parts * parts) @ (1 / sizes))
    of_mean = item * alike + of_answers
    return Components(
        len(values) / len(sums),
        item,
        within,
        float(np.sqrt(within * alike)),
        of_answers / of_mean if of_mean > 0 else 0.0,
        1 / alike,
    )


def pass_at_k(n: int, correct: int, k: int) -> float | None:
    """Return the unbiased estimate of the probability that at least one of ``k`` answers is right.

    1 - C(n - c, k) / C(n, k); Chen et al., "Evaluating Large Language Models Trained on Code" (2021),
    arXiv:2107.03374, equation 1, in the product form, in which no binomial can overflow.

    Args:
        n: Number of judged answers.
        correct: Number of right answers, c.
        k: Number of answers drawn, at least 1.

    Returns:
        0 to 1, or None if fewer than ``k`` answers were judged.
    """
    if k < 1 or n < k:
        return None
    if n - correct < k:
        return 1.0
    missed = 1.0
    for drawn in range(n - correct + 1, n + 1):
        missed *= 1 - k / drawn
    return 1 - missed
