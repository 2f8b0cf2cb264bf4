"""A recorded conversation as messages: what all forms are read to, and the faults that none may have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gapbench.values import Image, Message, Part, Text, Tool, ToolCall, ToolResult

ReadImage = Callable[[Any, str | None], Image]
"""Returns an image from a data URI, base64 or an address, with its detail. Raises ``DocumentError``."""


class ConversationError(ValueError):
    """A conversation cannot be sent as it was recorded. The message names the turn."""


@dataclass(frozen=True, slots=True)
class MediaReader:
    """Reads what a conversation holds besides text.

    Attributes:
        read_image: See :data:`ReadImage`.
    """

    read_image: ReadImage


@dataclass(frozen=True, slots=True)
class RecordedConversation:
    """A conversation as it was recorded.

    Attributes:
        messages: All turns. Adjacent messages of the assistant are one, and so are adjacent results.
        tools: The tools that were declared with it. (): none are.
    """

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()


def as_text(value: Any) -> str:
    """Return a result, or arguments, as text: text as it is, other values as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def turns_of(value: Any, form: str) -> list[Mapping[str, Any]]:
    """Return the turns of a list.

    Raises:
        ConversationError: It is empty, or an entry is no mapping.
    """
    if not isinstance(value, (list, tuple)):
        raise ConversationError(f"found {type(value).__name__}; expected a list of turns in {form}'s form")
    if not value:
        raise ConversationError("the conversation is empty; it needs at least one turn of the user")
    for number, turn in enumerate(value, 1):
        if not isinstance(turn, Mapping):
            raise ConversationError(f"turn {number}: found {type(turn).__name__}; expected a mapping")
    return list(value)


def check_content(content: Any, role: str, number: int) -> None:
    """Refuse a turn that says nothing at all. An assistant's may: its calls are elsewhere.

    Raises:
        ConversationError: Names the turn.
    """
    if content is None and role != "assistant":
        raise ConversationError(
            f"turn {number}: a turn of the {role} without content; expected text or a list of parts "
            "(Gemini's `parts` are not read: save the conversation in OpenAI's form)"
        )


def join_turns(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return messages with adjacent ones of the assistant, and adjacent results of tools, joined.

    Vendors differ in whether parallel calls, their results, and the text beside them are one message.
    """
    out: list[Message] = []
    for message in messages:
        if not message.parts:
            continue
        before = out[-1] if out else None
        if before is None or before.role != message.role or message.role not in {"assistant", "tool"}:
            out.append(message)
            continue
        is_text = isinstance(before.parts[-1], Text) and isinstance(message.parts[0], Text)
        gap: tuple[Part, ...] = (Text("\n\n"),) if is_text else ()
        out[-1] = Message(message.role, (*before.parts, *gap, *message.parts))
    return tuple(out)


def check_turns(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return messages whose results name their tools.

    Raises:
        ConversationError: There is no turn of the user, a result has no call, or a call has no result before the next turn.
    """
    if not any(message.role == "user" for message in messages):
        raise ConversationError("the conversation has no turn of the user, so there is nothing to answer")
    out: list[Message] = []
    waiting: list[ToolCall] = []
    for number, message in enumerate(messages, 1):
        if message.role == "tool":
            parts = [_answered(result, waiting, number) for result in message.tool_results]
            out.append(Message("tool", tuple(parts)))
            continue
        if waiting:
            raise ConversationError(_unanswered(waiting[0], number))
        out.append(message)
        waiting = list(message.tool_calls)
    if waiting and messages[-1].role == "tool":
        raise ConversationError(_unanswered(waiting[0], len(messages)))
    return tuple(out)


def _answered(result: ToolResult, waiting: list[ToolCall], number: int) -> ToolResult:
    """Return a result with the name of its call, and take the call off the list."""
    call = next((call for call in waiting if call.id == result.call_id), None)
    if call is None:
        of = f"for the call {result.call_id!r}" if result.call_id else "of a tool"
        raise ConversationError(
            f"message {number}: a result {of} without its call; keep the assistant's turn with the call before it"
        )
    waiting.remove(call)
    return replace(result, name=call.name)


def _unanswered(call: ToolCall, number: int) -> str:
    named = f" ({call.id})" if call.id else ""
    return (
        f"message {number}: the call of {call.name}{named} before it has no result; vendors refuse such a prompt: "
        "keep the result, or leave the call out"
    )
