"""A conversation as plain text, for a judge to read."""

from __future__ import annotations

from collections.abc import Iterable

from gapbench.values import Message, Part, ReasoningState, Text, ToolCall, ToolResult


def part_as_text(part: Part) -> Part | None:
    """Return a part of a message as a reader without tools gets it: calls and results in words, text and media as they are.

    Reasoning state, which only its vendor can read, is left out: None.
    """
    match part:
        case ToolCall():
            return Text(f"[calls {part.name}] {part.arguments_json}\n")
        case ToolResult():
            return Text(f"[{'error' if part.is_error else 'result'} of {part.name}] {part.content}\n")
        case ReasoningState():
            return None
        case _:
            return part


def conversation_as_text(messages: Iterable[Message]) -> str:
    """Return the messages after a prompt as text, each under the name of who speaks."""
    blocks: list[str] = []
    for message in messages:
        shown = (part_as_text(part) for part in message.parts)
        words = "".join(part.text if isinstance(part, Text) else "[a medium]" for part in shown if part)
        blocks.append(f"[{message.role}]\n{words.strip()}")
    return "\n\n".join(blocks)
