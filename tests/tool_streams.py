"""Streams with tool calls in each vendor's form, and what a runner hears of them."""

from __future__ import annotations

import json
from typing import Any

from gapbench.values import Message, Model, Response, ToolSet
from gapbench_runners.anthropic import AnthropicRunner
from gapbench_runners.google import GoogleRunner
from gapbench_runners.openai import OpenAIRunner
from gapbench_runners.vllm.runner import VllmRunner
from tests.gapbench_runners.conversations import REASONING, TOOLS
from tests.gapbench_runners.events import chat, generate, messages, responses
from tests.gapbench_runners.replay import Replay, ask

DOORS: dict[str, tuple[Any, Model, str]] = {
    "chat": (OpenAIRunner, Model("m", "openai", "x", "open"), "/v1"),
    "responses": (OpenAIRunner, Model("m", "openai", "x", "open", options={"api": "responses"}), "/v1"),
    "messages": (AnthropicRunner, Model("m", "anthropic", "x", "open"), ""),
    "generate": (GoogleRunner, Model("m", "google", "gemini-3-pro", "open"), ""),
    "vllm": (VllmRunner, Model("m", "vllm", "x", "open"), "/v1"),
}
CITIES = ('{"city": "Rome", "days": 2}', '{"city": "Oslo"}')


def _chat_stream() -> str:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "I look."}]
    for place, text in enumerate(CITIES):
        function = {"name": "weather_get", "arguments": ""}
        deltas.append(
            {"tool_calls": [{"index": place, "id": f"c{place}", "type": "function", "function": function}]}
        )
        deltas += [
            {"tool_calls": [{"index": place, "function": {"arguments": text[start : start + 5]}}]}
            for start in range(0, len(text), 5)
        ]
    return chat(*deltas, finish="tool_calls")


def _responses_stream() -> str:
    events: list[dict[str, Any]] = [
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "part"}},
        {"type": "response.output_item.done", "output_index": 0, "item": REASONING},
        {"type": "response.output_text.delta", "output_index": 1, "item_id": "m", "delta": "I look."},
    ]  # fmt: skip
    for place, text in enumerate(CITIES, 2):
        item = {
            "type": "function_call",
            "id": f"fc{place}",
            "call_id": f"c{place - 2}",
            "name": "weather_get",
        }
        key = {"output_index": place, "item_id": f"fc{place}"}
        events.append({"type": "response.output_item.added", **key, "item": {**item, "arguments": ""}})
        events += [
            {"type": "response.function_call_arguments.delta", **key, "delta": text[start : start + 5]}
            for start in range(0, len(text), 5)
        ]
        events.append({"type": "response.function_call_arguments.done", **key, "arguments": text})
        events.append({"type": "response.output_item.done", **key, "item": {**item, "arguments": text}})
    return responses(*events)


def _messages_stream() -> str:
    thinking = [
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Look "},
        {"type": "thinking_delta", "thinking": "first."},
        {"type": "signature_delta", "signature": "c2lnbmVk"},
    ]
    calls: list[list[dict[str, Any]]] = [
        [
            {"type": "tool_use", "id": f"c{place}", "name": "weather_get", "input": {}},
            *(
                {"type": "input_json_delta", "partial_json": text[start : start + 5]}
                for start in range(0, len(text), 5)
            ),
        ]
        for place, text in enumerate(CITIES)
    ]
    text = [{"type": "text", "text": ""}, {"type": "text_delta", "text": "I look."}]
    hidden = [{"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}]
    return messages(thinking, hidden, text, *calls, stop="tool_use")


def _generate_stream() -> str:
    calls = [
        {"functionCall": {"name": "weather.get", "args": json.loads(text), "id": f"c{place}"}}
        for place, text in enumerate(CITIES)
    ]
    calls[0]["thoughtSignature"] = "c2lnbmVk"  # type: ignore[assignment]
    return generate([{"text": "I look.", "thoughtSignature": "dGV4dA=="}], calls)


STREAMS = {
    "chat": _chat_stream,
    "vllm": _chat_stream,
    "responses": _responses_stream,
    "messages": _messages_stream,
    "generate": _generate_stream,
}


def heard(
    kind: str, body: str, given: tuple[Message, ...], tools: ToolSet | None = TOOLS, **changes: Any
) -> tuple[Response, dict[str, Any]]:
    """Return what a runner makes of a stream, and the body that its client sent."""
    runner, model, path = DOORS[kind]
    replay = Replay(body.encode())
    response = ask(runner, replay, model=model, path=path, messages=given, tools=tools, **changes)
    return response, replay.asked[0]


def closed() -> dict[str, Any]:
    """Return the parameters as OpenAI's strict mode takes them."""
    days = {"type": ["integer", "null"], "minimum": 1}
    properties = {"city": {"type": "string"}, "days": days}
    return {
        "type": "object",
        "properties": properties,
        "required": ["city", "days"],
        "additionalProperties": False,
    }
