"""Samples asked several times: the chance that some of k answers is right, and what repeating adds to a spread."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gapbench.stats.proportions import Floats, Ints, cluster_sums


class Components(NamedTuple):
    """The variance of a mean over items that were each asked several times.

    Attributes:
        repeats: Answers to one item, on average.
        item_variance: Between items, of their true values.
        repeat_variance: Between answers to one item.
        repeat_sd: Standard deviation of the mean from one repetition of all items to the next.
        share: Share of the mean's variance that is the answers' and would go away with endless repeats.
    """

    repeats: float
    item_variance: float
    repeat_variance: float
    repeat_sd: float
    share: float


def variance_components(values: Floats, items: Ints) -> Components | None:
    """Return the two components of variance by the analysis of variance of a one-way random layout.

    Searle, Casella and McCulloch, Variance Components (1992), section 3.6, unequal numbers of repeats
    included; a negative component between items is zero.

    Args:
        values: One for each answer.
        items: Code of the item that each answers.

    Returns:
        None where no item was asked twice, or there is only one.
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
    """Return the unbiased estimate of the chance that at least one of ``k`` answers is right.

    1 - C(n - c, k) / C(n, k); Chen et al., "Evaluating Large Language Models Trained on Code" (2021),
    arXiv:2107.03374, equation 1, in their product form, which no binomial can overflow.

    Args:
        n: Answers that were judged.
        correct: Those of them that are right, c.
        k: Answers that may be tried, at least 1.

    Returns:
        0 to 1; None where fewer than ``k`` answers were judged.
    """
    if k < 1 or n < k:
        return None
    if n - correct < k:
        return 1.0
    missed = 1.0
    for drawn in range(n - correct + 1, n + 1):
        missed *= 1 - k / drawn
    return 1 - missed
