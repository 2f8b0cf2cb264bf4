"""Runs a child process that answers JSON lines, and kills it when it takes too long. A thread could not be stopped.

The limit is CPU time of the child where the system tells it, so that a busy machine does not change a score.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 60.0
"""Longest wait for a child's first line: it first imports a library, and the machine may be busy."""


WALL_PER_CPU = 20
"""A child may take this many times its limit in wall-clock time, while it has used less CPU time."""


class ScoringProcessError(Exception):
    """The child gave no answer in time, or it ended."""


class ScoringProcess:
    """One child process, started on the first request and again after it ended.

    It runs in Python's isolated mode, without this process's environment, and answers each line with one line.

    Args:
        script: The Python file to run.
        timeout_s: CPU seconds for an answer on Linux, seconds elsewhere.
    """

    def __init__(self, script: Path, timeout_s: float) -> None:
        self.script = script
        self.timeout_s = timeout_s
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def request(self, payload: Any) -> Any:
        """Return the child's answer to a JSON value. Threads take turns.

        Raises:
            ScoringProcessError: No answer within the time limit, or the child ended.
        """
        line = json.dumps(payload).encode() + b"\n"
        with self._lock:
            if self._child is None or self._child.poll() is not None:
                self._start()
            child = self._child
            assert child is not None
            assert child.stdin is not None
            try:
                child.stdin.write(line)
                child.stdin.flush()
                return json.loads(self._read_line(child, self.timeout_s))
            except (OSError, ValueError) as exc:
                self.kill()
                raise ScoringProcessError(f"no answer: {exc}") from exc

    def kill(self) -> None:
        """Kill the child and wait for its end; the next request starts another."""
        child, self._child = self._child, None
        if child is not None:
            atexit.unregister(self.kill)
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # data that was not flushed
                        pipe.close()

    def _start(self) -> None:
        self.kill()
        self._child = subprocess.Popen(
            [sys.executable, "-I", str(self.script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        )
        atexit.register(self.kill)
        try:
            self._read_line(self._child, START_TIMEOUT_S)
        except OSError as exc:
            self.kill()
            raise ScoringProcessError(f"{self.script.name} did not start: {exc}") from exc

    @staticmethod
    def _read_line(child: subprocess.Popen[bytes], timeout_s: float) -> bytes:
        assert child.stdout is not None
        pipe = child.stdout.fileno()
        deadline_s = time.monotonic() + timeout_s
        last_deadline_s = deadline_s + (WALL_PER_CPU - 1) * timeout_s
        began_cpu_s = _cpu_s(child)
        line = b""
        while not line.endswith(b"\n"):
            remaining_s = deadline_s - time.monotonic()
            ready, _, _ = select.select([pipe], [], [], max(0.0, remaining_s))
            if not ready:
                left_s = 0.0 if began_cpu_s is None else timeout_s - (_cpu_s(child) or 0.0) + began_cpu_s
                deadline_s = min(time.monotonic() + left_s, last_deadline_s)
                if left_s <= 0 or time.monotonic() >= last_deadline_s:
                    raise TimeoutError(f"timed out after {timeout_s:g} s")
                continue
            piece = os.read(pipe, 65_536)
            if not piece:
                raise BrokenPipeError("it ended before it answered")
            line += piece
        return line


def _cpu_s(child: subprocess.Popen[bytes]) -> float | None:
    """Return CPU seconds that a child has used, or None if the system does not tell."""
    if sys.platform != "linux":
        return None
    try:
        # The clock of a process, as clock_getcpuclockid(3) makes it.
        return time.clock_gettime((~child.pid << 3) | 2)
    except OSError:
        return None
