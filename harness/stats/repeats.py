"""Samples asked several times: the chance that some of k answers is right."""

from __future__ import annotations


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
