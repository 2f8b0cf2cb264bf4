"""The cheapest fleet of a problem: a mixed-integer linear program, solved to a proven optimum by HiGHS.

Variables, for replicas j = 1, 2, ... and hours h: x[j], at least j are reserved; y[h, j], at least j are used; e[h, j], the
j-th is rented; t[h, j], it is started; u, there are own replicas at all. Minimised are the dollars of the hours, with

    y[h, j] <= y[h, j - 1],   x[j] <= x[j - 1],   e[h, j] >= y[h, j] - x[j],   t[h, j] >= e[h, j] - e[h - 1, j],
    u >= y[h, 1],   u >= x[1].

The share that a router sends to the own replicas touches no other hour, so the cheapest share of each hour and number of
replicas is found before; see :func:`gapbench.analysis.economics.fleet.fleet_problem.hour_costs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from gapbench.analysis.economics.fleet.fleet_problem import (
    FleetProblem,
    HourCosts,
    hour_costs,
)
from gapbench.errors import BenchError
from gapbench.stats import Floats, Ints

GAP_MAX = 1e-6
"""Largest relative gap between a plan's cost and the proven bound."""
TIME_LIMIT_S = 300.0
_SAME = 1e-6


@dataclass(frozen=True)
class FleetOptimum:
    """The cheapest fleet.

    Attributes:
        reserved: Replicas that are reserved.
        rented: Replicas on demand, by hour.
        share: Share of the own model's work that is sent to the own replicas, by hour.
        overflow: Share that is sent there and does not fit, by hour.
        fits: Probability that all that is sent there fits, by hour; 1 where nothing is sent.
        starts: Starts of rented replicas in all hours together.
        usd_per_h: Dollars of a mean hour, all together.
        servers_usd_per_h: The replicas' part of them, starts included.
        gap: Relative gap to the proven bound.
    """

    reserved: int
    rented: Ints
    share: Floats
    overflow: Floats
    fits: Floats
    starts: int
    usd_per_h: float
    servers_usd_per_h: float
    gap: float

    @property
    def has_own(self) -> bool:
        """Whether there are own replicas in some hour."""
        return self.reserved > 0 or bool(self.rented.any())


def cheapest_fleet(problem: FleetProblem, *, time_limit_s: float = TIME_LIMIT_S) -> FleetOptimum:
    """Return the cheapest fleet of a problem.

    Args:
        problem: The problem.
        time_limit_s: Seconds after which the solver gives up.

    Raises:
        InputError: More replicas than the limit are needed.
        BenchError: The solver proved no optimum.
    """
    costs = hour_costs(problem)
    program = _Program(problem, costs)
    if not program.slots:
        nothing = np.zeros(problem.hours, dtype=np.int64)
        return describe_fleet(problem, costs, 0, nothing, 0.0)
    result = milp(
        program.weights,
        integrality=program.is_whole,
        bounds=Bounds(program.low, np.ones(len(program.weights))),
        constraints=program.constraints(),
        options={"mip_rel_gap": GAP_MAX / 10, "time_limit": time_limit_s},
    )
    if result.status != 0 or result.x is None:
        raise BenchError(f"the solver proved no cheapest fleet: {result.message}; please report the inputs")
    gap = float(result.mip_gap or 0.0)
    reserved, rented = program.read(result.x)
    found = describe_fleet(problem, costs, reserved, rented, gap)
    expected = (program.constant + float(result.fun)) / problem.hours
    if gap > GAP_MAX or abs(found.usd_per_h - expected) > _SAME * max(1.0, abs(expected)):
        raise BenchError(
            f"the solver's fleet costs {found.usd_per_h:.6g} USD an hour and not {expected:.6g} (gap {gap:.2g}); please "
            "report the inputs"
        )
    return found


def describe_fleet(
    problem: FleetProblem, costs: HourCosts, reserved: int, rented: Ints, gap: float = 0.0
) -> FleetOptimum:
    """Return a fleet with what it costs.

    Args:
        problem: The problem.
        costs: What its hours cost.
        reserved: Reserved replicas.
        rented: Replicas on demand, by hour.
        gap: Relative gap to the proven bound.
    """
    used = np.minimum(reserved + rented, costs.usd.shape[1] - 1)
    hour = np.arange(problem.hours)
    starts = int(np.maximum(rented - np.roll(rented, 1), 0).sum())
    hourly = problem.rented_usd_per_h or 0.0
    servers = reserved * problem.reserved_usd_per_h
    servers += hourly * float(rented.sum() + problem.startup_h * starts) / problem.hours
    has_own = reserved > 0 or bool(rented.any())
    usd = float(costs.usd[hour, used].mean()) + servers + (problem.fixed_usd_per_h if has_own else 0.0)
    return FleetOptimum(
        reserved,
        rented,
        costs.share[hour, used],
        costs.overflow[hour, used],
        costs.fits[hour, used],
        starts,
        usd,
        servers,
        gap,
    )


class _Program:
    """The program's matrices. Columns: x, then y, e and t by hour and replica, then u."""

    def __init__(self, problem: FleetProblem, costs: HourCosts) -> None:
        self._problem = problem
        self.slots = costs.usd.shape[1] - 1
        hours, slots = problem.hours, self.slots
        self._has_rent = problem.rented_usd_per_h is not None
        size = hours * slots
        self._y, self._e, self._t = slots, slots + size, slots + 2 * size
        self._u = slots + 3 * size
        self.constant = 0.0
        self.weights = np.zeros(self._u + 1)
        self.low = np.zeros(self._u + 1)
        self.is_whole = np.zeros(self._u + 1)
        self.is_whole[: self._e] = 1
        self.is_whole[self._u] = 1
        self.weights[:slots] = hours * problem.reserved_usd_per_h
        self.weights[self._u] = hours * problem.fixed_usd_per_h
        hourly = problem.rented_usd_per_h or 0.0
        self.weights[self._e : self._t] = hourly
        self.weights[self._t : self._u] = hourly * problem.startup_h
        self._rows: list[tuple[list[int], list[float]]] = []
        for hour in range(hours):
            self._add_hour(hour, costs.usd[hour])
        for slot in range(1, slots):
            self._at_most(slot, slot - 1)
        if slots:
            self._at_most(0, self._u)

    def _add_hour(self, hour: int, usd: Floats) -> None:
        fewest = int(np.isfinite(usd).argmax())
        self.constant += float(usd[fewest])
        # An hour without work uses no replica, and its columns stay out of all rows.
        is_busy = bool(self._problem.work[hour] > 0)
        base = hour * self.slots
        before = (hour - 1) % self._problem.hours * self.slots
        for slot in range(self.slots):
            y, e = self._y + base + slot, self._e + base + slot
            if is_busy:
                self.weights[y] = 0.0 if slot < fewest else float(usd[slot + 1] - usd[slot])
                self.low[y] = 1.0 if slot < fewest else 0.0
                self._at_most(y, self._u if slot == 0 else y - 1)
                self._add([y, slot, e] if self._has_rent else [y, slot], [1.0, -1.0, -1.0])
            if self._has_rent and self._problem.startup_h > 0:
                self._add([e, self._e + before + slot, self._t + base + slot], [1.0, -1.0, -1.0])

    def _at_most(self, smaller: int, larger: int) -> None:
        self._add([smaller, larger], [1.0, -1.0])

    def _add(self, columns: list[int], values: list[float]) -> None:
        """Add a row whose sum must be at most 0."""
        self._rows.append((columns, values[: len(columns)]))

    def constraints(self) -> LinearConstraint:
        """Return the rows."""
        columns = np.concatenate([np.array(row[0]) for row in self._rows])
        values = np.concatenate([np.array(row[1]) for row in self._rows])
        ends = np.cumsum([0, *(len(row[0]) for row in self._rows)])
        matrix: Any = csr_array((values, columns, ends), shape=(len(self._rows), len(self.weights)))
        return LinearConstraint(matrix, -np.inf, 0.0)

    def read(self, values: Floats) -> tuple[int, Ints]:
        """Return the reserved replicas, and those on demand by hour."""
        whole = np.rint(values).astype(np.int64)
        rented = whole[self._e : self._t].reshape(self._problem.hours, self.slots).sum(axis=1)
        return int(whole[: self.slots].sum()), rented if self._has_rent else np.zeros_like(rented)
