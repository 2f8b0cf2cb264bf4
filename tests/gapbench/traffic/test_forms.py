"""Each form of log of a gateway or an observer is read into the same row; the vendors' own are in test_vendor_forms.

The documentation is named in the modules of gapbench.traffic.forms; nothing here is copied from it.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.store.table_file import iterate_rows
from gapbench.traffic.forms import FORMS, form_of
from gapbench.traffic.sampling_frame import calls_of, read_sampling_frame
from tests.traffic_logs import (
    CHAT_REPLY,
    CLAUDE_REPLY,
    HELLO,
    NOON,
    NOON_S,
    import_files,
    import_row,
    lines,
    messages,
    table,
)

LITELLM = {
    "request_id": "chatcmpl-9",
    "call_type": "acompletion",
    "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
    "spend": 1.2345e-05,
    "total_tokens": 130,
    "prompt_tokens": 100,
    "completion_tokens": 30,
    "startTime": "2026-01-31T12:00:00.000Z",
    "endTime": "2026-01-31T12:00:02.500Z",
    "completionStartTime": "2026-01-31T12:00:00.750Z",
    "model": "gpt-5.2",
    "model_group": "house-model",
    "custom_llm_provider": "openai",
    "user": "ann",
    "end_user": "",
    "metadata": {
        "status": "success",
        "additional_usage_values": {
            "cache_read_input_tokens": 60,
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
    },
    "cache_hit": "False",
    "request_tags": ["User-Agent: curl", "support"],
    "messages": {},
    "response": {},
    "session_id": "s-1",
}
LITELLM_ROW = {
    "time": NOON,
    "request_id": "chatcmpl-9",
    "route": "support",
    "provider": "openai",
    "model_asked": "house-model",
    "model_served": "gpt-5.2",
    "endpoint": "chat",
    "input_tokens": 100,
    "cached_input_tokens": 60,
    "output_tokens": 30,
    "reasoning_tokens": 20,
    "cost_usd": Decimal("0.000012345").quantize(Decimal("1e-24")),
    "response_s": 2.5,
    "first_token_s": 0.75,
    "from_cache": False,
    "form": "litellm",
}


@pytest.mark.parametrize("name", ["log.jsonl", "log.json", "log.csv"])
def test_litellm_spend_log(tmp_path: Path, name: str) -> None:
    """JSON lines, an array and a CSV file of the same row give the same request."""
    content = {"log.jsonl": lines(LITELLM), "log.json": json.dumps([LITELLM]), "log.csv": table([LITELLM])}[
        name
    ]
    (row,), _ = import_files(tmp_path, {name: content})

    assert LITELLM_ROW == {key: row[key] for key in LITELLM_ROW}
    assert row["user_hash"] is not None


def test_litellm_spend_log_as_parquet(tmp_path: Path) -> None:
    """As a database exports it: times as timestamps, JSON columns as texts."""
    import pandas as pd

    cells = {
        key: json.dumps(value) if isinstance(value, (dict, list)) else value for key, value in LITELLM.items()
    }
    times = {key: pd.Timestamp(str(LITELLM[key])) for key in ("startTime", "endTime", "completionStartTime")}
    pd.DataFrame([{**cells, **times}]).to_parquet(tmp_path / "spend.parquet")
    (row,), _ = import_files(tmp_path, {"spend.parquet": (tmp_path / "spend.parquet").read_bytes()})

    assert LITELLM_ROW == {key: row[key] for key in LITELLM_ROW}


def test_litellm_cache_counts_of_zero_are_known(tmp_path: Path) -> None:
    """No token came from the cache: that is no unknown, and the share of cached tokens counts it."""
    usage = {"cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    (row,), _ = import_files(
        tmp_path,
        {"log.jsonl": [{"request_id": "r", "spend": 1, "startTime": "2026-01-31T12:00:00Z", "model": "m",
                        "prompt_tokens": 5, "metadata": {"additional_usage_values": usage}}]},
    )  # fmt: skip

    assert (0, 0) == (row["cached_input_tokens"], row["cache_write_tokens"])


def test_litellm_failure_has_an_error_and_no_counts(tmp_path: Path) -> None:
    """The zeros of a failed call are no counts; the error is in the metadata."""
    failed = {
        **LITELLM,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "total_tokens": 0,
        "spend": 0.0,
        "metadata": {
            "status": "failure",
            "error_information": {
                "error_code": "429",
                "error_class": "RateLimitError",
                "error_message": "slow down",
            },
        },
    }
    row = import_row(tmp_path, failed)

    assert ("RateLimitError: slow down", 429) == (row["error"], row["http_status"])
    assert "input_tokens" not in row


def test_litellm_first_token_of_a_whole_reply_is_unknown(tmp_path: Path) -> None:
    """LiteLLM repeats the end as the first token's time if nothing was streamed."""
    row = import_row(tmp_path, {**LITELLM, "completionStartTime": LITELLM["endTime"]})

    assert "first_token_s" not in row


def test_litellm_payload_for_other_stores(tmp_path: Path) -> None:
    """The standard logging payload: times in seconds, the cost as response_cost, texts inside."""
    row = import_row(
        tmp_path,
        {
            "id": "chatcmpl-9", "trace_id": "t", "call_type": "acompletion", "response_cost": 0.25, "status": "success",
            "prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130, "startTime": NOON_S + 0.0,
            "endTime": NOON_S + 2.5, "completionStartTime": NOON_S + 0.75, "model": "gpt-5.2", "metadata": {},
            "cache_hit": True, "messages": HELLO, "response": CHAT_REPLY,
        },
    )  # fmt: skip

    assert (NOON, Decimal("0.25"), 2.5, 0.75, True) == tuple(
        row[key] for key in ("time", "cost_usd", "response_s", "first_token_s", "from_cache")
    )
    assert (messages(*HELLO), "Hi") == (row["messages"], row["reply"])


OBSERVATION = {
    "id": "obs-1",
    "trace_id": "trace-1",
    "type": "GENERATION",
    "start_time": "2026-01-31 12:00:00.000000",
    "end_time": "2026-01-31 12:00:02.500000",
    "completion_start_time": "2026-01-31 12:00:00.750000",
    "provided_model_name": "gpt-5.2",
    "input": HELLO,
    "output": {"role": "assistant", "content": "Hi"},
    "usage_details": {
        "input": 40, "input_cached_tokens": 60, "output": 10, "output_reasoning_tokens": 20, "total": 130,
    },
    "total_cost": 0.002,
    "user_id": "ann",
    "session_id": "s-1",
    "trace_name": "support",
    "level": "DEFAULT",
}  # fmt: skip


def test_langfuse_enriched_observation(tmp_path: Path) -> None:
    """Langfuse's usage types are disjoint: 40 + 60 in, 10 + 20 out. Its times without a zone are UTC."""
    row = import_row(tmp_path, OBSERVATION)

    assert {
        "time": NOON,
        "request_id": "obs-1",
        "route": "support",
        "model_asked": "gpt-5.2",
        "endpoint": "chat",
        "messages": messages(*HELLO),
        "reply": "Hi",
        "input_tokens": 40 + 60,
        "cached_input_tokens": 60,
        "output_tokens": 10 + 20,
        "reasoning_tokens": 20,
        "usage_note": "cache reads and writes were added to the input; the reasoning was added to the output",
        "image_count": 0,
        "cost_usd": Decimal("0.002"),
        "response_s": 2.5,
        "first_token_s": 0.75,
        "form": "langfuse",
    } == row


PARTS = [
    {"type": "thinking", "thinking": "Hm"},
    {"type": "text", "text": "Hi"},
    {"type": "text", "text": "!"},
]


def test_a_reply_of_parts_is_their_text(tmp_path: Path) -> None:
    """A message of Langfuse, and a column of a log of your own; what a model thought is no part of its reply."""
    (tmp_path / "own.yaml").write_text("model_asked: llm\nreply: said\n")
    observation = {**OBSERVATION, "output": {"role": "assistant", "content": PARTS}}
    (own,), _ = import_files(
        tmp_path, {"own.jsonl": [{"llm": "m", "said": PARTS}]}, map_file=tmp_path / "own.yaml"
    )

    assert ("Hi!", "Hi!") == (import_row(tmp_path, observation)["reply"], own["reply"])


def test_langfuse_legacy_trace_with_observations(tmp_path: Path) -> None:
    """An export of the page nests observations in their trace, in camelCase; spans are no requests."""
    trace = {
        "id": "trace-1",
        "timestamp": "2026-01-31T12:00:00Z",
        "name": "support",
        "userId": "ann",
        "sessionId": None,
        "tags": [],
        "observations": [
            {"id": "span-1", "traceId": "trace-1", "type": "SPAN", "startTime": "2026-01-31T12:00:00Z"},
            {
                "id": "obs-1",
                "traceId": "trace-1",
                "type": "GENERATION",
                "startTime": "2026-01-31T12:00:00Z",
                "endTime": None,
                "latency": 2.5,
                "model": "gpt-5.2",
                "promptTokens": 100,
                "completionTokens": 30,
                "totalTokens": 130,
                "calculatedTotalCost": 0.002,
                "level": "ERROR",
                "statusMessage": "timed out",
            },
        ],
    }
    row = import_row(tmp_path, json.dumps([trace]), name="traces.json")

    assert ("support", 100, 30, 2.5, "timed out") == tuple(
        row[key] for key in ("route", "input_tokens", "output_tokens", "response_s", "error")
    )


def test_langfuse_observations_take_user_and_name_from_the_traces_of_another_file(tmp_path: Path) -> None:
    """The legacy export has three files; observations name only their trace."""
    bare = {
        key: OBSERVATION[key] for key in OBSERVATION if key not in {"user_id", "session_id", "trace_name"}
    }
    trace = {
        "id": "trace-1",
        "timestamp": "2026-01-31 12:00:00",
        "name": "support",
        "user_id": "ann",
        "session_id": "s",
        "tags": [],
    }
    (row,), report = import_files(tmp_path, {"observations.jsonl": [bare], "traces.jsonl": [trace]})

    assert "support" == row["route"]
    assert row["user_hash"] is not None
    assert 1 == report.other_records


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


GENERATION = {
    "id": "gen-1",
    "created_at": "2026-01-31T12:00:00+00:00",
    "model": "anthropic/claude-opus-4.6",
    "provider_name": "Anthropic",
    "total_cost": 0.0015,
    "tokens_prompt": 90,
    "tokens_completion": 28,
    "native_tokens_prompt": 100,
    "native_tokens_completion": 30,
    "native_tokens_reasoning": 20,
    "native_tokens_cached": 60,
    "latency": 2500,
    "generation_time": 1200,
    "finish_reason": "stop",
    "streamed": True,
    "cancelled": False,
    "num_media_prompt": 2,
}


@pytest.mark.parametrize("is_camel", [False, True])
def test_openrouter_generation_has_the_native_counts(tmp_path: Path, *, is_camel: bool) -> None:
    """OpenRouter bills by the provider's own counts; latency is in milliseconds."""
    record = {
        (
            "".join([key.split("_")[0], *(part.title() for part in key.split("_")[1:])]) if is_camel else key
        ): value
        for key, value in GENERATION.items()
    }
    row = import_row(tmp_path, {"data": record})

    assert {
        "time": NOON,
        "request_id": "gen-1",
        "provider": "anthropic",
        "model_asked": "anthropic/claude-opus-4.6",
        "model_served": "anthropic/claude-opus-4.6",
        "is_stream": True,
        "input_tokens": 100,
        "cached_input_tokens": 60,
        "output_tokens": 30,
        "reasoning_tokens": 20,
        "image_count": 2,
        "cost_usd": Decimal("0.0015"),
        "response_s": 2.5,
        "finish_reason": "stop",
        "form": "openrouter",
    } == row


def test_openrouter_totals_of_a_day_are_refused(tmp_path: Path) -> None:
    """They have no requests in them."""
    total = {
        "date": "2026-01-31",
        "model": "openai/gpt-5.2",
        "usage": 0.015,
        "requests": 5,
        "prompt_tokens": 50,
    }
    with pytest.raises(InputError, match=r"is a day's total of a model, and not a request"):
        import_files(tmp_path, {"activity.csv": table([total])})


def test_helicone_row(tmp_path: Path) -> None:
    """Anthropic's counts leave out the cache: 10 + 60 + 30; times are milliseconds."""
    row = import_row(
        tmp_path,
        {
            "request_id": "h-1", "request_created_at": "2026-01-31T12:00:00Z", "response_created_at": "2026-01-31T12:00:02Z",
            "response_status": 200, "request_model": "claude-opus-4-6", "response_model": "claude-opus-4-6",
            "provider": "ANTHROPIC", "delay_ms": 2500, "time_to_first_token": 750, "prompt_tokens": 10,
            "prompt_cache_read_tokens": 60, "prompt_cache_write_tokens": 30, "completion_tokens": 30, "costUSD": 0.002,
            "request_user_id": "ann", "request_properties": {"Helicone-Session-Id": "s", "Helicone-Session-Path": "/support"},
            "request_body": {"model": "claude-opus-4-6", "max_tokens": 9, "messages": HELLO}, "response_body": CLAUDE_REPLY,
            "cache_reference_id": "00000000-0000-0000-0000-000000000000",
        },
    )  # fmt: skip

    assert ("/support", "anthropic", 10 + 60 + 30, 60, 30, 2.5, 0.75, False) == tuple(
        row[key]
        for key in ("route", "provider", "input_tokens", "cached_input_tokens", "cache_write_tokens", "response_s",
                    "first_token_s", "from_cache")
    )  # fmt: skip
    assert (messages(*HELLO), "Hi", Decimal("0.002"), 200) == tuple(
        row[key] for key in ("messages", "reply", "cost_usd", "http_status")
    )


def test_braintrust_spans_of_models(tmp_path: Path) -> None:
    """A task's span repeats the sums of the model calls below it."""
    event = {
        "id": "b-1", "span_id": "b-1", "root_span_id": "r", "created": "2026-01-31T12:00:00Z", "input": HELLO,
        "output": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "metadata": {"model": "gpt-5.2", "provider": "openai", "temperature": 0, "user_id": "ann"},
        "metrics": {
            "start": NOON_S + 0.0, "end": NOON_S + 2.5, "prompt_tokens": 100, "completion_tokens": 30, "tokens": 130,
            "prompt_cached_tokens": 60, "time_to_first_token": 0.75,
        },
        "span_attributes": {"name": "Chat Completion", "type": "llm"},
    }  # fmt: skip
    parent = {**event, "id": "b-0", "span_attributes": {"name": "answer", "type": "task"}}
    (row,), report = import_files(tmp_path, {"log.jsonl": [parent, event]})

    assert ("b-1", "Chat Completion", 100, 60, 2.5, 0.75, "Hi", "stop", '{"temperature":0}') == tuple(
        row[key]
        for key in ("request_id", "route", "input_tokens", "cached_input_tokens", "response_s", "first_token_s", "reply",
                    "finish_reason", "parameters")
    )  # fmt: skip
    assert 1 == report.other_records


VLLM_LOG = r"""INFO 01-31 11:59:00 [api_server.py:1900] Starting vLLM API server
(APIServer pid=7) INFO 01-31 12:00:00 [logger.py:41] Received request chatcmpl-1: prompt: 'user: it\'s \n me', params: SamplingParams(n=1, temperature=0.5, max_tokens=64), prompt_token_ids: [1, 2, 3, 4], prompt_embeds shape: None, lora_request: None.
(APIServer pid=7) INFO 01-31 12:00:01 [logger.py:70] Generated response chatcmpl-1 (streaming delta): output: 'H', output_token_ids: [9], finish_reason: None
(APIServer pid=7) INFO 01-31 12:00:02 [logger.py:70] Generated response chatcmpl-1 (streaming complete): output: 'Hi', output_token_ids: [9, 10], finish_reason: stop
(APIServer pid=7) INFO 01-31 12:00:03 [logger.py:41] Received request cmpl-2: prompt: None, params: SamplingParams(n=1), prompt_token_ids: [5, 6], lora_request: None.
"""


def test_vllm_request_log(tmp_path: Path) -> None:
    """A request's line is joined with its reply's; token ids are counted; the year is the file's."""
    import os

    log = tmp_path / "vllm.log"
    log.write_text(VLLM_LOG)
    os.utime(log, (NOON_S + 3600, NOON_S + 3600))
    from gapbench.store.table_file import iterate_rows
    from gapbench.traffic import ImportOptions, import_traffic

    import_traffic([str(log)], tmp_path / "t.parquet", ImportOptions())
    first, second = iterate_rows(tmp_path / "t.parquet")

    assert (NOON, "chatcmpl-1", 4, 2, "Hi", "stop", True, '{"n":1,"temperature":0.5,"max_tokens":64}') == tuple(
        first[key]
        for key in ("time", "request_id", "input_tokens", "output_tokens", "reply", "finish_reason", "is_stream",
                    "parameters")
    )  # fmt: skip
    assert [{"role": "user", "content": "user: it's \n me"}] == json.loads(first["messages"])
    assert ("cmpl-2", 2, None) == (second["request_id"], second["input_tokens"], second["output_tokens"])


MAP = """\
time: when
model_asked: llm
messages: question
input_tokens: usage.in
cached_input_tokens: usage.cached
output_tokens: usage.out
latency_ms: took
cost_cents: price
user: who
cache_counted: apart
constants: {provider: Acme, route: faq}
"""


def test_own_columns_by_a_map(tmp_path: Path) -> None:
    """Cents become dollars, milliseconds seconds, and the cache is added to the input: 40 + 60."""
    (tmp_path / "own.yaml").write_text(MAP)
    row = import_row(
        tmp_path,
        {
            "when": "2026-01-31T13:00:00", "llm": "gpt-5.2", "question": "Hello", "who": 7, "took": "2500", "price": "0.2",
            "usage": {"in": "40", "cached": 60, "out": 30},
        },
        map_file=tmp_path / "own.yaml",
        time_zone="Europe/Berlin",
    )  # fmt: skip

    assert {
        "time": NOON,
        "route": "faq",
        "provider": "acme",
        "model_asked": "gpt-5.2",
        "messages": messages(*HELLO),
        "input_tokens": 40 + 60,
        "cached_input_tokens": 60,
        "output_tokens": 30,
        "usage_note": "cache reads and writes were added to the input",
        "image_count": 0,
        "cost_usd": Decimal("0.002"),
        "response_s": 2.5,
        "form": "map",
    } == row


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tiem: when", r"own.yaml:1: tiem: unknown key.*time"),
        ("cost_usd: a\ncost_cents: b", r"cost_usd and cost_cents are both given"),
        ("constants: {colour: red}\ntime: a", r"'colour' cannot be a constant"),
        ("cache_counted: apart", r"names no column"),
    ],
)
def test_a_wrong_map_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    """Keys are strict: a typing error would lose a column silently."""
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        import_files(tmp_path, {"own.jsonl": [{"a": 1}]}, map_file=tmp_path / "own.yaml")


def test_data_sets_are_no_logs() -> None:
    """Questions and answers, and messages without roles, have none of the forms."""
    assert form_of([{"question": "1 + 1?", "answer": "2"}]) is None
    assert form_of([{"messages": ["Hello"]}]) is None


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_form_names_its_documentation(form: Any) -> None:
    """A form without a public source could not be checked."""
    assert "http" in form.documentation or "docs/" in form.documentation
