"""A module of tools in the sandbox for callers that are not asynchronous: started on the first call, kept, started again."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gapbench.sandbox.job import SandboxLimits
from gapbench.sandbox.sandbox import Sandbox
from gapbench.sandbox.tool_session import BrokenToolsError, EndedSessionError, ToolSession

MAX_RESULT_CHARS = 8 * 2**20
"""A result travels as text inside JSON, in one frame."""


class ToolWorkerError(Exception):
    """A call has no result; the message says why."""


class ToolWorker:
    """One tool session that all threads of this process share; they take turns.

    Args:
        sandbox: Says how the module is isolated.
        source: The module.
        packages: Names of installed packages that it may import.
        limits: What it may use.
    """

    def __init__(self, sandbox: Sandbox, source: str, packages: Sequence[str], limits: SandboxLimits) -> None:
        self._sandbox = sandbox
        self._source = source
        self._packages = tuple(packages)
        self._limits = limits
        self._lock = threading.Lock()
        self._process = 0
        self._session: ToolSession | None = None

    def call(self, name: str, arguments: Mapping[str, Any], *, timeout_s: float) -> Any:
        """Return what a function of the module returned, a JSON value.

        A session that ended is started again, and the call is made once more.

        Args:
            name: The function.
            arguments: Its arguments, JSON values.
            timeout_s: Seconds until the session is ended.

        Raises:
            ToolWorkerError: The function raised, or its process ended twice.
            SetupError: A package is not installed.
        """
        with self._lock:
            if self._process != os.getpid():  # a fork must not share its parent's session and thread
                self._process, self._session = os.getpid(), None
                # A loop of its own, because the caller's thread may have one that is running.
                self._runner = asyncio.Runner()
                self._thread = ThreadPoolExecutor(1, "tool-worker")
                atexit.register(self.close)
            return self._thread.submit(self._call, name, arguments, timeout_s).result()

    def close(self) -> None:
        """End the session; the next call starts another."""
        if self._process == os.getpid():
            with self._lock:
                self._thread.shutdown()
                self._end_session()  # in this thread, since at exit no other takes work
                self._runner.close()
                self._process = 0
            atexit.unregister(self.close)

    def _call(self, name: str, arguments: Mapping[str, Any], timeout_s: float) -> Any:
        for is_last in (False, True):
            try:
                if self._session is None:
                    self._session = self._runner.run(self._start())
                reply = self._runner.run(self._session.call(name, arguments, timeout_s=timeout_s))
            except BrokenToolsError as exc:
                raise ToolWorkerError(str(exc)) from exc
            except EndedSessionError as exc:
                self._end_session()
                if is_last:
                    raise ToolWorkerError(str(exc)) from exc
                continue
            if reply.is_error:
                raise ToolWorkerError(reply.content)
            return json.loads(reply.content)
        raise AssertionError

    async def _start(self) -> ToolSession:
        return await ToolSession.start(
            self._sandbox,
            self._source,
            None,
            result_chars=MAX_RESULT_CHARS,
            packages=self._packages,
            limits=self._limits,
        )

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._runner.run(session.close())
