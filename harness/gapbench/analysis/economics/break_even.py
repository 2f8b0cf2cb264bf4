"""Break-even volumes: where self-hosting becomes cheaper than an API, and where it becomes more expensive again.

The cost of self-hosting is a step function of the volume plus a linear part; the cost of an API is linear. Within a step
there is at most one crossing, and it has a closed form. At the edge of a step, the next replica may reverse it. So all
crossings up to a volume are found exactly, step by step, and not on a grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gapbench.analysis.economics.break_even_range import BreakEvenRange
from gapbench.analysis.economics.demand import MAX_PEAK_REPLICAS
from gapbench.analysis.economics.scenario import (
    Scenario,
    Values,
    api_usd_per_mtok,
    build_fleet,
    mtok_per_replica_load,
    self_usd_per_month,
)
from gapbench.stats import Floats


@dataclass(frozen=True)
class BreakEven:
    """How self-hosting compares with one API over all volumes up to ``v_max_mtok``.

    Attributes:
        leg: ``closed`` or ``hosted``.
        first_mtok: Smallest monthly volume at which self-hosting costs no more. None if there is none.
        last_mtok: Volume from which it stays cheaper up to ``v_max_mtok``. None if it does not.
        crossings: Volumes at which the cheaper side changes, ascending. Before the first, self-hosting costs more.
        v_max_mtok: Largest volume considered.
        capped: Whether ``v_max_mtok`` is below the requested volume, because that would need more replicas than the
            limit.
        spread: Percentiles over the ranges of the inputs. None if they were not drawn.
    """

    leg: str
    first_mtok: float | None
    last_mtok: float | None
    crossings: tuple[float, ...]
    v_max_mtok: float
    capped: bool
    spread: BreakEvenRange | None = None

    @property
    def description(self) -> str:
        """The finding in one sentence: the median and its range if the inputs were drawn, else the exact volumes."""
        if self.spread is not None:
            return _describe_spread(self.spread, format_mtok(self.v_max_mtok))
        top = format_mtok(self.v_max_mtok)
        if self.first_mtok is None:
            return f"none up to {top} tokens a month"
        if self.last_mtok is None:
            return f"first at {format_mtok(self.first_mtok)} tokens a month, but not for good up to {top}"
        if self.last_mtok == self.first_mtok:
            return f"from {format_mtok(self.first_mtok)} tokens a month on"
        return f"first at {format_mtok(self.first_mtok)}, for good from {format_mtok(self.last_mtok)} tokens a month"

    def to_json(self) -> dict[str, Any]:
        """Return the documented JSON form of a break-even; volumes are in million tokens a month."""
        return {
            "leg": self.leg,
            "first_mtok": self.first_mtok,
            "last_mtok": self.last_mtok,
            "crossings_mtok": list(self.crossings[:1000]),
            "v_max_mtok": self.v_max_mtok,
            "capped": self.capped,
            **({} if self.spread is None else self.spread.to_json()),
            "words": self.description,
        }


def break_even(
    scenario: Scenario, leg: str, v_max_mtok: float, values: Values | None = None
) -> BreakEven | None:
    """Return all break-evens of self-hosting against an API (B2), or None if either has no price.

    Args:
        scenario: The scenario.
        leg: ``closed`` or ``hosted``.
        v_max_mtok: Largest volume to consider, million tokens a month.
        values: Inputs by name as numbers, replacing the scenario's own.
    """
    given = scenario.point_values if values is None else values
    price = api_usd_per_mtok(leg, given)
    if price is None or not scenario.can_self_host:
        return None
    top = volume_limit_mtok(given)
    v_max = min(v_max_mtok, top)
    edges = _edges(scenario, given, v_max)
    ends = np.append(edges[edges < v_max], v_max)
    starts = np.concatenate([[0.0], ends[:-1]])
    egress = given["egress_usd_per_mtok"]
    usd = self_usd_per_month(scenario, given, ends)[0]
    flat = usd - egress * ends
    slope = float(price) - egress
    above_at_start = flat - slope * starts > 0
    above_at_end = usd - price * ends > 0
    # Self-hosting becomes more expensive at an edge, with the next replica, and cheaper within a step, at F / (p - c).
    up = np.flatnonzero(above_at_start[1:] & ~above_at_end[:-1]) + 1
    down = np.flatnonzero(above_at_start & ~above_at_end)
    falls = flat[down] / slope if slope > 0 else np.empty(0)
    # If a step ends cheaper and the next begins cheaper, nothing changes. There are no other cases.
    found = np.sort(np.concatenate([falls, starts[up]]))
    cheaper_at_top = not bool(above_at_end[-1])
    return BreakEven(
        leg,
        float(falls[0]) if len(falls) else None,
        float(falls[-1]) if len(falls) and cheaper_at_top else None,
        tuple(float(volume) for volume in found),
        v_max,
        v_max < v_max_mtok,
    )


def volume_limit_mtok(values: Values) -> float:
    """Return the volume that needs the maximum number of replicas. If the values are draws, return the smallest.

    Infinite if the capacity of a replica is not known.
    """
    if "replica_requests_per_s" not in values:
        return float("inf")
    kappa = values["peak_over_average"]
    lowest = np.min(mtok_per_replica_load(values) * MAX_PEAK_REPLICAS / kappa)
    return float(lowest) * (1 - 1e-9)


def _edges(scenario: Scenario, values: Values, v_max_mtok: float) -> Floats:
    """Return the volumes above which another replica is needed, or is switched on in another hour."""
    one = float(mtok_per_replica_load(values))
    kappa = float(values["peak_over_average"])
    found = build_fleet(scenario, v_max_mtok / one * kappa, kappa)
    edges = found.peak.breaks * one / kappa
    if found.up is not None:
        edges = np.union1d(edges, found.up.breaks * one)
    # The same edge computed in two ways may differ in the last digit.
    return np.asarray(edges[np.append(True, np.diff(edges) > 1e-9 * edges[1:])])


def _describe_spread(spread: BreakEvenRange, top: str) -> str:
    first, last = spread.first_mtok[1], spread.last_mtok[1]
    if first is None:
        return f"none up to {top} tokens a month in {100 * spread.never_share:.0f} % of draws"
    if last is None:
        return (
            f"first at {format_mtok(first)} tokens a month ({_format_bounds(spread.first_mtok, top)}), "
            f"but not for good up to {top} in {100 * spread.never_share:.0f} % of draws"
        )
    bounds = _format_bounds(spread.last_mtok, top)
    if last < 1.05 * first:
        return f"from {format_mtok(last)} tokens a month on ({bounds})"
    return f"first at {format_mtok(first)}, for good from {format_mtok(last)} tokens a month ({bounds})"


def _format_bounds(percentiles: tuple[float | None, float | None, float | None], top: str) -> str:
    low, _, high = (f"none up to {top}" if value is None else format_mtok(value) for value in percentiles)
    return low if low == high else f"5 to 95 %: {low} to {high}"


def format_mtok(mtok: float) -> str:
    """Return a volume in million tokens as ``50M``, ``6.4B`` or ``1T``."""
    for size, suffix in ((1e6, "T"), (1e3, "B"), (1.0, "M"), (1e-3, "k")):
        if mtok >= size * 0.9995:
            return f"{mtok / size:.3g}{suffix}"
    return f"{mtok * 1e6:.3g}"
