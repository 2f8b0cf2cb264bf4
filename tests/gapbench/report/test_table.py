"""A table is declared once and every output has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from rich.console import Console

from gapbench.report import html, markdown, terminal
from gapbench.report.results import ResultTables, load_results
from gapbench.report.table import Column, Table
from gapbench.values import Attempt


def longest_answers(results: ResultTables) -> Table:
    """Return the longest answer of each model: a table that gapbench does not have."""
    frame = results.runs.measured_attempts
    rows = [
        {"model_id": str(name), "output_tokens": int(part["output_tokens"].max())}
        for name, part in frame.groupby("model_id", observed=True)
    ]
    columns = (
        Column("model_id", "model", lambda row: row["model_id"], is_text=True),
        Column("output_tokens", "longest, tokens", lambda row: f"{row['output_tokens']:,}"),
    )
    return Table("longest", "Longest answers", columns, rows, notes=(("Reasoning is included.", "dim"),))


def test_a_declared_table_is_in_every_output(
    make_run: Callable[..., Path], answers: Callable[..., list[Attempt]]
) -> None:
    """Heading, figure and note on the terminal, in Markdown and on the page; the raw value in JSON."""
    run = make_run([*answers("closed-a", 5, 9, output_tokens=1234), *answers("open-b", 5, 9)])
    results = load_results([run], more_tables=(longest_answers,))
    screen = StringIO()
    for renderable in terminal.render_report(results):
        Console(file=screen, width=200).print(renderable)

    for output in (screen.getvalue(), markdown.markdown_report(results), html.html_report(results)):
        for text in ("Longest answers", "longest, tokens", "1,234", "Reasoning is included."):
            assert text in output
    table = json.loads(json.dumps(results.to_json()))["tables"]["longest"]
    assert {"model_id": "closed-a", "output_tokens": 1234} in table["rows"]
    assert {"model_id": "model", "output_tokens": "longest, tokens"} == table["columns"]


def test_results_are_computed_once(run: Path) -> None:
    """Every output gets the same values."""
    results = load_results([run]).compute()

    assert results.gap is results.gap
    assert results.summary is load_results(results).summary
    assert results.tables["gap"] is results.tables["gap"]


def test_a_model_without_answers_is_named_with_its_failures(
    make_run: Callable[..., Path], attempt: Callable[..., Attempt]
) -> None:
    """One model failed throughout and the other answered; what the failure said is in the payload."""
    rows = [attempt(model_id="closed-a", outcome="infra"), attempt(model_id="open-b")]
    results = load_results([make_run(rows)])

    assert {"closed-a": f"{rows[0].failure_kind}: the server broke"} == results.unanswered_models()
