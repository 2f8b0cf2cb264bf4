"""Conversations as input items of OpenAI's Responses API, as openai 3.57 has them (``types/responses``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gapbench.suite.tasks.conversations.media import read_audio, read_document_file
from gapbench.suite.tasks.conversations.recorded import (
    ConversationError,
    MediaReader,
    as_text,
    check_content,
    turns_of,
)
from gapbench.values import Message, Part, ReasoningState, Role, Text, ToolCall, ToolResult

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


def read_responses(value: Any, media: MediaReader) -> list[Message]:
    """Return the messages of a list of items: messages, function calls, their outputs, and encrypted reasoning.

    A reasoning item without its encrypted content cannot be sent again and is left out.

    Raises:
        ConversationError: Names the item.
    """
    if isinstance(value, str):
        return [Message("user", (Text(value),))]
    out: list[Message] = []
    for number, item in enumerate(turns_of(value, "the Responses API"), 1):
        kind = item.get("type") or "message"
        match kind:
            case "message":
                out.append(_read_message(item, number, media))
            case "function_call":
                if not isinstance(item.get("name"), str):
                    raise ConversationError(f"item {number}: a function_call without name")
                arguments = item.get("arguments")
                call = ToolCall(
                    str(item.get("call_id") or ""),
                    item["name"],
                    as_text("{}" if arguments in (None, "") else arguments),
                )
                out.append(Message("assistant", (call,)))
            case "function_call_output":
                if not item.get("call_id"):
                    raise ConversationError(
                        f"item {number}: a function_call_output without call_id; name the call that it answers"
                    )
                content = _output_text(item.get("output"), number)
                out.append(Message("tool", (ToolResult(str(item["call_id"]), "", content),)))
            case "reasoning":
                if item.get("encrypted_content"):
                    out.append(Message("assistant", (ReasoningState("responses", dict(item)),)))
            case _:
                raise ConversationError(
                    f"item {number}: found type {kind!r}; expected message, function_call, function_call_output or reasoning"
                )
    return out


def _read_message(item: Mapping[str, Any], number: int, media: MediaReader) -> Message:
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise ConversationError(
            f"item {number}: found role {item.get('role')!r}; expected one of {', '.join(_ROLES)}"
        )
    content = item.get("content")
    check_content(content, role, number)
    if content is None or isinstance(content, str):
        return Message(role, (Text(content),) if content else (() if role == "assistant" else (Text(""),)))
    if not isinstance(content, (list, tuple)):
        raise ConversationError(
            f"item {number}: content is {type(content).__name__}; expected text or a list of parts"
        )
    return Message(role, tuple(_read_part(part, number, media) for part in content))


def _read_part(part: Any, number: int, media: MediaReader) -> Part:
    kind = part.get("type") if isinstance(part, Mapping) else None
    match kind:
        case "input_text" | "output_text" | "text":
            return Text(str(part.get("text") or ""))
        case "refusal":
            return Text(str(part.get("refusal") or ""))
        case "input_image":
            return media.read_image(part.get("image_url"), part.get("detail"))
        case "input_file":
            return read_document_file(part.get("file_data"), part.get("filename"), number)
        case "input_audio":
            inner = part.get("input_audio")
            given = inner if isinstance(inner, Mapping) else part
            return read_audio(given.get("data"), given.get("format"), number)
    raise ConversationError(
        f"item {number}: a part of the type {kind!r}; expected input_text, output_text, input_image, input_file or input_audio"
    )


def _output_text(output: Any, number: int) -> str:
    if output is None:
        return ""
    if isinstance(output, list) and all(isinstance(part, Mapping) and "type" in part for part in output):
        other = next(
            (part["type"] for part in output if part["type"] not in {"input_text", "output_text", "text"}),
            None,
        )
        if other is not None:
            raise ConversationError(
                f"item {number}: a result with a part of the type {other!r}; results are text"
            )
        return "".join(str(part.get("text") or "") for part in output)
    return as_text(output)
