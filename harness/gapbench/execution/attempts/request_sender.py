"""One cell's requests sent from one process: prepared, measured, and handed on to be scored and kept.

The same in the run's own process and in a worker's, so what is measured does not depend on where.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from gapbench import transport
from gapbench.execution.attempts.attempt_row import Circumstance
from gapbench.execution.attempts.event_loop_lag import LagMeter
from gapbench.execution.attempts.load_generator import Ended, Try
from gapbench.execution.attempts.measure import measure
from gapbench.execution.attempts.response_cache import ResponseCache
from gapbench.execution.limits.admission import Admission
from gapbench.execution.limits.retry import Retries
from gapbench.runner import Runner
from gapbench.suite.loads.load import Load
from gapbench.suite.plan import Cell, Planned, prompt_chars
from gapbench.values import Call, Request, Response
from gapbench.values.policies import BreakerPolicy

NEVER = 2**31
"""Failures in a row that no search makes."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for every attempt of a run.

    Attributes:
        retries: When to try again.
        total_s: Deadline for one attempt.
        first_token_s: Deadline for the first text. None: none of its own.
        gap_s: Longest time between two texts. None: no bound.
        breaker: When a model is given up.
        cache: Folder of kept answers. None: every request is sent.
    """

    retries: Retries = field(default_factory=Retries)
    total_s: float = 600.0
    first_token_s: float | None = None
    gap_s: float | None = None
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    cache: Path | None = None

    def for_load(self, load: Load) -> Rules:
        """Return what holds under a load.

        A search overloads a server on purpose and counts what fails: another attempt would add to the load that it
        offers, and a circuit breaker would end it where it begins to be of use.
        """
        if load.kind != "search":
            return self
        return replace(self, retries=Retries(attempts=1), breaker=BreakerPolicy(failures=NEVER))


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt that has ended, not yet scored.

    Attributes:
        planned: The request.
        call: What was sent; without its body when it comes from a worker.
        response: What came back.
        how: See :class:`gapbench.execution.attempts.attempt_row.Circumstance`.
    """

    planned: Planned
    call: Call
    response: Response
    how: Circumstance


Deliver = Callable[[Sent], Awaitable[None]]
"""Takes each attempt as it ends, and holds its sender while what takes it is behind."""


class Sender:
    """Makes attempts at one cell's requests, and counts those in flight and those made.

    Args:
        cell: The cell.
        runner: Its model's open runner.
        rules: See :class:`Rules`.
        meter: Of this process's event loop.
        deliver: See :data:`Deliver`.
        gate: What requests pass before and after they are sent.
        worker: Number of this process.
    """

    def __init__(
        self,
        cell: Cell,
        runner: Runner,
        rules: Rules,
        meter: LagMeter,
        deliver: Deliver,
        gate: Admission,
        worker: int = 0,
    ) -> None:
        """Start with nothing in flight."""
        self.cell = cell
        self.runner = runner
        self.rules = rules
        self.meter = meter
        self.deliver = deliver
        self.gate = gate
        self.worker = worker
        self.cache = ResponseCache(rules.cache) if rules.cache is not None else None
        self.in_flight = 0
        self.made = 0

    def warm_up(self, planned: Planned) -> None:
        """Prepare a request and drop it: what is made on first use is made before the clock starts."""
        self.runner.prepare(self._request(planned))

    def _request(self, planned: Planned) -> Request:
        cell = self.cell
        return Request(cell.model, cell.messages(planned), cell.params_of(planned), planned.sample.likelihood)

    async def send(self, attempt: Try) -> Ended:
        """Make one attempt, unless its model has been given up: then the request is still to be done."""
        cell, planned = self.cell, attempt.planned
        if (
            self.cache is not None
            and self.cache.serves(cell, planned)
            and await self._from_cache(self.cache, attempt)
        ):
            return Ended(None, again=False)
        entry = await self.gate.enter(
            prompt_chars(planned.sample.messages), cell.params_of(planned).max_tokens
        )
        if entry is None:
            return Ended(None, again=False)
        call = self.runner.prepare(self._request(planned))
        self.in_flight += 1
        in_flight = self.in_flight
        began_s = transport.now()
        rules = self.rules
        try:
            response = await measure(
                self.runner, call, rules.total_s, first_token_s=rules.first_token_s, gap_s=rules.gap_s
            )
        except BaseException:
            self.gate.let_go(entry)
            raise
        finally:
            self.in_flight -= 1
        if self.cache is not None and self.cache.serves(cell, planned):
            self.cache.put(self._key(planned, call), response)
        final, again = await self.gate.settle(entry, response, attempt.tries)
        # With so many in flight, a request is due when the provider's limits let it go.
        is_paced = entry.paced and not cell.load.on_schedule
        how = Circumstance(
            number=attempt.number,
            final=final,
            scheduled_s=began_s if is_paced else attempt.scheduled_s,
            loop_lag_s=self.meter.worst_s(began_s, response.timing.done_s),
            in_flight=in_flight,
            worker=self.worker,
        )
        self.made += 1
        await self.deliver(Sent(planned, call, response, how))
        return Ended(response.failure, again)

    async def _from_cache(self, cache: ResponseCache, attempt: Try) -> bool:
        """Deliver a kept answer; returns whether there was one."""
        planned = attempt.planned
        call = self.runner.prepare(self._request(planned))
        response = cache.get(self._key(planned, call), transport.now())
        if response is None:
            return False
        how = Circumstance(
            number=attempt.number,
            final=True,
            scheduled_s=attempt.scheduled_s,
            loop_lag_s=None,
            in_flight=self.in_flight,
            worker=self.worker,
            from_cache=True,
        )
        await self.deliver(Sent(planned, call, response, how))
        return True

    def _key(self, planned: Planned, call: Call) -> str:
        return ResponseCache.key(self.cell, planned, call, getattr(self.runner, "base_url", None))
