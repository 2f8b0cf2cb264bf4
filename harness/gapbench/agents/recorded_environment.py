"""Tools that answer from a recorded conversation."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from gapbench.agents.environment import ToolOutcome
from gapbench.values import RecordedTools, canonical_json


class RecordedEnvironment:
    """Gives each call the next recorded result of the same name and arguments; it has no other.

    Args:
        tools: The recording.
    """

    def __init__(self, tools: RecordedTools) -> None:
        self._results: defaultdict[tuple[str, str], deque[str]] = defaultdict(deque)
        for name, arguments_json, content in tools.results:
            self._results[name, arguments_json].append(content)
        self._state: Any = None

    async def open(self, state: Any) -> None:
        """Start; a recording does not change the state."""
        self._state = state

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolOutcome:
        """Return the next recorded result, or an error if the recording has no more."""
        results = self._results.get((name, canonical_json(arguments)))
        if not results:
            return ToolOutcome(
                f"this call of {name!r} with these arguments is not in the recording", is_error=True
            )
        return ToolOutcome(results.popleft())

    async def state(self) -> Any:
        """Return the state at the start."""
        return self._state

    async def close(self) -> None:
        """End it."""
