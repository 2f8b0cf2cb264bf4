"""Our own rows, written as each form by tests/traffic_writers.py, are read back equal."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapbench.store import read_attempts
from gapbench.traffic import ImportOptions, TrafficRecord, import_traffic
from gapbench.traffic.forms import FORM_NAMES
from gapbench.traffic.record import TRAFFIC_SCHEMA_VERSION
from tests.run_folders import make_answers, write_run
from tests.traffic_logs import import_files, lines, table
from tests.traffic_writers import WRITERS

DAY = datetime(2026, 1, 31, tzinfo=UTC)
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12
).map(lambda text: f"a{text}z")


@st.composite
def requests(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows that every form can carry: whole milliseconds, a cost that is a float, no cut counts."""
    rows = []
    for number in range(draw(st.integers(1, 4))):
        parts = draw(st.tuples(*[st.integers(0, 400)] * 5))
        error = draw(st.sampled_from((None, "slow down")))
        rows.append(
            {
                "time": DAY + timedelta(seconds=draw(st.integers(0, 86_399))),
                "request_id": f"chatcmpl-{number}",
                "route": draw(st.sampled_from(("support", "search"))),
                "provider": "openai",
                "model_asked": draw(st.sampled_from(("gpt-5.2", "house/model"))),
                "model_served": "gpt-5.2-2025-12-11",
                "messages": compact(
                    [{"role": "system", "content": draw(TEXT)}, {"role": "user", "content": draw(TEXT)}]
                ),
                "tools": compact([{"type": "function", "function": {"name": "look"}}]),
                "parameters": compact({"temperature": draw(st.sampled_from((0, 0.5))), "max_tokens": 64}),
                "reply": draw(TEXT),
                "reply_tool_calls": compact([{"id": "c", "function": {"name": "look", "arguments": "{}"}}]),
                "cached_input_tokens": parts[0] + 1,
                "cache_write_tokens": parts[1] + 1,
                "cache_write_1h_tokens": draw(st.integers(0, parts[1] + 1)),
                "input_tokens": parts[0] + parts[1] + parts[2] + 3,
                "reasoning_tokens": parts[3] + 1,
                "output_tokens": parts[3] + parts[4] + 2,
                "cost_usd": Decimal(repr(draw(st.integers(1, 10**6)) / 1e6)),
                "first_token_s": 0.25,
                "response_s": 0.5 + draw(st.integers(0, 4000)) / 1000,
                "finish_reason": draw(st.sampled_from(("stop", "length"))),
                "error": error,
                "http_status": 200 if error is None else 429,
                "from_cache": draw(st.booleans()),
            }
        )
    return rows


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def close(value: Any) -> Any:
    """Return a duration rounded to the microsecond that logs keep."""
    return round(value, 6) if isinstance(value, float) else value


@pytest.mark.parametrize("form", sorted(WRITERS))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=requests())
def test_rows_written_as_a_form_are_read_back_equal(
    tmp_path: Path, form: str, rows: list[dict[str, Any]]
) -> None:
    """Every column that the form carries, of every row."""
    writer = WRITERS[form]
    name = "log.txt" if form == "vllm" else "log.jsonl"
    found, report = import_files(tmp_path, {name: lines(*writer.write(rows))})

    columns = writer.columns.split()
    assert [[close(row[name]) for name in columns] for row in rows] == [
        [close(row[name]) for name in columns] for row in found
    ]
    assert (0, [], {form: 1}) == (report.set_aside, report.value_problems, report.files)


@pytest.mark.parametrize("form", ["litellm", "langfuse", "openrouter", "helicone"])
def test_a_csv_file_gives_the_same_rows_as_json_lines(tmp_path: Path, form: str) -> None:
    """The forms that their tools export as CSV: numbers are texts there, and objects JSON."""
    rows = [
        {
            "time": DAY, "request_id": "r-1", "route": "support", "provider": "openai", "model_asked": "m",
            "model_served": "m-1", "messages": '[{"role":"user","content":"a,\\"b\\"\\nc"}]', "tools": '[{"name":"t"}]',
            "parameters": '{"temperature":0}', "reply": "x\ny", "reply_tool_calls": '[{"id":"c"}]',
            "cached_input_tokens": 60, "cache_write_tokens": 5, "cache_write_1h_tokens": 0, "input_tokens": 100,
            "reasoning_tokens": 20, "output_tokens": 30, "cost_usd": Decimal("0.002"), "first_token_s": 0.25,
            "response_s": 2.5, "finish_reason": "stop", "error": None, "http_status": 200, "from_cache": False,
        }
    ]  # fmt: skip
    records = WRITERS[form].write(rows)
    as_lines, _ = import_files(tmp_path, {"a.jsonl": records})
    as_table, _ = import_files(tmp_path, {"b.csv": table(records)})

    place = {"file", "line", "session_hash"}  # each import has its own key
    assert [{k: v for k, v in row.items() if k not in place} for row in as_lines] == [
        {k: v for k, v in row.items() if k not in place} for row in as_table
    ]


def test_every_form_has_a_writer() -> None:
    """The runs of gapbench are their own writer."""
    assert set(FORM_NAMES) == {*WRITERS, "attempts"}


def test_a_run_is_read_with_its_texts(tmp_path: Path) -> None:
    """The attempts of a run folder, with the reply from its payload."""
    run = write_run(tmp_path, make_answers("open", 2, 3))
    report = import_traffic([str(run)], tmp_path / "t.parquet", ImportOptions())
    from gapbench.store.table_file import iterate_rows

    rows = list(iterate_rows(tmp_path / "t.parquet"))
    attempts = read_attempts([run])

    assert len(attempts) == report.rows == len(rows)
    assert list(attempts["model_asked"]) == [row["model_asked"] for row in rows]
    assert [int(count) for count in attempts["input_tokens"]] == [row["input_tokens"] for row in rows]
    assert list(attempts["done_s"] - attempts["sent_s"]) == pytest.approx([row["response_s"] for row in rows])
    assert ["4"] * 3 == [row["reply"] for row in rows]


def test_the_messages_of_a_run_have_role_and_content() -> None:
    """A run stores parts; text alone becomes the content, anything else stays parts."""
    from gapbench.traffic.forms.attempts import AttemptsForm

    form = AttemptsForm()
    key = {"cell_id": "c", "sample_id": "s", "repeat": 0, "attempt": 1}
    image = {"image_sha256": "ab"}
    stored = [
        {"role": "system", "parts": [{"text": "Be "}, {"text": "brief."}]},
        {"role": "user", "parts": [{"text": "?"}, image]},
    ]
    form._texts = {
        tuple(key.values()): {
            **key,
            "messages": json.dumps(stored),
            "reply": "",
            "error": None,
            "calls": None,
        }
    }
    (draft,) = form.read({**key, "run_id": "r", "started_at": DAY, "sent_s": 1.5})

    assert [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"text": "?"}, image]},
    ] == draft["messages"]
    assert (DAY + timedelta(seconds=1.5), "r/c/s/0/1") == (draft["time"], draft["request_id"])


def test_the_table_has_the_columns_of_the_record_and_its_version(tmp_path: Path) -> None:
    """The file tells how to read it."""
    import dataclasses

    from gapbench.store.table_file import read_file_metadata

    rows, report = import_files(tmp_path, {"log.jsonl": WRITERS["litellm"].write([])or [
        {"request_id": "r", "spend": 1, "startTime": "2026-01-31T12:00:00Z", "model": "m"}
    ]})  # fmt: skip
    metadata = read_file_metadata(tmp_path / "traffic.parquet")

    assert [field.name for field in dataclasses.fields(TrafficRecord)] == list(rows[0])
    assert (str(TRAFFIC_SCHEMA_VERSION), report.key_id, "1") == (
        metadata["traffic_schema"],
        metadata["hash_key_id"],
        metadata["rows"],
    )


SPELLINGS = st.sampled_from(("snake", "camel"))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    left_out=st.sets(
        st.sampled_from(
            ("endTime", "completionStartTime", "totalCost", "modelParameters", "output", "traceName")
        )
    ),
    spelling=SPELLINGS,
    as_text=st.booleans(),
)
def test_langfuse_rows_with_other_spellings_missing_fields_and_texts_for_numbers(
    tmp_path: Path, left_out: set[str], spelling: str, *, as_text: bool
) -> None:
    """What is missing is null; the rest is as in the whole record."""
    import re

    (row,) = [
        {
            "id": "o", "traceId": "t", "type": "GENERATION", "startTime": "2026-01-31T12:00:00Z",
            "endTime": "2026-01-31T12:00:02Z", "completionStartTime": "2026-01-31T12:00:01Z", "model": "m",
            "modelParameters": {"temperature": 1}, "input": "Hello", "output": "Hi", "totalCost": 0.5, "traceName": "support",
            "usageDetails": {"input": 7, "output": 3, "total": 10},
        }
    ]  # fmt: skip
    record: dict[str, Any] = {key: value for key, value in row.items() if key not in left_out}
    if as_text:
        record["usageDetails"] = {key: str(value) for key, value in record["usageDetails"].items()}
        record |= {"totalCost": "0.5"} if "totalCost" in record else {}
    if spelling == "snake":
        record = {re.sub("([A-Z])", r"_\1", key).lower(): value for key, value in record.items()}
    (found,), _ = import_files(tmp_path, {"log.jsonl": [record]})

    assert (7, 3) == (found["input_tokens"], found["output_tokens"])
    assert (None if "endTime" in left_out else 2.0) == found["response_s"]
    assert (None if "completionStartTime" in left_out else 1.0) == found["first_token_s"]
    assert (None if "totalCost" in left_out else Decimal("0.5")) == found["cost_usd"]
    assert (None if "output" in left_out else "Hi") == found["reply"]
    assert (None if "traceName" in left_out else "support") == found["route"]
