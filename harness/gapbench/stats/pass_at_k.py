"""Repeated samples: pass@k, and the variance that repeats contribute."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gapbench.stats.proportions import Floats, Ints, cluster_sums


class Components(NamedTuple):
    """Variance components of a mean over items that were asked several times.

    Attributes:
        repeats: Mean number of answers to one item.
        item_variance: Variance of the items' true values.
        repeat_variance: Variance of the answers to one item.
        repeat_sd: Standard deviation of the mean from one repetition of all items to the next.
        share: Share of the mean's variance that is due to the answers and would vanish with infinitely many repeats.
    """

    repeats: float
    item_variance: float
    repeat_variance: float
    repeat_sd: float
    share: float


def variance_components(values: Floats, items: Ints) -> Components | None:
    """Return the two variance components by analysis of variance of a one-way random layout.

    Searle, Casella and McCulloch, Variance Components (1992), section 3.6, which allows unequal numbers of repeats. A
    negative component between items is set to zero.

    Args:
        values: Value of each answer.
        items: Code of each answer's item.

    Returns:
        None if no item was asked twice, or there is only one item.
    """
    sums, sizes = cluster_sums(values, items)
    n, groups = len(values), len(sums)
    if groups < 2 or n <= groups:
        return None
    squares = float(np.square(values).sum())
    between = float((sums**2 / sizes).sum())
    within = max(0.0, (squares - between) / (n - groups))
    mean_square = (between - float(values.sum()) ** 2 / n) / (groups - 1)
    typical = (n - float((sizes**2).sum()) / n) / (groups - 1)
    item = max(0.0, (mean_square - within) / typical)
    of_mean = item * float((sizes**2).sum()) / n**2 + within / n
    share = within / n / of_mean if of_mean > 0 else 0.0
    return Components(n / groups, item, within, float(np.sqrt(within / groups)), share)


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
