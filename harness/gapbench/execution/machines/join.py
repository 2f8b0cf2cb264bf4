"""The control process of a machine that joins a run: it answers for the clock, and starts and watches workers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from gapbench import transport
from gapbench.cpus import usable_cpus
from gapbench.errors import BenchError, SetupError
from gapbench.execution.machines import messages
from gapbench.execution.machines.frames import FrameChannel
from gapbench.execution.machines.handshake import join
from gapbench.store.provenance import machine_info

RETRY_S = 1.0
CONDUCTOR_SILENT_S = 60.0
"""Without the conductor's heartbeat for so long, the machine stops."""
CLOSE_TIMEOUT_S = 5.0
MAX_LINE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Joining:
    """What a machine joins with.

    Attributes:
        host: The conductor's host.
        port: The conductor's port.
        token: The token.
        token_env: Name of the variable with the token; workers read it themselves.
        name: Name of this machine.
        wait_s: How long to try while nothing listens there.
        suite_sha256: Hash of the only suite that it works for. None: any.
    """

    host: str
    port: int
    token: bytes
    token_env: str
    name: str
    wait_s: float
    suite_sha256: str | None = None


async def serve_conductor(joining: Joining, notify: Callable[[str], None]) -> None:
    """Work for a conductor until its run has ended.

    Args:
        joining: See :class:`Joining`.
        notify: Receives one line for the user.

    Raises:
        SetupError: It cannot be reached, or one of both refuses the other.
        BenchError: It has gone before the end of its run.
    """
    channel, welcome = await _connect(joining)
    notify(f"joined {joining.host}:{joining.port} as {joining.name}; suite {welcome.suite}")
    with tempfile.TemporaryDirectory(prefix="gapbench-worker-") as folder:
        machine = _Machine(joining, channel, welcome, Path(folder), notify)
        try:
            await machine.handle_messages()
        finally:
            await machine.close()


async def _connect(joining: Joining) -> tuple[FrameChannel, messages.Welcome]:
    about = messages.Proof("", joining.name, usable_cpus(), machine_info(), joining.suite_sha256)
    ends_s = transport.now() + joining.wait_s
    while True:
        try:
            return await join(
                joining.host,
                joining.port,
                joining.token,
                joining.token_env,
                "machine",
                about,
                version("gapbench"),
            )
        except OSError as exc:
            if transport.now() >= ends_s:
                raise SetupError(
                    f"nothing answered at {joining.host}:{joining.port} within {joining.wait_s:g} s "
                    f"({exc.strerror or exc}); start `bench run … --machines listen://0.0.0.0:{joining.port}?machines=N` there"
                ) from None
            await asyncio.sleep(min(RETRY_S, max(0.0, ends_s - transport.now())))


class _Machine:
    def __init__(
        self,
        joining: Joining,
        channel: FrameChannel,
        welcome: messages.Welcome,
        folder: Path,
        notify: Callable[[str], None],
    ) -> None:
        self._joining = joining
        self._channel = channel
        self._welcome = welcome
        self._folder = folder
        self._notify = notify
        self._processes: set[asyncio.subprocess.Process] = set()
        self._watches: set[asyncio.Task[None]] = set()

    async def handle_messages(self) -> None:
        """Handle messages until the run has ended."""
        place = f"{self._joining.host}:{self._joining.port}"
        while True:
            try:
                message = await asyncio.wait_for(self._channel.read(), CONDUCTOR_SILENT_S)
            except TimeoutError:
                raise BenchError(
                    f"the conductor at {place} was silent for {CONDUCTOR_SILENT_S:g} s; nothing more is sent"
                ) from None
            if isinstance(message, messages.ClockPing):
                received_s = self._channel.received_s
                self._channel.send(messages.ClockPong(message.sent_s, received_s, transport.now()))
            elif isinstance(message, messages.StartWorkers):
                for number in message.numbers:
                    await self._start(message.pool, number)
            elif isinstance(message, messages.Goodbye):
                self._notify(message.reason)
                return
            else:
                problem = self._channel.problem
                raise BenchError(
                    f"the conductor at {place} has gone{f' ({problem})' if problem else ''}; nothing more is sent"
                )

    async def _start(self, pool: int, number: int) -> None:
        log = self._folder / f"worker-{pool}-{number}.log"
        # The child imports the same code as this process, and nothing from the current directory.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        arguments = {
            "host": self._joining.host, "port": self._joining.port, "token-env": self._joining.token_env,
            "machine": self._welcome.machine, "name": self._joining.name, "logs": self._folder,
            "pool": pool, "number": number,
        }  # fmt: skip
        with log.open("ab") as opened:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "gapbench.execution.machines.joined_worker",
                *(f"--{name}={value}" for name, value in arguments.items()),
                stdin=asyncio.subprocess.PIPE, stdout=opened, stderr=opened, env=environment, start_new_session=True,
            )  # fmt: skip
        self._processes.add(process)
        watch = asyncio.create_task(self._watch(pool, number, process, log))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _watch(self, pool: int, number: int, process: asyncio.subprocess.Process, log: Path) -> None:
        code = await process.wait()
        self._processes.discard(process)
        self._channel.send(messages.WorkerEnded(pool, number, code, _last_line(log)))

    async def close(self) -> None:
        """Stop the workers and close the connection."""
        for watch in self._watches:
            watch.cancel()
        processes, self._processes = self._processes, set()
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in processes:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), CLOSE_TIMEOUT_S)
                continue
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        self._channel.close()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:MAX_LINE_CHARS] if lines else ""
