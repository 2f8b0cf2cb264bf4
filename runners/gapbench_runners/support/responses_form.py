"""Prompts, tools and schemas in the form of Responses (openai 3.57 types/responses)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from gapbench.values import Document, Image, Message, Part, ReasoningState, Text, ToolCall
from gapbench_runners.support.chat_form import data_uri
from gapbench_runners.support.conversation import INVALID_JSON, INVALID_JSON_CHANGE, arguments_object
from gapbench_runners.support.tool_declarations import ReplySchema, ToolDeclarations

ENCRYPTED_REASONING = "reasoning.encrypted_content"
"""What ``include`` asks for, so that reasoning can be handed back although nothing is stored at the provider."""


def responses_input(
    messages: Sequence[Message], changes: list[str], *, is_official_endpoint: bool
) -> list[dict[str, Any]]:
    """Return a prompt as the items of Responses.

    Args:
        messages: The prompt.
        changes: Gets a line for each kind of change.
        is_official_endpoint: As in :func:`gapbench_runners.support.chat_form.chat_messages`.
    """
    items: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "tool":
            items += _results(message, changes)
        elif message.role == "assistant":
            items += _assistant_items(message, changes, as_written=is_official_endpoint)
        else:
            items.append({"role": message.role, "content": [_part(part) for part in message.parts]})
    return items


def _results(message: Message, changes: list[str]) -> Iterator[dict[str, Any]]:
    for result in message.tool_results:
        if result.is_error:
            changes.append("is_error of tool results dropped: Responses has no such field")
        yield {"type": "function_call_output", "call_id": result.call_id, "output": result.content}


def _assistant_items(message: Message, changes: list[str], *, as_written: bool) -> list[dict[str, Any]]:
    """Return a reply's items in order; reasoning has to come before what follows from it."""
    items: list[dict[str, Any]] = []
    texts: list[str] = []

    def end_text() -> None:
        if texts:
            items.append({"role": "assistant", "content": "".join(texts)})
            texts.clear()

    for part in message.parts:
        match part:
            case Text():
                texts.append(part.text)
            case ToolCall():
                end_text()
                items.append(_call(part, changes, as_written=as_written))
            case ReasoningState() if part.item.get("type") == "message":
                text = _message_text(part)
                before = "".join(texts)
                if text and before.endswith(text):
                    # The text before has it already; here it gets its phase.
                    texts[:] = [rest] if (rest := before.removesuffix(text)) else []
                    end_text()
                    items.append({"role": "assistant", "content": text, "phase": part.item["phase"]})
            case ReasoningState():
                end_text()
                items.append({key: value for key, value in part.item.items() if value is not None})
    end_text()
    return items


def _message_text(state: ReasoningState) -> str:
    """Return the text of a message item."""
    return "".join(
        str(part.get("text") or part.get("refusal") or "") for part in state.item.get("content") or ()
    )


def _call(call: ToolCall, changes: list[str], *, as_written: bool) -> dict[str, Any]:
    arguments = call.arguments_json
    if not as_written and arguments_object(arguments) is None:
        arguments = json.dumps({INVALID_JSON: arguments}, ensure_ascii=False)
        changes.append(INVALID_JSON_CHANGE)
    return {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": arguments}


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Image():
            return {"type": "input_image", "image_url": data_uri(part), "detail": part.detail or "auto"}
        case Document():
            return {"type": "input_file", "filename": part.name, "file_data": data_uri(part)}
        case Text():
            return {"type": "input_text", "text": part.text}
    raise AssertionError(f"{type(part).__name__} belongs to a message of another role, or is refused")


def responses_tools(declared: ToolDeclarations) -> Iterator[tuple[str, Any]]:
    """Yield the parameters that declare tools. Without ``strict``, Responses tries the strict mode by itself."""
    if not declared.tools:
        return
    yield (
        "tools",
        [
            {
                "type": "function",
                "name": tool.name,
                **({"description": tool.description} if tool.description else {}),
                "parameters": dict(tool.parameters),
                "strict": tool.strict,
            }
            for tool in declared.tools
        ],
    )
    named = declared.named_choice
    yield "tool_choice", declared.choice if named is None else {"type": "function", "name": named}
    if declared.parallel is not None:
        yield "parallel_tool_calls", declared.parallel


def responses_reply_format(schema: ReplySchema) -> dict[str, Any]:
    """Return the value of ``text``."""
    strict = {} if schema.strict is None else {"strict": schema.strict}
    return {"format": {"type": "json_schema", "name": schema.name, "schema": dict(schema.schema), **strict}}
