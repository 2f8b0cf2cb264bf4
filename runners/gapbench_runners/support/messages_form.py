"""Prompts, tools and schemas in the form of Messages (anthropic 2.13 types)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gapbench.values import Document, Image, Message, Part, ReasoningState, Text, ToolCall, ToolResult
from gapbench_runners.support.chat_form import base64_text
from gapbench_runners.support.conversation import INVALID_JSON, INVALID_JSON_CHANGE, arguments_object
from gapbench_runners.support.tool_declarations import ToolDeclarations

_CHOICES = {"auto": "auto", "required": "any", "none": "none"}


def anthropic_messages(messages: Sequence[Message], changes: list[str]) -> list[dict[str, Any]]:
    """Return a prompt without its system messages.

    Results stand in a user's message, before anything that the user says, and all results of a reply in one.

    Args:
        messages: The prompt.
        changes: Gets a line for each kind of change.
    """
    out: list[dict[str, Any]] = []
    is_after_results = False
    for message in messages:
        if message.role == "system":
            continue
        if message.is_plain_text and not is_after_results:
            if message.role == "assistant" and not message.text.strip() and message is not messages[-1]:
                # "messages: text content blocks must be non-empty"
                changes.append("empty replies left out: Messages refuses them")
                continue
            out.append({"role": message.role, "content": message.text})
            continue
        blocks = [block for part in message.parts if (block := _block(part, changes)) is not None]
        if is_after_results and message.role == "user":
            out[-1]["content"] += blocks
        else:
            out.append({"role": "user" if message.role == "tool" else message.role, "content": blocks})
        is_after_results = message.role == "tool"
    return out


def _block(part: Part, changes: list[str]) -> dict[str, Any] | None:
    """Return a block. None: a text without a visible character, which Messages refuses."""
    match part:
        case Text():
            return {"type": "text", "text": part.text} if part.text.strip() else None
        case Image():
            return {"type": "image", "source": _source(part)}
        case Document():
            return {"type": "document", "source": _source(part), "title": part.name}
        case ToolCall():
            arguments = arguments_object(part.arguments_json)
            if arguments is None:
                arguments = {INVALID_JSON: part.arguments_json}
                changes.append(INVALID_JSON_CHANGE)
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}
        case ToolResult():
            return _result(part)
        case ReasoningState():
            return dict(part.item)
    raise AssertionError(f"{type(part).__name__} is refused before")


def _source(medium: Image | Document) -> dict[str, str]:
    return {"type": "base64", "media_type": medium.media_type, "data": base64_text(medium)}


def _result(result: ToolResult) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": result.call_id, "content": result.content}
    if result.is_error:
        # "content cannot be empty if `is_error` is true"
        block |= {"content": result.content if result.content.strip() else "error", "is_error": True}
    return block


def anthropic_tools(declared: ToolDeclarations) -> Iterator[tuple[str, Any]]:
    """Yield the parameters that declare tools."""
    if not declared.tools:
        return
    yield (
        "tools",
        [
            {
                "name": tool.name,
                **({"description": tool.description} if tool.description else {}),
                "input_schema": dict(tool.parameters),
                **({} if tool.strict is None else {"strict": tool.strict}),
            }
            for tool in declared.tools
        ],
    )
    named = declared.named_choice
    choice: dict[str, Any] = (
        {"type": _CHOICES[declared.choice or "auto"]} if named is None else {"type": "tool", "name": named}
    )
    if declared.parallel is not None and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = not declared.parallel
    yield "tool_choice", choice


def lacks_thinking(messages: Sequence[Message]) -> bool:
    """Return whether the reply whose results end the prompt does not begin with thinking of this API.

    With thinking on, Messages then answers "Expected `thinking` or `redacted_thinking`, but found `tool_use`".
    """
    if not messages or messages[-1].role != "tool":
        return False
    last = next((message for message in reversed(messages) if message.role == "assistant"), None)
    return last is not None and not isinstance(last.parts[0], ReasoningState)
