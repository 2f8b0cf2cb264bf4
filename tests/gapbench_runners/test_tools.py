"""Tools of a task in each vendor's form: calls that come back, and conversations that go on after them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gapbench.values import Model, ReasoningState, ToolCall, ToolResult
from tests.gapbench_runners.conversations import REASONING, STATES, THINKING, answered, history, prepare, user
from tests.gapbench_runners.events import chat, responses
from tests.tool_streams import CITIES, STREAMS, heard


@pytest.mark.parametrize("kind", list(STREAMS))
def test_parallel_calls_come_back_whole_under_the_suites_name(kind: str) -> None:
    """Text before them, each with its id and its arguments as streamed."""
    response, _ = heard(kind, STREAMS[kind](), (user("Weather?"),))

    assert ("I look.", None) == (response.text, response.failure)
    assert [("c0", "weather.get"), ("c1", "weather.get")] == [
        (call.id, call.name) for call in response.tool_calls
    ]
    assert [json.loads(text) for text in CITIES] == [
        json.loads(call.arguments_json) for call in response.tool_calls
    ]


@pytest.mark.parametrize("kind", list(STREAMS))
def test_the_first_call_is_complete_before_the_last_token(kind: str) -> None:
    """The instants of a call are those of its own pieces, also where its name was restored."""
    timing = heard(kind, STREAMS[kind](), (user("Weather?"),))[0].timing

    assert timing.first_tool_call_s is not None
    assert timing.first_complete_call_s is not None
    assert timing.last_token_s is not None
    assert timing.first_tool_call_s <= timing.first_complete_call_s <= timing.last_token_s
    assert sorted(timing.chunk_s) == list(timing.chunk_s)


OWN_STATES: Mapping[str, tuple[ReasoningState, ...]] = {
    "chat": (),
    "vllm": (),
    "responses": (STATES[2],),
    "messages": (STATES[0], STATES[1]),
    "generate": (ReasoningState("google", {"text": "I look.", "thoughtSignature": "dGV4dA=="}),),
}


@pytest.mark.parametrize("kind", list(STREAMS))
def test_reasoning_state_is_in_the_reply(kind: str) -> None:
    """Whole, and before what follows from it."""
    parts = heard(kind, STREAMS[kind](), (user("Weather?"),))[0].parts

    assert OWN_STATES[kind] == tuple(part for part in parts if isinstance(part, ReasoningState))
    assert isinstance(parts[-1], ToolCall)
    assert (kind == "generate") == any(
        part.signature == "c2lnbmVk" for part in parts if isinstance(part, ToolCall)
    )


def second_turn(kind: str) -> dict[str, Any]:
    """Return what is sent after the calls of the first turn were answered, one of them with an error."""
    first = (user("Weather?"),)
    response, _ = heard(kind, STREAMS[kind](), first)
    results = [
        answered(ToolResult(call.id, call.name, "storm" if place else "no such city", is_error=not place))
        for place, call in enumerate(response.tool_calls)
    ]
    return heard(kind, STREAMS[kind](), (*first, response.to_message(), *results))[1]


def test_second_turn_of_chat_completions() -> None:
    """Calls as they came, then their results."""
    for kind in ("chat", "vllm"):
        _, asked, *results = second_turn(kind)["messages"]

        assert [("c0", CITIES[0]), ("c1", CITIES[1])] == [
            (call["id"], call["function"]["arguments"]) for call in asked["tool_calls"]
        ]
        assert [
            {"role": "tool", "tool_call_id": "c0", "content": "no such city"},
            {"role": "tool", "tool_call_id": "c1", "content": "storm"},
        ] == results


def test_second_turn_of_responses() -> None:
    """The reasoning item goes back unchanged before the calls; nothing is stored at the provider."""
    body = second_turn("responses")

    assert body["store"] is False
    assert [
        REASONING,
        {"role": "assistant", "content": "I look."},
        {"type": "function_call", "call_id": "c0", "name": "weather_get", "arguments": CITIES[0]},
        {"type": "function_call", "call_id": "c1", "name": "weather_get", "arguments": CITIES[1]},
        {"type": "function_call_output", "call_id": "c0", "output": "no such city"},
        {"type": "function_call_output", "call_id": "c1", "output": "storm"},
    ] == body["input"][1:]


def test_second_turn_of_messages() -> None:
    """Signed and redacted thinking go back unchanged before the call; both results are in one message."""
    _, asked, results = second_turn("messages")["messages"]

    assert [THINKING, {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}] == asked["content"][:2]
    assert [json.loads(text) for text in CITIES] == [block["input"] for block in asked["content"][3:]]
    assert [
        {"type": "tool_result", "tool_use_id": "c0", "content": "no such city", "is_error": True},
        {"type": "tool_result", "tool_use_id": "c1", "content": "storm"},
    ] == results["content"]


def test_second_turn_of_generate_content() -> None:
    """Each thought signature goes back on the part on which it came; Google's mark for foreign calls is not needed."""
    _, asked, results = second_turn("generate")["contents"]

    text, first, second = asked["parts"]
    assert {"text": "I look.", "thoughtSignature": "dGV4dA=="} == text
    assert ("c2lnbmVk", {"city": "Rome", "days": 2}) == (
        first["thoughtSignature"],
        first["functionCall"]["args"],
    )
    assert "thoughtSignature" not in second
    assert [("c0", {"error": "no such city"}), ("c1", {"output": "storm"})] == [
        (part["functionResponse"]["id"], part["functionResponse"]["response"]) for part in results["parts"]
    ]


@pytest.mark.parametrize("kind", list(STREAMS))
def test_a_recorded_conversation_of_another_vendor_is_sent(kind: str) -> None:
    """With foreign ids, an error and a document, where the vendor takes one."""
    response, body = heard(kind, STREAMS[kind](), history())

    assert response.failure is None
    assert "no such station" in json.dumps(body)


def test_googles_compatible_route_gets_its_signature_back() -> None:
    """It hides it in a field of its own, and refuses the next turn without it."""
    extra = {"google": {"thought_signature": "c2lnbmVk"}}
    tool = {"index": 0, "id": "c0", "function": {"name": "book", "arguments": "{}"}, "extra_content": extra}
    response, _ = heard("chat", chat({"tool_calls": [tool]}, finish="tool_calls"), (user("a"),))
    turn = (user("a"), response.to_message(), answered(ToolResult("c0", "book", "done")))
    base_url = "https://generativelanguage.googleapis.com/v1beta/openai"
    model = Model("m", "openai", "gemini-3-pro", "closed", base_url=base_url)

    assert extra == prepare(model, turn).body["messages"][1]["tool_calls"][0]["extra_content"]
    assert "extra_content" not in prepare("vllm", turn).body["messages"][1]["tool_calls"][0]


def test_the_phase_of_a_message_goes_back() -> None:
    """OpenAI's models lose quality without it; the text is sent once."""
    content = [{"type": "output_text", "text": "I look.", "annotations": []}]
    message = {"type": "message", "id": "m", "role": "assistant", "phase": "commentary", "content": content}
    item = {"type": "function_call", "id": "f", "call_id": "c0", "name": "book", "arguments": "{}"}
    stream = responses(
        {"type": "response.output_text.delta", "output_index": 0, "item_id": "m", "delta": "I look."},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
        {"type": "response.output_item.done", "output_index": 1, "item": item},
    )
    reply = heard("responses", stream, (user("a"),))[0].to_message()
    sent = heard("responses", stream, (user("a"), reply, answered(ToolResult("c0", "book", "done"))))[1]

    assert "I look." == reply.text
    assert [
        {"role": "assistant", "content": "I look.", "phase": "commentary"},
        {"type": "function_call", "call_id": "c0", "name": "book", "arguments": "{}"},
    ] == sent["input"][1:3]
