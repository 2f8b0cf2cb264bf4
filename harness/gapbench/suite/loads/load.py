"""The load of a cell: its shape, its parameters, and the seconds at which its requests are due.

Pure values: the same seed gives the same schedule. YAML is in :mod:`gapbench.suite.loads.schema`. To add a shape, add a
row to :data:`LOAD_SHAPES` and its schedule to :meth:`Load.due_times_s` here, and its key in the YAML schema.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from gapbench.suite.loads.trace import Arrival
from gapbench.values.slo import Slo

LoadKind = Literal["concurrency", "adaptive", "rate", "ramp", "replay", "search"]
ArrivalProcess = Literal["constant", "poisson", "gamma"]
SaltScope = Literal["cell", "request"]


@dataclass(frozen=True, slots=True)
class LoadShape:
    """What the other packages need to know about a kind of load.

    Attributes:
        is_open_loop: Requests are sent on a schedule, however long the replies take. False: the number of requests in
            flight is fixed or limited, and a slow reply delays the next request.
        is_constant: The rate, or the number in flight, is the same throughout the cell, so the cell is one point of a
            capacity curve.
        is_adaptive: The number in flight follows the provider's rate limiting. Its limiter is in one process.
    """

    is_open_loop: bool
    is_constant: bool = False
    is_adaptive: bool = False


LOAD_SHAPES: Mapping[LoadKind, LoadShape] = {
    "concurrency": LoadShape(is_open_loop=False, is_constant=True),
    "adaptive": LoadShape(is_open_loop=False, is_adaptive=True),
    "rate": LoadShape(is_open_loop=True, is_constant=True),
    "ramp": LoadShape(is_open_loop=True),
    "replay": LoadShape(is_open_loop=True),
    "search": LoadShape(is_open_loop=True, is_constant=True),
}
"""Every kind of load. Stored rows may have others: ``imported``, and kinds of other versions."""

CLOSED_LOOP_KINDS = tuple(kind for kind, shape in LOAD_SHAPES.items() if not shape.is_open_loop)
CONSTANT_CONCURRENCY_KINDS = tuple(kind for kind in CLOSED_LOOP_KINDS if LOAD_SHAPES[kind].is_constant)
CONSTANT_RATE_KINDS = tuple(
    kind for kind, shape in LOAD_SHAPES.items() if shape.is_open_loop and shape.is_constant
)


@dataclass(frozen=True, slots=True)
class Load:
    """When to send the requests of a cell.

    Attributes:
        kind: ``concurrency`` keeps a fixed number of requests in flight; ``adaptive`` keeps as many as the provider
            accepts without rate limiting, up to a number. The others send on a schedule: at one ``rate`` (``search``:
            one rate of a search), over a ``ramp`` of rates, or as recorded in a trace (``replay``).
        value: Requests in flight, or requests per second. For a ramp and a replay: the mean rate.
        arrivals: Spacing of the requests of a rate and a ramp.
        duration_s: Length of the schedule. None: a closed-loop load, or a replay of the whole trace.
        warmup_requests: Extra requests sent first and excluded from every figure; concurrency only.
        warmup_s: Start of the schedule that is excluded from every figure.
        max_requests: Upper bound of the schedule's requests. None: no bound.
        cv: Coefficient of variation of gamma-distributed gaps: 1 is Poisson, more is bursty, less is regular.
        from_rps: Rate at the start of a ramp. None: not a ramp.
        to_rps: Rate at the end of a ramp. None: not a ramp.
        trace: The recorded arrivals to replay. (): not a replay.
        trace_sha256: Hash of the trace file. None: not a replay.
        speed: Speed of the replay: 2 sends the trace in half its time.
        salt: Start each prompt with a short random word so that no prompt cache has seen it: one word for the whole
            ``cell``, or one for each ``request``. None: send prompts unchanged.
        workers: Processes that send. None: as many as the load needs and the machine has.
        repetition: Number of the repetition, from 1. 0: the load is not repeated.
        name: Name of the load in tables. None: derived from kind and value.
        ignore_eos: Whether replies go on to their token limit where a request of a replay sets one and the server can.
        timed: Whether a closed-loop load makes a claim about time; every schedule does. See :attr:`is_timed`.
    """

    kind: LoadKind
    value: float
    arrivals: ArrivalProcess = "poisson"
    duration_s: float | None = None
    warmup_requests: int = 0
    warmup_s: float = 0.0
    max_requests: int | None = None
    cv: float = 1.0
    from_rps: float | None = None
    to_rps: float | None = None
    trace: tuple[Arrival, ...] = ()
    trace_sha256: str | None = None
    speed: float = 1.0
    salt: SaltScope | None = None
    workers: int | None = 1
    repetition: int = 0
    name: str | None = None
    timed: bool = False
    ignore_eos: bool = False

    @property
    def label(self) -> str:
        """The load's part of a cell id: ``c16``, ``a64``, ``r4``, ``ramp1-20``, ``s8.2``; ``r4#2`` when repeated."""
        label = self.name
        if label is None and self.kind == "ramp":
            label = f"ramp{self.from_rps:g}-{self.to_rps:g}"
        if label is None:
            label = f"{self.kind[0]}{self.value:g}"
        return f"{label}#{self.repetition}" if self.repetition else label

    @property
    def description(self) -> str:
        """The load in words, as ``bench plan`` shows it: ``concurrency 16``, ``rate 40 (bursts)``, ``ramp 1-20``."""
        if not self.is_open_loop or self.kind == "rate":
            return f"{self.kind} {self.value:g}" + (f" ({self.name})" if self.name else "")
        return f"{self.kind} {self.label.removeprefix(self.kind).lstrip('-')}"

    @property
    def is_open_loop(self) -> bool:
        """Whether requests are sent on a schedule."""
        return LOAD_SHAPES[self.kind].is_open_loop

    @property
    def is_timed(self) -> bool:
        """Whether a cell under this load has the run to itself. Cells under other loads may be sent side by side."""
        return self.timed or self.is_open_loop

    @property
    def is_adaptive(self) -> bool:
        """Whether the number in flight follows the provider's rate limiting."""
        return LOAD_SHAPES[self.kind].is_adaptive

    @property
    def peak_rps(self) -> float | None:
        """Highest rate of the schedule. None: a closed-loop load."""
        if not self.is_open_loop:
            return None
        if self.kind == "replay":
            return _peak_trace_rps(self.trace, self.speed)
        return max(self.value, self.from_rps or 0.0, self.to_rps or 0.0)

    def due_times_s(self, rng: random.Random) -> Iterator[float]:
        """Yield the seconds at which the requests of a schedule are due, from 0, in order.

        Gaps with a mean of 1 are drawn on the axis of the cumulative number of arrivals and mapped to time, so a ramp
        has the same distribution of gaps as a rate, scaled by the rate of the moment.
        """
        if self.kind == "replay":
            yield from self._replay_times_s()
            return
        duration_s = self.duration_s or 0.0
        start = self.value if self.from_rps is None else self.from_rps
        slope = 0.0 if self.to_rps is None else (self.to_rps - start) / duration_s
        arrivals, due_s, count = 0.0, 0.0, 0
        while due_s < duration_s and (self.max_requests is None or count < self.max_requests):
            yield due_s
            count += 1
            arrivals += self._draw_gap(rng)
            due_s = _time_of_arrival_s(arrivals, start, slope)

    def _replay_times_s(self) -> Iterator[float]:
        for arrival in self.trace[: self.max_requests]:
            due_s = arrival.at_s / self.speed
            if self.duration_s is not None and due_s >= self.duration_s:
                return
            yield due_s

    def _draw_gap(self, rng: random.Random) -> float:
        if self.arrivals == "constant":
            return 1.0
        if self.arrivals == "poisson":
            return rng.expovariate(1.0)
        shape = 1 / self.cv**2
        return rng.gammavariate(shape, 1 / shape)


def _time_of_arrival_s(arrivals: float, start_rps: float, slope: float) -> float:
    """Return the time t by which ``arrivals`` requests are due: start_rps t + slope t^2 / 2 = arrivals, solved for t."""
    if slope == 0:
        return arrivals / start_rps
    under = start_rps * start_rps + 2 * slope * arrivals
    # A falling ramp has only as many arrivals as the area below it.
    return (math.sqrt(under) - start_rps) / slope if under >= 0 else math.inf


def _peak_trace_rps(trace: tuple[Arrival, ...], speed: float) -> float:
    """Return the number of requests in the busiest second of a trace."""
    seconds: dict[int, int] = {}
    for arrival in trace:
        second = int(arrival.at_s / speed)
        seconds[second] = seconds.get(second, 0) + 1
    return float(max(seconds.values(), default=0))


@dataclass(frozen=True, slots=True)
class RateSearch:
    """A search for the highest rate that meets a service level.

    Attributes:
        slo: The service level.
        from_rps: Lowest rate.
        to_rps: Highest rate.
        tolerance: Largest step between neighbouring rates, as a fraction: 0.05 finds the rate within 5 %.
        repeats: Maximum number of tries at each rate.
        load: The load that all tries share; each try replaces its value.
    """

    slo: Slo
    from_rps: float
    to_rps: float
    tolerance: float
    repeats: int
    load: Load

    @property
    def label(self) -> str:
        """The name of the search in tables."""
        return self.load.name or "search"

    @property
    def rates_rps(self) -> tuple[float, ...]:
        """The rates that may be tried: evenly spaced on a log scale, rounded to four significant digits."""
        steps = max(1, math.ceil(math.log(self.to_rps / self.from_rps) / math.log1p(self.tolerance) - 1e-9))
        ratio = (self.to_rps / self.from_rps) ** (1 / steps)
        return tuple(dict.fromkeys(float(f"{self.from_rps * ratio**k:.4g}") for k in range(steps + 1)))

    @property
    def max_tries(self) -> int:
        """Upper bound of the number of tries: a bisection over the rates, each repeated."""
        return (math.floor(math.log2(len(self.rates_rps) + 1)) + 1) * self.repeats

    def load_at(self, rate_rps: float, repetition: int) -> Load:
        """Return the load of one try."""
        name = None if self.load.name is None else f"{self.load.name}-{rate_rps:g}"
        return replace(self.load, value=rate_rps, repetition=repetition, name=name)
