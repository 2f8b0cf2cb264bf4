"""Python tools over a JSON state, in the sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import orjson

from gapbench.agents.environment import DeadEnvironmentError, ToolOutcome
from gapbench.clock import now
from gapbench.errors import InputError, SetupError
from gapbench.sandbox import Sandbox
from gapbench.sandbox.packages import find_packages
from gapbench.sandbox.tool_session import BrokenToolsError, EndedSessionError, ToolReply, ToolSession
from gapbench.values import EpisodeLimits, PythonTools, ToolSet, canonical_json


class SandboxEnvironment:
    """Runs a module of tools in a separate sandbox, which starts with the first call.

    A call that ends its process (its time is up, too much memory, the process exits) is an error, and the state is as
    before the call; the next call starts a fresh process with it. A tool that raises keeps what it had changed.

    Args:
        tools: The module.
        limits: ``tool_s`` and ``result_chars`` count.
        level: Isolation level; "" as :meth:`gapbench.sandbox.Sandbox.find` takes it.
    """

    def __init__(self, tools: PythonTools, limits: EpisodeLimits | None = None, *, level: str = "") -> None:
        self._file = tools.file
        self._packages = tools.packages
        self._dispatcher = tools.dispatcher
        self._limits = limits or EpisodeLimits()
        self._level = level
        self._source = ""
        self._state: Any = None
        self._state_json: str | None = None
        self._session: ToolSession | None = None

    async def open(self, state: Any) -> None:
        """Read the module and keep the state.

        Raises:
            DeadEnvironmentError: The file cannot be read.
        """
        self._source = _read_source(self._file)
        self._state = state
        self._state_json = None if state is None else canonical_json(state)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolOutcome:
        """Call a function of the module, or the one that gets all calls.

        Raises:
            DeadEnvironmentError: The sandbox cannot be started, or the module cannot be loaded.
        """
        began = now()
        session = self._session = self._session or await self._start()
        if self._dispatcher is not None:
            name, arguments = self._dispatcher, {"name": name, "arguments": arguments}
        try:
            reply = await session.call(name, arguments, timeout_s=self._limits.tool_s)
            self._accept_state(reply)
        except (EndedSessionError, _StateError) as exc:
            self._session = None
            await session.close()
            return ToolOutcome(f"{exc}; the state is as before the call", True, now() - began)
        return ToolOutcome(reply.content, reply.is_error, now() - began)

    async def state(self) -> Any:
        """Return the state after the last call; the same object as long as it does not change."""
        return self._state

    async def close(self) -> None:
        """End the sandbox."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def functions(self) -> tuple[str, ...]:
        """Start the sandbox, and return the names of the module's functions.

        Raises:
            DeadEnvironmentError: As :meth:`call`.
        """
        self._session = self._session or await self._start()
        return self._session.names

    async def _start(self) -> ToolSession:
        try:
            sandbox = await asyncio.to_thread(Sandbox.find, self._level)
            return await ToolSession.start(
                sandbox,
                self._source,
                self._state_json,
                result_chars=self._limits.result_chars,
                packages=self._packages,
            )
        except BrokenToolsError as exc:
            raise DeadEnvironmentError(f"{self._file.name}: {exc}") from exc
        except (EndedSessionError, SetupError) as exc:
            raise DeadEnvironmentError(f"the tools of {self._file.name} do not start: {exc}") from exc

    def _accept_state(self, reply: ToolReply) -> None:
        """Keep the state of a reply, after checking that it is one that the harness can store."""
        if reply.state_json is None or self._state_json is None:
            return
        try:
            state = json.loads(reply.state_json, parse_constant=_refuse_constant)
            orjson.dumps(state)
        except (ValueError, TypeError, RecursionError) as exc:
            raise _StateError(f"the tool left a state that cannot be stored: {str(exc)[:200]}") from exc
        self._state, self._state_json = state, reply.state_json


class _StateError(Exception):
    """A state is not JSON, or has too many levels, numbers of more than 64 bits, or half characters."""


async def check_python_tools(tools: PythonTools, declared: ToolSet, *, level: str = "") -> None:
    """Load a module of tools in the sandbox, and check that it has all declared tools; for use before a run.

    Raises:
        InputError: The file cannot be read or loaded, or lacks a tool.
        SetupError: No sandbox works here, or a package is not installed.
    """
    await asyncio.to_thread(Sandbox.find, level)
    find_packages(tools.packages)
    environment = SandboxEnvironment(tools, level=level)
    try:
        await environment.open(None)
        found = await environment.functions()
    except DeadEnvironmentError as exc:
        raise InputError(f"tools_file: {exc}; correct the module") from exc
    finally:
        await environment.close()
    wanted = [tool.name for tool in declared.tools] if tools.dispatcher is None else [tools.dispatcher]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise InputError(
            f"tools_file: {tools.file.name} has no function {missing[0]!r}, which tools: declares; its functions are: "
            f"{', '.join(found) or 'none'}"
        )


def _read_source(file: Any) -> str:
    try:
        source: str = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise DeadEnvironmentError(f"the tools of {file.name} cannot be read: {reason}") from exc
    return source


def _refuse_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")
