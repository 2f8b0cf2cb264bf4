"""Gaps of published lists: every best-versus-best and top-3 gap of the evidence survey, exactly."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gapbench.analysis.article.evidence import read_evidence
from gapbench.analysis.article.published_gaps import PublishedGap, published_gaps

EXPECTED = Path(__file__).parent / "expected_gaps.csv"
SURVEY = Path(__file__).parents[5] / "shared" / "evidence" / "gap_table.csv"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def gaps() -> dict[tuple[str, str], PublishedGap]:
    return {(one.benchmark, one.as_of.isoformat()): one for one in published_gaps(read_evidence())}


def number(cell: str) -> float | None:
    return float(cell) if cell else None


def test_the_book_carries_every_gap_of_the_survey(gaps: dict[tuple[str, str], PublishedGap]) -> None:
    """86 gaps, no more and no fewer."""
    assert len(gaps) == 86
    assert set(gaps) == {(row["benchmark"], row["as_of"]) for row in rows(EXPECTED)}


@pytest.mark.parametrize("row", rows(EXPECTED), ids=lambda row: f"{row['benchmark']} {row['as_of']}")
def test_a_gap_of_the_survey_is_reproduced(
    row: dict[str, str], gaps: dict[tuple[str, str], PublishedGap]
) -> None:
    """Models, points, percent, top three, win rate and both lags, to the last digit."""
    one = gaps[row["benchmark"], row["as_of"]]

    assert (row["closed_model"], row["open_model"]) == (one.closed.model, one.open.model)
    assert (float(row["closed_score"]), float(row["open_score"])) == (one.closed.score, one.open.score)
    assert float(row["gap_points"]) == one.gap_points
    assert float(row["gap_percent_of_closed"]) == one.gap_percent_of_closed
    assert float(row["top3_gap_points"]) == one.top3_gap_points
    assert float(row["top3_gap_percent_of_closed"]) == one.top3_gap_percent_of_closed
    assert number(row["win_rate_closed"]) == one.win_rate_closed
    assert number(row["lag_months"]) == one.lag_months
    assert number(row["lag_release_months"]) == one.lag_release_months


@pytest.mark.skipif(not SURVEY.exists(), reason="the survey itself is not beside this checkout")
def test_the_committed_expectation_is_the_survey() -> None:
    """What the tests hold against is what was surveyed."""
    names = {
        "benchmark": "benchmark",
        "snapshot": "as_of",
        "best_closed": "closed_model",
        "best_open": "open_model",
        "gap_points": "gap_points",
        "gap_rel_pct": "gap_percent_of_closed",
        "gap3_points": "top3_gap_points",
        "gap3_rel_pct": "top3_gap_percent_of_closed",
    }
    surveyed = [{ours: row[theirs] for theirs, ours in names.items()} for row in rows(SURVEY)]

    assert surveyed == [{name: row[name] for name in names.values()} for row in rows(EXPECTED)]


def test_an_interval_is_of_two_independent_figures(gaps: dict[tuple[str, str], PublishedGap]) -> None:
    """Arena 2026-02-26: half widths of 8 and 7 make sqrt(8^2 + 7^2) = 10.63 about 48."""
    one = gaps["Chatbot Arena (text)", "2026-02-26"]

    assert (one.ci_low, one.ci_high) == (37.37, 58.63)


def test_a_list_without_intervals_has_none(gaps: dict[tuple[str, str], PublishedGap]) -> None:
    """Aider publishes no interval, so the gap has none; unknown is not zero."""
    assert gaps["Aider code editing", "2024-06-30"].ci_low is None


def test_a_vendors_own_table_is_marked(gaps: dict[tuple[str, str], PublishedGap]) -> None:
    """Moonshot's table of Kimi K2.5 is one vendor's word; LiveBench is not."""
    assert gaps["AIME 2025 (Kimi K2.5 report)", "2026-01-31"].vendor_table
    assert not gaps["LiveBench Coding", "2026-02-26"].vendor_table


def test_a_thin_list_is_marked(gaps: dict[tuple[str, str], PublishedGap]) -> None:
    """One open model makes Arena Vision of June 2024 thin."""
    assert gaps["Arena Vision", "2024-06-27"].thin
    assert not gaps["Arena Vision", "2026-03-22"].thin
