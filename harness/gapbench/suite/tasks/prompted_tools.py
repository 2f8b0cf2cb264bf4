"""Tools in words: the prompt describes them, and the model writes its calls as JSON (``tools_as: prompt``).

So a model without native tool calls, and a server whose parser loses some, can be compared with native calls on the same
task. The scorer ``tool_calls`` reads both forms.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gapbench.values import (
    Message,
    Part,
    ReasoningState,
    Text,
    ToolCall,
    ToolResult,
    ToolSet,
)


def describe_tools(tools: ToolSet) -> str:
    """Return the text that declares tools in a system prompt, and the form of a call."""
    declared = "\n".join(
        json.dumps(
            {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
            ensure_ascii=False,
        )
        for tool in tools.tools
    )
    return (
        "You can call these tools. Each line is a tool; `parameters` is the JSON Schema of its arguments.\n\n"
        f"{declared}\n\n"
        "To call tools, reply with nothing but a JSON list of calls: "
        '[{"name": "tool", "arguments": {"argument": "value"}}]\n'
        f"{_choice_sentence(tools)}"
    )


def _choice_sentence(tools: ToolSet) -> str:
    one = " Make at most one call in a reply." if tools.parallel is False else ""
    match tools.choice:
        case "none":
            return "Do not call a tool now; answer in words."
        case "required":
            return f"Call at least one tool.{one}"
        case "auto":
            return f"If no tool is needed, answer in words and write no JSON list.{one}"
        case name:
            return f"Call the tool `{name}`.{one}"


def as_prompted(messages: Sequence[Message], tools: ToolSet) -> tuple[Message, ...]:
    """Return a prompt that describes its tools, with earlier calls and results as text.

    Args:
        messages: The prompt with native calls and results.
        tools: The tools to describe. They follow the text of the first system message, or make one.
    """
    described = describe_tools(tools)
    out = [_as_text_message(message) for message in messages]
    if out and out[0].role == "system":
        separator = "\n\n" if out[0].text else ""
        out[0] = Message("system", (*out[0].parts, Text(f"{separator}{described}")))
    else:
        out.insert(0, Message("system", (Text(described),)))
    return tuple(out)


def calls_as_text(calls: Sequence[ToolCall]) -> str:
    """Return calls as the JSON list that a model is asked for. Arguments that are not JSON stay text."""
    return json.dumps(
        [{"name": call.name, "arguments": _parsed(call.arguments_json)} for call in calls], ensure_ascii=False
    )


def message_as_text(message: Message) -> str:
    """Return an assistant's message as the answer column has it: its text, then its calls as a JSON list."""
    text, calls = message.text, message.tool_calls
    if not calls:
        return text
    return f"{text}\n{calls_as_text(calls)}" if text.strip() else calls_as_text(calls)


def _as_text_message(message: Message) -> Message:
    if message.role == "tool":
        results = [_result_as_json(result) for result in message.tool_results]
        text = f"Results of the calls:\n{json.dumps(results, ensure_ascii=False)}"
        return Message("user", (Text(text),))
    if message.role != "assistant":
        return message
    parts: list[Part] = [
        part for part in message.parts if not isinstance(part, (ToolCall, ToolResult, ReasoningState))
    ]
    if message.tool_calls:
        separator = "\n" if message.text.strip() else ""
        parts.append(Text(f"{separator}{calls_as_text(message.tool_calls)}"))
    return Message("assistant", tuple(parts) or (Text(""),))


def _result_as_json(result: ToolResult) -> dict[str, Any]:
    key = "error" if result.is_error else "result"
    return {"name": result.name, key: result.content}


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments) if arguments.strip() else {}
    except (ValueError, RecursionError):
        return arguments
