"""Tools of a server that speaks the Model Context Protocol, through the protocol's own Python client (extra ``mcp``).

A server is not isolated: it runs with the user's permissions, or already runs on this machine. So whoever makes an
:class:`McpEnvironment` has asked for ``--allow-code`` before.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import ipaddress
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gapbench.agents.environment import DeadEnvironmentError, ToolOutcome
from gapbench.clock import now
from gapbench.errors import InputError, SetupError
from gapbench.values import EpisodeLimits, McpTools, Tool

START_TIMEOUT_S = 30.0
ALIVE_TIMEOUT_S = 5.0
END_TIMEOUT_S = 10.0
MAX_TOOL_PAGES = 100


@dataclass(frozen=True, slots=True)
class _Call:
    """A call on its way to the task that owns the client."""

    name: str
    arguments: dict[str, Any]
    outcome: asyncio.Future[ToolOutcome] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class McpEnvironment:
    """A connection to a server for one episode; a server given as a command is started for it alone.

    The server keeps its state to itself: :meth:`state` is always None. A server behind a URL is shared by
    all episodes, so what one changes the next one finds.

    Args:
        tools: The server.
        limits: ``tool_s`` counts.

    Raises:
        InputError: The URL is not on loopback.
        SetupError: The client is not installed.
    """

    def __init__(self, tools: McpTools, limits: EpisodeLimits | None = None) -> None:
        _check_server(tools)
        self._server = tools
        self._tool_s = (limits or EpisodeLimits()).tool_s
        # The client has to be opened and closed by one task, whichever tasks use this environment.
        self._owner: asyncio.Task[None] | None = None
        self._calls: asyncio.Queue[_Call | None] = asyncio.Queue()
        self._death: str | None = None

    async def open(self, state: Any) -> None:
        """Start the server, or connect to it.

        Raises:
            DeadEnvironmentError: It does not start or answer.
            InputError: A state is given, which a server cannot take.
        """
        if state is not None:
            raise InputError(
                "agent: found both state and mcp; a server keeps its own state, so leave state out"
            )
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._own_client(opened))
        try:
            await opened
        except BaseException:
            await self.close()
            raise

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolOutcome:
        """Call a tool of the server. A call that fails is an error as long as the server still answers.

        Raises:
            DeadEnvironmentError: The server died or hangs.
        """
        if self._owner is None or self._death is not None:
            raise DeadEnvironmentError(self._death or "the MCP server is closed")
        call = _Call(name, dict(arguments))
        self._calls.put_nowait(call)
        return await call.outcome

    async def state(self) -> Any:
        """Return None: the server keeps its own state."""
        return None

    async def close(self) -> None:
        """End the connection, and the server if it was started."""
        owner, self._owner = self._owner, None
        if owner is None:
            return
        self._calls.put_nowait(None)
        done, _ = await asyncio.wait({owner}, timeout=0 if self._is_busy() else END_TIMEOUT_S)
        if not done:
            owner.cancel()
            await asyncio.wait({owner}, timeout=END_TIMEOUT_S)

    def _is_busy(self) -> bool:
        return self._calls.qsize() > 1 or self._death is not None

    async def _own_client(self, opened: asyncio.Future[None]) -> None:
        call: _Call | None = None
        try:
            async with open_client(self._server) as client:
                opened.set_result(None)
                while (call := await self._calls.get()) is not None:
                    outcome = await self._run(client, call)
                    if not call.outcome.done():
                        call.outcome.set_result(outcome)
        except DeadEnvironmentError as exc:
            self._death = str(exc)
        except Exception as exc:  # noqa: BLE001 - the client raises groups of whatever its tasks raised
            self._death = f"{describe_server(self._server)} ended: {_first_reason(exc)}"
        finally:
            death = DeadEnvironmentError(self._death or f"{describe_server(self._server)} was closed")
            for future in (opened, *(() if call is None else (call.outcome,))):
                if not future.done():
                    future.set_exception(death)
            while not self._calls.empty():
                waiting = self._calls.get_nowait()
                if waiting is not None and not waiting.outcome.done():
                    waiting.outcome.set_exception(death)

    async def _run(self, client: Any, call: _Call) -> ToolOutcome:
        began = now()
        try:
            result = await client.call_tool(call.name, call.arguments, read_timeout_seconds=self._tool_s)
            return ToolOutcome(content_of(result), bool(result.is_error), now() - began)
        except Exception as exc:
            reason = _first_reason(exc)
            if now() - began >= self._tool_s:
                reason = f"the tool took longer than {self._tool_s:g} s"
            if not await _is_alive(client):
                raise DeadEnvironmentError(
                    f"{describe_server(self._server)} does not answer any more: {reason}"
                ) from exc
            return ToolOutcome(reason, is_error=True, tool_s=now() - began)


async def read_mcp_tools(tools: McpTools) -> tuple[Tool, ...]:
    """Return the tools that a server offers, with their JSON Schemas; for use before a run.

    Raises:
        InputError: The server does not start or answer, or the URL is not on loopback.
        SetupError: The client is not installed.
    """
    _check_server(tools)
    try:
        async with open_client(tools) as client:
            found = await _list_tools(client)
    except DeadEnvironmentError as exc:
        raise InputError(f"mcp: {exc}; check the command or the URL") from exc
    except Exception as exc:
        raise InputError(f"mcp: {describe_server(tools)} failed: {_first_reason(exc)}") from exc
    return found


async def _list_tools(client: Any) -> tuple[Tool, ...]:
    found: list[Tool] = []
    cursor: str | None = None
    for _ in range(MAX_TOOL_PAGES):  # a server that always has one more page must not hang the start
        page = await asyncio.wait_for(client.list_tools(cursor=cursor), START_TIMEOUT_S)
        found.extend(Tool(tool.name, tool.description or "", tool.input_schema) for tool in page.tools)
        cursor = page.next_cursor
        if cursor is None:
            break
    return tuple(found)


@contextlib.asynccontextmanager
async def open_client(tools: McpTools) -> AsyncIterator[Any]:
    """Connect to a server, and end the connection (and a server that was started) afterwards.

    Raises:
        DeadEnvironmentError: It does not start or answer.
    """
    import httpx2  # noqa: PLC0415 - with mcp, which is an extra
    from mcp import Client, StdioServerParameters, stdio_client  # noqa: PLC0415 - mcp is an extra
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 - mcp is an extra

    logging.getLogger("mcp").addHandler(logging.NullHandler())  # else Python prints what the client logs
    is_open = False
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        try:
            async with contextlib.AsyncExitStack() as stack:
                if tools.command:
                    server = StdioServerParameters(
                        command=tools.command[0],
                        args=list(tools.command[1:]),
                        # A line that is not UTF-8 is one bad message, not the end of the connection.
                        encoding_error_handler="replace",
                    )
                    transport = stdio_client(server, errlog=errors)
                else:
                    # No proxy: the address is on this machine.
                    http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False, timeout=None))
                    transport = streamable_http_client(str(tools.url), http_client=http)
                async with asyncio.timeout(START_TIMEOUT_S) as limit:
                    client = await stack.enter_async_context(
                        Client(transport, cache=None, read_timeout_seconds=START_TIMEOUT_S)
                    )
                    limit.reschedule(None)
                is_open = True
                yield client
        except Exception as exc:
            if is_open:
                raise
            errors.seek(0)
            last = [line for line in errors.read()[-4000:].splitlines() if line.strip()][-1:]
            reason = last[0] if last else _first_reason(exc)
            raise DeadEnvironmentError(
                f"{describe_server(tools)} does not start: {_printable(reason)[:300]}"
            ) from exc


async def _is_alive(client: Any) -> bool:
    try:
        await asyncio.wait_for(client.list_tools(), ALIVE_TIMEOUT_S)
    except Exception:  # noqa: BLE001 - whatever it is, there was no answer
        return False
    return True


def content_of(result: Any) -> str:
    """Return the result of a call as text; images and other parts are named, not passed on."""
    parts = [part.text if part.type == "text" else f"[{part.type}, not shown]" for part in result.content]
    if not parts and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return "\n".join(parts)


def describe_server(tools: McpTools) -> str:
    """Return a server's name for messages, without its arguments, which may hold a secret."""
    return f"the MCP server {tools.command[0] if tools.command else _host_of(str(tools.url))}"


def _check_server(tools: McpTools) -> None:
    if bool(tools.command) == bool(tools.url):
        raise InputError("mcp: give either command or url")
    if tools.url is not None and not _is_loopback(tools.url):
        raise InputError(
            f"mcp: found the url {_host_of(tools.url)!r}; expected one on loopback, such as http://127.0.0.1:8000/mcp"
        )
    if importlib.util.find_spec("mcp") is None:
        raise SetupError("mcp: the client is not installed; pip install 'gapbench[mcp]'")


def _is_loopback(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"}:
        return False
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def _host_of(url: str) -> str:
    """Return scheme, host and port, without path or credentials."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _first_reason(exc: BaseException) -> str:
    """Return type and message of an exception, or of the first one in a group."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    name, text = type(exc).__name__, str(exc)
    if name == "MCPError":
        return _printable(text)[:300]
    return _printable(f"{name}: {text}" if text else name)[:300]


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
