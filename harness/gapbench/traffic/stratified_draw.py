"""A stratified draw of distinct prompts, each with the number of requests that it stands for.

A prompt that was sent more often is drawn with a higher chance, in proportion to how often it was sent, so that all items of
a stratum stand for about as many requests. The draw is systematic, from a random start through a random order (Madow, Ann.
Math. Stat. 20 (1949) 333; Särndal, Swensson and Wretman, Model Assisted Survey Sampling (1992), section 3.6.2). An item's weight is
the number of its requests over its chance of being drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.signedinteger[Any]]
Allocation = Literal["proportional", "equal"]
"""How many items each stratum gets: by its requests, or the same number."""
LEAST_PER_STRATUM = 5
"""Items that a small stratum gets under the proportional allocation, if it has as many prompts."""


@dataclass(frozen=True, slots=True)
class StratifiedDraw:
    """The prompts that were drawn.

    Attributes:
        places: Their positions, ascending.
        weights: How many requests each stands for. Their sum over a stratum is about its number of requests.
    """

    places: Ints
    weights: Floats


def allocate(requests: Ints, prompts: Ints, size: int, allocation: Allocation) -> Ints:
    """Return how many prompts are drawn from each stratum.

    Args:
        requests: Requests of each stratum.
        prompts: Distinct prompts of each stratum, at least 1.
        size: Prompts to draw. If there are not as many, all are drawn.
        allocation: See :data:`Allocation`.

    Returns:
        At least 1 and at most ``prompts`` for each stratum; the sum is ``size``.

    Raises:
        ValueError: There are more strata than prompts to draw.
    """
    strata = len(prompts)
    if size < strata:
        msg = f"{size} prompts are too few for {strata} strata"
        raise ValueError(msg)
    size = min(size, int(prompts.sum()))
    shares = requests.astype(np.float64) if allocation == "proportional" else np.ones(strata)
    least = min(LEAST_PER_STRATUM, size // strata) if allocation == "proportional" else 1
    low = np.minimum(prompts, least).astype(np.float64)
    fixed = np.zeros(strata, dtype=bool)
    exact = np.zeros(strata)
    while not fixed.all():
        left = size - exact[fixed].sum()
        exact[~fixed] = left * shares[~fixed] / shares[~fixed].sum()
        few, many = ~fixed & (exact <= low), ~fixed & (exact >= prompts)
        if not few.any() and not many.any():
            break
        # The bounds that are missed by more in total are binding, whatever the other strata get then.
        if few.any() and (low - exact)[few].sum() >= (exact - prompts)[many].sum():
            exact[few] = low[few]
            fixed |= few
        else:
            exact[many] = prompts[many]
            fixed |= many
    found = np.floor(exact + 1e-9).astype(np.int64)
    # Largest remainders; the order of the strata breaks ties.
    first = np.argsort(-(exact - found), kind="stable")[: size - int(found.sum())]
    found[first] += 1
    return found


def draw_prompts(
    requests: Ints, strata: Ints, size: int, *, allocation: Allocation = "proportional", seed: int = 0
) -> StratifiedDraw:
    """Return a stratified draw of prompts.

    Args:
        requests: How many requests had each prompt, at least 1.
        strata: Code of each prompt's stratum, from 0 without gaps.
        size: Prompts to draw.
        allocation: See :data:`Allocation`.
        seed: Equal seeds give equal draws.

    Raises:
        ValueError: There are more strata than prompts to draw.
    """
    rng = np.random.default_rng(seed)
    by_stratum = np.bincount(strata, weights=requests).astype(np.int64)
    sizes = allocate(by_stratum, np.bincount(strata), size, allocation)
    # Of narrow integers this is a radix sort.
    order = np.argsort(strata.astype(np.uint16) if len(sizes) < 2**16 else strata, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(strata))])
    parts = [
        _draw_stratum(order[bounds[code] : bounds[code + 1]], requests, int(sizes[code]), rng)
        for code in range(len(sizes))
    ]
    places = np.concatenate([part.places for part in parts])
    weights = np.concatenate([part.weights for part in parts])
    ascending = np.argsort(places)
    return StratifiedDraw(places[ascending], weights[ascending])


def _draw_stratum(members: Ints, requests: Ints, size: int, rng: np.random.Generator) -> StratifiedDraw:
    counts = requests[members].astype(np.float64)
    sure = np.zeros(len(members), dtype=bool)
    # A prompt whose chance would be above 1 is drawn for sure, and the others share the rest.
    while (left := size - int(sure.sum())) > 0:
        more = ~sure & (counts * left >= counts[~sure].sum())
        if not more.any():
            break
        sure |= more
    chosen, weights = members[sure], counts[sure]
    left = size - len(chosen)
    if left > 0:
        others = np.flatnonzero(~sure)
        rng.shuffle(others)
        step = counts[others].sum() / left
        ends = np.cumsum(counts[others])
        at = np.searchsorted(ends, (rng.random() + np.arange(left)) * step, side="right")
        drawn = others[np.minimum(at, len(others) - 1)]
        chosen = np.concatenate([chosen, members[drawn]])
        weights = np.concatenate([weights, np.full(len(drawn), step)])
    return StratifiedDraw(chosen, weights)
