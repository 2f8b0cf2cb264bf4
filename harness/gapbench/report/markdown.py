"""A report as Markdown, for a pull request or a job summary."""

from __future__ import annotations

from collections.abc import Iterable

from gapbench import formatting
from gapbench.analysis.quality.side_by_side import describe_company
from gapbench.analysis.quality.user_fairness import describe_users
from gapbench.report.answer import AnswerText
from gapbench.report.markdown_tables import escape, render_table
from gapbench.report.results import Results, load_results
from gapbench.report.table import Table
from gapbench.report.tables.gap import equal_quality_lines

_PLACED = ("gap", "summary", "episodes", "passes", "cost")
"""The tables whose place in the report is fixed; any other follows them."""


def markdown_report(runs: Results) -> str:
    """Return the answer, gap, fairness, summary and cost of runs as Markdown.

    Raises:
        ResultsError: A folder is not a run.
    """
    results = load_results(runs).compute()
    gap, manifests = results.gap, results.runs.manifests
    suites = ", ".join(dict.fromkeys(str(manifest.suite) for manifest in manifests))
    mark = f" ({formatting.SIMULATED})" if results.shown_summary.simulated else ""
    parts = [f"# {escape(suites)}: open against closed{mark}", _answer(results.answer)]
    if results.shown_summary.simulated:
        parts.append(
            "> SIMULATED: a simulated provider answered. Nothing here says anything about a real model."
        )
    tables = {key: table for key, table in results.tables.items() if "markdown" in table.outputs}
    if len(gap.frame):
        conditions = list(filter(None, [describe_users(gap.conditions), describe_company(gap.conditions)]))
        # The lines below this table are parts of the report in their own right.
        parts += [
            *_section(tables["gap"], with_notes=False),
            escape(gap.headline()),
            *_bullets("Fairness", [*(gap.fairness or ["No broken condition was found."]), *conditions]),
            *_bullets("At equal quality", equal_quality_lines(gap)),
        ]
    order = [*(key for key in _PLACED if key in tables), *(key for key in tables if key not in _PLACED)]
    for key in order:
        if key != "gap":
            parts += _section(tables[key])
    parts += _bullets("Notes", results.warnings)
    ids = ", ".join(f"`{manifest.run_id}`" for manifest in manifests)
    parts.append(f"Runs: {ids}")
    return "\n\n".join(parts) + "\n"


def _answer(answer: AnswerText) -> str:
    """Return the answer as a list."""
    return "\n".join(f"- **{label}**: {escape(text)}" for label, text in answer.lines())


def _section(table: Table, *, with_notes: bool = True) -> list[str]:
    mark = f" ({formatting.SIMULATED})" if table.simulated else ""
    parts = [f"## {escape(table.title)}{mark}", render_table(table)]
    if with_notes and table.notes:
        parts.append("\n".join(f"- {escape(note)}" for note, _ in table.notes))
    return parts


def _bullets(heading: str, lines: Iterable[str]) -> list[str]:
    bullets = [f"- {escape(line)}" for line in lines]
    return [f"## {heading}", "\n".join(bullets)] if bullets else []
