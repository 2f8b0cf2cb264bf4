"""Who answers the model when it does not call a tool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gapbench.values import Message, Tool, UserLine


@dataclass(frozen=True, slots=True)
class UserTurn:
    """What the user says.

    Attributes:
        text: The line.
        user_s: Seconds that a model which plays the user took. 0 for a script.
        think_s: Seconds to wait before the line is sent.
        tools: As :attr:`gapbench.values.UserLine.tools`.
        is_last: Whether the user ends the conversation; then the model does not see the line.
    """

    text: str
    user_s: float = 0.0
    think_s: float = 0.0
    tools: tuple[Tool, ...] = ()
    is_last: bool = False


class User(Protocol):
    """The user of one episode: a script, or a model that plays it."""

    async def speak(self, messages: Sequence[Message]) -> UserTurn | None:
        """Return the next line after the conversation so far. None: the user has nothing to add.

        Raises:
            DeadUserError: The model that plays the user failed for good.
            AbsentUserError: It is not asked any more.
        """


class ScriptedUser:
    """Says the first unused line whose ``when`` matches the model's last text.

    Args:
        lines: See :class:`gapbench.values.UserLine`.
        think_time_s: Seconds that it waits before a line, the first of a conversation excepted.
    """

    def __init__(self, lines: Sequence[UserLine], think_time_s: float = 0.0) -> None:
        self._unused = list(lines)
        self._think_time_s = think_time_s

    async def speak(self, messages: Sequence[Message]) -> UserTurn | None:
        """Return the next line; before the model has said anything, only a line without ``when`` matches."""
        replies = [message for message in messages if message.role == "assistant"]
        text = replies[-1].text if replies else None
        for line in self._unused:
            if line.when is None or (text is not None and re.search(line.when, text, re.IGNORECASE)):
                self._unused.remove(line)
                return UserTurn(line.text, think_s=self._think_time_s if replies else 0.0, tools=line.tools)
        return None
