"""Streamed replies in logs: a list of events, or their text, gives the same row as the whole reply."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapbench.cli import invoke
from tests.traffic_logs import CHAT_REPLY, CLAUDE_REPLY, HELLO, NOON_S, import_files, lines, shown

Events = list[dict[str, Any]]


def cut(text: str, size: int) -> list[str]:
    """Return a text in pieces, as a stream has them."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def chat_events(reply: dict[str, Any], size: int) -> Events:
    """Return the chunks of Chat Completions, the usage in one of its own at the end."""
    (choice,) = reply["choices"]
    message = choice["message"]
    base = {
        "id": reply["id"],
        "object": "chat.completion.chunk",
        "created": reply["created"],
        "model": reply["model"],
    }

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}

    found = [chunk({"role": "assistant", "content": ""})]
    found += [chunk({"content": piece}) for piece in cut(message.get("content") or "", size)]
    for number, call in enumerate(message.get("tool_calls", ())):
        head = {
            "index": number,
            "id": call["id"],
            "type": "function",
            "function": {"name": call["function"]["name"], "arguments": ""},
        }
        found.append(chunk({"tool_calls": [head]}))
        found += [
            chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
            for piece in cut(call["function"]["arguments"], size)
        ]
    return [
        *found,
        chunk({}, choice["finish_reason"]),
        {**base, "choices": [], "usage": reply["usage"]},
    ]


def message_events(reply: dict[str, Any], size: int) -> Events:
    """Return the events of Anthropic's Messages; the output's count comes last."""
    usage = {**reply["usage"], "output_tokens": 1}
    start = {**reply, "content": [], "stop_reason": None, "usage": usage}
    found: Events = [{"type": "message_start", "message": start}]
    for index, block in enumerate(reply["content"]):
        is_text = block["type"] == "text"
        empty = {**block, "text": ""} if is_text else {**block, "input": {}}
        found.append({"type": "content_block_start", "index": index, "content_block": empty})
        text = block["text"] if is_text else json.dumps(block["input"])
        kind, key = ("text_delta", "text") if is_text else ("input_json_delta", "partial_json")
        found += [
            {"type": "content_block_delta", "index": index, "delta": {"type": kind, key: piece}}
            for piece in cut(text, size)
        ]
        found.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": reply["stop_reason"], "stop_sequence": None}
    return [
        *found,
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": reply["usage"]["output_tokens"]}},
        {"type": "message_stop"},
    ]


def response_events(reply: dict[str, Any], size: int) -> Events:
    """Return the events of OpenAI's Responses; the last has the whole reply."""
    text = reply["output"][0]["content"][0]["text"]
    return [
        {"type": "response.created", "response": {**reply, "status": "in_progress", "output": []}},
        *({"type": "response.output_text.delta", "delta": piece} for piece in cut(text, size)),
        {"type": "response.completed", "response": reply},
    ]


def parsed(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its calls as values: the order of keys in JSON says nothing."""
    found = shown(row)
    if "reply_tool_calls" in found:
        found["reply_tool_calls"] = json.loads(found["reply_tool_calls"])
    return found


def as_text(events: Events) -> str:
    return (
        "".join(f"event: {one.get('type', '')}\ndata: {json.dumps(one)}\n\n" for one in events)
        + "data: [DONE]\n\n"
    )


WAYS: dict[str, Callable[[Events], Any]] = {
    "a list": lambda events: events,
    "texts in a list": lambda events: [json.dumps(one) for one in events],
    "lines in a list": lambda events: [f"data: {json.dumps(one)}" for one in events],
    "server-sent text": as_text,
    "server-sent text, CRLF": lambda events: as_text(events).replace("\n", "\r\n"),
    "a list under a name": lambda events: {"chunks": events},
    "text under a name": lambda events: {"streamed_data": as_text(events)},
}
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "look", "arguments": '{"for": {"deep": [1, "ü"]}}'},
}
RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": NOON_S, "status": "completed", "model": "gpt-5.2-2025-12-11",
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi there"}]}],
    "usage": {
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 60}, "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 20}, "total_tokens": 130,
    },
}  # fmt: skip
REPLIES: dict[str, tuple[dict[str, Any], dict[str, Any], Callable[[dict[str, Any], int], Events]]] = {
    "chat": ({"model": "gpt-5.2", "messages": HELLO}, CHAT_REPLY, chat_events),
    "chat with calls": (
        {"model": "gpt-5.2", "messages": HELLO},
        {
            **CHAT_REPLY,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "c2"}]}, "finish_reason": "tool_calls"}
            ],
        },
        chat_events,
    ),
    "messages": (
        {"model": "claude-opus-4-6", "max_tokens": 9, "system": "Be brief.", "messages": HELLO}, CLAUDE_REPLY, message_events
    ),
    "responses": ({"model": "gpt-5.2", "input": "Hello"}, RESPONSE, response_events),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REPLIES)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 40))
def test_a_logged_stream_is_read_as_the_whole_reply(tmp_path: Path, name: str, way: str, size: int) -> None:
    """Tokens, text, calls, times and reason of the end; the unstreamed reply is the oracle."""
    request, reply, events_of = REPLIES[name]
    log = {"timestamp": NOON_S, "request": request}
    (whole,), _ = import_files(tmp_path, {"log.jsonl": [{**log, "response": reply}]})
    (streamed,), report = import_files(
        tmp_path, {"log.jsonl": [{**log, "response": WAYS[way](events_of(reply, size))}]}
    )

    assert parsed(whole) == parsed(streamed)
    assert (0, []) == (report.set_aside, report.value_problems)


def test_a_stream_under_a_name_of_its_own_is_the_reply(tmp_path: Path) -> None:
    """Next to the request, and without a time but that of the events."""
    log = {"request": {"model": "gpt-5.2", "messages": HELLO}, "chunks": chat_events(CHAT_REPLY, 1)}
    (row,), _ = import_files(tmp_path, {"log.jsonl": [log]})

    assert (NOON_S, 100, "Hi") == (row["time"].timestamp(), row["input_tokens"], row["reply"])


def test_a_stream_without_usage_has_no_counts(tmp_path: Path) -> None:
    """OpenAI counts streams only on request: unknown is null, and the text is there."""
    events = chat_events(CHAT_REPLY, 1)[:-1]
    log = {"timestamp": NOON_S, "request": {"model": "gpt-5.2", "messages": HELLO}, "response": events}
    (row,), _ = import_files(tmp_path, {"log.jsonl": [log]})

    assert (None, None, "Hi", "stop") == tuple(
        row[key] for key in ("input_tokens", "output_tokens", "reply", "finish_reason")
    )


def test_streams_of_other_tools(tmp_path: Path) -> None:
    """Helicone keeps them as `streamed_data`, LiteLLM and Langfuse as the application logged them."""
    events = chat_events(CHAT_REPLY, 1)
    helicone = {
        "request_id": "h", "request_created_at": "2026-01-31T12:00:00Z", "delay_ms": 1, "model": "gpt-5.2",
        "response_body": {"streamed_data": as_text(events)},
    }  # fmt: skip
    litellm = {
        "request_id": "l", "spend": 1, "startTime": "2026-01-31T12:00:00Z", "model": "gpt-5.2",
        "response": json.dumps(events),
    }  # fmt: skip
    langfuse = {
        "id": "f", "traceId": "t", "type": "GENERATION", "startTime": "2026-01-31T12:00:00Z", "model": "gpt-5.2",
        "output": events,
    }  # fmt: skip
    rows, _ = import_files(tmp_path, {"a.jsonl": [helicone], "b.jsonl": [litellm], "c.jsonl": [langfuse]})

    assert [("h", "Hi", "stop"), ("l", "Hi", "stop"), ("f", "Hi", "stop")] == [
        (row["request_id"], row["reply"], row["finish_reason"]) for row in rows
    ]


@pytest.mark.parametrize("name", REPLIES)
def test_events_as_records_are_no_requests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """One event a line would count a reply many times: each is set aside, but for one that has the whole reply."""
    _, reply, events_of = REPLIES[name]
    events = events_of(reply, 1)
    log = tmp_path / "log.jsonl"
    log.write_text(lines(*events))
    command = ["traffic", "import", str(log), "--out", str(tmp_path / "t.parquet")]

    if name == "responses":
        assert 0 == invoke(command)
        assert f"set aside    {len(events) - 1} records" in capsys.readouterr().out
        return
    assert 2 == invoke(command)
    (line,) = capsys.readouterr().err.splitlines()
    assert "log.jsonl:1: is one event of a streamed reply, not a whole reply; log the events" in line


def test_a_broken_stream_is_set_aside_with_its_place(tmp_path: Path) -> None:
    """Of another shape than documented; the next record is read."""
    request = {"model": "gpt-5.2", "messages": HELLO}
    broken = [{"object": "chat.completion.chunk", "choices": [{"delta": {"tool_calls": [7]}}]}]
    rows, report = import_files(
        tmp_path,
        {
            "log.jsonl": [
                {"request": request, "response": broken},
                {"request": request, "response": CHAT_REPLY},
            ]
        },
    )

    assert (1, 1) == (len(rows), report.set_aside)
    assert "log.jsonl:1: a stream in it has another shape than documented" in report.first_set_aside[0]


@pytest.mark.parametrize(
    "log",
    [
        {"response": "Hi", "usage": CHAT_REPLY["usage"]},
        {"completion": "Hi", "prompt_tokens": "100", "completion_tokens": 30},
        {
            "output": {"role": "assistant", "content": "Hi"},
            "input_tokens": 40,
            "cache_read_input_tokens": 60,
            "output_tokens": 30,
        },
        {"reply": "Hi", "input_tokens": 100, "output_tokens": 30},
    ],
    ids=["usage", "counts of chat", "counts of messages", "counts alone"],
)
def test_a_reply_that_is_logged_as_its_text_alone(tmp_path: Path, log: dict[str, Any]) -> None:
    """A flat record of a team: the request's keys, the text of the reply, and counts under the vendors' names."""
    (row,), _ = import_files(
        tmp_path, {"log.jsonl": [{"timestamp": NOON_S, "model": "gpt-5.2", "messages": HELLO, **log}]}
    )

    assert (100, 30, "Hi") == (row["input_tokens"], row["output_tokens"], row["reply"])
