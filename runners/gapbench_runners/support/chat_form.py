"""Prompts, tools and schemas in the form of Chat Completions (openai 3.57 types/chat)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

from gapbench.values import Audio, Document, Image, Medium, Message, Part, Text, ToolCall, ToolResult
from gapbench_runners.support.conversation import (
    AUDIO_FORMATS,
    INVALID_JSON,
    INVALID_JSON_CHANGE,
    arguments_object,
)
from gapbench_runners.support.tool_declarations import ReplySchema, ToolDeclarations


def chat_messages(
    messages: Sequence[Message],
    changes: list[str],
    *,
    is_official_endpoint: bool,
) -> list[dict[str, Any]]:
    """Return a prompt in the form of Chat Completions.

    Args:
        messages: The prompt.
        changes: Gets a line for each kind of change.
        is_official_endpoint: Whether arguments go back as the model wrote them, JSON or not. Others parse them for the
            model's chat template and refuse what is not an object.
    """
    out: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "tool":
            out.extend(_result(result, changes) for result in message.tool_results)
        elif message.role == "assistant" and (calls := message.tool_calls):
            sent = [_call(call, changes, as_written=is_official_endpoint) for call in calls]
            out.append({"role": "assistant", "content": message.text or None, "tool_calls": sent})
        elif message.is_plain_text:
            out.append({"role": message.role, "content": message.text})
        else:
            out.append({"role": message.role, "content": [_part(part) for part in message.parts]})
    return out


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Image():
            url: dict[str, Any] = {"url": data_uri(part)}
            if part.detail:
                url["detail"] = part.detail
            return {"type": "image_url", "image_url": url}
        case Document():
            return {"type": "file", "file": {"filename": part.name, "file_data": data_uri(part)}}
        case Audio():
            sound = {"data": base64_text(part), "format": AUDIO_FORMATS[part.media_type]}
            return {"type": "input_audio", "input_audio": sound}
        case Text():
            return {"type": "text", "text": part.text}
    raise AssertionError(f"{type(part).__name__} belongs to a message of another role")


def _call(call: ToolCall, changes: list[str], *, as_written: bool) -> dict[str, Any]:
    arguments = call.arguments_json
    if not as_written and arguments_object(arguments) is None:
        arguments = json.dumps({INVALID_JSON: arguments}, ensure_ascii=False)
        changes.append(INVALID_JSON_CHANGE)
    function = {"name": call.name, "arguments": arguments}
    out: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
    if call.signature is not None:
        # Only Google's compatible route is given it; ai.google.dev/gemini-api/docs/thought-signatures, "OpenAI compatibility"
        out["extra_content"] = {"google": {"thought_signature": call.signature}}
    return out


def _result(result: ToolResult, changes: list[str]) -> dict[str, Any]:
    if result.is_error:
        changes.append("is_error of tool results dropped: Chat Completions has no such field")
    return {"role": "tool", "tool_call_id": result.call_id, "content": result.content}


def chat_tools(declared: ToolDeclarations) -> Iterator[tuple[str, Any]]:
    """Yield the parameters that declare tools."""
    if not declared.tools:
        return
    yield (
        "tools",
        [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    **({"description": tool.description} if tool.description else {}),
                    "parameters": dict(tool.parameters),
                    **({} if tool.strict is None else {"strict": tool.strict}),
                },
            }
            for tool in declared.tools
        ],
    )
    named = declared.named_choice
    yield (
        "tool_choice",
        declared.choice if named is None else {"type": "function", "function": {"name": named}},
    )
    if declared.parallel is not None:
        yield "parallel_tool_calls", declared.parallel


def chat_reply_format(schema: ReplySchema) -> dict[str, Any]:
    """Return the value of ``response_format``."""
    strict = {} if schema.strict is None else {"strict": schema.strict}
    return {
        "type": "json_schema",
        "json_schema": {"name": schema.name, "schema": dict(schema.schema), **strict},
    }


def data_uri(medium: Medium) -> str:
    """Return bytes as a data URI."""
    return f"data:{medium.media_type};base64,{base64_text(medium)}"


def base64_text(medium: Medium) -> str:
    """Return bytes in base64."""
    return base64.b64encode(medium.data).decode()
