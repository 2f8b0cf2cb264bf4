"""Read messages back from the JSON form in which they are hashed and stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gapbench.values.messages import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    ReasoningState,
    Text,
    ToolCall,
    ToolResult,
)

ReadMedium = Callable[[str], bytes | None]
"""Returns the bytes with a SHA-256. None: they are not kept."""


def messages_from_json(stored: Iterable[Mapping[str, Any]], read_medium: ReadMedium) -> tuple[Message, ...]:
    """Return the messages that :func:`gapbench.values.messages_as_json` wrote.

    Args:
        stored: The messages as JSON values.
        read_medium: Called for each image, document and sound. One that is not kept becomes a line of text that says so.
    """
    return tuple(
        Message(message["role"], parts_from_json(message["parts"], read_medium)) for message in stored
    )


def parts_from_json(stored: Iterable[Mapping[str, Any]], read_medium: ReadMedium) -> tuple[Part, ...]:
    """Return the parts of one message; see :func:`messages_from_json`."""
    return tuple(_part_from_json(part, read_medium) for part in stored)


def _part_from_json(part: Mapping[str, Any], read_medium: ReadMedium) -> Part:
    if "text" in part:
        return Text(part["text"])
    if "tool_call" in part:
        call = part["tool_call"]
        return ToolCall(call["id"], call["name"], call["arguments"], call.get("signature"))
    if "tool_result" in part:
        result = part["tool_result"]
        return ToolResult(result["call_id"], result["name"], result["content"], result["is_error"])
    if "reasoning_state" in part:
        return ReasoningState(part["reasoning_state"]["api"], part["reasoning_state"]["item"])
    return _medium_from_json(part, read_medium)


def _medium_from_json(part: Mapping[str, Any], read_medium: ReadMedium) -> Part:
    for kind in ("image", "document", "audio"):
        digest = part.get(f"{kind}_sha256")
        if digest is None:
            continue
        data = read_medium(digest)
        if data is None:
            return Text(f"[{'an' if kind != 'document' else 'a'} {kind} that is not kept with the run]")
        if kind == "image":
            return Image(part["media_type"], data)
        if kind == "document":
            return Document(part["media_type"], data, part["name"])
        return Audio(part["media_type"], data)
    raise ValueError(f"a stored message has a part of an unknown kind: {sorted(part)}")
