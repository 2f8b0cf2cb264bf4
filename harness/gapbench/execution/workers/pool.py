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
from gapbench.execution.attempts.request_sender import CompletedAttempt, Deliver
from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.workers import protocol
from gapbench.execution.workers.remote_admission import AdmissionServer, SendMessage
from gapbench.suite.loads.load import Load
from gapbench.suite.plan import Cell
from gapbench.values import Call, Model, Session
from gapbench.values.policies import RunPolicies

START_LEAD_S = 0.25
"""Between handing out a cell and its zero, so that every worker has expanded its share when the clock starts."""
STREAMS_PER_WORKER = 256
REQUESTS_PER_S_PER_WORKER = 300
"""What is sent from one event loop before a second is started. `bench calibrate` at 200 streams and 238 requests/s (15,000
chunks/s) takes a fifth of a core, so this is about a third: below it few chunks wait for the one before them."""
READY_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 5.0


def worker_count(load: Load, cores: int) -> int:
    """Return how many processes a load is sent from; adaptive concurrency has one budget and so one process."""
    if load.kind == "adaptive":
        return 1
    if load.workers is not None:
        return load.workers if load.is_open_loop else min(load.workers, int(load.value))
    if load.peak_rps is not None:
        needed = load.peak_rps / REQUESTS_PER_S_PER_WORKER
    else:
        needed = load.value / STREAMS_PER_WORKER
    return max(1, min(cores, math.ceil(needed)))


@dataclass
class _WorkerHandle:
    """One worker process, seen from here."""

    number: int
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, message: object) -> None:
        # A member that has died is found out by its reader.
        with contextlib.suppress(ConnectionError, RuntimeError):
            self.writer.write(protocol.encode_message(message))


class WorkerPool:
    """The workers of one model. Use :meth:`open`, then :meth:`run_cell` for each cell, then :meth:`close`."""

    def __init__(self, workers: list[_WorkerHandle]) -> None:
        """Take workers that are ready."""
        self._workers = workers

    @classmethod
    async def open(cls, count: int, model: Model, session: Session, policies: RunPolicies) -> Self:
        """Start ``count`` workers and wait until each has its runner open.

        Args:
            count: How many.
            model: As a worker must name it to reach the same server.
            session: What the run's own runner was opened with: its log directory and number of connections.
            policies: Of the run.

        Raises:
            BenchError: One of them cannot start; the others are let go.
        """
        pool = cls([])
        try:
            for number in range(count):
                worker = await _start_worker(number, session)
                pool._workers.append(worker)
                worker.send(
                    protocol.OpenRunner(
                        number, model, session.log_dir, -(-session.connections // count), policies
                    )
                )  # fmt: skip
            for worker in pool._workers:
                await _wait_until_ready(worker, session)
        except BaseException:
            await pool.close()
            raise
        return pool

    async def run_cell(
        self,
        cell: Cell,
        count: int,
        remaining: Sequence[tuple[int, int]],
        deliver: Deliver,
        stop_signal: StopSignal,
        admission: AdmissionControl,
        *,
        seed: int,
        cell_start_s: float,
    ) -> list[protocol.WorkerReport]:
        """Have a cell sent and hand on every attempt; returns how each worker fared.

        Args:
            cell: The cell.
            count: Workers to send from, at most as many as there are.
            remaining: Number of each request that is still to be sent, and the attempts made at it.
            deliver: Called here with each attempt.
            stop_signal: Stops new sends.
            admission: What the requests of all workers pass.
            seed: Of the back-off's jitter.
            cell_start_s: The cell's start; ahead of now by ``START_LEAD_S``.

        Raises:
            BenchError: A worker died or broke; what it had handed on is kept, the others finished what was in flight.
        """
        requests = cell.requests
        first_due_s = requests[remaining[0][0]].due_s or 0.0
        # Expanded requests need not travel: the worker expands the same ones.
        # Nor does what judges: replies are scored in the run's process alone.
        cell_without_grader = replace(cell, task=replace(cell.task, external_scorer=None))
        workers = self._workers[:count]
        for worker in workers:
            concurrency = int(cell.load.value) // count + (worker.number < int(cell.load.value) % count)
            share = tuple(remaining[worker.number :: count])
            worker.send(
                protocol.CellJob(
                    cell_without_grader,
                    concurrency,
                    share,
                    cell_start_s,
                    first_due_s,
                    seed,
                    admission.is_unrestricted,
                )
            )

        def broadcast(message: object) -> None:
            for worker in workers:
                worker.send(message)

        admission_server = AdmissionServer(admission, broadcast)
        stop_task = asyncio.create_task(self._broadcast_stop(broadcast, stop_signal))
        reports: list[protocol.WorkerReport] = []
        problems: list[str] = []

        async def receive_messages(worker: _WorkerHandle) -> None:
            while True:
                message = await protocol.read_message(worker.reader)
                if isinstance(message, list):
                    for attempt in message:
                        if attempt.response.failure is None and not attempt.context.from_cache:
                            admission_server.record_success()
                        call = Call({}, attempt.params_sent, attempt.changes)
                        await deliver(
                            CompletedAttempt(
                                requests[attempt.number], call, attempt.response, attempt.context
                            )
                        )
                elif isinstance(message, protocol.AcquireRequest | protocol.FinishRequest):
                    admission_server.handle_request(message, worker.send)
                elif isinstance(message, protocol.CellDone):
                    reports.append(message.report)
                    if message.problem:
                        problems.append(f"worker {worker.number}: {message.problem}")
                    return
                else:
                    code = await worker.process.wait()
                    problems.append(f"worker {worker.number} ended with code {code}")
                    broadcast(protocol.StopSending("a worker died"))
                    admission_server.close()
                    return

        receive_tasks = [asyncio.create_task(receive_messages(member)) for member in workers]
        try:
            await asyncio.gather(*receive_tasks)
        finally:
            admission_server.close()
            for task in (stop_task, *receive_tasks):
                task.cancel()
        if problems:
            raise BenchError(
                f"{cell.cell_id}: {'; '.join(problems)}; what was handed on is kept, `bench run --resume` sends the rest"
            )
        return sorted(reports, key=lambda report: report.worker)

    @staticmethod
    async def _broadcast_stop(broadcast: SendMessage, stop_signal: StopSignal) -> None:
        await stop_signal.wait()
        broadcast(protocol.StopSending(stop_signal.reason or "halted"))

    async def close(self) -> None:
        """End the workers: their socket first, then the processes that do not go by themselves."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.writer.close()
        for worker in workers:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker.process.wait(), CLOSE_TIMEOUT_S)
                continue
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()
            await worker.process.wait()


async def _start_worker(number: int, session: Session) -> _WorkerHandle:
    ours, theirs = socket.socketpair()
    # The child finds this very code, wherever it was imported from, and nothing from the folder it happens to be in.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with theirs, (session.log_dir / f"worker-{number}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "gapbench.execution.workers.worker", str(theirs.fileno()), pass_fds=(theirs.fileno(),),
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True,
        )  # fmt: skip
    reader, writer = await asyncio.open_connection(sock=ours, limit=protocol.READ_BUFFER_BYTES)
    return _WorkerHandle(number, process, reader, writer)


async def _wait_until_ready(worker: _WorkerHandle, session: Session) -> None:
    """Wait for a worker's runner to be open.

    Raises:
        BenchError: It is not, or not in time.
    """
    try:
        ready = await asyncio.wait_for(protocol.read_message(worker.reader), READY_TIMEOUT_S)
    except TimeoutError:
        raise BenchError(f"worker {worker.number} was not ready within {READY_TIMEOUT_S:g} s") from None
    problem = ready.problem if isinstance(ready, protocol.RunnerReady) else _last_log_line(worker, session)
    if problem is not None:
        raise BenchError(f"worker {worker.number} cannot start: {problem}")


def _last_log_line(worker: _WorkerHandle, session: Session) -> str:
    """Return the last line that a worker wrote before it went."""
    log = session.log_dir / f"worker-{worker.number}.log"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a word"


def scheduled_start_s() -> float:
    """Return the start of a cell that is about to be handed to workers."""
    return transport.now() + START_LEAD_S
