"""Spans of OpenTelemetry, of the current conventions and of earlier ones, are read into the same row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gapbench.store.table_file import iterate_rows
from gapbench.traffic.sampling_frame import calls_of, read_sampling_frame
from tests.traffic_logs import (
    HELLO,
    NOON,
    NOON_S,
    import_files,
    import_row,
    messages,
)


def span(attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    def value(given: Any) -> dict[str, Any]:
        if isinstance(given, bool):
            return {"boolValue": given}
        if isinstance(given, int):
            return {"intValue": str(given)}
        if isinstance(given, float):
            return {"doubleValue": given}
        if isinstance(given, list):
            return {"arrayValue": {"values": [value(one) for one in given]}}
        if isinstance(given, dict):
            return {"kvlistValue": {"values": pairs(given)}}
        return {"stringValue": given}

    def pairs(given: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"key": key, "value": value(inner)} for key, inner in given.items()]

    events = [{"name": name, "attributes": pairs(given)} for name, given in more.pop("events", ())]
    return {
        "traceId": "t1", "spanId": "s1", "startTimeUnixNano": str(NOON_S * 10**9),
        "endTimeUnixNano": str(NOON_S * 10**9 + 2_500_000_000), "attributes": pairs(attributes), "events": events, **more,
    }  # fmt: skip


def export(*spans: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


CURRENT_SPAN = span(
    {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5.2",
        "gen_ai.response.model": "gpt-5.2-2025-12-11",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.reasoning.output_tokens": 20,
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}],
        "gen_ai.output.messages": json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": "Hi"}], "finish_reason": "stop"}]
        ),
    }
)


def test_opentelemetry_span_of_the_current_conventions(tmp_path: Path) -> None:
    """Messages of parts, structured or as JSON; integers as texts; the cache is inside the input."""
    row = import_row(tmp_path, export(CURRENT_SPAN))

    assert {
        "time": NOON,
        "request_id": "chatcmpl-1",
        "route": "shop",
        "provider": "openai",
        "model_asked": "gpt-5.2",
        "model_served": "gpt-5.2-2025-12-11",
        "endpoint": "chat",
        "messages": messages({"role": "system", "content": "Be brief."}, *HELLO),
        "parameters": '{"temperature":0.5}',
        "reply": "Hi",
        "input_tokens": 100,
        "cached_input_tokens": 60,
        "output_tokens": 30,
        "reasoning_tokens": 20,
        "image_count": 0,
        "response_s": 2.5,
        "finish_reason": "stop",
        "form": "opentelemetry",
    } == row


def test_opentelemetry_span_of_the_python_sdk(tmp_path: Path) -> None:
    """One span a line, with plain attributes and ISO times, as its exporter to the console writes them."""
    failed = {
        "name": "chat gpt-5.2",
        "context": {"trace_id": "0x5b8e", "span_id": "0xeee1", "trace_state": "[]"},
        "kind": "SpanKind.CLIENT",
        "start_time": "2026-01-31T12:00:00.000000Z",
        "end_time": "2026-01-31T12:00:02.500000Z",
        "status": {"status_code": "ERROR", "description": "too many requests"},
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-5.2"},
        "events": [{"name": "gen_ai.user.message", "attributes": {"content": "Hello"}}],
        "resource": {"attributes": {"service.name": "shop"}},
    }  # fmt: skip
    other = {
        **failed,
        "context": {"trace_id": "0x5b8e", "span_id": "0xeee2"},
        "attributes": {"db.system": "pg"},
    }
    rows, report = import_files(tmp_path, {"spans.json": json.dumps(failed, indent=4) + json.dumps(other)})
    (row,) = rows

    assert (NOON, 2.5, "0xeee1", "shop") == tuple(
        row[name] for name in ("time", "response_s", "request_id", "route")
    )
    assert ("openai", "gpt-5.2", "too many requests") == (row["provider"], row["model_asked"], row["error"])
    assert messages({"role": "user", "content": "Hello"}) == row["messages"]
    assert 1 == report.other_records


@pytest.mark.parametrize(
    ("attributes", "events"),
    [
        ({}, [("gen_ai.user.message", {"content": "Hello"}), ("gen_ai.choice", {"message": {"content": "Hi"}})]),
        ({}, [("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(HELLO)}), ("gen_ai.content.completion", {"gen_ai.completion": "Hi"})]),
        ({"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Hello", "gen_ai.completion.0.content": "Hi"}, []),
    ],
    ids=["events to 1.36", "events before", "numbered attributes"],
)  # fmt: skip
def test_opentelemetry_span_of_earlier_conventions(
    tmp_path: Path, attributes: dict[str, Any], events: Any
) -> None:
    """`gen_ai.system`, `prompt_tokens`, and three ways to write the texts."""
    old = span(
        {
            "gen_ai.system": "openai", "gen_ai.request.model": "gpt-5.2", "gen_ai.usage.prompt_tokens": 100,
            "gen_ai.usage.completion_tokens": 30, **attributes,
        },
        events=events,
    )  # fmt: skip
    row = import_row(tmp_path, export(old))

    assert ("openai", 100, 30, messages(*HELLO), "Hi") == tuple(
        row[key] for key in ("provider", "input_tokens", "output_tokens", "messages", "reply")
    )


TOOL_TURNS: list[dict[str, Any]] = [
    {"role": "user", "content": "Where is it?"},
    {
        "role": "assistant",
        "tool_calls": [
            {"id": "c0", "type": "function", "function": {"name": "look", "arguments": '{"id":8}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "c0", "content": '{"at":"sea"}'},
]
NUMBERED_CALLS = {
    "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Where is it?",
    "gen_ai.prompt.1.role": "assistant", "gen_ai.prompt.1.tool_calls.0.id": "c0",
    "gen_ai.prompt.1.tool_calls.0.name": "look", "gen_ai.prompt.1.tool_calls.0.arguments": '{"id":8}',
    "gen_ai.prompt.2.role": "tool", "gen_ai.prompt.2.tool_call_id": "c0", "gen_ai.prompt.2.content": '{"at":"sea"}',
    "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.finish_reason": "tool_calls",
    "gen_ai.completion.0.tool_calls.0.id": "c1", "gen_ai.completion.0.tool_calls.0.name": "look",
    "gen_ai.completion.0.tool_calls.0.arguments": '{"id":9}',
    "llm.request.functions.0.name": "look", "llm.request.functions.0.parameters": '{"type":"object"}',
}  # fmt: skip
CURRENT_CALLS = {
    "gen_ai.tool.definitions": json.dumps([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]),
    "gen_ai.input.messages": json.dumps(
        [
            {"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "c0", "name": "look", "arguments": {"id": 8}}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c0", "response": {"at": "sea"}}]},
        ]
    ),
    "gen_ai.output.messages": json.dumps(
        [
            {
                "role": "assistant", "finish_reason": "tool_calls",
                "parts": [{"type": "tool_call", "id": "c1", "name": "look", "arguments": {"id": 9}}],
            }
        ]
    ),
}  # fmt: skip
CALL_EVENTS = [
    ("gen_ai.user.message", {"content": "Where is it?"}),
    ("gen_ai.assistant.message", {"tool_calls": TOOL_TURNS[1]["tool_calls"]}),
    ("gen_ai.tool.message", {"id": "c0", "content": '{"at":"sea"}'}),
    (
        "gen_ai.choice",
        {
            "finish_reason": "tool_calls",
            "message": {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"id":9}'}}]},
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "events"),
    [(CURRENT_CALLS, []), (NUMBERED_CALLS, []), ({}, CALL_EVENTS)],
    ids=["current", "numbered attributes", "events to 1.36"],
)
def test_opentelemetry_tool_calls_can_be_asked_again(
    tmp_path: Path, attributes: dict[str, Any], events: Any
) -> None:
    """In OpenAI's form, whatever wrote them: a sample of the table takes the prompt, and the calls of the reply as target."""
    import_files(
        tmp_path, {"log.json": [export(span({"gen_ai.request.model": "m", **attributes}, events=events))]}
    )
    (row,) = iterate_rows(tmp_path / "traffic.parquet")
    frame = read_sampling_frame([tmp_path / "traffic.parquet"])

    turns = [
        {key: value for key, value in turn.items() if value is not None}
        for turn in json.loads(row["messages"])
    ]
    assert TOOL_TURNS == turns
    assert [{"name": "look", "arguments": {"id": 9}}] == calls_of(row["reply_tool_calls"])
    assert ("tool_calls", None) == (row["finish_reason"], row["reply"])
    assert ["calls" if attributes else "none"] == [prompt.check for prompt in frame.prompts]


def test_opentelemetry_image_next_to_text_is_hashed_and_counted(tmp_path: Path) -> None:
    """A blob of the conventions; the text stays a part."""
    data = "aGVsbG8h" * 100
    parts = [
        {"type": "text", "content": "What is it?"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": data},
    ]
    asked = span(
        {
            "gen_ai.request.model": "m",
            "gen_ai.input.messages": json.dumps([{"role": "user", "parts": parts}]),
        }
    )
    row = import_row(tmp_path, export(asked))

    assert 1 == row["image_count"]
    assert data not in row["messages"]
    assert {"type": "text", "text": "What is it?"} == json.loads(row["messages"])[0]["content"][0]


def test_opentelemetry_spans_of_agents_and_tools_are_no_requests(tmp_path: Path) -> None:
    """An agent's span repeats the tokens of the calls inside it."""
    agent = span(
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.request.model": "gpt-5.2",
            "gen_ai.usage.input_tokens": 100,
        }
    )
    tool = span({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "look"})
    rows, _ = import_files(tmp_path, {"spans.json": json.dumps(export(agent, tool, CURRENT_SPAN), indent=1)})

    assert [100] == [row["input_tokens"] for row in rows]


def test_model_calls_inside_model_calls_are_reported(tmp_path: Path) -> None:
    """A framework and a client are both instrumented; an agent's span around calls is no model call, and other traces are others."""
    call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 5}
    outer, inner = span(call, spanId="a", parentSpanId="root"), span(call, spanId="b", parentSpanId="a")
    agent = span({**call, "gen_ai.operation.name": "invoke_agent"}, spanId="root")
    other = span(call, spanId="c", parentSpanId="a", traceId="t2")
    rows, report = import_files(tmp_path, {"one.jsonl": [export(inner), export(other), export(outer, agent)]})
    assert 3 == len(rows)
    (note,) = report.notes
    assert note.startswith("1 model call is inside the span of another, first ")
    assert "one.jsonl:1: if two" in note

    _, report = import_files(tmp_path, {"one.jsonl": [export(agent, outer), export(other)]})
    assert [] == report.notes
