"""Start, await and stop a server process: keeps its log and ends its whole process group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gapbench import credentials
from gapbench.errors import SetupError
from gapbench_runners.support import server_watchdog

STOP_WAIT_S = 30.0
LOG_TAIL_LINES = 15


class ServerProcess:
    """A child process in its own process group.

    Args:
        command: Program and arguments.
        log: Its output goes here.
        environment: Added to this process's environment, which is passed on without the vendors' keys.
        with_watchdog: Start it under a watchdog that ends the group when this process is gone; for a program that does
            not check this itself.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        with_watchdog: bool = False,
    ) -> None:
        self.command = list(command)
        self._watchdog_command = (
            [sys.executable, "-I", "-S", server_watchdog.__file__, str(os.getpid())] if with_watchdog else []
        )
        self.log = log
        self._environment = {**credentials.without_vendor_keys(os.environ), **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process.

        Raises:
            SetupError: The program does not exist.
        """
        try:
            with self.log.open("ab") as file:
                self._process = await asyncio.create_subprocess_exec(
                    *self._watchdog_command, *self.command, stdout=file, stderr=file, stdin=asyncio.subprocess.DEVNULL,
                    env=self._environment, start_new_session=True,
                )  # fmt: skip
        except OSError as exc:
            raise SetupError(f"cannot start {self.command[0]!r}: {exc.strerror}") from exc

    @property
    def pid(self) -> int | None:
        """The id of the process (or its watchdog) and of the group. None before the start."""
        return self._process.pid if self._process else None

    def exit_code(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        return self._process.returncode if self._process else None

    async def wait_for_log_line(self, prefix: str, timeout_s: float) -> str:
        """Wait for a line of the log that begins with ``prefix`` and return the rest of it.

        Raises:
            SetupError: The process ended or wrote no such line; the message has the last lines of the log.
        """
        until_s = time.monotonic() + timeout_s
        is_over = False
        while not is_over:
            # Asked before the log is read: on a busy machine the line may come while this process itself waits for its turn.
            is_over = time.monotonic() >= until_s or self.exit_code() is not None
            for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith(prefix):
                    return line[len(prefix) :].strip()
            await asyncio.sleep(0.02)
        raise self.startup_error(f"did not log {prefix!r} within {timeout_s:g} s")

    def startup_error(self, reason_if_running: str) -> SetupError:
        """Return the error for a server that did not start, with the end of its log."""
        tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        why = f"ended with code {self.exit_code()}" if self.exit_code() is not None else reason_if_running
        return SetupError(
            f"{Path(self.command[0]).name} {why}; the end of {self.log}:\n  "
            + credentials.redact("\n  ".join(tail))
        )

    async def stop(self) -> None:
        """End the whole group: SIGTERM first, SIGKILL after ``STOP_WAIT_S``."""
        process = self._process
        if process is None:
            return
        self._process = None
        if process.returncode is None:
            self._signal_group(process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_WAIT_S)
        # If a server crashes, its workers survive it and keep the GPU.
        self._signal_group(process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            await process.wait()

    @staticmethod
    def _signal_group(group: int, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
