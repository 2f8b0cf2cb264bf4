"""Conversations in the form of OpenAI's Chat Completions, as openai 3.57 has it (``types/chat``)."""

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
from gapbench.values import Message, Part, Role, Text, ToolCall, ToolResult

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}


def read_chat(value: Any, media: MediaReader) -> list[Message]:
    """Return the messages of a list of ``{role, content, tool_calls, tool_call_id}``.

    Raises:
        ConversationError: Names the turn.
    """
    out: list[Message] = []
    legacy_call: str | None = None
    for number, turn in enumerate(turns_of(value, "OpenAI"), 1):
        given = turn.get("role")
        role = _ROLES.get(str(given))
        if role is None:
            raise ConversationError(
                f"turn {number}: found role {given!r}; expected one of {', '.join(_ROLES)}"
            )
        if role == "tool":
            call_id = turn.get("tool_call_id") or ""
            if not call_id and given == "tool" and legacy_call is None:
                raise ConversationError(
                    f"turn {number}: a result without tool_call_id; name the call that it answers"
                )
            content = _plain_text(turn.get("content"), number)
            out.append(Message("tool", (ToolResult(str(call_id), str(turn.get("name") or ""), content),)))
            continue
        check_content(turn.get("content"), role, number)
        parts = _content_parts(turn.get("content"), number, media)
        if isinstance(turn.get("refusal"), str) and turn["refusal"]:
            parts.append(Text(turn["refusal"]))
        calls = _calls(turn, number)
        if calls and role != "assistant":
            raise ConversationError(
                f"turn {number}: tool calls in a turn of the {role}; only the assistant's has them"
            )
        legacy_call = calls[0].name if calls and not calls[0].id else None
        parts += calls
        # An assistant's turn with nothing in it says nothing; another speaker's is kept, as it was sent.
        out.append(Message(role, tuple(parts) if parts or role == "assistant" else (Text(""),)))
    return out


def _calls(turn: Mapping[str, Any], number: int) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for call in turn.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise ConversationError(
                f"turn {number}: a tool call without function.name; expected {{id, function: {{name, arguments}}}}"
            )
        calls.append(
            ToolCall(
                str(call.get("id") or ""), function["name"], as_text(_or_empty(function.get("arguments")))
            )
        )
    function = turn.get("function_call")
    if not calls and isinstance(function, Mapping) and isinstance(function.get("name"), str):
        calls.append(ToolCall("", function["name"], as_text(_or_empty(function.get("arguments")))))
    return calls


def _or_empty(arguments: Any) -> Any:
    return "{}" if arguments in (None, "") else arguments


def _plain_text(content: Any, number: int) -> str:
    """Return the content of a tool's result as text."""
    if content is None:
        return ""
    if isinstance(content, list) and all(isinstance(part, Mapping) and "type" in part for part in content):
        other = next((part["type"] for part in content if part["type"] != "text"), None)
        if other is not None:
            raise ConversationError(
                f"turn {number}: a result with a part of the type {other!r}; results are text"
            )
        return "".join(str(part.get("text") or "") for part in content)
    return as_text(content)


def _content_parts(content: Any, number: int, media: MediaReader) -> list[Part]:
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [Text(content)]
    if not isinstance(content, (list, tuple)):
        raise ConversationError(
            f"turn {number}: content is {type(content).__name__}; expected text or a list of parts"
        )
    return [_read_part(part, number, media) for part in content]


def _read_part(part: Any, number: int, media: MediaReader) -> Part:
    if isinstance(part, str):
        return Text(part)
    kind = part.get("type") if isinstance(part, Mapping) else None
    match kind:
        case "text" | "input_text" | "output_text":
            return Text(str(part.get("text") or ""))
        case "refusal":
            return Text(str(part.get("refusal") or ""))
        case "image_url":
            image = part.get("image_url")
            given = image if isinstance(image, Mapping) else {"url": image}
            return media.read_image(given.get("url"), given.get("detail"))
        case "file":
            file = part.get("file")
            given = file if isinstance(file, Mapping) else {}
            return read_document_file(given.get("file_data"), given.get("filename"), number)
        case "input_audio":
            audio = part.get("input_audio")
            given = audio if isinstance(audio, Mapping) else {}
            return read_audio(given.get("data"), given.get("format"), number)
    raise ConversationError(
        f"turn {number}: a part of the type {kind!r}; expected text, image_url, file or input_audio"
    )
