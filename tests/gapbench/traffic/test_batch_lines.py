"""Input and output lines of batches: joined by id and file, and never dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.traffic_logs import CHAT_REPLY, import_files, messages


def entry(custom_id: str, text: str, url: str = "/v1/chat/completions") -> dict[str, Any]:
    """Return an input line."""
    body = {"model": "gpt-5.2", "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


def output(custom_id: str, request_id: str) -> dict[str, Any]:
    """Return an output line."""
    response = {"status_code": 200, "request_id": request_id, "body": CHAT_REPLY}
    return {"id": f"b-{request_id}", "custom_id": custom_id, "response": response}


def prompt(text: str) -> str:
    return messages({"role": "user", "content": text})


def by_id(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["request_id"]: row["messages"] for row in rows}


@pytest.mark.parametrize(
    "names",
    [
        ("jan-input.jsonl", "jan-output.jsonl", "feb-input.jsonl", "feb-output.jsonl"),
        (
            "batch_1_requests.jsonl",
            "batch_1_results.jsonl",
            "batch_2_requests.jsonl",
            "batch_2_results.jsonl",
        ),
        ("1/input.jsonl", "1/output.jsonl", "2/input.jsonl", "2/output.jsonl"),
        ("in/1.jsonl", "out/1.jsonl", "in/2.jsonl", "out/2.jsonl"),
    ],
)
def test_batches_that_number_their_requests_alike_are_joined_by_the_names_of_their_files(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Both batches have a request 1; the names tell which prompt belongs to which reply."""
    contents = [[entry("1", "January")], [output("1", "r-1")], [entry("1", "February")], [output("1", "r-2")]]
    rows, report = import_files(tmp_path, dict(zip(names, contents, strict=True)))

    assert {"r-1": prompt("January"), "r-2": prompt("February")} == by_id(rows)
    assert [] == report.notes


def test_an_output_file_belongs_to_the_only_input_file_with_all_its_ids(tmp_path: Path) -> None:
    """Only the second batch has a request 2, so the output file with 1 and 2 is its."""
    rows, report = import_files(
        tmp_path,
        {
            "a.jsonl": [entry("1", "A1")],
            "b.jsonl": [entry("1", "B1"), entry("2", "B2")],
            "x.jsonl": [output("1", "r-1"), output("2", "r-2")],
        },
    )

    assert {"r-1": prompt("B1"), "r-2": prompt("B2"), "1": prompt("A1")} == by_id(rows)
    assert [] == report.notes


def test_the_same_prompt_in_two_batches_is_joined_with_the_reply(tmp_path: Path) -> None:
    """It makes no difference which of the two lines the reply belongs to; the other has no reply."""
    rows, _ = import_files(
        tmp_path,
        {"a.jsonl": [entry("1", "same")], "b.jsonl": [entry("1", "same")], "x.jsonl": [output("1", "r")]},
    )

    assert {"r": prompt("same"), "1": prompt("same")} == by_id(rows)


def test_what_cannot_be_joined_is_kept_and_reported(tmp_path: Path) -> None:
    """Two requests and one reply: two rows. Which prompt was answered is unknown, and the model is the same in both."""
    rows, report = import_files(
        tmp_path, {"a.jsonl": [entry("1", "A")], "b.jsonl": [entry("1", "B")], "x.jsonl": [output("1", "r")]}
    )

    assert {"r": None, "1": None} == by_id(rows)
    assert ["gpt-5.2"] == [row["model_asked"] for row in rows if row["request_id"] == "1"]
    (note,) = report.notes
    assert note.startswith(
        "replies of batches without their prompt: 1; their custom_id is in several input files"
    )


def test_unanswered_requests_of_several_batches_are_all_kept(tmp_path: Path) -> None:
    """The same ids and the same texts in two files are two requests each; in one file a repeated line is one."""
    lines = [entry("1", "A"), entry("2", "B"), entry("2", "B")]
    rows, report = import_files(tmp_path, {"a.jsonl": lines, "b.jsonl": lines})

    assert ["1", "1", "2", "2"] == sorted(row["request_id"] for row in rows)
    assert (2 * 2, 2, 0) == (report.rows, report.identical, report.conflicting)


def test_failed_requests_without_an_id_of_their_own_are_told_apart_by_file(tmp_path: Path) -> None:
    """An expired request has only its custom_id, which the next batch uses again."""
    expired = {"custom_id": "1", "result": {"type": "expired"}}
    rows, report = import_files(tmp_path, {"a.jsonl": [expired], "b.jsonl": [expired]})

    assert (2, 0, 0) == (len(rows), report.identical, report.conflicting)


def test_an_output_file_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    """The second copy is joined like the first, so its rows repeat exactly."""
    given = [output("1", "r")]
    rows, report = import_files(tmp_path, {"in.jsonl": [entry("1", "A")], "x.jsonl": given, "y.jsonl": given})

    assert ({"r": prompt("A")}, 1, 0) == (by_id(rows), report.identical, report.conflicting)


def test_input_lines_over_the_bound_lose_their_prompt_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second line is over 120 bytes together with the first."""
    from gapbench.traffic.forms import batch_lines

    monkeypatch.setattr(batch_lines, "MAX_WAITING_BYTES", 120)
    rows, report = import_files(
        tmp_path, {"in.jsonl": [entry("1", "A"), entry("2", "B")], "out.jsonl": [output("2", "r")]}
    )

    assert {"1": prompt("A"), "r": None} == by_id(rows)
    assert ["gpt-5.2"] * 2 == [row["model_asked"] for row in rows]
    assert report.notes == [
        "requests of batches without their prompt: 1; the input lines together are over 512 MiB"
    ]


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("/v1/chat/completions", "chat"),
        ("/v1/responses", "responses"),
        ("/v1/embeddings", "embeddings"),
        ("/v1/moderations", "moderations"),
    ],
)
def test_the_endpoint_of_a_batch_is_that_of_its_url(tmp_path: Path, url: str, endpoint: str) -> None:
    """An embedding's body looks like a Responses request."""
    line = {"custom_id": "1", "url": url, "body": {"model": "m", "input": "Hello"}}
    (row,), _ = import_files(tmp_path, {"in.jsonl": [line]})

    assert endpoint == row["endpoint"]
    assert (endpoint == "embeddings") == (row["messages"] is None)


def test_a_custom_id_of_too_many_lines_joins_nothing_and_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking through all for each reply would take quadratic time; the three replies are kept."""
    from gapbench.traffic.forms import batch_lines

    monkeypatch.setattr(batch_lines, "MAX_SAME_ID", 2)
    lines = [*(entry("x", str(number)) for number in range(3)), *(output("x", f"r-{n}") for n in range(3))]
    rows, report = import_files(tmp_path, {"b.jsonl": lines})

    assert {"r-0": None, "r-1": None, "r-2": None} == by_id(rows)
    assert "replies of batches without their prompt: 3" in report.notes[0]
