"""The article's eight figures: verdicts by the written rule, and the documented JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gapbench.analysis.article.article import (
    LOOSE,
    Article,
    check_article,
    check_claim,
)
from gapbench.analysis.article.article_book import GapClaim, Moment, load_article_book
from gapbench.analysis.article.evidence import Evidence, read_evidence
from gapbench.analysis.article.published_gaps import PublishedGap, published_gaps
from gapbench.values import Attempt

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
YEAR = (Moment("early", 2026, date(2026, 1, 1), date(2026, 3, 31)),)
NOTHING = Evidence((), {}, (), (), "nowhere")
A_GAP = published_gaps(read_evidence())[0]


@pytest.fixture(scope="module")
def table() -> Article:
    return check_article()


def gaps(*points: float, percent: float = 2.0, **changes: Any) -> list[PublishedGap]:
    """Return gaps of as many lists in percent, each ``percent`` times as large in percent of closed."""
    closed = replace(A_GAP.closed, unit="percent")
    return [
        replace(
            A_GAP,
            closed=closed,
            benchmark=f"list {number}",
            as_of=date(2026, 2, 1),
            gap_points=value,
            gap_percent_of_closed=value * percent,
            **{"vendor_table": False, **changes},
        )
        for number, value in enumerate(points)
    ]


def verdict(claim: float, found: list[PublishedGap], moments: tuple[Moment, ...] = YEAR) -> str:
    return check_claim(GapClaim("Coding", "coding", 2026, claim, "percent"), moments, found, NOTHING)[1]


def test_the_verdicts_on_the_article(table: Article) -> None:
    """What the rule says of each figure; docs/explanation/article.md explains them."""
    found = {(row.claim.category, row.claim.year): row.verdict for row in table.rows}

    assert found == {
        ("arena", 2024): "contradicted",
        ("arena", 2026): "contradicted",
        ("coding", 2024): "partly",
        ("coding", 2026): "partly",
        ("reasoning", 2024): "partly",
        ("reasoning", 2026): "contradicted",
        ("multimodal", 2024): "partly",
        ("multimodal", 2026): "partly",
    }


def test_what_the_verdicts_owe_to_the_factors(table: Article) -> None:
    """With narrower and with wider ones."""
    found = {
        (row.claim.category, row.claim.year): (row.verdict_strict, row.verdict_loose) for row in table.rows
    }

    assert found == {
        ("arena", 2024): ("contradicted", "partly"),
        ("arena", 2026): ("contradicted", "supported"),
        ("coding", 2024): ("partly", "partly"),
        ("coding", 2026): ("contradicted", "supported"),
        ("reasoning", 2024): ("partly", "partly"),
        ("reasoning", 2026): ("contradicted", "contradicted"),
        ("multimodal", 2024): ("contradicted", "partly"),
        ("multimodal", 2026): ("partly", "partly"),
    }


@pytest.mark.parametrize(
    ("category", "year", "moment", "reading", "median"),
    [
        ("coding", 2026, "early 2026", "points", 5.76),
        ("coding", 2026, "early 2026", "percent of closed", 6.89),
        ("coding", 2024, "mid-2024", "points", 9.52),
        ("coding", 2024, "mid-2024", "percent of closed", 14.74),
        ("reasoning", 2024, "mid-2024", "points", 5.06),
        ("reasoning", 2024, "mid-2024", "percent of closed", 8.36),
        ("multimodal", 2024, "mid-2024", "points", 11.35),
        ("multimodal", 2024, "mid-2024", "percent of closed", 19.28),
        ("multimodal", 2026, "early 2026", "points", 8.65),
        ("reasoning", 2026, "early 2026", "points", 13.15),
        ("reasoning", 2026, "early 2026", "percent of closed", 33.17),
    ],
)
def test_medians_by_hand(
    table: Article, category: str, year: int, moment: str, reading: str, median: float
) -> None:
    """Of the counted lists: coding in mid-2024 has 2.2 and 16.84, so 9.52."""
    row = next(row for row in table.rows if (row.claim.category, row.claim.year) == (category, year))

    assert [one.median for one in row.readings if (one.moment, one.reading) == (moment, reading)] == [median]


def test_a_claim_within_half_as_much_again_is_supported() -> None:
    """Median 10 of three lists: 15 and 6.7 meet it, 15.1 does not."""
    assert verdict(15, gaps(9, 10, 11)) == "supported"
    assert verdict(6.7, gaps(9, 10, 11, percent=9)) == "supported"
    assert verdict(15.1, gaps(9, 10, 11, percent=9)) == "contradicted"


def test_two_lists_support_nothing_alone() -> None:
    """The median of two is met, but two are few."""
    assert verdict(10, gaps(9, 11)) == "partly"


def test_a_claim_may_be_meant_in_percent_of_closed() -> None:
    """20 is no median of points, and twice as much in percent of closed is."""
    assert verdict(20, gaps(9, 10, 11)) == "supported"


def test_near_needs_the_range_too() -> None:
    """18 is within twice the median of 10: partly where a list says 20, contradicted where all say less."""
    assert verdict(18, gaps(9, 10, 20, percent=9)) == "partly"
    assert verdict(18, gaps(9, 10, 11, percent=9)) == "contradicted"


def test_one_reading_must_meet_the_whole_year() -> None:
    """Points meet the first half of the year and percent the second: partly, not supported."""
    halves = (
        Moment("first", 2026, date(2026, 1, 1), date(2026, 3, 31)),
        Moment("second", 2026, date(2026, 7, 1), date(2026, 9, 30)),
    )
    later = [replace(one, as_of=date(2026, 8, 1)) for one in gaps(4, 5, 6, percent=2)]

    assert verdict(10, [*gaps(9, 10, 11, percent=9), *later], halves) == "partly"


def test_a_vendors_table_and_other_units_do_not_count() -> None:
    """They are shown; nothing that counts is left, so nothing can be tested."""
    elo = [replace(one, closed=replace(one.closed, unit="elo")) for one in gaps(10, 10, 10)]

    assert verdict(10, gaps(10, 10, 10, vendor_table=True)) == "not testable"
    assert verdict(10, elo) == "not testable"
    assert verdict(10, []) == "not testable"


def test_of_a_list_only_the_latest_counts() -> None:
    """A list that is told monthly has one voice."""
    one = gaps(10)[0]
    months = [replace(one, as_of=date(2026, month, 1), gap_points=month * 10.0) for month in (1, 2, 3)]
    readings, _ = check_claim(GapClaim("Coding", "coding", 2026, 10, "percent"), YEAR, months, NOTHING)

    assert [(found.gaps, found.median) for found in readings if found.reading == "points"] == [(1, 30.0)]


def test_wider_factors_are_kinder() -> None:
    """A verdict that hangs on the factor says so."""
    claim = GapClaim("Coding", "coding", 2026, 19, "percent")

    assert check_claim(claim, YEAR, gaps(9, 10, 11, percent=9), NOTHING)[1] == "contradicted"
    assert check_claim(claim, YEAR, gaps(9, 10, 11, percent=9), NOTHING, LOOSE)[1] == "supported"


def test_the_arena_gap_hangs_on_the_week(table: Article) -> None:
    """In 2024 it was 24 on 31 July and 101 on 7 December, over 39 snapshots with a mean of 67."""
    arena = table.rows[0].arena

    assert arena == {
        "board": "Chatbot Arena (text)",
        "snapshots": 39,
        "mean": 67.0,
        "narrowest": {"date": "2024-07-31", "gap_points": 24.0},
        "widest": {"date": "2024-12-07", "gap_points": 101.0},
    }


def test_the_json_has_the_documented_shape(table: Article) -> None:
    """Every field that the documents name is there."""
    said = json.loads(json.dumps(table.to_json()))
    row = said["rows"][2]

    assert said["schema"] == 1
    assert (row["metric"], row["year"], row["claim"], row["unit"]) == (
        "Coding Benchmarks",
        2024,
        18.0,
        "percent",
    )
    assert row["measured"] is None
    assert row["rule"]
    assert {
        "benchmark",
        "as_of",
        "closed",
        "open",
        "gap_points",
        "gap_percent_of_closed",
        "top3_gap_points",
        "win_rate_closed",
        "lag_months",
        "sources",
    } <= set(row["evidence"][0])
    assert {"model", "score"} <= set(row["evidence"][0]["closed"])
    assert isinstance(said["claims"], list)
    assert len(said["gaps"]) == 86


def test_every_error_of_the_article_is_cited() -> None:
    """Said, found, and where."""
    errors = load_article_book().errors

    assert all(error["said"] and error["found"] and error["sources"] for error in errors)
    assert [
        "qwen-max-is-closed",
        "llama-3.3-is-70b",
        "mistral-large-2-licence",
        "different-eras",
        "percent-of-an-elo",
        "no-unit",
    ] == [error["id"] for error in errors]


def test_an_elo_claim_is_a_win_rate_too(table: Article) -> None:
    """25 Elo are 53.6 %, 150 are 70.3 %."""
    rates = [row.to_json()["claim_win_rate"] for row in table.rows]

    assert rates[:3] == [0.7034, 0.5359, None]


def test_a_run_stands_beside_the_newest_year(make_run: Make, answers: Answers) -> None:
    """Its reasoning gap of 30 points is shown with 2026; 2024 is past measuring."""
    found = check_article([make_run([*answers("closed-a", 90, 100), *answers("open-b", 60, 100)])])
    measured = {(row.claim.category, row.claim.year): row.measured for row in found.rows}

    assert measured["reasoning", 2024] is None
    assert measured["coding", 2026] is None
    mine = measured["reasoning", 2026]
    assert mine is not None
    assert mine["gap_points"] == pytest.approx(30)
    assert mine["verdict"] == "closed ahead"
    assert not found.simulated
