"""A worker: a process that sends its share of a cell and hands every attempt to the run's process.

Started as ``python -m gapbench.execution.workers.worker DESCRIPTOR`` by :mod:`gapbench.execution.workers.pool`. It writes nothing and scores nothing; it
ends when its socket does, so no worker outlives the run.
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
from typing import Any

from gapbench import runner as runners
from gapbench import transport
from gapbench.errors import BenchError
from gapbench.execution.attempts import gc_tuning
from gapbench.execution.attempts.event_loop_lag import LagMeter
from gapbench.execution.attempts.load_generator import drive
from gapbench.execution.attempts.request_sender import Sender, Sent
from gapbench.execution.limits.stop_signal import Halt
from gapbench.execution.workers import protocol
from gapbench.execution.workers.remote_admission import GateProxy
from gapbench.runner import Runner
from gapbench.values import Session

FLUSH_S = 0.05
"""Attempts are handed on so often: rarely enough that few frames are made, often enough for the live view."""
UNREAD_BYTES = 2**24
"""What may wait for a run that is behind before a worker's senders wait too."""


class Worker:
    """One end of the pipe."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Wait to be told what to open."""
        self._reader = reader
        self._writer = writer
        self._batch: protocol.Batch = []
        self._halt = Halt()
        self._gate = GateProxy(self._say_in_order, is_free=False)

    async def run(self) -> None:
        """Do jobs until the other end goes."""
        opening = await protocol.read(self._reader)
        if not isinstance(opening, protocol.Open):
            return
        try:
            runner = runners.load(opening.model.runner)(opening.model)
            await runner.open(
                Session(
                    log_dir=opening.log_dir,
                    connections=opening.connections,
                    connect_timeout_s=opening.connect_s,
                    read_timeout_s=opening.read_s,
                )
            )
        except Exception as exc:  # noqa: BLE001 - the run must learn why, whatever it is
            said = str(exc) if isinstance(exc, BenchError) else f"{type(exc).__name__}: {exc}"
            self._say(protocol.Ready(said))
            await self._writer.drain()
            return
        self._say(protocol.Ready())
        try:
            await self._jobs(runner, opening)
        finally:
            await runner.close()

    async def _jobs(self, runner: Runner, opening: protocol.Open) -> None:
        job: asyncio.Task[None] | None = None
        while True:
            message = await protocol.read(self._reader)
            if message is None:
                if job is not None:
                    job.cancel()
                    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                        await job
                return
            if isinstance(message, protocol.Stop):
                self._halt.now(message.reason)
            elif isinstance(message, protocol.Free):
                self._gate.is_free = message.is_free
            elif isinstance(message, protocol.Answer):
                self._gate.heard(message)
            elif isinstance(message, protocol.Job):
                self._halt = Halt()
                self._gate = GateProxy(self._say_in_order, is_free=message.is_free)
                job = asyncio.create_task(self._job(message, runner, opening))

    async def _job(self, job: protocol.Job, runner: Runner, opening: protocol.Open) -> None:
        requests = job.cell.requests
        numbers = {(requests[k].sample.sample_id, requests[k].repeat): k for k, _ in job.todo}

        async def deliver(sent: Sent) -> None:
            number = numbers[sent.planned.sample.sample_id, sent.planned.repeat]
            self._batch.append(
                protocol.Ended(number, sent.call.params_sent, sent.call.changes, sent.response, sent.how)
            )
            await self._writer.drain()

        meter = LagMeter(asyncio.get_running_loop())
        rules = opening.rules.for_load(job.cell.load)
        sender = Sender(job.cell, runner, rules, meter, deliver, self._gate, opening.worker)
        if job.todo:
            sender.warm_up(requests[job.todo[0][0]])
        began_s, cpu_s = transport.now(), time.process_time()
        flushing = asyncio.create_task(self._flush_often())
        problem: str | None = None
        try:
            with gc_tuning.settled():
                await drive(
                    dataclasses.replace(job.cell.load, value=float(job.places))
                    if not job.cell.load.on_schedule
                    else job.cell.load,
                    [(requests[number], made) for number, made in job.todo],
                    sender.send,
                    retries=rules.retries,
                    halt=self._halt,
                    seed=job.seed + opening.worker,
                    zero_s=job.zero_s,
                    first_due_s=job.first_due_s,
                )
        except Exception as exc:  # noqa: BLE001 - what was measured must still be handed on
            problem = f"{type(exc).__name__}: {exc}"
        finally:
            flushing.cancel()
            meter.stop()
        wall_s = max(transport.now() - began_s, 1e-9)
        self._flush()
        report = protocol.Report(
            opening.worker, sender.made, (time.process_time() - cpu_s) / wall_s, meter.quantile_s(0.99)
        )
        self._say(protocol.Done(report, problem))
        await self._writer.drain()

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            self._say(self._batch)
            self._batch = []

    def _say_in_order(self, message: object) -> None:
        """Say something that counts after all attempts that have ended before it."""
        self._flush()
        self._say(message)

    def _say(self, message: Any) -> None:
        self._writer.write(protocol.frame(message))


async def _main(descriptor: int) -> None:
    connection = socket.socket(fileno=descriptor)
    reader, writer = await asyncio.open_connection(sock=connection, limit=protocol.READ_BYTES)
    writer.transport.set_write_buffer_limits(UNREAD_BYTES)
    await Worker(reader, writer).run()
    writer.close()


def main() -> None:
    """Serve the socket whose descriptor is the only argument."""
    # Ctrl-C is the run's to handle: it tells its workers, and they finish what is in flight.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop_runner: Any = asyncio.run
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - where there is one

        loop_runner = uvloop.run
    loop_runner(_main(int(sys.argv[1])))
    # Threads that a vendor's client left behind must not keep the process.
    os._exit(0)


if __name__ == "__main__":
    main()
