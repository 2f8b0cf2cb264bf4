"""How far a break-even moves within the ranges of the inputs: its percentiles over Monte Carlo draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gapbench.analysis.economics.scenario import (
    Scenario,
    Values,
    api_usd_per_mtok,
    self_usd_per_month,
)
from gapbench.stats import Floats

DRAWS = 2_000
_POINTS = 400
_SHARES = (0.05, 0.5, 0.95)
_CHUNK = 400_000


@dataclass(frozen=True, slots=True)
class BreakEvenRange:
    """Percentiles of a break-even over draws, million tokens a month. None: none up to the largest volume considered.

    Attributes:
        first_mtok: 5th, 50th and 95th percentile of the smallest volume at which self-hosting costs no more.
        last_mtok: The same of the volume from which it stays cheaper.
        never_share: Share of draws in which self-hosting never costs less for good.
    """

    first_mtok: tuple[float | None, float | None, float | None]
    last_mtok: tuple[float | None, float | None, float | None]
    never_share: float

    def to_json(self) -> dict[str, Any]:
        """Return the documented JSON form: a key for each percentile."""
        found: dict[str, Any] = {}
        for name, values in (("first_mtok", self.first_mtok), ("last_mtok", self.last_mtok)):
            found |= {
                f"{name}_p{share * 100:02.0f}": value for share, value in zip(_SHARES, values, strict=True)
            }
        return {**found, "never_share": self.never_share}


def break_even_range(
    scenario: Scenario, leg: str, v_max_mtok: float, inputs: Values
) -> BreakEvenRange | None:
    """Return the range of a break-even, or None if either leg has no price.

    The costs of each draw are compared on a logarithmic grid, with linear interpolation between its volumes.

    Args:
        scenario: The scenario.
        leg: ``closed`` or ``hosted``.
        v_max_mtok: Largest volume to consider. No draw may need more replicas than the limit there.
        inputs: Draws of the inputs by name, each of shape (draws,).
    """
    price = api_usd_per_mtok(leg, inputs)
    if price is None or not scenario.can_self_host:
        return None
    count = len(next(iter(inputs.values())))
    price = np.broadcast_to(price, (count,))
    first, last = np.full(count, np.inf), np.full(count, np.inf)
    # No draw can break even below the least that self-hosting costs over the highest price.
    least = self_usd_per_month(scenario, inputs, np.full((1, 1), v_max_mtok * 1e-9))[0].min()
    start = float(least / price.max()) * 0.999 if price.max() > 0 else np.inf
    if start < v_max_mtok:
        grid = np.geomspace(max(start, v_max_mtok * 1e-9), v_max_mtok, _POINTS)
        _scan(scenario, inputs, price, grid, first, last)
    return BreakEvenRange(_percentiles(first), _percentiles(last), float(np.isinf(last).mean()))


def _scan(
    scenario: Scenario, inputs: Values, price: Floats, grid: Floats, first: Floats, last: Floats
) -> None:
    """Fill in the first and the last volume at which self-hosting becomes cheaper, in place."""
    before = np.full(len(price), np.inf)
    volume_before = float(grid[0])
    step = max(1, _CHUNK // len(price))
    for at in range(0, len(grid), step):
        part = grid[at : at + step, np.newaxis]
        extra = self_usd_per_month(scenario, inputs, part)[0] - price * part
        for row, volume in zip(extra, part[:, 0], strict=True):
            falls = (before > 0) & (row <= 0)
            if falls.any():
                above = np.minimum(before[falls], 1e300)
                share = above / (above - row[falls])
                where = volume_before + (volume - volume_before) * share
                last[falls] = where
                first[falls] = np.minimum(first[falls], where)
            last[row > 0] = np.inf
            before, volume_before = row, float(volume)


def _percentiles(volumes: Floats) -> tuple[float | None, float | None, float | None]:
    ordered = np.sort(volumes)
    low, middle, high = (ordered[round(share * (len(ordered) - 1))] for share in _SHARES)
    return tuple(float(value) if np.isfinite(value) else None for value in (low, middle, high))  # type: ignore[return-value] # three
