"""Runs a child process that answers JSON lines, and kills it when it takes too long. A thread could not be stopped."""

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


class ScoringProcessError(Exception):
    """The child gave no answer in time, or it ended."""


class ScoringProcess:
    """One child process, started on the first request and again after it ended.

    It runs in Python's isolated mode, without this process's environment, and answers each line with one line.

    Args:
        script: The Python file to run.
        timeout_s: Longest wait for an answer, in seconds.
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
        line = b""
        while not line.endswith(b"\n"):
            remaining_s = deadline_s - time.monotonic()
            ready, _, _ = select.select([pipe], [], [], max(0.0, remaining_s))
            if not ready:
                raise TimeoutError(f"timed out after {timeout_s:g} s")
            piece = os.read(pipe, 65_536)
            if not piece:
                raise BrokenPipeError("it ended before it answered")
            line += piece
        return line
