"""A machine that has joined a run, as the conductor sees it: its clock, its heartbeat and its workers' connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from gapbench import transport
from gapbench.execution.machines import messages
from gapbench.execution.machines.cell_share import pack_task
from gapbench.execution.machines.frames import FrameChannel
from gapbench.execution.machines.machine_clock import MachineClock
from gapbench.execution.workers import protocol
from gapbench.formatting import escape_invisible
from gapbench.suite.plan import Cell

PING_S = 2.0
"""Seconds between two questions for the time, which are the heartbeat too."""
LOST_PINGS = 7
"""A machine that has left so many questions in a row without an answer is lost."""
MAX_NOTICE_CHARS = 500
"""A worker's line for the user is cut there: it comes from another machine."""
BURST = 8
BURST_GAP_S = 0.01
BURST_WAIT_S = 1.0


class WorkerLink:
    """The conductor's end of one worker's connection.

    Args:
        number: The worker's number among all workers.
        machine: Its machine.
        channel: The connection.
        notify: Receives one line for the user.

    Attributes:
        share: Its unfinished requests of the cell that runs, and the attempts made at each.
        started: Those of them that it has begun to send.
        tasks: Numbers of the tasks that it has.
        lost: Why it is lost. None: it is not.
    """

    def __init__(
        self,
        number: int,
        machine: Machine,
        channel: FrameChannel,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.number = number
        self.machine = machine
        self.channel = channel
        self._notify = notify
        self.share: dict[int, int] = {}
        self.started: set[int] = set()
        self.tasks: dict[tuple[str, int], int] = {}
        self.lost: str | None = None

    @property
    def label(self) -> str:
        """The worker in messages."""
        return f"worker {self.number} on {self.machine.name}"

    def send(self, message: object) -> None:
        """Send a message; if the worker has gone, reading says so."""
        self.channel.send(message)

    def send_task(self, cell: Cell) -> int:
        """Send a cell's task, if the worker does not have it yet, and return its number on this connection."""
        # Parts of one task have its hash and other samples.
        key = (cell.task.sha256, hash(tuple(sample.sample_id for sample in cell.task.samples)))
        if key not in self.tasks:
            self.tasks[key] = len(self.tasks)
            self.send(pack_task(self.tasks[key], cell))
        return self.tasks[key]

    async def read(self) -> Any:
        """Return the next message. None: the worker is lost, and ``lost`` says why."""
        while isinstance(message := await self.channel.read(), protocol.Notice):
            self._notify(f"{self.label}: {escape_invisible(message.text[:MAX_NOTICE_CHARS])}")
        if message is None and self.lost is None:
            self.lost = self.machine.lost or self.channel.problem or "its connection was closed"
        return message

    def lose(self, reason: str) -> None:
        """Count the worker as lost."""
        self.lost = self.lost or reason
        self.channel.abort()


class Machine:
    """One machine.

    Args:
        id_: Its id in this run.
        proof: What it said of itself.
        name: Its name, which no other machine of the run has.
        channel: Its control connection.
        on_worker_ended: Called when one of its workers has ended.
        on_lost: Called once when the machine is lost.
        sleep: Waits between two questions.

    Attributes:
        clock: Exchanges of the time with it.
        lost: Why it is lost. None: it is not.
        links: Its workers' connections.
    """

    def __init__(
        self,
        id_: str,
        proof: messages.Proof,
        name: str,
        channel: FrameChannel,
        on_worker_ended: Callable[[Machine, messages.WorkerEnded], None],
        on_lost: Callable[[Machine], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.id = id_
        self.name = name
        self.cores = proof.cores
        self.facts = proof.facts
        self.clock = MachineClock()
        self.lost: str | None = None
        self.links: list[WorkerLink] = []
        self._channel = channel
        self._on_worker_ended = on_worker_ended
        self._on_lost = on_lost
        self._sleep = sleep
        self._heard_s = transport.now()
        self._answered = asyncio.Event()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._ping())]

    def send(self, message: object) -> None:
        """Send a message on the control connection."""
        self._channel.send(message)

    async def exchange_clocks(self) -> None:
        """Ask for the time a few times in a row; the shortest round trip counts."""
        wanted = len(self.clock.exchanges) + BURST
        for _ in range(BURST):
            self.send(messages.ClockPing(transport.now()))
            await asyncio.sleep(BURST_GAP_S)
        ends_s = transport.now() + BURST_WAIT_S
        while self.lost is None and len(self.clock.exchanges) < wanted and transport.now() < ends_s:
            self._answered.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._answered.wait(), max(0.0, ends_s - transport.now()))

    async def _read(self) -> None:
        while True:
            message = await self._channel.read()
            if message is None:
                self.lose(self._channel.problem or "its connection was closed")
                return
            self._heard_s = self._channel.received_s
            if isinstance(message, messages.ClockPong):
                self.clock.add(
                    message.sent_s, message.received_s, message.answered_s, self._channel.received_s
                )
                self._answered.set()
            elif isinstance(message, messages.WorkerEnded):
                self._on_worker_ended(self, message)

    async def _ping(self) -> None:
        missed = 0
        while missed < LOST_PINGS:
            asked_s = transport.now()
            self.send(messages.ClockPing(asked_s))
            await self._sleep(PING_S)
            if self._heard_s > asked_s:
                missed = 0
            elif transport.now() - asked_s < 2 * PING_S:
                # If this process was busy meanwhile, an answer may be there that it has not read yet.
                missed += 1
        self.lose(f"it has not answered for {LOST_PINGS * PING_S:.0f} s")

    def lose(self, reason: str) -> None:
        """Count the machine as lost, and all its workers with it."""
        if self.lost is not None:
            return
        self.lost = reason
        self._on_lost(self)
        for link in self.links:
            link.lose(reason)
        self._stop()
        self._channel.abort()

    def _stop(self) -> None:
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()

    def close(self, reason: str) -> None:
        """Say goodbye, if it is not lost."""
        if self.lost is None:
            self.lost = reason
            self.send(messages.Goodbye(reason))
            self._stop()
            self._channel.close()
