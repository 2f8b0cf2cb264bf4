"""How far a break-even moves within the ranges of the inputs: its percentiles over Monte Carlo draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gapbench.analysis.economics.scenario import (
    Scenario,
    Values,
    api_usd_per_mtok,
    mtok_per_replica_load,
    self_usd_per_month,
)
from gapbench.stats import Floats

DRAWS = 2_000
_EVERY_STEP = 400
_FURTHER_STEPS = 150
_SHARES = (0.05, 0.5, 0.95)


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

    The cost of self-hosting jumps where another replica is needed. Between two jumps there is at most one crossing,
    at F / (p - c). Each of the first jumps is looked at; beyond them, where a replica is a small part of the cost,
    some are, with linear interpolation.

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
    slope = np.broadcast_to(price - inputs["egress_usd_per_mtok"], (count,))
    step_mtok = mtok_per_replica_load(inputs) / inputs["peak_over_average"]
    steps = _steps(float(np.max(v_max_mtok / step_mtok)))
    volumes = np.clip(np.outer(steps * (1 + 1e-6), step_mtok), v_max_mtok * 1e-9, v_max_mtok)
    first, last = np.full(count, np.inf), np.full(count, np.inf)
    extra = self_usd_per_month(scenario, inputs, volumes)[0] - price * volumes
    for k in range(len(steps) - 1):
        above, ends_above = extra[k] > 0, extra[k + 1] > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            if steps[k + 1] - steps[k] == 1:
                where = volumes[k] + extra[k] / slope
                falls = above & (slope > 0) & (where <= volumes[k + 1])
            else:
                share = extra[k] / (extra[k] - extra[k + 1])
                where = volumes[k] + (volumes[k + 1] - volumes[k]) * share
                falls = above & ~ends_above
        last[falls] = where[falls]
        first[falls] = np.minimum(first[falls], where[falls])
        last[ends_above] = np.inf
    return BreakEvenRange(_percentiles(first), _percentiles(last), float(np.isinf(last).mean()))


def _steps(most: float) -> Floats:
    """Return the numbers of replicas at the peak at which the cost is looked at, up to ``most`` and one more."""
    top = int(np.ceil(most)) + 1
    every = np.arange(min(top, _EVERY_STEP) + 1, dtype=np.float64)
    if top <= _EVERY_STEP:
        return every
    return np.union1d(every, np.rint(np.geomspace(_EVERY_STEP, top, _FURTHER_STEPS)))


def _percentiles(volumes: Floats) -> tuple[float | None, float | None, float | None]:
    ordered = np.sort(volumes)
    low, middle, high = (ordered[round(share * (len(ordered) - 1))] for share in _SHARES)
    return tuple(float(value) if np.isfinite(value) else None for value in (low, middle, high))  # type: ignore[return-value] # three
