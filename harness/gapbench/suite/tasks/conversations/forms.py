"""Find the form of a recorded conversation by its shape, and read it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gapbench.suite.tasks.conversations.anthropic_messages import read_anthropic, read_system
from gapbench.suite.tasks.conversations.openai_chat import read_chat
from gapbench.suite.tasks.conversations.openai_responses import read_responses
from gapbench.suite.tasks.conversations.recorded import (
    ConversationError,
    MediaReader,
    RecordedConversation,
    check_turns,
    join_turns,
)
from gapbench.suite.tasks.conversations.sharegpt import read_sharegpt
from gapbench.suite.tasks.tool_declarations import read_tools
from gapbench.suite.tasks.tool_schema import MessagesForm
from gapbench.values import Message, Text

_TURN_KEYS = ("messages", "input", "conversations", "conversation", "turns")
_RESPONSES_TYPES = frozenset({"function_call", "function_call_output", "reasoning", "message"})
_RESPONSES_PARTS = frozenset({"input_text", "output_text", "input_image", "input_file"})
_ANTHROPIC_BLOCKS = frozenset(
    {"tool_use", "tool_result", "thinking", "redacted_thinking", "document", "image"}
)


def read_conversation(
    value: Any, media: MediaReader, form: MessagesForm | None = None
) -> RecordedConversation:
    """Return a conversation from a list of turns, a request that holds one, or JSON text of either.

    Args:
        value: The value of a column.
        media: Reads images.
        form: The form. None: found by its shape.

    Raises:
        ConversationError: It is no conversation, or one that no vendor would accept.
        ToolDeclarationError: The request's tools are wrong.
    """
    request = _parsed(value)
    turns = _turns_in(request)
    around: Mapping[str, Any] = request if isinstance(request, Mapping) else {}
    match form or detect_form(request):
        case "sharegpt":
            messages = read_sharegpt(turns)
        case "responses":
            messages = read_responses(turns, media)
        case "anthropic":
            messages = read_anthropic(turns, media)
        case _:
            messages = read_chat(turns, media)
    system = read_system(around.get("system") or around.get("instructions"))
    if system:
        messages.insert(0, Message("system", (Text(system),)))
    tools = read_tools(around.get("tools") or around.get("functions"))
    return RecordedConversation(check_turns(join_turns(messages)), tools)


def detect_form(value: Any) -> MessagesForm:
    """Return the form of a conversation by its shape. Turns that all forms write alike are read as OpenAI's."""
    turns = _turns_in(value)
    if not isinstance(turns, (list, tuple)):
        return "responses"
    given = [turn for turn in turns if isinstance(turn, Mapping)]
    if any("from" in turn and "value" in turn for turn in given):
        return "sharegpt"
    parts = set(_part_types(given))
    if parts & _RESPONSES_PARTS or any(turn.get("type") in _RESPONSES_TYPES for turn in given):
        return "responses"
    has_calls = any(turn.get("tool_calls") or turn.get("role") in {"tool", "function"} for turn in given)
    return "anthropic" if parts & _ANTHROPIC_BLOCKS and not has_calls else "openai"


def _part_types(turns: list[Mapping[str, Any]]) -> Iterator[str]:
    for turn in turns:
        content = turn.get("content")
        if isinstance(content, (list, tuple)):
            yield from (str(part.get("type")) for part in content if isinstance(part, Mapping))


def _turns_in(value: Any) -> Any:
    """Return the list of turns in a request, or the value itself."""
    if not isinstance(value, Mapping):
        return value
    inner = next((value[key] for key in _TURN_KEYS if value.get(key) is not None), None)
    if inner is None:
        raise ConversationError(
            f"a mapping without turns; expected one of {', '.join(_TURN_KEYS)} in it, found {', '.join(map(str, value)) or 'nothing'}"
        )
    return inner


def _parsed(value: Any) -> Any:
    """Return the value of JSON text."""
    if not isinstance(value, str):
        if value is None:
            raise ConversationError("the conversation is empty; it needs at least one turn of the user")
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as exc:
        shown = value[:40] if value.strip() else "nothing"
        raise ConversationError(f"found {shown!r}; expected a list of turns, or JSON of one") from exc
