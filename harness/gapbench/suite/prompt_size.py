"""The size of a prompt in characters, for cost bounds and provider limits."""

from __future__ import annotations

from collections.abc import Iterable

from gapbench.values import (
    Message,
    Part,
    ReasoningState,
    Sample,
    Text,
    ToolCall,
    ToolResult,
    ToolSet,
    canonical_json,
)


def count_prompt_chars(messages: Iterable[Message]) -> int:
    """Return the characters of text in a prompt, with its tool calls and their results."""
    return sum(_count_chars(part) for message in messages for part in message.parts)


def count_declaration_chars(sample: Sample) -> int:
    """Return the characters of JSON that declare a sample's tools and the schema of its reply; 0 without them."""
    tools = count_tool_chars(sample.tools)
    schema = 0 if sample.response_schema is None else len(canonical_json(sample.response_schema.schema))
    return tools + schema


def count_tool_chars(tools: ToolSet | None) -> int:
    """Return the characters of JSON that declare tools; 0 without them."""
    return 0 if tools is None else len(canonical_json(tools.as_json()))


def _count_chars(part: Part) -> int:
    match part:
        case Text():
            return len(part.text)
        case ToolCall():
            return len(part.name) + len(part.arguments_json)
        case ToolResult():
            return len(part.content)
        case ReasoningState():
            return len(canonical_json(part.item))
        case _:
            return 0
