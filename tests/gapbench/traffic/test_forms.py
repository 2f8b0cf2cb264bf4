"""Each form of log of a gateway or an observer is read into the same row; the vendors' own are in test_vendor_forms.

The documentation is named in the modules of gapbench.traffic.forms; nothing here is copied from it.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gapbench.traffic.forms import FORMS, form_of
from tests.traffic_logs import (
    CHAT_REPLY,
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


def test_data_sets_are_no_logs() -> None:
    """Questions and answers, and messages without roles, have none of the forms."""
    assert form_of([{"question": "1 + 1?", "answer": "2"}]) is None
    assert form_of([{"messages": ["Hello"]}]) is None


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_form_names_its_documentation(form: Any) -> None:
    """A form without a public source could not be checked."""
    assert "http" in form.documentation or "docs/" in form.documentation
