"""The article's table in a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from gapbench.analysis.article.article import check_article
from gapbench.report.article import article_details, article_table


def drawn(width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(article_table(check_article()))
    text = console.file
    assert isinstance(text, io.StringIO)
    return text.getvalue()


def test_the_table_fits_a_hundred_columns() -> None:
    """Nothing is cut: every figure, median and verdict stands whole."""
    text = drawn()

    assert "…" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    for said in ("150 Elo", "Multimodal 2026", "5.8 (1.0–12.3)", "contradicted", "24 Elo on 2024-07-31"):
        assert said in text


def test_a_run_beside_it_fits_too() -> None:
    """Your own gap has a line under the newest figure, and a simulated one says so."""
    table = check_article()
    mine = {
        "gap_points": -12.5,
        "ci_low": -28.1,
        "ci_high": -10.3,
        "gap_percent_of_closed": -13.2,
        "verdict": "not distinguishable",
        "simulated": True,
    }
    rows = tuple(replace(row, measured=mine) if row.claim.year == 2026 else row for row in table.rows)
    console = Console(file=io.StringIO(), width=100)
    console.print(article_table(replace(table, rows=rows)))
    text = console.file
    assert isinstance(text, io.StringIO)

    assert "…" not in text.getvalue()
    assert "-12.5 (-28.1, -10.3)" in text.getvalue()
    assert "SIMULATED" in text.getvalue()
    assert "undecided" in text.getvalue()


def test_the_details_name_models_sources_and_the_rule() -> None:
    """Each gap with date, both models, where it was read, and how it counts."""
    console = Console(file=io.StringIO(), width=100)
    console.print(article_details(check_article()))
    text = console.file
    assert isinstance(text, io.StringIO)
    said = " ".join(text.getvalue().split())

    assert "claude-opus-4-6-thinking 1503, glm-5 1455" in said
    assert "+37.4 to +58.6" in said
    assert "win 56.9 %" in said
    assert "(does not count)" in said
    assert "Every statement of the article" in said
    assert "see economic claim 2b" in said
    assert "What the article gets wrong" in said
    assert "Rule: Counted:" in said


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_range_is_broken_at_other_widths(width: int) -> None:
    """Under its median, or in a block of its own."""
    text = drawn(width)

    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    for said in ("(58.0–101.0)", "contradicted", "150 Elo", "end of 2024"):
        assert said in text
