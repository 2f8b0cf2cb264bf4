"""Sensitivity to the ranges of the inputs: one at a time (tornado), and all at once (Monte Carlo).

Monte Carlo draws each input with a range independently from a triangular distribution.

Columns of :func:`tornado`, one row for each input with a range, sorted by swing, unknown swings first: ``input``
``unit`` ``low`` ``value`` ``high``; ``usd_at_low`` ``usd_at_high`` (self-hosting minus the API, USD a month at the
volume; null if more replicas than the limit are needed), ``swing_usd``, ``break_even_mtok_at_low``
``break_even_mtok_at_high`` (volume from which self-hosting stays cheaper; null if there is none).

Columns of :attr:`MonteCarloResult.frame`, one row for each volume and leg: ``volume_mtok`` ``leg`` ``usd_p05``
``usd_p50`` ``usd_p95`` (USD a month; null if the leg has no price) ``p_self_cheaper`` (share of draws in which
self-hosting costs less than this leg; null for ``self``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.economics.break_even import break_even, volume_limit_mtok
from gapbench.analysis.economics.scenario import API_LEGS, LEGS, Scenario, legs_usd_per_month, split_by_mix
from gapbench.stats import SEED, Floats

DRAWS = 10_000
_CHUNK = 400_000
_TORNADO = (
    "input",
    "unit",
    "low",
    "value",
    "high",
    "usd_at_low",
    "usd_at_high",
    "swing_usd",
    "break_even_mtok_at_low",
    "break_even_mtok_at_high",
)


@dataclass(frozen=True)
class MonteCarloResult:
    """Result of Monte Carlo over the ranges.

    Attributes:
        frame: See the module's docstring.
        draws: Number of draws.
        volumes_mtok: The grid, without volumes that need more replicas than the limit in some draw.
    """

    frame: pd.DataFrame
    draws: int
    volumes_mtok: Floats


def monte_carlo(
    scenario: Scenario, volumes_mtok: Floats, *, draws: int = DRAWS, seed: int = SEED
) -> MonteCarloResult:
    """Return quantiles of each leg's cost, and how often self-hosting is cheaper.

    Args:
        scenario: The scenario.
        volumes_mtok: Million tokens a month, ascending. Volumes that need more replicas than the limit are left out.
        draws: Number of draws of all inputs.
        seed: Seed of the draws.
    """
    inputs = scenario.draw(draws, seed)
    limit = volume_limit_mtok(inputs)
    grid = volumes_mtok[volumes_mtok <= limit]
    rows: list[dict[str, Any]] = []
    step = max(1, _CHUNK // draws)
    for start in range(0, len(grid), step):
        part = grid[start : start + step, np.newaxis]
        costs = legs_usd_per_month(scenario, inputs, part)
        self_usd = costs["self"]
        for leg in LEGS:
            usd = costs[leg]
            if usd is None:
                rows += [{"volume_mtok": float(volume), "leg": leg} for volume in part[:, 0]]
                continue
            low, middle, high = _quantiles(np.broadcast_to(usd, (len(part), draws)))
            cheaper = np.full(len(part), np.nan)
            if leg in API_LEGS and self_usd is not None:
                cheaper = (self_usd < usd).mean(axis=1)
            rows += [
                {
                    "volume_mtok": float(part[k, 0]),
                    "leg": leg,
                    "usd_p05": low[k],
                    "usd_p50": middle[k],
                    "usd_p95": high[k],
                    "p_self_cheaper": cheaper[k],
                }
                for k in range(len(part))
            ]
    names = ["volume_mtok", "leg", "usd_p05", "usd_p50", "usd_p95", "p_self_cheaper"]
    return MonteCarloResult(pd.DataFrame(rows, columns=names), draws, grid)


def _quantiles(usd: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the 5th, 50th and 95th percentile of each row, by partitioning, which is three times as fast as sorting."""
    last = usd.shape[1] - 1
    places = [round(share * last) for share in (0.05, 0.5, 0.95)]
    parted = np.partition(usd, places, axis=1)
    low, middle, high = (parted[:, place] for place in places)
    return low, middle, high


def tornado(scenario: Scenario, volume_mtok: float, v_max_mtok: float, leg: str = "closed") -> pd.DataFrame:
    """Return the effect of each input alone, at both ends of its range. See the module's docstring.

    Args:
        scenario: The scenario.
        volume_mtok: Million tokens a month.
        v_max_mtok: Largest volume considered for the break-even.
        leg: The API that self-hosting is compared with.
    """
    rows: list[dict[str, Any]] = []
    for name, given in scenario.inputs.items():
        if not given.has_range or not scenario.can_self_host:
            continue
        row: dict[str, Any] = {
            "input": name,
            "unit": given.unit,
            "low": given.low,
            "value": given.value,
            "high": given.high,
        }
        for end, value in (("low", given.low), ("high", given.high)):
            values = split_by_mix({**scenario.point_values, name: value})
            found = break_even(scenario, leg, v_max_mtok, values)
            row[f"break_even_mtok_at_{end}"] = None if found is None else found.last_mtok
            row[f"usd_at_{end}"] = None
            if volume_mtok <= volume_limit_mtok(values):
                costs = legs_usd_per_month(scenario, values, np.array([volume_mtok]))
                self_usd, api_usd = costs["self"], costs[leg]
                row[f"usd_at_{end}"] = (
                    None if self_usd is None or api_usd is None else float(self_usd[0] - api_usd[0])
                )
        if row["usd_at_low"] is not None and row["usd_at_high"] is not None:
            row["swing_usd"] = abs(row["usd_at_high"] - row["usd_at_low"])
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(_TORNADO))
    return frame.sort_values(
        "swing_usd", ascending=False, kind="stable", na_position="first", ignore_index=True
    )
