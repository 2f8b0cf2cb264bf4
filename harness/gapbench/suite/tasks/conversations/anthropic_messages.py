"""Conversations in the form of Anthropic's Messages API, as anthropic 2.14 has it (``types``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gapbench.suite.tasks.conversations.media import read_document_file
from gapbench.suite.tasks.conversations.recorded import (
    ConversationError,
    MediaReader,
    check_content,
    turns_of,
)
from gapbench.values import Message, Part, ReasoningState, Role, Text, ToolCall, ToolResult

_ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}


def read_anthropic(value: Any, media: MediaReader) -> list[Message]:
    """Return the messages of a list of turns with content blocks.

    Results stand in a turn of the user; they become a message of the role ``tool`` before the rest of the turn. A
    thinking block without its signature cannot be sent again and is left out.

    Raises:
        ConversationError: Names the turn.
    """
    out: list[Message] = []
    for number, turn in enumerate(turns_of(value, "Anthropic"), 1):
        role = _ROLES.get(str(turn.get("role")))
        if role is None:
            raise ConversationError(
                f"turn {number}: found role {turn.get('role')!r}; expected one of {', '.join(_ROLES)}"
            )
        check_content(turn.get("content"), role, number)
        parts = _read_content(turn.get("content"), role, number, media)
        results = tuple(part for part in parts if isinstance(part, ToolResult))
        rest = tuple(part for part in parts if not isinstance(part, ToolResult))
        if results:
            out.append(Message("tool", results))
        if rest or not results:
            out.append(Message(role, rest or (() if role == "assistant" else (Text(""),))))
    return out


def read_system(value: Any) -> str:
    """Return a system prompt: text, or a list of text blocks."""
    if isinstance(value, (list, tuple)):
        return "".join(str(block.get("text") or "") for block in value if isinstance(block, Mapping))
    return "" if value is None else str(value)


def _read_content(content: Any, role: Role, number: int, media: MediaReader) -> list[Part]:
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [Text(content)]
    if not isinstance(content, (list, tuple)):
        raise ConversationError(
            f"turn {number}: content is {type(content).__name__}; expected text or a list of blocks"
        )
    parts = [_read_block(block, role, number, media) for block in content]
    return [part for part in parts if part is not None]


def _read_block(block: Any, role: Role, number: int, media: MediaReader) -> Part | None:
    kind = block.get("type") if isinstance(block, Mapping) else None
    match kind:
        case "text":
            return Text(str(block.get("text") or ""))
        case "thinking":
            return ReasoningState("messages", dict(block)) if block.get("signature") else None
        case "redacted_thinking":
            return ReasoningState("messages", dict(block))
        case "tool_use":
            if role != "assistant" or not isinstance(block.get("name"), str):
                raise ConversationError(
                    f"turn {number}: a tool_use block needs a name and belongs in a turn of the assistant"
                )
            arguments = json.dumps(block.get("input") or {}, ensure_ascii=False)
            return ToolCall(str(block.get("id") or ""), block["name"], arguments)
        case "tool_result":
            if role != "user" or not block.get("tool_use_id"):
                raise ConversationError(
                    f"turn {number}: a tool_result block needs a tool_use_id and belongs in a turn of the user"
                )
            text = _result_text(block.get("content"), number)
            return ToolResult(str(block["tool_use_id"]), "", text, is_error=bool(block.get("is_error")))
        case "image":
            return media.read_image(_source_data(block, number), None)
        case "document":
            return _read_document(block, number)
    raise ConversationError(
        f"turn {number}: a block of the type {kind!r}; expected text, image, document, thinking, tool_use or tool_result"
    )


def _source_data(block: Mapping[str, Any], number: int) -> Any:
    source = block.get("source")
    given = source.get("data") or source.get("url") if isinstance(source, Mapping) else None
    if not given:
        raise ConversationError(
            f"turn {number}: {block.get('type')} without its bytes; a file id of one vendor means nothing to another"
        )
    return given


def _read_document(block: Mapping[str, Any], number: int) -> Part:
    source = block.get("source")
    if isinstance(source, Mapping) and source.get("type") == "text":
        return Text(str(source.get("data") or ""))
    return read_document_file(_source_data(block, number), block.get("title"), number)


def _result_text(content: Any, number: int) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    blocks = content if isinstance(content, (list, tuple)) else [content]
    other = next(
        (
            block.get("type") if isinstance(block, Mapping) else block
            for block in blocks
            if not (isinstance(block, Mapping) and block.get("type") == "text")
        ),
        None,
    )
    if other is not None:
        raise ConversationError(
            f"turn {number}: a result with a block of the type {other!r}; results are text"
        )
    return "".join(str(block.get("text") or "") for block in blocks)
