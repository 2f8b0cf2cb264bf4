"""The coverage table of docs/explanation/statistics.md holds the figures of benchmarks/results/coverage_intervals.json."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/explanation/statistics.md").read_text()
ROWS: list[dict[str, Any]] = json.loads((ROOT / "benchmarks/results/coverage_intervals.json").read_text())[
    "rows"
]
INTERVALS = {
    "one accuracy": r"accuracy 0",
    "partial credit of one model": r"partial credit, ",
    "p50 of a time": r"time p50, ",
    "p95 of a time": r"time p95, ",
    "dollars per task": r"\$/task, ",
    "dollars per correct task": r"\$/correct, ",
    "accuracy gap": r"accuracy gap, ",
    "partial credit gap": r"partial credit gap, ",
    "gap of p50": r"time p50 gap, ",
    "gap of p95": r"time p95 gap, ",
    "gap of dollars per task": r"\$/task gap, ",
    "gap of dollars per correct task": r"\$/correct gap, ",
}


def shares(kind: str, key: str = "coverage") -> list[float]:
    """Return a share of each setting of a kind of interval, in percent."""
    return [100 * row[key] for row in ROWS if re.match(INTERVALS[kind], row["interval"]) and key in row]


def line_of(kind: str) -> list[str]:
    """Return the cells of the table's row of a kind of interval."""
    (line,) = [
        line for line in PAGE.splitlines() if re.match(rf"\| {re.escape(kind)}[ (,|]", line) and "%" in line
    ]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("kind", INTERVALS)
def test_the_row_has_the_measured_figures(kind: str) -> None:
    """Number of settings, mean, and every setting within the quoted ranges (a few are named after the semicolon)."""
    _, settings, coverage, ahead = line_of(kind)
    found = shares(kind)
    mean, low, high = (float(number) for number in re.findall(r"\d+\.?\d*", coverage)[:3])
    outside = [share for share in found if not low - 0.06 <= share <= high + 0.06]
    named = [
        float(number) for number in re.findall(r"\d+\.?\d*", coverage.partition(";")[2].partition("(")[0])
    ]

    assert int(settings) == len(found)
    assert mean == pytest.approx(sum(found) / len(found), abs=0.06)
    assert all(any(abs(share - number) < 0.06 for number in named) for share in outside)
    assert min(abs(share - low) for share in found) < 0.06
    assert min(abs(share - high) for share in found) < 0.06
    if ahead:
        wrong = shares(kind, "false_ahead")
        assert float(ahead.rstrip(" %")) == pytest.approx(sum(wrong) / len(wrong), abs=0.06)
