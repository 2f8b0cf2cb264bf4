"""Where the tools of one episode run: in a sandbox, behind MCP, or from a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gapbench.errors import BenchError


class DeadEnvironmentError(BenchError):
    """The process or the server of an episode's tools died or hangs; the episode ends as ``infra``."""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What one tool call returned.

    Attributes:
        content: The result as text; a result that is not text is JSON.
        is_error: Whether the tool raised, was not found, or ran out of time.
        tool_s: Seconds it took.
    """

    content: str
    is_error: bool = False
    tool_s: float = 0.0


class Environment(Protocol):
    """The tools and the state of one episode. It is opened once, used by one episode, and closed."""

    async def open(self, state: Any) -> None:
        """Start with a state.

        Args:
            state: JSON value. None: the tools have no state.

        Raises:
            DeadEnvironmentError: It cannot be started.
        """

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolOutcome:
        """Call one tool. A tool that raises, is unknown or takes too long gives an outcome with ``is_error``.

        Raises:
            DeadEnvironmentError: Its process or server died.
        """

    async def state(self) -> Any:
        """Return the state as it is now, as a JSON value. None: there is none.

        Raises:
            DeadEnvironmentError: Its process or server died.
        """

    async def close(self) -> None:
        """End it; nothing of it is left."""
