"""Bad logs: each fault gives a count or a refusal, and nothing is silently wrong."""

from __future__ import annotations

import gzip
import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench.cli import invoke
from gapbench.errors import InputError
from gapbench.traffic import items
from gapbench.traffic.amounts import AmountError, read_count, read_seconds, read_usd
from gapbench.traffic.forms import FORMS
from gapbench.traffic.json_values import MAX_VALUE_BYTES, read_lines, split_values
from gapbench.traffic.secrets import remove_secrets
from gapbench.traffic.times import TimeError, read_time
from tests.traffic_logs import CHAT_REPLY, CLAUDE_REPLY, import_files, lines, table


def spend(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a row of LiteLLM's spend log."""
    return {
        "request_id": f"r-{number}", "spend": 0.25, "startTime": f"2026-01-31T12:00:{number:02d}Z", "model": "gpt-5.2",
        "prompt_tokens": 100, "completion_tokens": 30, **changes,
    }  # fmt: skip


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


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        ("2026-01-31T12:00:00Z", "UTC", "2026-01-31T12:00:00+00:00"),
        ("2026-01-31T14:00:00+02:00", "UTC", "2026-01-31T12:00:00+00:00"),
        ("2026-01-31 13:00:00", "Europe/Berlin", "2026-01-31T12:00:00+00:00"),
        ("2026-07-31 14:00:00.5", "Europe/Berlin", "2026-07-31T12:00:00.500000+00:00"),
        (1_769_860_800, "Europe/Berlin", "2026-01-31T12:00:00+00:00"),
        (1_769_860_800.25, "UTC", "2026-01-31T12:00:00.250000+00:00"),
        ("1769860800000", "UTC", "2026-01-31T12:00:00+00:00"),
        (1_769_860_800_000_000, "UTC", "2026-01-31T12:00:00+00:00"),
        ("1769860800000000001", "UTC", "2026-01-31T12:00:00+00:00"),
        ("Sat, 31 Jan 2026 12:00:00 +0000", "UTC", "2026-01-31T12:00:00+00:00"),
        ("Sat, 31 Jan 2026 12:00:00 GMT", "Europe/Berlin", "2026-01-31T12:00:00+00:00"),
        ("2026-01-31 13:00:00.5 +0100", "UTC", "2026-01-31T12:00:00.500000+00:00"),
        ("2026-01-31 12:00:00.25 +0000 UTC", "Europe/Berlin", "2026-01-31T12:00:00.250000+00:00"),
    ],
)
def test_times_in_any_unit_and_zone_become_utc(value: Any, zone: str, expected: str) -> None:
    """A number's size tells its unit; only a text without a zone needs one."""
    from zoneinfo import ZoneInfo

    found, _ = read_time(value, ZoneInfo(zone))

    assert datetime.fromisoformat(expected) == datetime.fromtimestamp((found or 0) / 1e6, UTC)


@pytest.mark.parametrize(
    "value",
    [
        "1970-01-21T11:37:40Z",
        "57000-01-01T00:00:00Z",
        1_769_860,
        1_769_860_800 * 10**12,
        "yesterday",
        "05/06/2026",
        True,
        math.nan,
        -1,
    ],
)
def test_impossible_times_are_refused(value: Any) -> None:
    """The years 1970 and 57000 come from milliseconds that were taken for seconds, or the reverse."""
    with pytest.raises(TimeError):
        read_time(value, UTC)


def test_a_time_without_a_zone_is_counted_with_the_zone_that_was_assumed(tmp_path: Path) -> None:
    """The user must know which."""
    _, report = import_files(
        tmp_path, {"log.jsonl": [spend(1, startTime="2026-01-31 12:00:00"), spend(2)]}, time_zone="Asia/Tokyo"
    )

    assert (1, "Asia/Tokyo") == (report.naive_times, report.zone)
    assert datetime(2026, 1, 31, 3, tzinfo=UTC) == datetime.fromtimestamp((report.first_time or 0) / 1e6, UTC)


def test_times_out_of_order_are_counted(tmp_path: Path) -> None:
    """3 after 5, and 4 after nothing later than 3: one."""
    _, report = import_files(tmp_path, {"log.jsonl": [spend(5), spend(3), spend(4)]})

    assert 1 == report.out_of_order


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7),
        ("7", 7),
        ("7.0", 7),
        (7.0, 7),
        ("1,234", 1234),
        (None, None),
        ("", None),
        ("null", None),
        ("NaN", None),
    ],
)
def test_counts_may_be_texts(value: Any, expected: int | None) -> None:
    """CSV files know only texts; a text that says unknown is unknown."""
    assert expected == read_count(value)


@pytest.mark.parametrize("value", [-1, "-1", 1.5, "x", True, math.nan, math.inf, 2**60, [], {}])
def test_impossible_counts_are_refused(value: Any) -> None:
    """None of them is a number of tokens."""
    with pytest.raises(AmountError):
        read_count(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.2345e-05, "0.000012345"),
        ("$0.10", "0.10"),
        (0.1 + 0.2, "0.30000000000000004"),
        (Decimal("0.1"), "0.1"),
        (0, "0"),
        ("123456.1234567890123456789012345", "123456.123456789012345678901234"),
        ("$1,234.50", "1234.50"),
    ],
)
def test_dollars_are_exact(value: Any, expected: str) -> None:
    """A float is what its shortest text says."""
    assert Decimal(expected) == read_usd(value)


@pytest.mark.parametrize("value", [-0.1, "1,5", math.nan, math.inf, 1e13, True, "free"])
def test_impossible_dollars_are_refused(value: Any) -> None:
    """A comma may be a decimal point or not."""
    with pytest.raises(AmountError):
        read_usd(value)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, 1e9, "soon"])
def test_impossible_durations_are_refused(value: Any) -> None:
    """A billion seconds are milliseconds, or worse."""
    with pytest.raises(AmountError):
        read_seconds(value)


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


SECRETS = (
    "sk-proj-" + "a1B2" * 10,
    "sk-ant-api03-" + "x9" * 30,
    "AKIA" + "ABCDEFGH12345678",
    "AIza" + "Sy" + "a" * 33,
    "ghp_" + "a1" * 18,
    "xoxb-" + "1234567890-abcdef",
    "hf_" + "aB" * 17,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmno",
    "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_text_of_a_keys_shape_is_removed(secret: str) -> None:
    """Once, with what is around it kept."""
    assert ("use [redacted] please", 1) == remove_secrets(f"use {secret} please")


def test_what_only_starts_like_many_tokens_is_searched_in_one_pass() -> None:
    """A search of 2 MB from each start would take minutes."""
    text = "-eyJ" * 500_000 + " .eyJ"

    assert (text, 0) == remove_secrets(text)


@pytest.mark.parametrize(
    "text", ["a risk-averse approach to task-oriented dialogue", "task-force", "ghosts through", "basic"]
)
def test_words_are_no_secrets(text: str) -> None:
    """Removing them would spoil prompts."""
    assert (text, 0) == remove_secrets(text)


def test_no_secret_and_no_id_reaches_the_table_or_the_file_of_what_was_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompts, replies, errors, labels and broken lines; a key of the environment too."""
    key = "s3cr3t-gateway-key-0123456789"
    monkeypatch.setenv("GATEWAY_API_KEY", key)
    from gapbench import credentials

    credentials.remember_key(key)
    planted = " ".join((*SECRETS, key))
    record = {
        "request": {"model": "m", "messages": [{"role": "user", "content": planted}], "user": "ann@example.com", "tools": [{"name": planted}]},
        "response": {"choices": [{"message": {"content": planted, "tool_calls": [{"arguments": planted}]}, "finish_reason": planted}]},
        "error": planted, "route": planted, "session_id": "session-4711",
    }  # fmt: skip
    import_files(tmp_path, {"log.jsonl": lines(record, '{"broken": "' + planted.replace("\n", "\\n"))})
    from gapbench.store.table_file import iterate_rows

    text = json.dumps(list(iterate_rows(tmp_path / "traffic.parquet")), default=str)
    text += (tmp_path / "traffic.set-aside.jsonl").read_text()
    for secret in (*SECRETS[:-1], key, "ann@example.com", "session-4711"):
        assert secret not in text


def test_hashes_are_the_same_only_with_the_same_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A random key tells nothing across imports; one of the user's own joins them."""
    log = {"log.jsonl": [spend(1, user="ann"), spend(2, user="ann", session_id="ann")]}
    (first, second), _ = import_files(tmp_path, log)
    (other, _), _ = import_files(tmp_path, log)
    monkeypatch.setenv("TRAFFIC_KEY", "long and random 1234567890")
    (joined, _), one = import_files(tmp_path, log, hash_key_env="TRAFFIC_KEY")
    (again, _), two = import_files(tmp_path, log, hash_key_env="TRAFFIC_KEY")

    assert first["user_hash"] == second["user_hash"] != other["user_hash"]
    assert second["user_hash"] != second["session_hash"]
    assert (joined["user_hash"], one.key_id) == (again["user_hash"], two.key_id)


def test_metadata_only(tmp_path: Path) -> None:
    """--no-text stores counts and times, and no word of prompt and reply."""
    record = {
        "request": {
            "model": "m",
            "messages": [{"role": "user", "content": "Hello"}],
            "tools": [{"name": "t"}],
        },
        "response": {
            "choices": [{"message": {"content": "Hi"}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1},
        },
    }
    (row,), _ = import_files(tmp_path, {"log.jsonl": [record]}, keep_texts=False)

    assert [None] * 4 == [row[name] for name in ("messages", "tools", "reply", "reply_tool_calls")]
    assert (3, 0) == (row["input_tokens"], row["image_count"])


def test_image_data_becomes_its_hash(tmp_path: Path) -> None:
    """An image of 3 bytes; addresses stay."""
    content = [
        {"type": "text", "text": "?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAEC"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    (row,), _ = import_files(
        tmp_path, {"log.jsonl": [{"model": "m", "messages": [{"role": "user", "content": content}]}]}
    )

    assert 2 == row["image_count"]
    assert "AAEC" not in row["messages"]
    assert ",sha256:ae4b3280e56e2faf 3 bytes" in row["messages"]
    assert "https://example.com/a.png" in row["messages"]


def test_a_line_over_the_bound_is_passed_over_without_being_kept() -> None:
    """Of 41 bytes, with a bound of 10, at most 10 and the next chunk are in memory; the lines after it are read."""
    import io

    long, short = read_lines(io.BytesIO(b"x" * 40 + b"\n{}\n"), max_bytes=10)

    assert ("a line of 41 bytes; the most is 10", 1) == (long.problem, long.line)
    assert (b"{}\n", 2) == (short.data, short.line)
    assert 40 * 2**20 < MAX_VALUE_BYTES


@given(
    st.lists(
        st.dictionaries(st.text(), st.text() | st.lists(st.dictionaries(st.text(), st.text())), max_size=3),
        max_size=5,
    ),
    st.integers(1, 7),
    st.sampled_from([None, 2]),
)
def test_an_array_is_split_into_its_objects_wherever_it_is_read_in_parts(
    values: list[Any], size: int, indent: int | None
) -> None:
    """Brackets and quotes in texts, escapes at the end of a part, any layout."""
    import io

    class Parts(io.BytesIO):
        def read1(self, _: int | None = -1) -> bytes:
            return super().read1(size)

    spans = list(split_values(Parts(json.dumps(values, indent=indent).encode())))

    assert values == [json.loads(span.data) for span in spans]
    assert [None] * len(values) == [span.problem for span in spans]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = [
    "request_id",
    "id",
    "spend",
    "startTime",
    "endTime",
    "model",
    "metadata",
    "messages",
    "response",
    "request",
    "input",
    "output",
    "type",
    "start_time",
    "trace_id",
    "usage_details",
    "usage",
    "choices",
    "content",
    "custom_id",
    "result",
    "body",
    "error",
    "resourceSpans",
    "metrics",
    "span_attributes",
    "created_at",
    "native_tokens_prompt",
    "request_created_at",
    "delay_ms",
    "observations",
    "timestamp",
    "user_id",
    "tags",
    "params",
]


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=8))
def test_a_record_of_any_shape_is_read_or_refused_and_never_breaks_the_import(record: dict[str, Any]) -> None:
    """What a form does not expect must be a LineError or an error of the kinds that the import sets aside."""
    from gapbench.traffic.draft import LineError
    from gapbench.traffic.identities import IdentityHasher
    from gapbench.traffic.importer import SHAPE_ERRORS
    from gapbench.traffic.row_builder import RowBuilder

    builder = RowBuilder(IdentityHasher())
    for kind in FORMS:
        form = kind()
        if form.is_text or not form.accepts(record):
            continue
        try:
            for draft in form.read(record):
                row = builder.build(draft, form.name, "f", 1)
                hash(row)
        except (LineError, *SHAPE_ERRORS):
            continue


def test_a_bad_span_loses_no_other_of_its_export(tmp_path: Path) -> None:
    """Exports hold thousands of spans in one line."""
    from tests.gapbench.traffic.test_forms import CURRENT_SPAN, export

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
