"""A user that a model plays. The caller passes the function that sends its requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gapbench.agents.user import UserTurn
from gapbench.errors import BenchError
from gapbench.values import Message, PlayedUser, Usage
from gapbench.values.played_user import split_line, user_prompt


class DeadUserError(BenchError):
    """The model that plays the user failed for good; the episode ends as ``infra``."""


class AbsentUserError(BenchError):
    """The model that plays the user is not asked any more: the run stops, or the model was given up."""


@dataclass(frozen=True, slots=True)
class UserReply:
    """What a model that plays the user replied.

    Attributes:
        text: Its answer.
        reply_s: Seconds from the first byte of the request to the end of the reply.
        usage: Its tokens. None: another run paid for them.
    """

    text: str
    reply_s: float
    usage: Usage | None = None


AskUser = Callable[[tuple[Message, ...]], Awaitable[UserReply]]
"""Asks the model that plays the user; raises :class:`DeadUserError` or :class:`AbsentUserError`."""


class ModelUser:
    """Asks a model for each line.

    Args:
        user: Who it is.
        ask: See :data:`AskUser`.
        think_time_s: Seconds that it waits before a line, the first of a conversation excepted.

    Attributes:
        reply_s: Seconds that all its lines took.
        usages: Tokens of its lines.
    """

    def __init__(self, user: PlayedUser, ask: AskUser, think_time_s: float = 0.0) -> None:
        self._user = user
        self._ask = ask
        self._think_time_s = think_time_s
        self._lines = 0
        self.reply_s = 0.0
        self.usages: list[Usage] = []

    async def speak(self, messages: Sequence[Message]) -> UserTurn | None:
        """Return the model's next line; None after as many as it may say."""
        if self._lines >= self._user.max_lines:
            return None
        reply = await self._ask(user_prompt(self._user, messages))
        self._lines += 1
        self.reply_s += reply.reply_s
        if reply.usage is not None:
            self.usages.append(reply.usage)
        line, is_last = split_line(self._user, reply.text)
        has_begun = any(message.role != "system" for message in messages)
        if not line and not (is_last and has_begun):
            wrote = "ended the conversation before it began" if is_last else "wrote nothing"
            raise DeadUserError(f"the model {self._user.model!r} that plays the user {wrote}")
        has_replies = any(message.role == "assistant" for message in messages)
        think_s = self._think_time_s if has_replies and not is_last else 0.0
        return UserTurn(line, reply.reply_s, think_s, is_last=is_last)
