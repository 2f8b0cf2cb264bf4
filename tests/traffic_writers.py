"""Writers of our own rows as other tools log them, for round trips: each names the columns that its form carries."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Writer(NamedTuple):
    """A writer of one form.

    Attributes:
        write: Returns the records of some rows.
        columns: The columns that come back as they were.
        counts_cache_apart: Whether the form leaves cache reads and writes out of the input.
    """

    write: Callable[[Sequence[Row]], list[Any]]
    columns: str
    counts_cache_apart: bool = False


def iso(time: datetime, seconds: float = 0.0) -> str:
    return (time + timedelta(seconds=seconds)).isoformat()


def chat_usage(row: Row) -> dict[str, Any]:
    return {
        "prompt_tokens": row["input_tokens"],
        "completion_tokens": row["output_tokens"],
        "total_tokens": row["input_tokens"] + row["output_tokens"],
        "prompt_tokens_details": {"cached_tokens": row["cached_input_tokens"]},
        "completion_tokens_details": {"reasoning_tokens": row["reasoning_tokens"]},
    }


def request(row: Row) -> dict[str, Any]:
    return {
        "model": row["model_asked"],
        "messages": json.loads(row["messages"]),
        "tools": json.loads(row["tools"]),
        **json.loads(row["parameters"]),
    }


def message(row: Row) -> dict[str, Any]:
    return {"role": "assistant", "content": row["reply"], "tool_calls": json.loads(row["reply_tool_calls"])}


def write_openai(rows: Sequence[Row]) -> list[Any]:
    return [
        {
            "timestamp": iso(row["time"]), "latency_s": row["response_s"], "ttft_s": row["first_token_s"],
            "cost_usd": str(row["cost_usd"]), "route": row["route"], "provider": row["provider"],
            "status_code": row["http_status"], "error": row["error"], "request": request(row),
            "response": {
                "id": row["request_id"], "model": row["model_served"], "usage": chat_usage(row),
                "choices": [{"message": message(row), "finish_reason": row["finish_reason"]}],
            },
        }
        for row in rows
    ]  # fmt: skip


def write_anthropic(rows: Sequence[Row]) -> list[Any]:
    return [
        {
            "ts": row["time"].timestamp() * 1000, "duration_ms": row["response_s"] * 1000, "feature": row["route"],
            "request": request(row),
            "response": {
                "id": row["request_id"], "type": "message", "model": row["model_served"],
                "content": [{"type": "text", "text": row["reply"]}], "stop_reason": row["finish_reason"],
                "usage": {
                    "input_tokens": row["input_tokens"] - row["cached_input_tokens"] - row["cache_write_tokens"],
                    "cache_read_input_tokens": row["cached_input_tokens"],
                    "cache_creation_input_tokens": row["cache_write_tokens"],
                    "cache_creation": {"ephemeral_1h_input_tokens": row["cache_write_1h_tokens"]},
                    "output_tokens": row["output_tokens"],
                },
            },
        }
        for row in rows
    ]  # fmt: skip


def write_litellm(rows: Sequence[Row]) -> list[Any]:
    return [
        {
            "request_id": row["request_id"], "call_type": "acompletion", "spend": float(row["cost_usd"]),
            "startTime": iso(row["time"]), "endTime": iso(row["time"], row["response_s"]),
            "completionStartTime": iso(row["time"], row["first_token_s"]), "model": row["model_served"],
            "model_group": row["model_asked"], "custom_llm_provider": row["provider"], "request_tags": [row["route"]],
            "prompt_tokens": row["input_tokens"], "completion_tokens": row["output_tokens"],
            "total_tokens": row["input_tokens"] + row["output_tokens"], "messages": json.loads(row["messages"]),
            "response": {"choices": [{"message": message(row), "finish_reason": row["finish_reason"]}]},
            "metadata": {
                "status": "success" if row["error"] is None else "failure",
                "error_information": {} if row["error"] is None else {"error_code": row["http_status"], "error_message": row["error"]},
                "additional_usage_values": {
                    "cache_read_input_tokens": row["cached_input_tokens"],
                    "cache_creation_input_tokens": row["cache_write_tokens"],
                    "completion_tokens_details": {"reasoning_tokens": row["reasoning_tokens"]},
                },
            },
            "cache_hit": str(row["from_cache"]),
        }
        for row in rows
    ]  # fmt: skip


def write_langfuse(rows: Sequence[Row]) -> list[Any]:
    return [
        {
            "id": row["request_id"], "traceId": "t", "type": "GENERATION", "traceName": row["route"],
            "startTime": iso(row["time"]), "endTime": iso(row["time"], row["response_s"]),
            "completionStartTime": iso(row["time"], row["first_token_s"]), "model": row["model_asked"],
            "modelParameters": json.loads(row["parameters"]), "input": json.loads(row["messages"]), "output": message(row),
            "usageDetails": {
                "input": row["input_tokens"] - row["cached_input_tokens"] - row["cache_write_tokens"],
                "cache_read_input_tokens": row["cached_input_tokens"],
                "cache_creation_input_tokens": row["cache_write_tokens"],
                "output": row["output_tokens"] - row["reasoning_tokens"],
                "output_reasoning_tokens": row["reasoning_tokens"],
                "total": row["input_tokens"] + row["output_tokens"],
            },
            "totalCost": float(row["cost_usd"]),
            **({} if row["error"] is None else {"level": "ERROR", "statusMessage": row["error"]}),
        }
        for row in rows
    ]  # fmt: skip


def any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(one) for one in value]}}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def write_opentelemetry(rows: Sequence[Row]) -> list[Any]:
    def parts(one: dict[str, Any]) -> dict[str, Any]:
        return {"role": one["role"], "parts": [{"type": "text", "content": one["content"]}]}

    def span(row: Row) -> dict[str, Any]:
        start_ns = round(row["time"].timestamp() * 1e6) * 1000
        attributes = {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": row["provider"],
            "gen_ai.request.model": row["model_asked"], "gen_ai.response.model": row["model_served"],
            "gen_ai.response.id": row["request_id"], "gen_ai.agent.name": row["route"],
            "gen_ai.response.finish_reasons": [row["finish_reason"]],
            "gen_ai.response.time_to_first_chunk": row["first_token_s"],
            "gen_ai.usage.input_tokens": row["input_tokens"], "gen_ai.usage.output_tokens": row["output_tokens"],
            "gen_ai.usage.cache_read.input_tokens": row["cached_input_tokens"],
            "gen_ai.usage.cache_creation.input_tokens": row["cache_write_tokens"],
            "gen_ai.usage.reasoning.output_tokens": row["reasoning_tokens"],
            "gen_ai.input.messages": json.dumps([parts(one) for one in json.loads(row["messages"])]),
            "gen_ai.output.messages": json.dumps([parts({"role": "assistant", "content": row["reply"]})]),
        }  # fmt: skip
        return {
            "traceId": "t", "spanId": "s", "startTimeUnixNano": str(start_ns),
            "endTimeUnixNano": str(start_ns + round(row["response_s"] * 1e9)),
            "attributes": [{"key": key, "value": any_value(value)} for key, value in attributes.items()],
            "status": {} if row["error"] is None else {"code": 2, "message": row["error"]},
        }  # fmt: skip

    return [{"resourceSpans": [{"scopeSpans": [{"spans": [span(row) for row in rows]}]}]}]


def write_openrouter(rows: Sequence[Row]) -> list[Any]:
    return [
        {
            "id": row["request_id"], "created_at": iso(row["time"]), "model": row["model_asked"], "app_name": row["route"],
            "provider_name": row["provider"].title(), "native_tokens_prompt": row["input_tokens"],
            "native_tokens_completion": row["output_tokens"], "native_tokens_cached": row["cached_input_tokens"],
            "native_tokens_reasoning": row["reasoning_tokens"], "total_cost": float(row["cost_usd"]),
            "latency": row["response_s"] * 1000, "time_to_first_token_ms": row["first_token_s"] * 1000,
            "finish_reason": row["finish_reason"],
        }
        for row in rows
    ]  # fmt: skip


def write_helicone(rows: Sequence[Row]) -> list[Any]:
    return [
        {
            "request_id": row["request_id"], "request_created_at": iso(row["time"]), "delay_ms": row["response_s"] * 1000,
            "time_to_first_token": row["first_token_s"] * 1000, "provider": row["provider"].upper(),
            "request_model": row["model_asked"], "response_model": row["model_served"], "response_status": row["http_status"],
            "prompt_tokens": row["input_tokens"] - row["cached_input_tokens"] - row["cache_write_tokens"],
            "prompt_cache_read_tokens": row["cached_input_tokens"], "prompt_cache_write_tokens": row["cache_write_tokens"],
            "completion_tokens": row["output_tokens"], "reasoning_tokens": row["reasoning_tokens"],
            "total_tokens": row["input_tokens"] + row["output_tokens"], "costUSD": float(row["cost_usd"]),
            "request_properties": {"Helicone-Session-Path": row["route"]}, "request_body": request(row),
            "response_body": {
                "choices": [{"message": message(row), "finish_reason": row["finish_reason"]}], "error": row["error"],
            },
        }
        for row in rows
    ]  # fmt: skip


def write_braintrust(rows: Sequence[Row]) -> list[Any]:
    return [
        {
            "id": row["request_id"], "root_span_id": "r", "span_attributes": {"type": "llm", "name": "x"},
            "created": iso(row["time"]), "input": json.loads(row["messages"]), "error": row["error"],
            "output": [{"message": message(row), "finish_reason": row["finish_reason"]}],
            "metadata": {"model": row["model_asked"], "provider": row["provider"], "route": row["route"]},
            "metrics": {
                "start": row["time"].timestamp(), "end": row["time"].timestamp() + row["response_s"],
                "time_to_first_token": row["first_token_s"], "prompt_tokens": row["input_tokens"],
                "completion_tokens": row["output_tokens"], "tokens": row["input_tokens"] + row["output_tokens"],
                "prompt_cached_tokens": row["cached_input_tokens"],
                "prompt_cache_creation_tokens": row["cache_write_tokens"],
                "completion_reasoning_tokens": row["reasoning_tokens"], "estimated_cost": float(row["cost_usd"]),
            },
        }
        for row in rows
    ]  # fmt: skip


def write_vllm(rows: Sequence[Row]) -> list[Any]:
    found = []
    for row in rows:
        stamp = f"INFO {row['time']:%Y-%m-%d %H:%M:%S} [logger.py:41]"
        (prompt,) = json.loads(row["messages"])[-1:]
        ids = list(range(row["input_tokens"])), list(range(row["output_tokens"]))
        start, end = (
            f"{stamp} Received request {row['request_id']}",
            f"{stamp} Generated response {row['request_id']}",
        )
        found.append(
            f"{start}: prompt: {prompt['content']!r}, params: SamplingParams(n=1), prompt_token_ids: {ids[0]}, lora_request: None."
        )
        found.append(
            f"{end}: output: {row['reply']!r}, output_token_ids: {ids[1]}, finish_reason: {row['finish_reason']}"
        )
    return found


_COUNTS = "input_tokens cached_input_tokens cache_write_tokens output_tokens reasoning_tokens"
_COMMON = f"time request_id route model_asked response_s {_COUNTS}"


def write_record(rows: Sequence[Row]) -> list[Any]:
    columns = WRITERS["record"].columns.split()
    parsed = ("messages", "tools", "parameters", "reply_tool_calls")
    return [
        {
            "gapbench_record": 1,
            **{name: row[name] for name in columns if name not in {"time", "cost_usd", *parsed}},
            **{name: json.loads(row[name]) for name in parsed},
            "time": iso(row["time"]),
            "cost_usd": str(row["cost_usd"]),
        }
        for row in rows
    ]


WRITERS = {
    "record": Writer(
        write_record,
        f"{_COMMON} provider model_served messages tools parameters reply reply_tool_calls cost_usd first_token_s "
        "finish_reason error http_status",
    ),
    "openai": Writer(
        write_openai,
        "time request_id route provider model_asked model_served messages tools parameters reply reply_tool_calls "
        "input_tokens cached_input_tokens output_tokens reasoning_tokens cost_usd response_s first_token_s finish_reason "
        "error http_status",
    ),
    "anthropic": Writer(
        write_anthropic,
        "time request_id route model_asked model_served messages tools parameters reply input_tokens cached_input_tokens "
        "cache_write_tokens cache_write_1h_tokens output_tokens response_s finish_reason",
    ),
    "litellm": Writer(
        write_litellm,
        f"{_COMMON} provider model_served messages reply reply_tool_calls cost_usd first_token_s finish_reason error from_cache",
    ),
    "langfuse": Writer(
        write_langfuse, f"{_COMMON} messages parameters reply reply_tool_calls cost_usd first_token_s error"
    ),
    "opentelemetry": Writer(
        write_opentelemetry,
        f"{_COMMON} provider model_served messages reply first_token_s finish_reason error",
    ),
    "openrouter": Writer(
        write_openrouter,
        "time request_id route provider model_asked input_tokens cached_input_tokens output_tokens reasoning_tokens "
        "cost_usd response_s first_token_s finish_reason",
    ),
    "helicone": Writer(
        write_helicone,
        f"{_COMMON} provider model_served messages tools parameters reply reply_tool_calls cost_usd first_token_s "
        "finish_reason error http_status",
    ),
    "braintrust": Writer(
        write_braintrust,
        f"{_COMMON} provider messages reply reply_tool_calls cost_usd first_token_s finish_reason error",
    ),
    "vllm": Writer(write_vllm, "time request_id input_tokens output_tokens reply finish_reason"),
}
