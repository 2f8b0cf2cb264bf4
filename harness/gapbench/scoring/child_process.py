"""A child process that answers JSON lines, ended when it takes too long: for work that nothing ends inside a thread."""

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
"""Longest wait for a child's first line: it imports a library first, on a machine that may be busy."""


class ScoringProcessError(Exception):
    """The child gave no answer: too late, or it died."""


class ScoringProcess:
    """One child, started when first asked, started again after it was ended.

    It runs with Python's isolated mode, without this process's environment, and answers one line a line.
    """

    def __init__(self, script: Path, timeout_s: float) -> None:
        self.script = script
        self.timeout_s = timeout_s
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def request(self, payload: Any) -> Any:
        """Return the child's answer to a JSON value; callers in several threads wait for each other.

        Raises:
            WorkerError: No answer within the deadline, or none at all.
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
        """Kill the child and wait for its end; the next question starts another."""
        child, self._child = self._child, None
        if child is not None:
            atexit.unregister(self.kill)
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # what was not yet flushed
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
        read = child.stdout.fileno()
        until_s = time.monotonic() + timeout_s
        got = b""
        while not got.endswith(b"\n"):
            left_s = until_s - time.monotonic()
            ready, _, _ = select.select([read], [], [], max(0.0, left_s))
            if not ready:
                raise TimeoutError(f"no end after {timeout_s:g} s")
            piece = os.read(read, 65_536)
            if not piece:
                raise BrokenPipeError("it ended before it answered")
            got += piece
        return got
