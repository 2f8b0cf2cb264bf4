"""Tool calls as vendors and servers that imitate one send them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.gapbench_runners.events import chat, generate, heard, messages, responses

CALLS = [{"name": "book", "arguments": {"n": 2}}, {"name": "pay", "arguments": {"usd": 9, "to": "Zoë"}}]


def _tool(place: Any, identity: Any, name: Any, arguments: Any) -> dict[str, Any]:
    tool: dict[str, Any] = {"function": {}}
    tool |= {} if place is None else {"index": place}
    tool |= {} if identity is None else {"id": identity, "type": "function"}
    tool["function"] |= {} if name is None else {"name": name}
    tool["function"] |= {} if arguments is None else {"arguments": arguments}
    return tool


def _chat_calls(seed: int) -> str:
    """Return a stream of :data:`CALLS` in one of the ways of servers: number, id and name here or there, in pieces."""
    draw = random.Random(seed)
    numbered, named_each_time, interleaved = draw.random() < 0.7, draw.random() < 0.2, draw.random() < 0.5
    same_number = numbered and draw.random() < 0.2
    queues = []
    for place, call in enumerate(CALLS):
        text = json.dumps(call["arguments"], ensure_ascii=draw.random() < 0.5)
        size = draw.choice([1, 4, 50])
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        number = (0 if same_number else place) if numbered else None
        identity = f"c{place}" if draw.random() < 0.7 or same_number or not numbered else None
        first = draw.choice(["", None]) if len(pieces) > 1 else pieces.pop(0)
        queue = [_tool(number, identity, call["name"], first)]
        repeat_id = identity if same_number or not numbered else None
        queue += [
            _tool(number, repeat_id, call["name"] if named_each_time and repeat_id else None, piece)
            for piece in pieces
        ]
        queues.append(queue)
    deltas = []
    if interleaved and numbered and not same_number:
        while any(queues):
            deltas.append({"tool_calls": [draw.choice([queue for queue in queues if queue]).pop(0)]})
        order = [place for delta in deltas if (place := delta["tool_calls"][0]["function"].get("name"))]
        if [name for name in order if name] != [call["name"] for call in CALLS]:
            return _chat_calls(seed + 1_000)
    else:
        deltas = [{"tool_calls": [tool]} for queue in queues for tool in queue]
        if draw.random() < 0.2:
            deltas = [{"tool_calls": [tool for queue in queues for tool in queue]}]
    return chat(*deltas, finish="tool_calls")


@pytest.mark.parametrize("seed", range(60))
def test_native_tool_calls_of_chat_keep_their_names(seed: int) -> None:
    """However the server cuts, numbers and names the pieces."""
    assert CALLS == json.loads(heard("chat", _chat_calls(seed)).answer)


def _responses_calls(*, deltas: bool, done: bool) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for place, call in enumerate(CALLS):
        item = {"type": "function_call", "id": f"fc{place}", "call_id": f"c{place}", "name": call["name"]}
        text = json.dumps(call["arguments"])
        key = {"output_index": place, "item_id": f"fc{place}"}
        events.append({"type": "response.output_item.added", **key, "item": {**item, "arguments": ""}})
        if deltas:
            events += [
                {"type": "response.function_call_arguments.delta", **key, "delta": piece}
                for piece in (text[:5], text[5:])
            ]
        if done:
            events.append({"type": "response.function_call_arguments.done", **key, "arguments": text})
        events.append({"type": "response.output_item.done", **key, "item": {**item, "arguments": text}})
    return events


WHOLE_CALLS = [
    {
        "type": "function_call",
        "call_id": f"c{place}",
        "name": call["name"],
        "arguments": json.dumps(call["arguments"]),
    }
    for place, call in enumerate(CALLS)
]
LEGACY = [{"function_call": {"name": "book", "arguments": ""}}, {"function_call": {"arguments": '{"n": 2}'}}]
BLOCKS = [
    [
        {"type": "tool_use", "id": f"t{place}", "name": call["name"], "input": {}},
        *(
            {"type": "input_json_delta", "partial_json": piece}
            for piece in ("", *json.dumps(call["arguments"]))
        ),
    ]
    for place, call in enumerate(CALLS)
]
WHOLE_BLOCKS = [
    [{"type": "tool_use", "id": f"t{place}", "name": call["name"], "input": call["arguments"]}]
    for place, call in enumerate(CALLS)
]
PARTS = [{"functionCall": {"name": call["name"], "args": call["arguments"]}} for call in CALLS]


@pytest.mark.parametrize(
    ("protocol", "body", "calls"),
    [
        ("chat", chat(*LEGACY, finish="function_call"), CALLS[:1]),
        ("chat", chat({"tool_calls": [_tool(0, "c", "now", None)]}), [{"name": "now", "arguments": {}}]),
        (
            "chat",
            chat({"tool_calls": [_tool(0, "c", "f", "not JSON")]}),
            [{"name": "f", "arguments": "not JSON"}],
        ),
        ("responses", responses(*_responses_calls(deltas=True, done=True)), CALLS),
        ("responses", responses(*_responses_calls(deltas=False, done=True)), CALLS),
        ("responses", responses(*_responses_calls(deltas=False, done=False)), CALLS),
        ("responses", responses(output=WHOLE_CALLS), CALLS),
        ("messages", messages(*BLOCKS, stop="tool_use"), CALLS),
        ("messages", messages(*WHOLE_BLOCKS, stop="tool_use"), CALLS),
        ("generate", generate(PARTS), CALLS),
        ("generate", generate(PARTS[:1], PARTS[1:]), CALLS),
        ("generate", generate([{"functionCall": {"name": "now"}}]), [{"name": "now", "arguments": {}}]),
        ("generate", generate([PARTS[0], PARTS[0]]), [CALLS[0], CALLS[0]]),
    ],
)
def test_native_tool_calls_of_every_vendor(protocol: str, body: str, calls: list[Any]) -> None:
    """One JSON list of name and arguments; arguments that are no JSON stay a text."""
    assert calls == json.loads(heard(protocol, body).answer)


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("chat", chat({"content": "I book it."}, {"tool_calls": [_tool(0, "c", "book", '{"n": 2}')]})),
        ("responses", responses({"type": "response.output_text.delta", "delta": "I book it."}, *_responses_calls(deltas=True, done=True)[:5])),
        ("messages", messages([{"type": "text", "text": ""}, {"type": "text_delta", "text": "I book it."}], BLOCKS[0])),
        ("generate", generate([{"text": "I book it."}, PARTS[0]])),
    ],
)  # fmt: skip
def test_text_beside_a_tool_call_is_kept(protocol: str, body: str) -> None:
    """It stands before the calls."""
    assert f"I book it.\n{json.dumps(CALLS[:1])}" == heard(protocol, body).answer
