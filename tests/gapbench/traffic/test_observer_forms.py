"""The logs of OpenRouter, Helicone, Braintrust and vLLM, and columns by a map, are read into the same row."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from gapbench.errors import InputError
from gapbench.store.table_file import iterate_rows
from tests.traffic_logs import (
    CLAUDE_REPLY,
    HELLO,
    NOON,
    NOON_S,
    import_files,
    import_row,
    messages,
    table,
)

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
