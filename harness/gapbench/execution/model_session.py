"""One model made ready for its cells: its open runner, and the workers that send to it once a cell needs some."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence

from gapbench import transport
from gapbench.execution.attempts.event_loop_lag import LagMeter
from gapbench.execution.attempts.load_generator import drive
from gapbench.execution.attempts.request_sender import Deliver, Rules, Sender
from gapbench.execution.limits.admission import Gate
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.stop_signal import Halt
from gapbench.execution.workers.pool import Crew, workers_for
from gapbench.execution.workers.protocol import Report
from gapbench.runner import Runner
from gapbench.suite.plan import Cell
from gapbench.values import Model, Session


class Stage:
    """One open model.

    Args:
        model: The model.
        runner: Its runner; closed by whoever made it.
        session: What the runner was opened with.
        rules: For every attempt.
        gate: What its requests pass, whichever process sends them.
        tell: Takes one line for the user.
    """

    def __init__(
        self,
        model: Model,
        runner: Runner,
        session: Session,
        rules: Rules,
        gate: Gate,
        tell: Callable[[str], None],
    ) -> None:
        """Start without workers."""
        self.model = model
        self.runner = runner
        self._session = session
        self._rules = rules
        self.gate = gate
        self._tell = tell
        self._crew: Crew | None = None
        self._size = 0

    async def open(self) -> None:
        """Open the runner, once somebody listens at its address.

        Raises:
            SetupError: Nobody does, or the runner cannot be made ready.
        """
        address = getattr(self.runner, "endpoint", lambda: None)()
        if address is not None:
            await transport.reach(address, self._session)
        await self.runner.open(self._session)

    async def crew(self, cell: Cell) -> Crew | None:
        """Return workers for a cell, at least as many as it needs. None: this process sends."""
        count = workers_for(cell.load, os.cpu_count() or 1)
        # An engine in this process has no address that another process could reach.
        model = getattr(self.runner, "attached", lambda: self.model)()
        if count == 1 or model is None:
            return None
        if self._size < count:
            await self.close()
            self._tell(f"{self.model.id}: {count} worker processes send")
            self._crew = await Crew.open(count, model, self._session, self._rules)
            self._size = count
        return self._crew

    async def perform(
        self,
        cell: Cell,
        crew: Crew | None,
        todo: Sequence[tuple[int, int]],
        take: Deliver,
        halt: Halt,
        *,
        seed: int,
        zero_s: float,
    ) -> list[Report]:
        """Send a cell's requests, from here or from the workers; returns how each process fared."""
        rules, gate = self._rules.for_load(cell.load), self.gate
        if rules is not self._rules:
            gate = Gate(self.model, rules.retries, RetryBudget(), rules.breaker, None, halt, self._tell)
        if crew is not None:
            count = workers_for(cell.load, os.cpu_count() or 1)
            return await crew.perform(cell, count, todo, take, halt, gate, seed=seed, zero_s=zero_s)
        meter = LagMeter(asyncio.get_running_loop())
        sender = Sender(cell, self.runner, rules, meter, take, gate)
        cpu_s = time.process_time()
        requests = cell.requests
        try:
            await drive(
                cell.load,
                [(requests[number], made) for number, made in todo],
                sender.send,
                retries=rules.retries,
                halt=halt,
                seed=seed,
                zero_s=zero_s,
            )
        finally:
            meter.stop()
        wall_s = max(transport.now() - zero_s, 1e-9)
        return [Report(0, sender.made, (time.process_time() - cpu_s) / wall_s, meter.quantile_s(0.99))]

    async def close(self) -> None:
        """Let the workers go."""
        if self._crew is not None:
            await self._crew.close()
            self._crew, self._size = None, 0
