"""A server that a runner starts, waits for, owns and stops: its log kept, its whole process group ended."""

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


class OwnedProcess:
    """A child process in a group of its own.

    Args:
        command: Program and arguments.
        log: Its output goes here.
        environment: Added to this process's own, which goes on without the vendors' keys.
        kept: A keeper ends the group when this process is gone; for a program that does not look for itself.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        kept: bool = False,
    ) -> None:
        """Keep what is to be started."""
        self.command = list(command)
        self._before = (
            [sys.executable, "-I", "-S", server_watchdog.__file__, str(os.getpid())] if kept else []
        )
        self.log = log
        self._environment = {**credentials.without_keys(os.environ), **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it.

        Raises:
            SetupError: The program is not there.
        """
        try:
            with self.log.open("ab") as file:
                self._process = await asyncio.create_subprocess_exec(
                    *self._before, *self.command, stdout=file, stderr=file, stdin=asyncio.subprocess.DEVNULL,
                    env=self._environment, start_new_session=True,
                )  # fmt: skip
        except OSError as exc:
            raise SetupError(f"cannot start {self.command[0]!r}: {exc.strerror}") from exc

    @property
    def pid(self) -> int | None:
        """The id of the process, or of its keeper, and of the group; None before the start."""
        return self._process.pid if self._process else None

    def ended(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self._process.returncode if self._process else None

    async def line(self, start: str, deadline_s: float) -> str:
        """Wait for a line of the log that begins with ``start`` and return the rest of it.

        Raises:
            SetupError: It ended or stayed silent; the log's last lines are in the message.
        """
        until_s = time.monotonic() + deadline_s
        while time.monotonic() < until_s:
            for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith(start):
                    return line[len(start) :].strip()
            if self.ended() is not None:
                break
            await asyncio.sleep(0.02)
        raise self.failure(f"said nothing of {start!r} within {deadline_s:g} s")

    def failure(self, silent: str) -> SetupError:
        """Return the error for a server that did not come up, with its log's end."""
        tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        why = f"ended with code {self.ended()}" if self.ended() is not None else silent
        return SetupError(
            f"{Path(self.command[0]).name} {why}; the end of {self.log}:\n  "
            + credentials.redact("\n  ".join(tail))
        )

    async def stop(self) -> None:
        """End the whole group: asked first, killed after ``STOP_WAIT_S``."""
        process = self._process
        if process is None:
            return
        self._process = None
        if process.returncode is None:
            self._signal(process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_WAIT_S)
        # A server's workers outlive it when it dies badly, and hold the GPU.
        self._signal(process.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            await process.wait()

    @staticmethod
    def _signal(group: int, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
