"""The audit of recorded traffic: totals, shares, retries, the month, and what a log does not tell."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gapbench.analysis.traffic import audit_traffic, figures, read_requests
from gapbench.cli import invoke
from gapbench.report.traffic import answer_lines, render_markdown
from tests.audited_traffic import MONDAY, frame_of, lines_of, request, without
from tests.traffic_logs import import_files, spend


def test_totals_are_those_of_the_log_to_the_last_token_and_cent(tmp_path: Path) -> None:
    """Three requests, one of them failed: 2 of each amount, exact."""
    failed = request(MONDAY, 2, response=None, cost_usd=None, error="slow down", status_code=429)
    audit = audit_traffic(
        frame_of(tmp_path, request(MONDAY, 0, cost_usd="0.1"), request(MONDAY, 1, cost_usd="0.2"), failed)
    )

    total = audit.total
    assert (3, 2 * 1000, 2 * 400, 2 * 50) == tuple(
        total[key] for key in ("requests", "input_tokens", "cached_input_tokens", "output_tokens")
    )
    assert Decimal("0.3") == total["usd_reported"]
    assert (400 / 1000, 1 / 3) == (total["cache_share"], total["error_share"])
    assert (1.0, 0.2, 50.0) == (
        total["response_p50_s"],
        total["first_token_p95_s"],
        total["output_tokens_p50"],
    )
    assert (None, 0.0) == (total["gateway_cache_share"], total["image_share"])


def test_a_retry_repeats_the_prompt_of_a_failed_request_soon_after_it(tmp_path: Path) -> None:
    """Of five requests one is a retry: not the one after 6 minutes, and not the repetition of a success."""
    prompt = {"model": "gpt-5.2", "messages": [{"role": "user", "content": "the same"}]}
    seconds = pd.Timedelta(seconds=1)
    records = [
        request(MONDAY, 0, request=prompt, response=None, error="busy"),
        request(MONDAY + 10 * seconds, 1, request=prompt),
        request(MONDAY + 20 * seconds, 2, request=prompt, response=None, error="busy"),
        request(MONDAY + 400 * seconds, 3, request=prompt),
        request(MONDAY + 401 * seconds, 4),
    ]

    # The third repeats a success; the fourth comes 380 s after a failure.
    assert 1 / 5 == figures.retry_share(frame_of(tmp_path, *records))


def test_retries_are_unknown_without_prompts(tmp_path: Path) -> None:
    """A hash of nothing would make every request a repetition."""
    import_files(tmp_path, {"log.jsonl": [request(MONDAY)]}, keep_texts=False)
    frame = read_requests([tmp_path / "traffic.parquet"])

    assert figures.retry_share(frame) is None
    assert figures.tool_share(frame) is None


def test_shares_of_tools_images_and_long_prompts(tmp_path: Path) -> None:
    """One of four each; exactly 32,000 tokens is not long."""
    tools, image, long, edge = (request(MONDAY, number) for number in range(4))
    tools["request"]["tools"] = [{"name": "look"}]
    image["request"]["messages"] = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/a.png"}}]}
    ]
    long["response"]["usage"] = {"prompt_tokens": 32_001, "completion_tokens": 1}
    edge["response"]["usage"] = {"prompt_tokens": 32_000, "completion_tokens": 1}
    frame = frame_of(tmp_path, tools, image, long, edge)

    assert [1 / 4] * 3 == [
        figures.tool_share(frame),
        figures.image_share(frame),
        figures.long_context_share(frame),
    ]


def test_burstiness_is_the_fullest_hour_over_the_mean(tmp_path: Path) -> None:
    """Six requests in four hours, four of them in the third, two in one minute."""
    minutes = (0, 125, 130, 131, 131, 239)
    frame = frame_of(
        tmp_path, *(request(MONDAY + pd.Timedelta(minutes=at), n) for n, at in enumerate(minutes))
    )
    found = figures.burstiness(frame)

    assert found is not None
    assert (6 / 4, 4, 2, 4 / (6 / 4)) == (
        found.mean_per_hour,
        found.peak_per_hour,
        found.peak_per_minute,
        found.peak_to_mean,
    )
    assert "2026-01-05T02:00:00+00:00" == found.peak_hour


@pytest.mark.parametrize(
    ("per_hour", "hours", "words"),
    [
        (1.0, 200, "24 requests arrive a day"),
        (0.065, 24 * 30, "11 requests arrive a week"),
        (1 / 168, 24 * 30, "1 request arrives a week"),
        (1.0, 5, "1 request arrives an hour"),
        (15.0, 200, "15 requests arrive an hour"),
        (1388.9, 720, "23 requests arrive a minute"),
        (50_000.0, 720, "14 requests arrive a second"),
        (3.6e9, 720, "1 million requests arrive a second"),
    ],
)
def test_a_rate_is_told_in_the_unit_that_suits_it(per_hour: float, hours: int, words: str) -> None:
    """The shortest unit with ten or more: 50,000 / 3,600 = 13.9 a second; never a unit that the log is too short for."""
    from gapbench.report.traffic import _rate

    assert words == _rate(per_hour, hours)


def days_frame(by_day: list[int]) -> pd.DataFrame:
    """Return a frame of times only: so many requests on each day from Monday on, from its first to its last hour."""
    times = [
        time
        for day, count in enumerate(by_day)
        for time in pd.date_range(
            MONDAY + pd.Timedelta(days=day, minutes=1),
            MONDAY + pd.Timedelta(days=day, hours=23.5),
            periods=count,
        )
    ]
    return pd.DataFrame({"time": pd.Series(times, dtype="datetime64[us, UTC]")})


def ones(frame: pd.DataFrame) -> pd.Series[Any]:
    return pd.Series(1.0, frame.index)


def test_a_month_from_few_days_is_their_mean_with_students_interval() -> None:
    """20, 21 and 22 a day: 21 a day for 365.25 / 12 days, with a deviation of 1; t with 2 degrees is 4.303."""
    frame = days_frame([20, 21, 22])
    found = figures.monthly_volume(frame, ones(frame))
    month, margin = 365.25 / 12, 4.303 * 1 / 3**0.5

    assert found is not None
    assert (21 * month, (21 - margin) * month, (21 + margin) * month) == pytest.approx(
        (found.value, found.low, found.high), rel=1e-4
    )


def test_one_or_two_days_give_no_interval() -> None:
    """Two days cannot tell how days vary."""
    frame = days_frame([10, 20])
    found = figures.monthly_volume(frame, ones(frame))

    assert found is not None
    assert (15 * 365.25 / 12, None, None) == pytest.approx((found.value, found.low, found.high))


def test_quiet_sundays_are_no_uncertainty() -> None:
    """Four weeks of 60 a day and 5 on Sundays: 365 a week, without variation."""
    frame = days_frame([60, 60, 60, 60, 60, 60, 5] * 4)
    found = figures.monthly_volume(frame, ones(frame))

    assert found is not None
    month = 365 / 7 * 365.25 / 12
    assert (month, month, month) == pytest.approx((found.value, found.low, found.high))


def test_two_weekends_in_nine_days_do_not_make_the_month_quiet() -> None:
    """Saturday to the Sunday after next: 5 days of 60 and 4 of 5 are 5 x 60 + 2 x 5 = 310 a week, not 320 / 9 x 7."""
    frame = days_frame([5, 5, 60, 60, 60, 60, 60, 5, 5])
    frame["time"] += pd.Timedelta(days=5)
    found = figures.monthly_volume(frame, ones(frame))

    assert found is not None
    assert 310 / 7 * 365.25 / 12 == pytest.approx(found.value)


def test_days_that_a_log_covers_in_part_do_not_count() -> None:
    """From 10:00 on the first day to 12:00 on the last: only the day between is whole."""
    times = [MONDAY + pd.Timedelta(hours=hour) for hour in (10, 25, 30, 60)]
    frame = pd.DataFrame({"time": pd.Series(times, dtype="datetime64[us, UTC]")})

    assert [MONDAY + pd.Timedelta(days=1)] == figures.whole_days(frame)


@pytest.mark.parametrize("weeks", [1, 4])
def test_the_interval_covers_the_true_month_in_95_of_100_draws(weeks: int) -> None:
    """200 seeded logs of days with a known mean, each day drawn with an overdispersion of three.

    One week is drawn without weekdays, for Student's interval; four with quiet weekends, for the one within weekdays.
    Of 200 draws at 95 %, 181 to 198 covers is within 3.2 standard errors.
    """
    draw = np.random.default_rng(7)
    means = np.full(7, 40.0) if weeks == 1 else np.array([60, 60, 60, 60, 50, 10, 10])
    truth = float(means.mean()) * figures.DAYS_A_MONTH
    days = pd.date_range(MONDAY, periods=7 * weeks, freq="D")
    # One row a day carries its amount; the first and the last are in the first and the last hour.
    frame = pd.DataFrame({"time": days + pd.Timedelta(hours=0.5)})
    frame.loc[len(frame)] = [days[-1] + pd.Timedelta(hours=23.5)]
    covered = 0
    for _ in range(200):
        amounts = draw.negative_binomial(np.tile(means, weeks) / 2, 1 / 3).astype(float)
        found = figures.monthly_volume(frame, pd.Series([*amounts, 0.0]))
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= truth <= found.high

    assert 181 <= covered <= 198


def test_a_failed_request_counts_for_the_model_that_serves_its_like(tmp_path: Path) -> None:
    """It names only the model that was asked; a row of its own would hide its errors."""
    audit = audit_traffic(
        frame_of(tmp_path, request(MONDAY, 0), request(MONDAY, 1, response=None, error="busy"))
    )

    assert [("gpt-5.2-2025-12-11", 2, 1 / 2)] == [
        (row["model"], row["requests"], row["error_share"]) for row in audit.groups["model"]
    ]


@pytest.fixture
def month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of three whole days, two routes, a request each six hours from the first minute to the last hour."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    hours = [hour for day in range(3) for hour in (24 * day, 24 * day + 6, 24 * day + 12, 24 * day + 23)]
    records = [
        request(MONDAY + pd.Timedelta(hours=hour), n, route=("support", "search")[n % 2])
        for n, hour in enumerate(hours)
    ]
    import_files(tmp_path, {"log.jsonl": records})
    return tmp_path / "traffic.parquet"


def test_the_answer_comes_first(month: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """4 requests a day: 4 · 365.25 / 12 = 121.75 a month, at half a dollar each."""
    assert 0 == invoke(["traffic", "audit", str(month), "--md", "audit.md"])
    out = capsys.readouterr().out

    assert out.startswith("You send 122 requests and 128,000 tokens a month for $60.88, by 3 whole days.")
    assert "\n\n\n" not in out
    # A command is never wrapped, so that it can be copied.
    assert all(len(line) <= 80 for line in out.splitlines() if not line.startswith("  bench "))
    page = Path("audit.md").read_text()
    assert "## By route\n\n| route | requests |" in page
    assert "| support | 6 |" in page
    assert "## By hour of the day, UTC" in page


def test_the_audit_as_json_has_every_figure(month: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By model, route, day and hour: the sums are those of all."""
    assert 0 == invoke(["traffic", "audit", str(month), "--json"])
    found = json.loads(capsys.readouterr().out)

    for name in ("model", "route", "day", "hour"):
        assert 12 == sum(row["requests"] for row in found["groups"][name])
        assert 12 * 1000 == sum(row["input_tokens"] for row in found["groups"][name])
    assert [0, 6, 12, 23] == [row["hour"] for row in found["groups"]["hour"]]
    assert 12 * 0.5 == found["total"]["usd_reported"]


def test_a_table_without_times_gives_no_month(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is made of what the log does not tell."""
    import_files(tmp_path, {"log.jsonl": [{"model": "m", "messages": [{"role": "user", "content": "?"}]}]})

    assert 0 == invoke(["traffic", "audit", str(tmp_path / "traffic.parquet")])
    assert capsys.readouterr().out.startswith("You sent 1 request; no request has a time")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "none.parquet",
            "none.parquet: no such file; write it with `bench traffic import LOG --out none.parquet`",
        ),
        ("log.jsonl", "log.jsonl cannot be read as a traffic table"),
        ("other.parquet", "other.parquet is not a traffic table; write one with `bench traffic import`"),
    ],
)
def test_what_is_no_traffic_table_is_refused(
    month: Path, capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    """One line, exit 2."""
    pd.DataFrame({"time": [1]}).to_parquet("other.parquet")

    assert 2 == invoke(["traffic", "audit", name])
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_simulated_traffic_is_marked(month: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Principle 7: every table that contains a simulated result shows it."""
    frame = read_requests([month]).assign(simulated=True)
    from gapbench.report.traffic import answer_lines, audit_tables

    audit = audit_traffic(frame)
    assert answer_lines(audit)[0].startswith("SIMULATED: ")
    assert all(table.simulated for table in audit_tables(audit))


def test_figures_that_the_log_does_not_tell_take_no_room(month: Path) -> None:
    """No request has a time to its first token: no table has the column, and a line below the first says so."""
    from gapbench.report.traffic import audit_tables

    frame = read_requests([month]).assign(first_token_s=float("nan"))
    first, *others = audit_tables(audit_traffic(frame))

    assert "first token p50 / p95" in first.notes[0][0].partition(". ")[0]
    assert not any(
        column.key == "first_token_p50_s" for table in (first, *others) for column in table.columns
    )
    assert any(column.key == "output_tokens_p50" for column in first.columns)


def week_of(**changes: Any) -> list[dict[str, Any]]:
    """Return a request at the start and the end of each day of a week."""
    hours = [24 * day + hour for day in range(7) for hour in (0, 23.5)]
    return [request(MONDAY + pd.Timedelta(hours=hour), n, **changes) for n, hour in enumerate(hours)]


def test_tokens_that_no_log_tells_are_not_zero(tmp_path: Path) -> None:
    """Neither in the first line nor in JSON; of some requests they count as nothing, and that is said."""
    untold = [
        {**record, "response": without(record["response"], "usage")} for record in week_of(cost_usd=None)
    ]
    none, some = (lines_of(tmp_path, *records) for records in (untold, [*untold[:3], *week_of()[3:]]))

    assert "requests a month, by 7 whole days.\nThe log tells no tokens." in none
    assert (
        "The tokens of 3 of 14 requests are unknown, though they did not fail, and count as nothing." in some
    )


def test_a_log_that_is_empty_on_most_days_is_doubted(tmp_path: Path) -> None:
    """One wrong clock makes 25 years of it."""
    early = request(MONDAY - pd.Timedelta(days=9000), 99)

    assert "On 8,999 of these days there is no request: a time may be wrong" in lines_of(
        tmp_path, early, *week_of()
    )
    assert "of these days" not in lines_of(tmp_path, *week_of())


def test_a_route_cannot_write_to_the_terminal_or_break_the_page(tmp_path: Path) -> None:
    """Of a log that strangers can write to: no escape code in the sentences, and no mark of Markdown."""
    long = "words " * 500
    asked = {"model": "gpt-5.2", "messages": [{"role": "user", "content": long}]}
    evil = "\x1b[31mred\x1b[0m <b>*a*</b>"
    records = [request(MONDAY, number, route=evil, request=asked) for number in range(3)]
    audit = audit_traffic(frame_of(tmp_path, *records, request(MONDAY, 9)))

    assert "on the route red <b>*a*</b>." in "\n".join(answer_lines(audit))
    assert "on the route red \\<b\\>\\*a\\*" in render_markdown(audit)
    assert "\x1b" not in render_markdown(audit)


@pytest.mark.parametrize("command", ["audit", "sample", "fleet"])
def test_a_table_that_is_given_twice_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """By another path too: its requests would count twice."""
    import_files(tmp_path, {"log.jsonl": [request(MONDAY)]})
    table = tmp_path / "traffic.parquet"
    (tmp_path / "link.parquet").symlink_to(table)
    given = ["fleet"] if command == "fleet" else ["traffic", command]

    assert 2 == invoke([*given, str(table), str(tmp_path / "link.parquet")])
    assert (
        "link.parquet is given twice, and each of its requests would count twice" in capsys.readouterr().err
    )


@pytest.mark.parametrize("command", ["audit", "sample", "fleet"])
def test_requests_in_two_tables_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Two exports that overlap by one request of two; without an id or a time nothing is known to be the same."""
    at = [MONDAY + pd.Timedelta(hours=number) for number in range(3)]
    tables = []
    for name, numbers in (("a", (0, 1)), ("b", (1, 2))):
        records = [request(at[number], number) for number in numbers]
        more = spend(8, prompt_tokens=None if name == "b" else 5, request_id=name)
        import_files(tmp_path / name, {"log.jsonl": records, "more.jsonl": [spend(9, startTime=None), more]})
        tables.append(str(tmp_path / name / "traffic.parquet"))
    given = ["fleet"] if command == "fleet" else ["traffic", command]

    assert 2 == invoke(
        [*given, *tables, *(["--set", "replica_requests_per_s=1"] if command == "fleet" else [])]
    )
    said = capsys.readouterr().err
    assert "1 request of it" in said
    assert "would count twice" in said


def test_a_page_is_not_written_over_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--html traffic.parquet` is a slip that would cost the table."""
    import_files(tmp_path, {"log.jsonl": [request(MONDAY)]})
    table = tmp_path / "traffic.parquet"
    before = table.read_bytes()

    assert 2 == invoke(["traffic", "audit", str(table), "--html", str(table)])
    assert "is the traffic table itself" in capsys.readouterr().err
    assert before == table.read_bytes()


def test_requests_without_a_time_are_named_where_days_are_counted(tmp_path: Path) -> None:
    """They are in the totals, and in no day, hour or month."""
    timeless = request(MONDAY, 1, timestamp=None)
    audit = audit_traffic(frame_of(tmp_path, request(MONDAY, 0), timeless))

    assert "1 of 2 requests is without a time, and so in no day, hour or month." in answer_lines(audit)
    assert (2, 1) == (audit.total["requests"], audit.groups["day"][0]["requests"])
