"""Group-sequential looks: a fixed number of looks at a comparison whose error stays at 5 % together.

The error is spent by the O'Brien-Fleming-type function of Lan and DeMets (Biometrika 70 (1983) 659): almost nothing at
early looks, almost all at the last one, so that the last look tests at nearly the full level. How much may be spent
depends only on the share of the planned information that has been collected, not on when one looks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import optimize, special

GRID = 801
"""Points of the numerical integration between the boundaries of a look."""


def spent_alpha(information: float, alpha: float) -> float:
    """Return the two-sided error that may be spent up to a share of the planned information.

    Lan and DeMets (1983), the spending function of the O'Brien-Fleming type.

    Args:
        information: Share of the planned pairs or clusters that is there, 0 to 1.
        alpha: Error over all looks.
    """
    if information <= 0:
        return 0.0
    deviate = float(special.ndtri(1 - alpha / 4)) / math.sqrt(min(information, 1.0))
    return min(alpha, 4 * float(special.ndtr(-deviate)))


@cache
def look_levels(information: tuple[float, ...], alpha: float = 0.05) -> tuple[float, ...]:
    """Return the two-sided level at which each look is tested, so that all looks together err with ``alpha``.

    The boundaries are found look by look by integrating the density of the score process between the earlier
    boundaries (Armitage, McPherson and Rowe, J. R. Stat. Soc. A 132 (1969) 235; Jennison and Turnbull, Group Sequential
    Methods, 2000, chapter 19). Each side spends half of ``alpha``, so the same levels serve a one-sided test of a
    margin.

    Args:
        information: Share of the planned information at each look, rising, above 0, at most 1.
        alpha: Two-sided error over all looks.

    Raises:
        ValueError: The shares do not rise.
    """
    if not information or any(b <= a for a, b in zip((0.0, *information), information, strict=False)):
        raise ValueError(f"shares of information must rise from above 0: {information}")
    levels: list[float] = []
    points, density = np.zeros(1), np.ones(1)
    spent = previous = 0.0
    for share in information:
        target = (spent_alpha(share, alpha) - spent) / 2
        step = math.sqrt(share - previous)
        root = math.sqrt(share)

        def exceed(bound: float, step: float = step, root: float = root) -> float:
            """Return the probability of crossing an upper boundary ``bound`` for the first time at this look."""
            return float((density * special.ndtr((points - bound * root) / step)).sum())  # noqa: B023

        bound = float(optimize.brentq(lambda b: exceed(b) - target, 0.0, 12.0)) if target > 1e-14 else 12.0
        levels.append(2 * float(special.ndtr(-bound)))
        spent += 2 * exceed(bound)
        grid = np.linspace(-bound * root, bound * root, GRID)
        kernel = np.exp(-0.5 * ((grid[:, None] - points[None, :]) / step) ** 2) / (
            step * math.sqrt(2 * math.pi)
        )
        weights = np.full(GRID, grid[1] - grid[0])
        weights[[0, -1]] /= 2
        density = (kernel @ density) * weights
        points, previous = grid, share
    return tuple(levels)


def repeated_interval(
    sums: Sequence[float] | np.ndarray, sizes: Sequence[float] | np.ndarray, level: float
) -> tuple[float, float]:
    """Return the interval of the mean difference that holds at one look of several.

    A repeated confidence interval (Jennison and Turnbull, J. R. Stat. Soc. B 51 (1989) 305): the interval at the level
    of the look, so that all of them hold together. It is Student's with the clusters' robust variance. The half width
    of a Wilson-type interval of no difference is added in quadrature, so that the interval has a width even when all
    clusters agree.

    Args:
        sums: Sum of the differences in each cluster, each difference -1 to 1.
        sizes: Pairs in each cluster.
        level: Two-sided level of the look, from :func:`look_levels`.

    Returns:
        The interval within -1 to 1; (-1, 1) with fewer than two clusters.
    """
    total, size = np.asarray(sums, dtype=float), np.asarray(sizes, dtype=float)
    groups, pairs = len(total), float(size.sum())
    if groups < 2:
        return -1.0, 1.0
    estimate = float(total.sum()) / pairs
    residual = total - estimate * size
    variance = float(residual @ residual) / pairs**2 * groups / (groups - 1)
    quantile = float(special.stdtrit(groups - 1, 1 - level / 2))
    unseen = quantile**2 / (groups + quantile**2)
    half = math.hypot(quantile * math.sqrt(variance), unseen)
    return max(-1.0, estimate - half), min(1.0, estimate + half)
