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
from scipy import special

from gapbench.stats.proportions import Floats

GRID = 801
"""Points of the numerical integration between the boundaries of a look."""
FARTHEST = 12.0
"""Boundary, in standard errors, of a look at which there is nothing to spend."""
FEW_INFORMATIVE = 5
"""Clusters with a difference after which the variance is trusted half."""


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
    from scipy import optimize  # noqa: PLC0415 - a tenth of a second that most tables do not need

    if not information or any(b <= a for a, b in zip((0.0, *information), information, strict=False)):
        raise ValueError(f"shares of information must rise from above 0: {information}")
    levels: list[float] = []
    points, density = np.zeros(1), np.ones(1)
    spent = previous = 0.0
    for share in information:
        target = (spent_alpha(share, alpha) - spent) / 2
        step, root = math.sqrt(share - previous), math.sqrt(share)
        bound = FARTHEST
        if target > 1e-14:
            known = (points, density, step, root)
            bound = float(optimize.brentq(_excess, 0.0, FARTHEST, args=(*known, target)))
        levels.append(2 * float(special.ndtr(-bound)))
        spent += 2 * _excess(bound, points, density, step, root, 0.0)
        grid = np.linspace(-bound * root, bound * root, GRID)
        kernel = np.exp(-0.5 * ((grid[:, None] - points[None, :]) / step) ** 2) / (
            step * math.sqrt(2 * math.pi)
        )
        weights = np.full(GRID, grid[1] - grid[0])
        weights[[0, -1]] /= 2
        density = (kernel @ density) * weights
        points, previous = grid, share
    return tuple(levels)


def _excess(bound: float, points: Floats, density: Floats, step: float, root: float, target: float) -> float:
    """Return the probability of crossing the upper boundary for the first time at a look, less ``target``."""
    return float((density * special.ndtr((points - bound * root) / step)).sum()) - target


def repeated_interval(
    sums: Sequence[float] | Floats, sizes: Sequence[float] | Floats, level: float
) -> tuple[float, float]:
    """Return the interval of the mean difference that holds at one look of several.

    A repeated confidence interval (Jennison and Turnbull, J. R. Stat. Soc. B 51 (1989) 305): the interval at the level
    of the look, so that all of them hold together. It is Student's with the clusters' robust variance and as many
    degrees of freedom as clusters with a difference, less one. The half width
    of a score interval without any difference is added in quadrature, so that the interval has a width even when all
    clusters agree; it fades as clusters with a difference are seen. One pair is added to either side, as in the corrected McNemar
    test (Edwards, Psychometrika 13 (1948) 185).

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
    informative = int(np.count_nonzero(np.abs(total) > 1e-12))
    # Only clusters with a difference tell how much differences vary.
    quantile = float(special.stdtrit(max(informative - 1, 1), 1 - level / 2))
    unseen = quantile**2 / (groups + quantile**2) / (1 + informative / FEW_INFORMATIVE)
    half = math.hypot(quantile * math.sqrt(variance), unseen) + 1 / pairs
    return max(-1.0, estimate - half), min(1.0, estimate + half)
