"""Bad logs: each fault gives a count or a refusal, and nothing is silently wrong."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gapbench.cli import invoke
from gapbench.errors import InputError
from gapbench.traffic import items
from tests.traffic_logs import import_files, lines, spend, table


def test_broken_lines_are_counted_and_set_aside_with_their_place(tmp_path: Path) -> None:
    """The rest of the file is read; the line itself is kept in a file next to the table."""
    rows, report = import_files(
        tmp_path, {"log.jsonl": lines(spend(1), '{"request_id": ', spend(2), "[1]", spend(3))}
    )

    assert 3 == len(rows)
    assert 2 == report.set_aside
    kept = [json.loads(line) for line in (tmp_path / "traffic.set-aside.jsonl").read_text().splitlines()]
    assert [(2, '{"request_id": '), (4, "[1]")] == [(entry["line"], entry["text"]) for entry in kept]
    assert kept[0]["problem"].startswith("not JSON: ")


def test_a_clean_import_removes_what_an_earlier_one_set_aside(tmp_path: Path) -> None:
    """Otherwise the old file would seem to belong to the new table."""
    import_files(tmp_path, {"log.jsonl": lines(spend(1), "{")})
    import_files(tmp_path, {"log.jsonl": lines(spend(1))})

    assert not (tmp_path / "traffic.set-aside.jsonl").exists()


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("log.jsonl", lines(spend(1), spend(2))[:-20].encode(), "log.jsonl:2: not JSON"),
        ("log.json", json.dumps([spend(1), spend(2)])[:-20].encode(), "log.json:1: the file ends in the middle"),
        ("log.json", json.dumps([spend(1)])[:-1].encode() + b",", "log.json:1: the file ends before its array does"),
        ("log.jsonl.gz", gzip.compress(lines(*(spend(n) for n in range(9))).encode(), mtime=0)[:-9], "the file is cut or damaged"),
    ],
    ids=["lines", "array", "between", "gzip"],
)  # fmt: skip
def test_a_file_cut_in_the_middle_gives_what_is_before_and_says_so(
    tmp_path: Path, name: str, data: bytes, problem: str
) -> None:
    """What is lost is one counted record."""
    rows, report = import_files(tmp_path, {name: data})

    assert "r-1" in {row["request_id"] for row in rows}
    assert 1 == report.set_aside
    assert problem in report.first_set_aside[0]


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: pa.compress(data, codec="zstd", asbytes=True)])
def test_packed_files_are_known_by_their_content(tmp_path: Path, pack: Any) -> None:
    """The ending may be missing or wrong."""
    rows, _ = import_files(tmp_path, {"log.jsonl": pack(lines(spend(1)).encode())})

    assert ["r-1"] == [row["request_id"] for row in rows]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ('{"question": "1 + 1?", "answer": "2"}', "is of no known form; its keys are question, answer"),
        ("2026-01-31 GET /index.html 200", "is of no known form; it starts with '2026-01-31 GET"),
        ("", "holds no record that can be read"),
        ("{broken", "holds no record that can be read"),
        (
            '{"request_id": "r", "spend": 1, "startTime": "1970-01-21T10:57:40Z"}',
            "nothing can be read; the first problem: ",
        ),
    ],
    ids=["a data set", "another log", "empty", "broken", "impossible times"],
)
def test_a_file_of_which_nothing_can_be_read_ends_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], record: str, message: str
) -> None:
    """Exit 2; no table and no other file is left."""
    log = tmp_path / "log.jsonl"
    log.write_text(record and record + "\n")

    assert 2 == invoke(["traffic", "import", str(log), "--out", str(tmp_path / "out" / "t.parquet")])
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert [] == list((tmp_path / "out").glob("*"))


@pytest.mark.parametrize(
    "row",
    [
        {"start_time": 1767225600, "num_model_requests": 120, "model": "gpt-5.2", "input_tokens": 1000},
        {"starting_at": "2026-01-01T00:00:00Z", "uncached_input_tokens": 1000, "output_tokens": 20},
    ],
    ids=["OpenAI", "Anthropic"],
)
def test_totals_of_a_vendor_are_refused_with_what_to_do(tmp_path: Path, row: dict[str, Any]) -> None:
    """A day's usage has no single request."""
    with pytest.raises(InputError, match=r"totals of many requests .* record requests with `bench record`"):
        import_files(tmp_path, {"usage.csv": table([row])})


def test_an_existing_table_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--force replaces it."""
    (tmp_path / "log.jsonl").write_text(lines(spend(1)))
    (tmp_path / "t.parquet").write_text("mine")
    command = ["traffic", "import", str(tmp_path / "log.jsonl"), "--out", str(tmp_path / "t.parquet")]

    assert 2 == invoke(command)
    assert (
        "already exists; choose another name with --out, or overwrite it with --force"
        in capsys.readouterr().err
    )
    assert "mine" == (tmp_path / "t.parquet").read_text()
    assert 0 == invoke([*command, "--force"])
    assert "1 request from 1 file (litellm 1)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.jsonl"], "none.jsonl: cannot be read: No such file or directory"),
        (["none-*.jsonl"], "no file matches this pattern"),
        (["log.jsonl", "--form", "lite"], "--form 'lite' is unknown; expected anthropic, "),
        (["log.jsonl", "--form", "langfuse"], "holds nothing of the form langfuse; it looks like litellm"),
        (["log.jsonl", "--time-zone", "Berlin"], "--time-zone 'Berlin' is not a time zone"),
        (
            ["log.jsonl", "--hash-key-env", "NO_SUCH_KEY"],
            "--hash-key-env names NO_SUCH_KEY, which is not set",
        ),
        (["log.jsonl", "--map", "none.yaml"], "none.yaml: no such file"),
        (["gs://bucket/log.jsonl"], "give a folder, or s3://BUCKET/PREFIX"),
    ],
)
def test_a_wrong_argument_ends_in_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    """Exit 2, with what would do."""
    monkeypatch.chdir(tmp_path)
    Path("log.jsonl").write_text(lines(spend(1)))

    assert 2 == invoke(["traffic", "import", *arguments])
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_folders_and_patterns_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with everything below it, each file once."""
    monkeypatch.chdir(tmp_path)
    rows, report = import_files(
        tmp_path,
        {
            "logs/a.jsonl": [spend(1)],
            "logs/deep/b.csv": "request_id,spend,startTime,model\nr-2,1,2026-01-31T12:00:00Z,m\n",
        },
    )
    from gapbench.traffic import ImportOptions, import_traffic

    report = import_traffic(["logs", "logs/*.jsonl", "logs/a.jsonl"], Path("t.parquet"), ImportOptions())

    assert (2, 2) == (len(rows), report.rows)


def test_a_value_that_cannot_be_is_left_out_and_counted(tmp_path: Path) -> None:
    """The row stays; what is unknown is null."""
    rows, report = import_files(
        tmp_path, {"log.jsonl": lines(spend(1, prompt_tokens=-5), spend(2, prompt_tokens=-7), '{"request_id": "r-3", "startTime": "2026-01-31T12:00:00Z", "model": "m", "spend": NaN, "completion_tokens": Infinity}')}
    )  # fmt: skip

    assert [None, None, None] == [row["input_tokens"] for row in rows]
    place = str(tmp_path / "log.jsonl")
    assert {
        ("input_tokens", "negative", 2, f"{place}:1"),
        ("cost_usd", "not finite", 1, f"{place}:3"),
        ("output_tokens", "not finite", 1, f"{place}:3"),
    } == set(report.value_problems)


def test_durations_and_costs_without_a_unit_are_left_out_and_counted(tmp_path: Path) -> None:
    """`latency: 1200` may be milliseconds, and `cost: 12` cents."""
    log = {"request": {"model": "m", "messages": []}, "latency": 1200, "cost": 12, "timestamp": 1_769_860_800}
    (row,), report = import_files(tmp_path, {"log.jsonl": [log]})

    assert (None, None) == (row["response_s"], row["cost_usd"])
    assert {
        ("response_s", "`latency` names no unit; give it one with --map", 1),
        ("cost_usd", "`cost` names no unit; give it one with --map", 1),
    } == {problem[:3] for problem in report.value_problems}


def test_repeated_records_are_kept_once_and_conflicting_ones_reported(tmp_path: Path) -> None:
    """The same id with other content may be counted twice: the user must know."""
    rows, report = import_files(
        tmp_path, {"a.jsonl": [spend(1), spend(1), spend(2)], "b.jsonl": [spend(2, spend=9)]}
    )

    assert [Decimal("0.25"), Decimal("0.25"), Decimal(9)] == [row["cost_usd"] for row in rows]
    assert (1, 1, [f"{tmp_path / 'b.jsonl'}:1"]) == (
        report.identical,
        report.conflicting,
        report.first_conflicts,
    )


def test_a_record_is_repeated_if_any_record_before_has_its_id_and_its_content(tmp_path: Path) -> None:
    """A, B, B, A, C with one id: three requests, of which two conflict, and two repetitions."""
    a, b, c = (spend(1, spend=amount) for amount in (1, 2, 3))
    rows, report = import_files(tmp_path, {"log.jsonl": [a, b, b, a, c]})

    assert [1, 2, 3] == [row["cost_usd"] for row in rows]
    assert (2, 2) == (report.identical, report.conflicting)


def test_two_definitions_of_tokens_in_one_file_come_out_as_one(tmp_path: Path) -> None:
    """Anthropic's 10 + 60 read + 30 written are OpenAI's 100."""
    claude = {
        "input_tokens": 10,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 30,
        "output_tokens": 5,
    }
    openai = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 60}}
    request = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
    rows, _ = import_files(
        tmp_path,
        {
            "log.jsonl": [
                {
                    "request": request,
                    "response": {
                        "type": "message",
                        "content": [],
                        "stop_reason": "end_turn",
                        "usage": claude,
                    },
                },
                {"request": request, "response": {"choices": [], "usage": openai}},
            ]
        },
    )

    assert [(10 + 60 + 30, 60, 30), (100, 60, None)] == [
        (row["input_tokens"], row["cached_input_tokens"], row["cache_write_tokens"]) for row in rows
    ]


def test_a_bad_span_loses_no_other_of_its_export(tmp_path: Path) -> None:
    """Exports hold thousands of spans in one line."""
    from tests.gapbench.traffic.test_opentelemetry_form import CURRENT_SPAN, export

    bad = {**CURRENT_SPAN, "startTimeUnixNano": "12"}
    rows, report = import_files(tmp_path, {"spans.jsonl": [export(bad, CURRENT_SPAN)]})

    assert (1, 1) == (len(rows), report.set_aside)
    assert "time '12': a number that cannot be a time" in report.first_set_aside[0]


def test_cells_of_a_broken_csv_row_are_set_aside(tmp_path: Path) -> None:
    """A row with too few cells would move its values into other columns."""
    text = "request_id,spend,startTime,model\nr-1,1,2026-01-31T12:00:00Z,m\nr-2,1\nr-3,1,2026-01-31T12:00:02Z,m\n"
    rows, report = import_files(tmp_path, {"log.csv": text})

    assert ["r-1", "r-3"] == [row["request_id"] for row in rows]
    assert report.first_set_aside[0].endswith("log.csv:3: has 2 cells, and the header 4")


def test_every_packed_ending_is_read_as_what_is_inside() -> None:
    """`a.csv.gz` is CSV."""
    assert (
        "a.csv"
        == items.name_without_packing(Path("A.CSV.gz"))
        == items.name_without_packing(Path("a.csv.zst"))
    )


def test_a_wrong_form_of_one_file_stops_the_import(tmp_path: Path) -> None:
    """The table would be without it, and its name is in the message."""
    with pytest.raises(InputError, match=r"b\.jsonl: is of no known form"):
        import_files(tmp_path, {"a.jsonl": [spend(1)], "b.jsonl": [{"x": 1}]})


@pytest.mark.parametrize("given", ["loop", "folder"])
def test_what_is_no_table_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str) -> None:
    """A link to itself and a folder, as a log and as a table to read."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "folder").mkdir()
    bad = str(tmp_path / given)
    for arguments in (
        ["import", bad, "--out", str(tmp_path / "new.parquet")],
        ["audit", bad],
        ["sample", bad, "--out", str(tmp_path / "s.yaml")],
    ):
        assert 2 == invoke(["traffic", *arguments]), arguments
        said = capsys.readouterr().err.strip()
        assert said.startswith("bench: "), arguments
        assert 1 == len(said.splitlines()), arguments
