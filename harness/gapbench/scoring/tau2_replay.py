"""The state of tau2's database after the actions of a task's reference, made in the sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from gapbench.errors import SetupError
from gapbench.sandbox import Sandbox
from gapbench.sandbox.tool_session import BrokenToolsError, EndedSessionError, ToolSession
from gapbench.suite.tau2.conversion import PACKAGES, TOOLS_FILE
from gapbench.values import canonical_json

REPLAY_TIMEOUT_S = 120.0
"""A replay takes a second on an idle machine."""
REPLAY_FUNCTION = "replay_actions"
CACHE_SIZE = 4096


class ReplayError(Exception):
    """The reference could not be replayed; the message says why."""


def replay_reference(
    domain: str, actions: Sequence[Mapping[str, Any]], sandbox: Sandbox
) -> Mapping[str, Any]:
    """Return the state after the reference's actions on a fresh database.

    A task's is made once in a process, for all its repeats and models.

    Args:
        domain: tau2's name of it.
        actions: As tau2's tasks have them.
        sandbox: Where they run.

    Raises:
        ReplayError: They could not be run.
    """
    state: Mapping[str, Any] = json.loads(_replay_once(domain, canonical_json(list(actions)), sandbox))
    return state


@lru_cache(CACHE_SIZE)
def _replay_once(domain: str, actions_json: str, sandbox: Sandbox) -> str:
    state = canonical_json({"domain": domain, "changed": {}})
    actions = [
        {"name": action["name"], "arguments": action["arguments"]} for action in json.loads(actions_json)
    ]
    return asyncio.run(_replay(state, actions, sandbox)) if actions else state


async def _replay(state: str, actions: list[dict[str, Any]], sandbox: Sandbox) -> str:
    try:
        session = await ToolSession.start(
            sandbox, TOOLS_FILE.read_text(encoding="utf-8"), state, result_chars=1000, packages=PACKAGES
        )
        try:
            reply = await session.call(REPLAY_FUNCTION, {"actions": actions}, timeout_s=REPLAY_TIMEOUT_S)
        finally:
            await session.close()
    except (BrokenToolsError, EndedSessionError, SetupError) as exc:
        raise ReplayError(str(exc)) from exc
    if reply.is_error:
        raise ReplayError(reply.content)
    return state if reply.state_json is None else reply.state_json
