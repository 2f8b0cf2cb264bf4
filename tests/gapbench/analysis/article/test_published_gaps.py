"""Gaps of published lists: every best-versus-best and top-3 gap of the evidence survey, exactly."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from gapbench.analysis.article.evidence import read_evidence
from gapbench.analysis.article.published_gaps import PublishedGap, published_gaps

EXPECTED = Path(__file__).parent / "expected_gaps.csv"
SURVEY = Path(__file__).parents[5] / "shared" / "evidence" / "gap_table.csv"


BY_RELEASE = {one.benchmark for one in read_evidence().snapshots if one.dating == "released"}


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
    committed = [{name: row[name] for name in names.values()} for row in rows(EXPECTED)]

    assert [row for row in surveyed if not is_mended(row)] == [row for row in committed if not is_mended(row)]
    assert len(surveyed) == len(committed)


def is_mended(row: dict[str, str]) -> bool:
    """Return whether the survey's row was wrong: Aider in June 2024, and lists by release date cut before their moment ends."""
    is_aider = row["benchmark"] == "Aider code editing" and row["as_of"] in {"2024-06-30", "2024-07-04"}
    cuts = {"2024-06-30", "2024-08-31", "2026-02-28", "2026-03-31"}
    return is_aider or (row["as_of"] in cuts and row["benchmark"] in BY_RELEASE)


def test_the_mended_gaps(gaps: dict[tuple[str, str], PublishedGap]) -> None:
    """Aider: 77.4 - 75.2. MMMU to the end of August, with InternVL2-76B of 4 July: 69.1 - 58.3 and 51.9 - 40."""
    mended = [
        ("Aider code editing", "2024-07-04", 2.2),
        ("MMMU (val)", "2024-08-31", 10.8),
        ("MMMU-Pro", "2024-08-31", 11.9),
        ("GPQA Diamond", "2024-08-31", 3.12),
        ("OTIS Mock AIME 2024-2025", "2024-08-31", -2.91),
        ("MMMU-Pro", "2026-03-31", 12.0),
        ("GPQA Diamond", "2026-03-31", 6.78),
    ]

    assert [points for *_, points in mended] == [gaps[name, day].gap_points for name, day, _ in mended]


def test_an_interval_is_of_two_independent_figures(gaps: dict[tuple[str, str], PublishedGap]) -> None:
    """Arena 2026-02-26: half widths of 8 and 7 make sqrt(8^2 + 7^2) = 10.63 about 48."""
    one = gaps["Chatbot Arena (text)", "2026-02-26"]

    assert (one.ci_low, one.ci_high) == (37.37, 58.63)


def test_a_list_without_intervals_has_none(gaps: dict[tuple[str, str], PublishedGap]) -> None:
    """Aider publishes no interval, so the gap has none; unknown is not zero."""
    assert gaps["Aider code editing", "2024-07-04"].ci_low is None


def test_a_vendors_own_table_is_marked(gaps: dict[tuple[str, str], PublishedGap]) -> None:
    """Moonshot's table of Kimi K2.5 is one vendor's word; LiveBench is not."""
    assert gaps["AIME 2025 (Kimi K2.5 report)", "2026-01-31"].vendor_table
    assert not gaps["LiveBench Coding", "2026-02-26"].vendor_table


def test_a_thin_list_is_marked(gaps: dict[tuple[str, str], PublishedGap]) -> None:
    """One open model makes Arena Vision of June 2024 thin."""
    assert gaps["Arena Vision", "2024-06-27"].thin
    assert not gaps["Arena Vision", "2026-03-22"].thin


def test_a_list_with_few_models_on_one_counted_side_is_thin(
    gaps: dict[tuple[str, str], PublishedGap],
) -> None:
    """Two open models are few, whatever the other count is; if only the larger side is counted, it is not known."""
    assert gaps["SWE-bench Verified (Epoch AI runs)", "2026-03-31"].thin
    assert gaps["GPQA Diamond", "2024-08-31"].thin is None
