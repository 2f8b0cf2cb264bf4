"""Sessions of tools in the sandbox, opened and closed around a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gapbench.sandbox import Sandbox
from gapbench.sandbox.tool_session import ToolReply, ToolSession

LONG_S = 120.0
COUNTER = """
def add(state, *, n: int):
    state["n"] += n
    return state["n"]
def look(state):
    return {"n": state["n"], "ü": None}
"""


def in_session(
    source: str,
    body: Callable[[ToolSession], Awaitable[Any]],
    *,
    level: str = "",
    state: str | None = '{"n": 1}',
    **options: Any,
) -> Any:
    """Return what ``body`` returns for a session, which is closed afterwards."""

    async def run() -> Any:
        session = await ToolSession.start(
            Sandbox.find(level), source, state, **{"result_chars": 1000, **options}
        )
        try:
            return await body(session)
        finally:
            await session.close()

    return asyncio.run(run())


def call(source: str, /, *, level: str = "", timeout_s: float = LONG_S, **arguments: Any) -> ToolReply:
    """Return what the tool ``t`` of a module returns."""

    async def body(session: ToolSession) -> ToolReply:
        return await session.call("t", arguments, timeout_s=timeout_s)

    reply: ToolReply = in_session(source, body, level=level)
    return reply
