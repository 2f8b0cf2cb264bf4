"""A load as a value, and the seconds at which its requests are due. Pure: a seeded draw gives the same schedule again."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from gapbench.suite.loads.trace import Arrival
from gapbench.values.slo import Slo

LoadKind = Literal["concurrency", "adaptive", "rate", "ramp", "replay", "search"]
ArrivalProcess = Literal["constant", "poisson", "gamma"]
SaltScope = Literal["cell", "request"]


@dataclass(frozen=True, slots=True)
class Load:
    """When to send the requests of a cell.

    Attributes:
        kind: ``concurrency`` keeps a number of requests in flight, ``adaptive`` as many as a provider takes without
            refusing any, up to a number. The others send on a schedule, however long the replies take: at one ``rate``
            (``search``: a rate that a search tries), over a ``ramp`` of rates, or as a trace was recorded (``replay``).
        value: Requests in flight, or requests per second; of a ramp and a replay the mean.
        arrivals: Spacing under a rate and a ramp.
        duration_s: How long a schedule lasts. None under concurrency, and for a replay of the whole trace.
        warmup_requests: Extra requests sent first and left out of every figure; concurrency only.
        warmup_s: How much of a schedule's start is left out of every figure.
        max_requests: Cap on a schedule's requests. None: no cap.
        cv: Coefficient of variation of gamma gaps: 1 is Poisson, above it bursts, below it regularity.
        from_rps: Rate at which a ramp begins. None: no ramp.
        to_rps: Rate at which a ramp ends. None: no ramp.
        trace: What is replayed. (): no replay.
        trace_sha256: Of the trace's file. None: no replay.
        speed: Of the replay: 2 sends the trace in half its time.
        salt: Whether each prompt starts with a short word of its own, so that no cache has seen it: one word for the
            whole ``cell``, or one for each ``request``. None: prompts are sent as they are.
        workers: Processes that send. None: as many as the load needs and the machine has.
        repetition: Which repetition of the load, from 1. 0: it is not repeated.
        name: The load's own name in tables. None: made from kind and value.
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

    @property
    def label(self) -> str:
        """The load as it stands in a cell's id: ``c16``, ``a64``, ``r4``, ``ramp1-20``, ``s8.2``; ``r4#2`` when repeated."""
        own = self.name
        if own is None and self.kind == "ramp":
            own = f"ramp{self.from_rps:g}-{self.to_rps:g}"
        if own is None:
            own = f"{self.kind[0]}{self.value:g}"
        return f"{own}#{self.repetition}" if self.repetition else own

    @property
    def is_open_loop(self) -> bool:
        """Whether requests are due at set times."""
        return self.kind not in {"concurrency", "adaptive"}

    @property
    def peak_rps(self) -> float | None:
        """Highest rate of the schedule. None under concurrency."""
        if not self.is_open_loop:
            return None
        if self.kind == "replay":
            return _peak_trace_rps(self.trace, self.speed)
        return max(self.value, self.from_rps or 0.0, self.to_rps or 0.0)

    def due_times_s(self, rng: random.Random) -> Iterator[float]:
        """Yield when each request of a schedule is due, from 0, in order.

        Gaps with a mean of 1 are laid along the number of requests that the rate has asked for by then, so a ramp has
        the same spacing as a rate, only denser.
        """
        if self.kind == "replay":
            yield from self._replay_times_s()
            return
        duration_s = self.duration_s or 0.0
        start = self.value if self.from_rps is None else self.from_rps
        slope = 0.0 if self.to_rps is None else (self.to_rps - start) / duration_s
        asked, due_s, count = 0.0, 0.0, 0
        while due_s < duration_s and (self.max_requests is None or count < self.max_requests):
            yield due_s
            count += 1
            asked += self._draw_gap(rng)
            due_s = _time_of_arrival_s(asked, start, slope)

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
    """Return when ``arrivals`` requests have been asked for: start t + slope t^2 / 2 = asked, solved for t."""
    if slope == 0:
        return arrivals / start_rps
    under = start_rps * start_rps + 2 * slope * arrivals
    # A falling ramp never asks for more than its area.
    return (math.sqrt(under) - start_rps) / slope if under >= 0 else math.inf


def _peak_trace_rps(trace: tuple[Arrival, ...], speed: float) -> float:
    """Return the requests of a trace's busiest second."""
    seconds: dict[int, int] = {}
    for arrival in trace:
        second = int(arrival.at_s / speed)
        seconds[second] = seconds.get(second, 0) + 1
    return float(max(seconds.values(), default=0))


@dataclass(frozen=True, slots=True)
class RateSearch:
    """A search for the highest rate that keeps a service level.

    Attributes:
        slo: The service level.
        from_rps: Lowest rate.
        to_rps: Highest rate.
        tolerance: Greatest step between two neighbouring rates, as a share: 0.05 finds the rate within 5 %.
        repeats: Most times each rate is tried.
        load: What every try has in common; its value is replaced.
    """

    slo: Slo
    from_rps: float
    to_rps: float
    tolerance: float
    repeats: int
    load: Load

    @property
    def label(self) -> str:
        """The search as it stands in tables."""
        return self.load.name or "search"

    @property
    def rates_rps(self) -> tuple[float, ...]:
        """The rates that may be tried: evenly spaced on a log scale, rounded to four digits so that they can be named."""
        steps = max(1, math.ceil(math.log(self.to_rps / self.from_rps) / math.log1p(self.tolerance) - 1e-9))
        ratio = (self.to_rps / self.from_rps) ** (1 / steps)
        return tuple(dict.fromkeys(float(f"{self.from_rps * ratio**k:.4g}") for k in range(steps + 1)))

    @property
    def max_tries(self) -> int:
        """Upper bound of the tries: a bisection of the levels, each repeated."""
        return (math.floor(math.log2(len(self.rates_rps) + 1)) + 1) * self.repeats

    def load_at(self, rate_rps: float, repetition: int) -> Load:
        """Return the load of one try."""
        name = None if self.load.name is None else f"{self.load.name}-{rate_rps:g}"
        return replace(self.load, value=rate_rps, repetition=repetition, name=name)
