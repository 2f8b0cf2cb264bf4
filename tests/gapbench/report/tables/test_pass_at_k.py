"""pass@k in the terminal, in Markdown and on the page."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path

from rich.console import Console, RenderableType

from gapbench.analysis.quality.pass_at_k import summarize_pass_at_k
from gapbench.report import html, markdown
from gapbench.report.results import load_results
from gapbench.report.tables.pass_at_k import pass_at_k_table
from gapbench.report.terminal import render_table
from gapbench.values import Attempt


def shown(runs: list[Path]) -> RenderableType:
    """Return the table of runs for the terminal."""
    table = pass_at_k_table(summarize_pass_at_k(runs))
    assert table is not None
    return render_table(table)


def coding_run(make_run: Callable[..., Path], attempt: Callable[..., Attempt]) -> Path:
    """Return a simulated run of one sample asked twice, right once."""
    rows = [
        attempt(
            task="coding/a|b", repeat=n, outcome=outcome, partial=share, simulated=True, weights=weights, model_id=weights
        )
        for weights in ("open", "closed")
        for n, (outcome, share) in enumerate((("correct", 1.0), ("wrong", 0.25)))
    ]  # fmt: skip
    return make_run(rows, open={"simulated": True}, closed={"simulated": True})


def test_the_table_says_pass_at_k_and_partial_credit(
    make_run: Callable[..., Path], attempt: Callable[..., Attempt]
) -> None:
    """1 of 2 is 50 % at one try and 100 % at two; partial credit is (1 + 0.25) / 2; simulated is said."""
    file = StringIO()
    Console(file=file, width=140).print(shown([coding_run(make_run, attempt)]))
    said = file.getvalue()
    assert "pass@1 %" in said
    assert "50.0 (" in said
    assert "100.0 (" in said
    assert "62.5 %" in said
    assert "SIMULATED" in said


def test_a_narrow_terminal_keeps_names_and_the_outer_k(
    make_run: Callable[..., Path], attempt: Callable[..., Attempt]
) -> None:
    """At 80 columns three repeats show pass@1 and pass@3, each whole, beside the model's name."""
    rows = [attempt(task="coding/functions", repeat=n, partial=1.0, outcome="correct") for n in range(3)]
    file = StringIO()
    Console(file=file, width=80).print(shown([make_run(rows)]))
    said = file.getvalue()
    assert "coding/functions" in said
    assert rows[0].model_id in said
    assert "pass@1 %" in said
    assert "pass@3 %" in said
    assert "pass@2 %" not in said.splitlines()[2]
    assert "Left out at 80 columns: pass@2 %" in said
    assert "…" not in said


def test_hidden_tests_are_named_only_where_there_are_some(
    make_run: Callable[..., Path], attempt: Callable[..., Attempt]
) -> None:
    """A numeric task asked twice has right answers, and no tests that an answer could pass."""
    run = make_run([attempt(repeat=n) for n in range(2)])
    file = StringIO()
    Console(file=file, width=140).print(shown([run]))
    for said in (file.getvalue(), markdown.markdown_report([run]), html.html_report([run])):
        assert "at least one of k answers is right" in said
        assert "hidden test" not in said
        assert "partial" not in said.partition("pass@k over repeats")[2].partition("Cost")[0]


def test_markdown_has_the_same_rows(make_run: Callable[..., Path], attempt: Callable[..., Attempt]) -> None:
    """A task's name cannot break the table."""
    said = markdown.markdown_report([coding_run(make_run, attempt)])
    assert "## pass@k and pass^k over repeats (SIMULATED)" in said
    assert "| coding/a\\|b | closed | 1 | 2 |" in said


def test_the_page_has_the_same_shares(make_run: Callable[..., Path], attempt: Callable[..., Attempt]) -> None:
    """1 of 2 is 50 % at one try and 100 % at two; partial credit is (1 + 0.25) / 2."""
    page = html.html_report([coding_run(make_run, attempt)])
    section = page.partition('<section id="passes">')[2].partition("</section>")[0]
    assert 2 == section.count('data-l="pass@1 %"><span class="value">50.0<br>')
    assert 2 == section.count('data-l="pass@2 %"><span class="value">100.0<br>')
    assert 2 == section.count('data-l="partial"><span class="value">62.5 %<')
    assert 'href="#passes"' in page


def test_nothing_is_printed_without_repeats(
    make_run: Callable[..., Path], attempt: Callable[..., Attempt]
) -> None:
    """A run without repeats and without hidden tests has no such table."""
    run = make_run([attempt()])
    assert "passes" not in load_results([run]).tables
    assert "pass@k" not in markdown.markdown_report([run])
    assert "pass@k" not in html.html_report([run])
