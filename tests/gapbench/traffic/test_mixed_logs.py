"""Logs as people keep them: several kinds in a folder or file, values that a program wrote for none, objects without lines."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gapbench.cli import invoke
from tests.traffic_logs import CHAT_REPLY, CLAUDE_REPLY, import_files, lines, spend

EMPTY = {
    "nothing": ("b.jsonl", b""),
    "blank lines": ("b.jsonl", b"\n \n\r\n"),
    "an empty list": ("b.json", b"[]"),
    "an empty page": ("b.json", b'{"data": [], "meta": {"page": 2}}'),
    "a header": ("b.csv", b"request_id,spend,startTime\n"),
    "nothing, packed": ("b.jsonl.gz", gzip.compress(b"")),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_file_without_records_among_others_is_counted(tmp_path: Path, name: str) -> None:
    """An hour without traffic makes an empty file; the other hours are read."""
    file, data = EMPTY[name]
    (row,), report = import_files(tmp_path, {"a.jsonl": [spend(1)], file: data})

    assert ("r-1", [str(tmp_path / file)]) == (row["request_id"], report.empty_files)


def test_a_folder_is_read_again_with_what_an_import_left_in_it(tmp_path: Path) -> None:
    """Neither the table nor the records set aside are logs."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.jsonl").write_text(lines(spend(1), "{"))
    command = ["traffic", "import", str(logs), "--out", str(logs / "traffic.parquet")]

    assert 0 == invoke(command)
    assert (logs / "traffic.set-aside.jsonl").exists()
    assert 0 == invoke([*command, "--force"])


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl", lines(spend(1)).encode("utf-16"), "is text in UTF-16; save it as UTF-8"),
        ("a.json", b"PK\x03\x04rest", "is a zip archive or a workbook; unpack it"),
        ("a.jsonl", b"BZh9rest", "is packed with bzip2; unpack it"),
        ("a.jsonl", b"\xfd7zXZ\x00rest", "is packed with xz; unpack it"),
        ("a.csv", b"model,time,model\na,2026-01-31,b\n", "has two columns 'model'"),
        ("a.jsonl", '{"request_id": "ü"}\n'.encode("latin-1"), "the first problem: line 1: not JSON: "),
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, data: bytes, message: str
) -> None:
    """One line, exit 2."""
    (tmp_path / name).write_bytes(data)

    assert 2 == invoke(["traffic", "import", str(tmp_path / name), "--out", str(tmp_path / "t.parquet")])
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_objects_right_after_each_other_are_read_one_by_one(tmp_path: Path) -> None:
    """As some services deliver logs: a whole file is one line; a text with braces inside is not cut."""
    records = [spend(number, model="a}{b") for number in range(1, 4)]
    text = "".join(map(json.dumps, records))
    rows, report = import_files(tmp_path, {"a.json": text, "b.jsonl": f"{json.dumps(spend(9))}\n{text}{{\n"})

    assert ["r-1", "r-2", "r-3", "r-9"] == [row["request_id"] for row in rows]
    assert (3, 1) == (report.identical, report.set_aside)


@pytest.mark.parametrize("text", ["None", "null", "NULL", "nan", "NaN", "undefined", "\\N", " None "])
def test_a_text_that_a_program_wrote_for_no_value_is_unknown(tmp_path: Path, text: str) -> None:
    """In ids, names, times, numbers and errors; two users without an id are not one user."""
    record = {
        "request": {"model": "m", "messages": [{"role": "user", "content": text}]},
        **dict.fromkeys(("timestamp", "user_id", "session_id", "route", "provider", "error", "cost_usd", "id"), text),
        **dict.fromkeys(("latency_ms", "status_code", "prompt_tokens"), text),
    }  # fmt: skip
    (row,), report = import_files(tmp_path, {"log.jsonl": [record]})

    unknown = (
        "time", "user_hash", "session_hash", "route", "provider", "error", "cost_usd", "request_id", "response_s",
        "http_status", "input_tokens",
    )  # fmt: skip
    assert {} == {name: row[name] for name in unknown if row[name] is not None}
    assert json.dumps([{"role": "user", "content": text}], separators=(",", ":")) == row["messages"]
    assert [] == report.value_problems


def test_what_is_said_in_words_is_no_null(tmp_path: Path) -> None:
    """A route may be called none, and a model may answer None."""
    (row,), _ = import_files(
        tmp_path,
        {"a.csv": "route,llm,reply\nnone,m,None\n"},
        map_file=write_map(tmp_path, "route: route\nmodel_asked: llm\nreply: reply\n"),
    )

    assert ("none", "None") == (row["route"], row["reply"])


@pytest.mark.parametrize("value", [False, 0, [], {}, "", "0", "false", "False", "none", None])
def test_what_says_that_there_was_no_error_is_none(tmp_path: Path, value: Any) -> None:
    """A flag in place of a text; an error rate of 100 % would be wrong."""
    map_file = write_map(tmp_path, "model_asked: llm\nerror: failed\n")
    (row,), _ = import_files(tmp_path, {"log.jsonl": [{"llm": "m", "failed": value}]}, map_file=map_file)

    assert row["error"] is None


def test_an_error_of_a_mapped_log_may_be_an_object(tmp_path: Path) -> None:
    """Its kind and its message, as in the other forms."""
    map_file = write_map(tmp_path, "model_asked: llm\nerror: failed\n")
    record = {"llm": "m", "failed": {"type": "rate_limit_error", "message": "slow down"}}
    (row,), _ = import_files(tmp_path, {"log.jsonl": [record]}, map_file=map_file)

    assert "rate_limit_error: slow down" == row["error"]


def test_a_column_that_no_record_has_is_named(tmp_path: Path) -> None:
    """A typing error in a map would lose all its values silently."""
    map_file = write_map(tmp_path, "model_asked: llm\ninput_tokens: usage.promt\n")
    _, report = import_files(
        tmp_path, {"log.jsonl": [{"llm": "m", "usage": {"prompt": 7}}]}, map_file=map_file
    )

    assert ["--map: no record has a value of usage.promt (input_tokens)"] == report.notes


def write_map(folder: Path, text: str) -> Path:
    """Write a map, and return its path."""
    file = folder / "map.yaml"
    file.write_text(text)
    return file


def test_a_csv_file_is_known_by_its_header(tmp_path: Path) -> None:
    """Though the first rows have no value in the columns that tell the form."""
    text = "request_id,spend,startTime,model\nr-1,,NULL,m\nr-2,0.5,2026-01-31T12:00:00Z,m\n"
    rows, report = import_files(tmp_path, {"log.csv": text})

    assert [("r-1", None), ("r-2", Decimal("0.5"))] == [(row["request_id"], row["cost_usd"]) for row in rows]
    assert {"litellm": 1} == report.files


def test_images_in_the_results_of_tools_are_hashed_and_counted(tmp_path: Path) -> None:
    """Anthropic's blocks in blocks, OpenAI's tool messages, and the outputs of Responses."""
    data = "aGVsbG8h" * 100
    source = {"type": "base64", "media_type": "image/png", "data": data}
    url = f"data:image/png;base64,{data}"
    prompts = [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": source}]}]},
        {"role": "tool", "tool_call_id": "t", "content": [{"type": "image_url", "image_url": {"url": url}}]},
        {"type": "function_call_output", "call_id": "t", "output": [{"type": "input_image", "image_url": url}]},
    ]  # fmt: skip
    rows, _ = import_files(
        tmp_path, {"log.jsonl": [{"request": {"model": "m", "messages": [prompt]}} for prompt in prompts]}
    )

    assert [1, 1, 1] == [row["image_count"] for row in rows]
    assert all(data not in row["messages"] and "sha256:" in row["messages"] for row in rows)


@pytest.mark.parametrize("claude_first", [True, False])
def test_requests_of_two_vendors_in_one_file_keep_their_own(tmp_path: Path, claude_first: bool) -> None:
    """Whichever is more frequent: provider, endpoint and tokens are those of each record."""
    claude = {
        "request": {"model": "claude-opus-4-6", "max_tokens": 9, "messages": []},
        "response": CLAUDE_REPLY,
    }
    refused = {
        "request": {"model": "claude-opus-4-6", "max_tokens": 9, "system": "x", "messages": []},
        "response": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
    }  # fmt: skip
    openai = {"request": {"model": "gpt-5.2", "messages": []}, "response": CHAT_REPLY}
    many = (
        [claude, {**claude, "id": "b"}, openai] if claude_first else [openai, {**openai, "id": "b"}, claude]
    )
    rows, _ = import_files(tmp_path, {"log.jsonl": [*many, refused]})

    found = {
        (row["model_asked"], row["error"]): (row["provider"], row["endpoint"], row["input_tokens"])
        for row in rows
    }
    assert {
        ("claude-opus-4-6", None): ("anthropic", "messages", 100),
        ("gpt-5.2", None): (None, "chat", 100),
        ("claude-opus-4-6", "overloaded_error: Overloaded"): ("anthropic", "messages", None),
    } == found
