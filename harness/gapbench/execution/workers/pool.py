"""Worker processes for one model, for loads that one event loop cannot send on time.

``perf_counter`` is the same clock in all processes of a machine (CLOCK_MONOTONIC on Linux), so a cell has one start and
one schedule, whose requests are dealt to the workers in turn. Workers send every attempt to the parent process, which
alone scores, prices, writes and stops. If a worker dies, its requests in flight are lost: the cell stays incomplete, and
``--resume`` sends those requests again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from gapbench.errors import BenchError
from gapbench.execution.attempts.episode_sender import AskUserOf
from gapbench.execution.attempts.request_sender import CompletedAttempt, Deliver
from gapbench.execution.attempts.session_order import deal_sessions
from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.workers import protocol
from gapbench.execution.workers.remote_admission import AdmissionServer, SendMessage
from gapbench.execution.workers.remote_user import UserServer
from gapbench.suite.loads.load import Load
from gapbench.suite.plan import Cell, PlannedRequest
from gapbench.values import Call, Model, Session
from gapbench.values.policies import RunPolicies

START_LEAD_S = 0.25
"""Seconds between handing out a cell and its start, so that every worker has prepared its share by then."""
STREAMS_PER_WORKER = 256
REQUESTS_PER_S_PER_WORKER = 300
"""Load of one event loop; above it another worker is started. `bench calibrate` at 200 streams and 238 requests/s (15,000
chunks/s) takes a fifth of a core, so this is about a third of a core. Below it, few chunks wait for the one before."""
READY_TIMEOUT_S = 60.0
RECENT_NOTICES = 16
"""A line that is among the last so many is not shown again."""
CLOSE_TIMEOUT_S = 5.0


def worker_count(load: Load, cores: int) -> int:
    """Return the number of processes that send a load. Adaptive concurrency has one limiter, so one process."""
    if load.is_adaptive:
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
    """The parent's end of one worker process."""

    number: int
    process: asyncio.subprocess.Process
    channel: protocol.Channel

    def send(self, message: object) -> None:
        self.channel.send(message)


class WorkerPool:
    """The workers of one model: :meth:`open`, then :meth:`run_cell` for each cell, then :meth:`close`."""

    start_lead_s = START_LEAD_S
    reports: Sequence[Any] = ()
    """What other machines report; these workers are on this one."""

    def __init__(self, workers: list[_WorkerHandle], notify: Callable[[str], None]) -> None:
        self._workers = workers
        self._notify = notify
        self._recent_notices: deque[str] = deque(maxlen=RECENT_NOTICES)

    @classmethod
    async def open(cls, count: int, model: Model, session: Session, policies: RunPolicies) -> Self:
        """Start ``count`` workers and wait until each has its runner open.

        Args:
            count: Number of workers.
            model: The model as a worker must name it to reach the same server.
            session: What the run's own runner was opened with: its log directory and number of connections.
            policies: The run's policies.

        Raises:
            BenchError: One of them cannot start; the others are stopped.
        """
        pool = cls([], session.notify)
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
                await pool._wait_until_ready(worker, session)
        except BaseException:
            await pool.close()
            raise
        return pool

    async def prepare_cell(self, cell: Cell, remaining: Sequence[tuple[int, int]], *, seed: int) -> None:
        """Do nothing: workers of this machine prepare a cell when they run it."""

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
        ask_user: AskUserOf | None = None,
    ) -> list[protocol.WorkerReport]:
        """Let workers send a cell, and deliver every attempt in this process.

        Args:
            cell: The cell.
            count: Number of workers to use, at most as many as there are.
            remaining: Number of each request to send, and the attempts already made at it.
            deliver: Receives each attempt, in this process.
            stop_signal: Stops new sends.
            admission: Admission control for the requests of all workers.
            seed: Seed of the back-off's jitter.
            cell_start_s: The cell's start; ``START_LEAD_S`` from now.
            ask_user: Asks the model that plays users, in this process. None: all users are scripted.

        Returns:
            One report for each worker.

        Raises:
            BenchError: A worker died or failed. Attempts that it delivered are kept; the other workers finished theirs.
        """
        requests = cell.requests
        first_due_s = requests[remaining[0][0]].due_s or 0.0
        # Neither the expanded requests nor the grader are sent: workers expand the same requests, and the parent scores.
        cell_without_grader = replace(cell, task=replace(cell.task, external_scorer=None))
        workers = self._workers[:count]
        for worker, dealt in zip(workers, _deal(requests, remaining, count), strict=True):
            concurrency = int(cell.load.value) // count + (worker.number < int(cell.load.value) % count)
            worker.send(
                protocol.CellJob(
                    cell_without_grader,
                    concurrency,
                    tuple(dealt),
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
        user_server = UserServer(ask_user, requests)
        stop_task = asyncio.create_task(self._broadcast_stop(broadcast, stop_signal))
        reports: list[protocol.WorkerReport] = []
        problems: list[str] = []

        async def receive_messages(worker: _WorkerHandle) -> None:
            while True:
                message = await self._next_message(worker)
                if isinstance(message, protocol.AttemptBatch):
                    for attempt in message.attempts:
                        if attempt.response.failure is None and not attempt.context.from_cache:
                            admission_server.record_success()
                        await deliver(completed_attempt(attempt, requests[attempt.number]))
                elif isinstance(message, protocol.AcquireRequest | protocol.FinishRequest):
                    admission_server.handle_request(message, worker.send)
                elif isinstance(message, protocol.UserQuestion):
                    user_server.handle_question(message, worker.send)
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
                    user_server.close()
                    return

        receive_tasks = [asyncio.create_task(receive_messages(member)) for member in workers]
        try:
            await asyncio.gather(*receive_tasks)
        finally:
            admission_server.close()
            user_server.close()
            for task in (stop_task, *receive_tasks):
                task.cancel()
        if problems:
            raise BenchError(
                f"{cell.cell_id}: {'; '.join(problems)}; finished requests are kept, `bench run --resume` sends the rest"
            )
        return sorted(reports, key=lambda report: report.worker)

    async def _next_message(self, worker: _WorkerHandle) -> Any:
        """Return a worker's next message. Its lines for the user are shown, unless one was just said by another worker."""
        while isinstance(message := await worker.channel.read(), protocol.Notice):
            if message.text not in self._recent_notices:
                self._recent_notices.append(message.text)
                self._notify(message.text)
        return message

    async def _wait_until_ready(self, worker: _WorkerHandle, session: Session) -> None:
        """Wait for a worker's runner to be open.

        Raises:
            BenchError: It could not be opened, or not in time.
        """
        try:
            ready = await asyncio.wait_for(self._next_message(worker), READY_TIMEOUT_S)
        except TimeoutError:
            raise BenchError(f"worker {worker.number} was not ready within {READY_TIMEOUT_S:g} s") from None
        problem = (
            ready.problem if isinstance(ready, protocol.RunnerReady) else _last_log_line(worker, session)
        )
        if problem is not None:
            raise BenchError(f"worker {worker.number} cannot start: {problem}")

    @staticmethod
    async def _broadcast_stop(broadcast: SendMessage, stop_signal: StopSignal) -> None:
        await stop_signal.wait()
        broadcast(protocol.StopSending(stop_signal.reason or "halted"))

    async def close(self) -> None:
        """Stop the workers: close their sockets, then kill the processes that do not end by themselves."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.channel.close()
        for worker in workers:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker.process.wait(), CLOSE_TIMEOUT_S)
                continue
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()
            await worker.process.wait()


def _deal(
    requests: Sequence[PlannedRequest], remaining: Sequence[tuple[int, int]], count: int
) -> list[list[tuple[int, int]]]:
    """Deal requests to workers, those of one session to one worker."""
    made = dict(remaining)
    shares: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for number, hand in deal_sessions([number for number, _ in remaining], count, requests):
        shares[hand].append((number, made[number]))
    return shares


def completed_attempt(message: protocol.AttemptMessage, planned: PlannedRequest) -> CompletedAttempt:
    """Return the attempt that a worker made at a request."""
    call = Call({}, message.params_sent, message.changes)
    return CompletedAttempt(planned, call, message.response, message.context, message.turn)


async def _start_worker(number: int, session: Session) -> _WorkerHandle:
    ours, theirs = socket.socketpair()
    # The child imports the same code as the parent, and nothing from the current directory.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with theirs, (session.log_dir / f"worker-{number}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "gapbench.execution.workers.worker", str(theirs.fileno()), pass_fds=(theirs.fileno(),),
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True,
        )  # fmt: skip
    reader, writer = await asyncio.open_connection(sock=ours, limit=protocol.READ_BUFFER_BYTES)
    return _WorkerHandle(number, process, protocol.SocketChannel(reader, writer))


def _last_log_line(worker: _WorkerHandle, session: Session) -> str:
    """Return the last line that a worker logged before it ended."""
    log = session.log_dir / f"worker-{worker.number}.log"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it ended without a message"
