"""Tools and conversations for the tests of the wires, written down and drawn at random."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from gapbench.values import (
    Audio,
    Document,
    Message,
    Model,
    Params,
    Part,
    ReasoningState,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    ToolSet,
)
from gapbench_runners.anthropic import AnthropicRunner
from gapbench_runners.google import GoogleRunner
from gapbench_runners.openai import OpenAIRunner
from gapbench_runners.vllm.runner import VllmRunner

PDF = Document("application/pdf", b"%PDF-1.7 not really", "bill.pdf")
WAV = Audio("audio/wav", b"RIFF not really")
THINKING = {"type": "thinking", "thinking": "Look first.", "signature": "c2lnbmVk"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "ZW5jcnlwdGVk"}
STATES = (
    ReasoningState("messages", THINKING),
    ReasoningState("messages", {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}),
    ReasoningState("responses", REASONING),
    ReasoningState("google", {"text": "", "thoughtSignature": "c2lnbmVk"}),
)
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
}
WEATHER = Tool("weather.get", "The weather of a city.", PARAMETERS)
BOOK = Tool("book", "Book a room.", PARAMETERS)
TOOLS = ToolSet((WEATHER, BOOK))
KINDS: dict[str, tuple[Any, Model]] = {
    "chat": (OpenAIRunner, Model("m", "openai", "gpt-5-mini", "closed")),
    "responses": (OpenAIRunner, Model("m", "openai", "gpt-5-mini", "closed", options={"api": "responses"})),
    "messages": (AnthropicRunner, Model("m", "anthropic", "claude-sonnet-5", "closed")),
    "manual": (AnthropicRunner, Model("m", "anthropic", "claude-3-7-sonnet", "closed")),
    "generate": (GoogleRunner, Model("m", "google", "gemini-3-pro", "closed")),
    "vllm": (VllmRunner, Model("m", "vllm", "q", "open", base_url="http://127.0.0.1:9/v1")),
}
"""Runners at the vendor's own address, and vLLM's; ``manual`` thinks with a budget."""


def prepare(runner: str | Model | Any, messages: tuple[Message, ...], **request: Any) -> Any:
    """Return the call that a runner makes of a prompt.

    Args:
        runner: One of :data:`KINDS`, a model, or a runner.
        messages: The prompt.
        request: What else the request has.
    """
    if isinstance(runner, str):
        kind, model = KINDS[runner]
        runner = kind(model)
    elif isinstance(runner, Model):
        kinds: dict[str, Any] = {
            "openai": OpenAIRunner,
            "anthropic": AnthropicRunner,
            "google": GoogleRunner,
            "vllm": VllmRunner,
        }
        runner = kinds[runner.runner](runner)
    params = request.pop("params", Params(max_tokens=64))
    return runner.prepare(Request(runner.model, messages, params, **request))


def user(*parts: Part | str) -> Message:
    """Return a message of the user."""
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def asked(*parts: Part | str) -> Message:
    """Return a message of the assistant."""
    return Message("assistant", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def answered(*parts: ToolResult) -> Message:
    """Return a message with results."""
    return Message("tool", parts)


def history() -> tuple[Message, ...]:
    """Return a recorded conversation with two parallel calls, one of which failed."""
    return (
        Message("system", (Text("Be brief."),)),
        user("Weather in Rome and Oslo?"),
        asked(
            "I look.",
            ToolCall("functions.weather:0", "weather.get", '{"city": "Rome"}'),
            ToolCall("functions.weather:1", "weather.get", '{"city": "Oslo"}'),
        ),
        answered(ToolResult("functions.weather:1", "weather.get", "no such station", is_error=True)),
        answered(ToolResult("functions.weather:0", "weather.get", '{"sky": "clear"}')),
        user("And now?"),
    )


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_NAMES = st.sampled_from(["weather.get", "book", "unknown tool", "größe", "x" * 90, "1st"])
_ARGUMENTS = st.one_of(
    st.dictionaries(_TEXTS, st.one_of(st.integers(), st.none(), _TEXTS), max_size=3).map(json.dumps),
    st.sampled_from(["", "{", "[1]", '{"a": NaN}', "null", '"\\ud800"', '{"a": 12345678901234567890123}']),
)
_IDS = st.sampled_from(["", "call_0", "call_1", "functions.x:0", "a b", "toolu_01", "i" * 70, "ключ"])
_SIGNATURES = st.sampled_from([None, "c2lnbmVk", "c2ln-_8", "+/+/"])


@st.composite
def conversations(draw: st.DrawFn, *, media: tuple[Part, ...] = ()) -> tuple[Message, ...]:
    """Draw a conversation that ends with the user or with results; its first message may have one of the media."""
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", (Text(draw(_TEXTS)),)))
    messages.append(user("Hello", *draw(st.sampled_from([(), *((medium,) for medium in media)]))))
    for _ in range(draw(st.integers(0, 4))):
        parts: list[Part] = list(draw(st.lists(st.sampled_from(STATES), max_size=2)))
        parts += [Text(text) for text in draw(st.lists(_TEXTS, max_size=2))]
        calls = [
            ToolCall(draw(_IDS), draw(_NAMES), draw(_ARGUMENTS), draw(_SIGNATURES))
            for _ in range(draw(st.integers(0, 3)))
        ]
        messages.append(Message("assistant", (*parts, *calls)))
        if calls:
            results = [ToolResult(call.id, call.name, draw(_TEXTS), draw(st.booleans())) for call in calls]
            if len({(call.id, call.name) for call in calls}) == len(calls):
                results = draw(st.permutations(results))
            cut = draw(st.integers(0, len(results)))
            messages += [answered(*part) for part in (results[:cut], results[cut:]) if part]
        if not calls or draw(st.booleans()):
            messages.append(user(draw(_TEXTS) or "Go on."))
    return tuple(messages)
