"""Worker processes for one model: when one event loop is not enough, several send on one clock and one schedule.

``perf_counter`` is the same clock for all processes of a machine (CLOCK_MONOTONIC on Linux), so a cell has one zero
and one schedule, dealt to the workers in turn. They hand every attempt to this process, which alone scores, prices,
writes and halts. A worker that dies costs what it had in flight and not yet handed on: its cell is left incomplete,
and ``--resume`` sends those requests again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from gapbench import transport
from gapbench.errors import BenchError
from gapbench.execution.attempts.request_sender import Deliver, Rules, Sent
from gapbench.execution.limits.admission import Gate
from gapbench.execution.limits.stop_signal import Halt
from gapbench.execution.workers import protocol
from gapbench.execution.workers.remote_admission import GateServer, Say
from gapbench.suite.loads.load import Load
from gapbench.suite.plan import Cell
from gapbench.values import Call, Model, Session

START_LEAD_S = 0.25
"""Between handing out a cell and its zero, so that every worker has expanded its share when the clock starts."""
STREAMS_PER_WORKER = 256
REQUESTS_PER_S_PER_WORKER = 300
"""What is sent from one event loop before a second is started. `bench calibrate` at 200 streams and 238 requests/s (15,000
chunks/s) takes a fifth of a core, so this is about a third: below it few chunks wait for the one before them."""
READY_WAIT_S = 60.0
CLOSE_WAIT_S = 5.0


def workers_for(load: Load, cores: int) -> int:
    """Return how many processes a load is sent from; adaptive concurrency has one budget and so one process."""
    if load.kind == "adaptive":
        return 1
    if load.workers is not None:
        return load.workers if load.on_schedule else min(load.workers, int(load.value))
    if load.peak_rps is not None:
        wanted = load.peak_rps / REQUESTS_PER_S_PER_WORKER
    else:
        wanted = load.value / STREAMS_PER_WORKER
    return max(1, min(cores, math.ceil(wanted)))


@dataclass
class _Member:
    """One worker process, seen from here."""

    number: int
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, message: object) -> None:
        # A member that has died is found out by its reader.
        with contextlib.suppress(ConnectionError, RuntimeError):
            self.writer.write(protocol.frame(message))


class Crew:
    """The workers of one model. Use :meth:`open`, then :meth:`perform` for each cell, then :meth:`close`."""

    def __init__(self, members: list[_Member]) -> None:
        """Take workers that are ready."""
        self._members = members

    @classmethod
    async def open(cls, count: int, model: Model, session: Session, rules: Rules) -> Self:
        """Start ``count`` workers and wait until each has its runner open.

        Args:
            count: How many.
            model: As a worker must name it to reach the same server.
            session: Deadlines and places, as the run's own runner has them.
            rules: For every attempt.

        Raises:
            BenchError: One of them cannot start; the others are let go.
        """
        crew = cls([])
        try:
            for number in range(count):
                member = await _start(number, session)
                crew._members.append(member)
                member.say(
                    protocol.Open(
                        number, model, session.log_dir, -(-session.connections // count),
                        session.connect_timeout_s, session.read_timeout_s, rules,
                    )
                )  # fmt: skip
            for member in crew._members:
                await _until_ready(member, session)
        except BaseException:
            await crew.close()
            raise
        return crew

    async def perform(
        self,
        cell: Cell,
        count: int,
        todo: Sequence[tuple[int, int]],
        take: Deliver,
        halt: Halt,
        gate: Gate,
        *,
        seed: int,
        zero_s: float,
    ) -> list[protocol.Report]:
        """Have a cell sent and hand on every attempt; returns how each worker fared.

        Args:
            cell: The cell.
            count: Workers to send from, at most as many as there are.
            todo: Number of each request that is still to be sent, and the attempts made at it.
            take: Called here with each attempt.
            halt: Stops new sends.
            gate: What the requests of all workers pass.
            seed: Of the back-off's jitter.
            zero_s: The cell's start; ahead of now by ``START_LEAD_S``.

        Raises:
            BenchError: A worker died or broke; what it had handed on is kept, the others finished what was in flight.
        """
        requests = cell.requests
        first_due_s = requests[todo[0][0]].due_s or 0.0
        # Expanded requests need not travel: the worker expands the same ones.
        # Nor does what judges: replies are scored in the run's process alone.
        bare = replace(cell, task=replace(cell.task, grader=None))
        members = self._members[:count]
        for member in members:
            places = int(cell.load.value) // count + (member.number < int(cell.load.value) % count)
            share = tuple(todo[member.number :: count])
            member.say(protocol.Job(bare, places, share, zero_s, first_due_s, seed, gate.is_free))

        def tell_all(message: object) -> None:
            for member in members:
                member.say(message)

        shared = GateServer(gate, tell_all)
        telling = asyncio.create_task(self._tell_halt(tell_all, halt))
        reports: list[protocol.Report] = []
        problems: list[str] = []

        async def hear(member: _Member) -> None:
            while True:
                message = await protocol.read(member.reader)
                if isinstance(message, list):
                    for ended in message:
                        if ended.response.failure is None and not ended.how.from_cache:
                            shared.answered()
                        call = Call({}, ended.params_sent, ended.changes)
                        await take(Sent(requests[ended.number], call, ended.response, ended.how))
                elif isinstance(message, protocol.Enter | protocol.Settle):
                    shared.heard(message, member.say)
                elif isinstance(message, protocol.Done):
                    reports.append(message.report)
                    if message.problem:
                        problems.append(f"worker {member.number}: {message.problem}")
                    return
                else:
                    code = await member.process.wait()
                    problems.append(f"worker {member.number} ended with code {code}")
                    tell_all(protocol.Stop("a worker died"))
                    shared.close()
                    return

        hearing = [asyncio.create_task(hear(member)) for member in members]
        try:
            await asyncio.gather(*hearing)
        finally:
            shared.close()
            for task in (telling, *hearing):
                task.cancel()
        if problems:
            raise BenchError(
                f"{cell.cell_id}: {'; '.join(problems)}; what was handed on is kept, `bench run --resume` sends the rest"
            )
        return sorted(reports, key=lambda report: report.worker)

    @staticmethod
    async def _tell_halt(tell_all: Say, halt: Halt) -> None:
        await halt.wait()
        tell_all(protocol.Stop(halt.reason or "halted"))

    async def close(self) -> None:
        """End the workers: their socket first, then the processes that do not go by themselves."""
        members, self._members = self._members, []
        for member in members:
            member.writer.close()
        for member in members:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(member.process.wait(), CLOSE_WAIT_S)
                continue
            with contextlib.suppress(ProcessLookupError):
                member.process.kill()
            await member.process.wait()


async def _start(number: int, session: Session) -> _Member:
    ours, theirs = socket.socketpair()
    # The child finds this very code, wherever it was imported from, and nothing from the folder it happens to be in.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with theirs, (session.log_dir / f"worker-{number}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "gapbench.execution.workers.worker", str(theirs.fileno()), pass_fds=(theirs.fileno(),),
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True,
        )  # fmt: skip
    reader, writer = await asyncio.open_connection(sock=ours, limit=protocol.READ_BYTES)
    return _Member(number, process, reader, writer)


async def _until_ready(member: _Member, session: Session) -> None:
    """Wait for a worker's runner to be open.

    Raises:
        BenchError: It is not, or not in time.
    """
    try:
        ready = await asyncio.wait_for(protocol.read(member.reader), READY_WAIT_S)
    except TimeoutError:
        raise BenchError(f"worker {member.number} was not ready within {READY_WAIT_S:g} s") from None
    problem = ready.problem if isinstance(ready, protocol.Ready) else _end_of(member, session)
    if problem is not None:
        raise BenchError(f"worker {member.number} cannot start: {problem}")


def _end_of(member: _Member, session: Session) -> str:
    """Return the last line that a worker wrote before it went."""
    log = session.log_dir / f"worker-{member.number}.log"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a word"


def zero_ahead_s() -> float:
    """Return the start of a cell that is about to be handed to workers."""
    return transport.now() + START_LEAD_S
