"""Counts of tokens as vendors, gateways and observers split them, against sums that are made here."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.traffic_logs import CHAT_REPLY, import_files, lines, spend, table

# 100 tokens in, of them 60 from the cache and 30 written to it; 30 out, of them 20 of reasoning.
CACHED = {"input_tokens": 100, "cached_input_tokens": 60, "output_tokens": 30}


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        # DeepSeek, Moonshot, OpenRouter
        ({"prompt_tokens": 100, "completion_tokens": 30, "prompt_cache_hit_tokens": 60}, CACHED),
        ({"prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130, "cached_tokens": 60}, CACHED),
        (
            {"prompt_tokens": 100, "completion_tokens": 30, "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30}},
            {**CACHED, "cache_write_tokens": 30},
        ),
        # xAI: the reasoning is in the total alone
        (
            {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 130, "completion_tokens_details": {"reasoning_tokens": 20}},
            {"input_tokens": 100, "output_tokens": 30, "reasoning_tokens": 20},
        ),
        # Anthropic behind a gateway, without and with its cache in the prompt
        (
            {"prompt_tokens": 10, "completion_tokens": 30, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 30},
            {**CACHED, "cache_write_tokens": 30},
        ),
        (
            {"prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130, "cache_read_input_tokens": 60,
             "cache_creation_input_tokens": 30},
            {**CACHED, "cache_write_tokens": 30},
        ),
    ],
)  # fmt: skip
def test_usage_of_a_reply_whoever_made_it(
    tmp_path: Path, usage: dict[str, Any], expected: dict[str, int]
) -> None:
    """What the reply names, by the one definition of the table."""
    (row,), report = import_files(tmp_path, {"log.jsonl": [{**CHAT_REPLY, "usage": usage}]})

    assert expected == {name: row[name] for name in expected}
    assert [] == report.notes


def observation(usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "o-1",
        "trace_id": "t",
        "type": "GENERATION",
        "start_time": "2026-01-31T12:00:00Z",
        "provided_model_name": "m",
        "usage_details": usage,
    }


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input": 0, "input_modality_TEXT": 100, "output": 0, "output_modality_TEXT": 30, "total": 130},
         {"input_tokens": 100, "output_tokens": 30}),
        ({"input": 10, "input_cache_read": 60, "input_cache_creation": 0, "input_ephemeral_5m_input_tokens": 20,
          "input_ephemeral_1h_input_tokens": 10, "output": 30},
         {**CACHED, "cache_write_tokens": 30, "cache_write_1h_tokens": 10}),
        ({"input": 10, "input_tokens": 10, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 30, "output": 30,
          "output_tokens": 30}, {**CACHED, "cache_write_tokens": 30}),
        ({"input_tokens": 100, "output_tokens": 30, "total_tokens": 130, "input_tokens_details": {"cached_tokens": 60},
          "output_tokens_details": {"reasoning_tokens": 20}}, {**CACHED, "reasoning_tokens": 20}),
        ({"input": 100, "input_cached_tokens": 60, "output": 30, "total": 130}, CACHED),
    ],
)  # fmt: skip
def test_usage_types_of_langfuse_by_its_integrations(
    tmp_path: Path, usage: dict[str, Any], expected: dict[str, int]
) -> None:
    """LangChain's Gemini and Claude, Anthropic's own names, the Responses API, and counts that are whole."""
    (row,), report = import_files(tmp_path, {"log.jsonl": [observation(usage)]})

    assert expected == {name: row[name] for name in expected}
    assert [] == report.notes


@pytest.mark.parametrize("seed", range(40))
def test_disjoint_usage_types_of_langfuse_are_added(tmp_path: Path, seed: int) -> None:
    """Random counts for random types of both sides, as numbers or texts, with the total or without."""
    draw = random.Random(seed)
    given = {
        name: draw.randint(0, 900) for name in draw.sample(INPUT_TYPES, draw.randint(0, len(INPUT_TYPES)))
    }
    made = {
        name: draw.randint(0, 900) for name in draw.sample(OUTPUT_TYPES, draw.randint(0, len(OUTPUT_TYPES)))
    }
    usage = {"input": draw.randint(1, 900), "output": draw.randint(1, 900), **given, **made}
    expected = (usage["input"] + sum(given.values()), usage["output"] + sum(made.values()))
    if draw.random() < 0.5:
        usage["total"] = sum(expected)
    shown = {name: str(count) if draw.random() < 0.3 else count for name, count in usage.items()}
    (row,), _ = import_files(tmp_path, {"log.jsonl": [observation(shown)]})

    assert expected == (row["input_tokens"], row["output_tokens"])
    assert given.get("input_cached_tokens") == row["cached_input_tokens"]


INPUT_TYPES = ["input_cached_tokens", "input_cache_creation", "input_audio_tokens", "input_modality_2"]
OUTPUT_TYPES = ["output_reasoning_tokens", "output_audio_tokens"]


def test_a_total_that_is_no_sum_is_named_with_its_place(tmp_path: Path) -> None:
    """Some count is missing then, such as reasoning that is billed; which one, the log does not tell."""
    _, report = import_files(
        tmp_path, {"log.jsonl": [spend(1, total_tokens=130), spend(2, total_tokens=150)]}
    )

    (note,) = report.notes
    assert note.startswith("1 request logged a total of tokens that is not the sum of prompt and output; ")
    assert note.endswith("log.jsonl:2")


def test_both_spellings_of_a_column_in_one_table(tmp_path: Path) -> None:
    """Exports of the page and of the blob storage, put together: the empty spelling hides nothing."""
    record = observation({"input": 100, "output": 30, "total": 130})
    page = {
        "id": "o-2",
        "traceId": "t",
        "type": "GENERATION",
        "startTime": "2026-01-31T12:00:01Z",
        "model": "m",
    }
    page["usageDetails"] = record["usage_details"]
    for order in ([record, page], [page, record]):
        rows, _ = import_files(tmp_path, {"log.csv": table(order)})

        assert [(100, 30, True)] * 2 == [
            (row["input_tokens"], row["output_tokens"], row["time"] is not None) for row in rows
        ]


def test_a_table_without_a_last_line_end_may_be_cut_in_a_number(tmp_path: Path) -> None:
    """A cell of 30 that is cut reads 3, so the import says that it may be; after a line end nothing is cut."""
    whole = table([spend(1), spend(2)])
    assert whole.endswith("30\r\n")
    rows, report = import_files(tmp_path, {"log.csv": whole[:-3]})
    assert [30, 3] == [row["output_tokens"] for row in rows]
    assert ["log.csv ends without a line end: if it was cut, its last row may be wrong"] == [
        note.rpartition("/")[2] for note in report.notes
    ]

    for files in ({"log.csv": whole}, {"log.jsonl": lines(spend(1)).rstrip()}):
        assert [] == import_files(tmp_path, files)[1].notes


def test_null_counts_of_litellm_hide_no_known_ones(tmp_path: Path) -> None:
    """Its two copies of the usage may differ in what they leave out."""
    metadata = {
        "usage_object": {"cache_read_input_tokens": 60},
        "additional_usage_values": {"cache_read_input_tokens": None, "prompt_tokens_details": None},
    }
    (row,), _ = import_files(tmp_path, {"log.jsonl": [spend(1, metadata=json.dumps(metadata))]})

    assert CACHED == {name: row[name] for name in CACHED}


def test_a_log_that_counts_the_cache_in_two_ways_is_told(tmp_path: Path) -> None:
    """60 cached tokens cannot be in 10, so this log leaves them out; of 100 it cannot be known."""
    clear, unclear = (
        {"prompt_tokens": count, "completion_tokens": 30, "cache_read_input_tokens": 60}
        for count in (10, 100)
    )
    replies = [
        {**CHAT_REPLY, "id": f"r-{at}", "usage": usage} for at, usage in enumerate((clear, unclear, unclear))
    ]
    rows, report = import_files(tmp_path, {"log.jsonl": replies})

    assert [70, 100, 100] == [row["input_tokens"] for row in rows]
    (note,) = report.notes
    assert "1 request logged cached tokens apart from the input" in note
    assert "2 requests do not tell and are read as if the input had them" in note
    assert note.count("log.jsonl:") == 2

    whole = {**unclear, "total_tokens": 130}
    for others in ([whole, whole], [clear, clear]):
        usages = enumerate((clear, *others))
        _, report = import_files(
            tmp_path, {"log.jsonl": [{**CHAT_REPLY, "id": f"r-{at}", "usage": one} for at, one in usages]}
        )
        assert [] == report.notes
