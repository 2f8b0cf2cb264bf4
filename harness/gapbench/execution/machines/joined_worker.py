"""A worker process of a machine that joined a run: a worker as on the conductor's machine, over the network.

Started by :mod:`gapbench.execution.machines.join`. It ends when its connection or its standard input is closed, so no
worker outlives its machine's control process or the run.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gapbench.cpus import usable_cpus
from gapbench.errors import BenchError
from gapbench.execution.event_loop import run_on_event_loop
from gapbench.execution.machines import cell_share, messages
from gapbench.execution.machines.address import read_token
from gapbench.execution.machines.frames import FrameChannel
from gapbench.execution.machines.handshake import join
from gapbench.execution.machines.leased_admission import LeasedAdmission
from gapbench.execution.workers import protocol
from gapbench.execution.workers.remote_admission import SendMessage
from gapbench.execution.workers.worker import WorkerProcess
from gapbench.suite.plan import Cell

MAX_BATCH_ATTEMPTS = 64
"""Attempts in one frame, so that frames stay small."""


class JoinedChannel:
    """A worker's end of the network: what it reads is as from a parent on the same machine.

    Args:
        channel: The connection.
        log_dir: Folder of the runner's logs on this machine.
    """

    def __init__(self, channel: FrameChannel, log_dir: Path) -> None:
        self._channel = channel
        self._log_dir = log_dir
        self._opening: messages.OpenModel | None = None
        self._tasks: dict[int, messages.AddTask] = {}
        self._share: tuple[messages.CellShare, Cell] | None = None
        self.prefetch = 0

    def make_admission(self, send: SendMessage, is_unrestricted: bool) -> LeasedAdmission:
        """Return the worker's end of admission control for the cell that starts."""
        return LeasedAdmission(send, is_unrestricted, self.prefetch)

    def send(self, message: object) -> None:
        """Send a message."""
        if isinstance(message, protocol.AttemptBatch):
            attempts = message.attempts
            for first in range(0, max(1, len(attempts)), MAX_BATCH_ATTEMPTS):
                part = attempts[first : first + MAX_BATCH_ATTEMPTS]
                self._channel.send(protocol.AttemptBatch(part, message.started if first == 0 else ()))
            return
        self._channel.send(message)

    async def drain(self) -> None:
        """Wait while too much waits to be sent."""
        await self._channel.drain()

    def close(self) -> None:
        """Close the connection after what was sent."""
        self._channel.close()

    async def read(self) -> Any:
        """Return the next message for the worker; what prepares a cell is handled here."""
        while True:
            message = await self._channel.read()
            if isinstance(message, messages.OpenModel):
                self._opening = message
                return protocol.OpenRunner(
                    message.worker, message.model, self._log_dir, message.connections, message.policies
                )
            if isinstance(message, messages.AddTask):
                self._tasks[message.number] = message
            elif isinstance(message, messages.CellShare):
                self._channel.send(self._prepare(message))
            elif isinstance(message, messages.StartCell) and self._share is not None:
                share, cell = self._share
                self._share, self.prefetch = None, message.prefetch
                return cell_share.to_job(share, cell, message)
            else:
                return message

    def _prepare(self, share: messages.CellShare) -> messages.ShareReady:
        self._share = None
        if self._opening is None or share.task not in self._tasks:
            return messages.ShareReady("a cell came before its model or its task")
        try:
            cell = cell_share.rebuild_cell(share, self._tasks[share.task], self._opening.model)
        except BenchError as exc:
            return messages.ShareReady(str(exc))
        if any(not 0 <= number < len(cell.requests) for number, _ in share.remaining):
            return messages.ShareReady("its share has requests that the cell does not have")
        self._share = (share, cell)
        return messages.ShareReady()


async def _main(given: argparse.Namespace) -> None:
    about = messages.Proof(
        "", given.name, usable_cpus(), machine=given.machine, pool=given.pool, number=given.number
    )
    token = read_token(given.token_env)
    channel, _ = await join(
        given.host, given.port, token, given.token_env, "worker", about, version("gapbench")
    )
    joined = JoinedChannel(channel, Path(given.logs))
    await WorkerProcess(joined, joined.make_admission, checks_address=True).run()
    joined.close()


def _end_with_parent() -> None:
    """End this process when its standard input is closed: the control process that holds the other end has ended."""
    while os.read(0, 1024):
        pass
    os._exit(0)


def main() -> None:
    """Serve the conductor that the arguments name."""
    # The control process handles Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parser = argparse.ArgumentParser()
    for name in ("host", "token-env", "machine", "name", "logs"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("port", "pool", "number"):
        parser.add_argument(f"--{name}", type=int, required=True)
    given = parser.parse_args()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        run_on_event_loop(_main(given))
    except (BenchError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        sys.stderr.flush()
        os._exit(1)
    # Threads that a vendor's client left behind must not keep the process alive.
    os._exit(0)


if __name__ == "__main__":
    main()
