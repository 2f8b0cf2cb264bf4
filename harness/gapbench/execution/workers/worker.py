"""A worker process: sends its share of a cell and returns every attempt to the parent process.

Started as ``python -m gapbench.execution.workers.worker DESCRIPTOR`` by :mod:`gapbench.execution.workers.pool`. It writes nothing and scores nothing. It
ends when its socket is closed, so no worker outlives the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from gapbench import transport
from gapbench.errors import BenchError
from gapbench.execution.attempts import gc_tuning
from gapbench.execution.attempts.episode_sender import EpisodeSender
from gapbench.execution.attempts.lag_meter import LagMeter
from gapbench.execution.attempts.load_generator import AttemptRequest, AttemptResult, run_load
from gapbench.execution.attempts.reply_price import usage_pricer
from gapbench.execution.attempts.request_sender import CompletedAttempt, RequestSender, warm_up
from gapbench.execution.attempts.response_cache import open_response_cache
from gapbench.execution.event_loop import run_on_event_loop
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.replicas.replica_runner import build_runner
from gapbench.execution.workers import protocol
from gapbench.execution.workers.remote_admission import AdmissionProxy, SendMessage
from gapbench.execution.workers.remote_user import UserProxy
from gapbench.runner import Runner

FLUSH_INTERVAL_S = 0.05
"""Seconds between two batches of attempts: long enough for few frames, short enough for the live view."""
MAX_UNREAD_BYTES = 2**24
"""Bytes that may wait for a slow parent before the worker's senders wait too."""


class WorkerProcess:
    """The worker's end of the connection.

    Args:
        channel: The connection.
        make_admission: Makes the worker's end of admission control, for each cell: it gets what sends a message to the
            parent after all attempts that have ended, and whether requests may be sent without asking.
        checks_address: Whether to check that the model's address accepts connections from here; the parent has done so
            for its own machine.
    """

    def __init__(
        self,
        channel: protocol.Channel,
        make_admission: Callable[[SendMessage, bool], AdmissionProxy] = AdmissionProxy,
        *,
        checks_address: bool = False,
    ) -> None:
        self._channel = channel
        self._make_admission = make_admission
        self._checks_address = checks_address
        self._attempts: list[protocol.AttemptMessage] = []
        self._started: list[int] = []
        self._is_ready = False
        self._stop_signal = StopSignal()
        self._admission = make_admission(self._send_after_attempts, False)
        self._user = UserProxy(self._send_after_attempts, {})

    async def run(self) -> None:
        """Run jobs until the parent closes the socket."""
        opening = await self._channel.read()
        if not isinstance(opening, protocol.OpenRunner):
            return
        try:
            runner = build_runner(opening.model)
            session = opening.policies.make_session(opening.model, opening.log_dir, opening.connections)
            address = runner.endpoint() if self._checks_address else None
            if address is not None:
                await transport.check_reachable(address, session)
            await runner.open(dataclasses.replace(session, notify=self._notify))
        except Exception as exc:  # noqa: BLE001 - the parent must learn why, whatever it is
            problem = str(exc) if isinstance(exc, BenchError) else f"{type(exc).__name__}: {exc}"
            self._send(protocol.RunnerReady(problem))
            await self._channel.drain()
            return
        self._send(protocol.RunnerReady())
        self._is_ready = True
        try:
            await self._handle_messages(runner, opening)
        finally:
            await runner.close()

    async def _handle_messages(self, runner: Runner, opening: protocol.OpenRunner) -> None:
        job: asyncio.Task[None] | None = None
        while True:
            message = await self._channel.read()
            if message is None:
                if job is not None:
                    job.cancel()
                    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                        await job
                return
            if isinstance(message, protocol.StopSending):
                self._stop_signal.set(message.reason)
            elif isinstance(message, protocol.UserAnswer):
                self._user.receive_answer(message)
            elif isinstance(message, protocol.CellJob):
                self._stop_signal = StopSignal()
                self._admission = self._make_admission(self._send_after_attempts, message.is_unrestricted)
                job = asyncio.create_task(self._run_job(message, runner, opening))
            else:
                self._admission.receive(message)

    async def _run_job(self, job: protocol.CellJob, runner: Runner, opening: protocol.OpenRunner) -> None:
        requests = job.cell.requests
        numbers = {(requests[k].sample.sample_id, requests[k].repeat): k for k, _ in job.remaining}
        self._user = UserProxy(self._send_after_attempts, numbers)

        async def deliver(completed: CompletedAttempt) -> None:
            number = numbers[completed.planned.sample.sample_id, completed.planned.repeat]
            self._attempts.append(
                protocol.AttemptMessage(
                    number,
                    completed.call.params_sent,
                    completed.call.changes,
                    completed.response,
                    completed.context,
                    completed.turn,
                )
            )
            await self._channel.drain()

        policies = opening.policies.for_load(job.cell.load.kind)
        cache = open_response_cache(policies.cache, self._notify, self._stop_signal)
        if job.remaining:
            await warm_up(runner, job.cell, requests[job.remaining[0][0]])
        meter = LagMeter.start()
        sender = RequestSender(
            job.cell,
            runner,
            policies.timeouts,
            meter,
            deliver,
            self._admission,
            cache=cache,
            worker=opening.worker,
        )
        price = usage_pricer(runner, opening.model)
        episodes = EpisodeSender(sender, price, ask_user=self._user.ask)
        begun: set[int] = set()

        async def send(attempt: AttemptRequest) -> AttemptResult:
            number = numbers[attempt.planned.sample.sample_id, attempt.planned.repeat]
            if number not in begun:
                begun.add(number)
                self._started.append(number)
            return await episodes.send(attempt)

        began_s, cpu_s = transport.now(), time.process_time()
        flushing = asyncio.create_task(self._flush_periodically())
        problem: str | None = None
        try:
            with gc_tuning.freeze_gc():
                await run_load(
                    dataclasses.replace(job.cell.load, value=float(job.concurrency))
                    if not job.cell.load.is_open_loop
                    else job.cell.load,
                    [(requests[number], made) for number, made in job.remaining],
                    send,
                    retries=policies.retries,
                    stop_signal=self._stop_signal,
                    seed=job.seed + opening.worker,
                    cell_start_s=job.cell_start_s,
                    first_due_s=job.first_due_s,
                )
        except Exception as exc:  # noqa: BLE001 - what was measured must still be delivered
            problem = f"{type(exc).__name__}: {exc}"
        finally:
            await episodes.close()
            if cache is not None:
                await cache.close()
            flushing.cancel()
            meter.stop()
        wall_s = max(transport.now() - began_s, 1e-9)
        self._admission.close()
        self._flush()
        report = protocol.WorkerReport(
            opening.worker,
            sender.attempts_made,
            (time.process_time() - cpu_s) / wall_s,
            meter.delay_quantile_s(0.99),
        )
        self._send(protocol.CellDone(report, problem))
        await self._channel.drain()

    async def _flush_periodically(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            self._flush()

    def _flush(self) -> None:
        if self._attempts or self._started:
            self._send(protocol.AttemptBatch(tuple(self._attempts), tuple(self._started)))
            self._attempts, self._started = [], []

    def _notify(self, text: str) -> None:
        if self._is_ready:  # what comes before, the parent has said itself
            self._send(protocol.Notice(text))

    def _send_after_attempts(self, message: object) -> None:
        """Send a message after all attempts that ended before it."""
        self._flush()
        self._send(message)

    def _send(self, message: Any) -> None:
        self._channel.send(message)


async def _main(descriptor: int) -> None:
    connection = socket.socket(fileno=descriptor)
    reader, writer = await asyncio.open_connection(sock=connection, limit=protocol.READ_BUFFER_BYTES)
    writer.transport.set_write_buffer_limits(MAX_UNREAD_BYTES)
    channel = protocol.SocketChannel(reader, writer)
    await WorkerProcess(channel).run()
    channel.close()


def main() -> None:
    """Serve the socket whose descriptor is the only argument."""
    # The parent handles Ctrl-C: it tells its workers to stop, and they finish what is in flight.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run_on_event_loop(_main(int(sys.argv[1])))
    # Threads that a vendor's client left behind must not keep the process alive.
    os._exit(0)


if __name__ == "__main__":
    main()
