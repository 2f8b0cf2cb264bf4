"""A report as Markdown, for a pull request or a job summary."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gapbench import formatting
from gapbench.report.results import Results, load_results
from gapbench.report.table import Column, Row, Table, cell_lines
from gapbench.report.tables.gap import equal_quality_lines

_PLACED = ("gap", "summary", "passes", "cost")
"""The tables whose place in the report is fixed; any other follows them."""


def markdown_report(runs: Results) -> str:
    """Return verdict, gap, fairness, summary and cost of runs as Markdown.

    Raises:
        ResultsError: A folder is no run.
    """
    results = load_results(runs).compute()
    gap, manifests = results.gap, results.runs.manifests
    suites = ", ".join(dict.fromkeys(str(manifest.suite) for manifest in manifests))
    mark = f" ({formatting.SIMULATED})" if results.summary.simulated else ""
    parts = [f"# {escape(suites)}: open against closed{mark}", f"**{escape(gap.headline())}**"]
    if results.summary.simulated:
        parts.append(
            "> SIMULATED: a simulated provider answered. Nothing here says anything about a real model."
        )
    tables = {key: table for key, table in results.tables.items() if "markdown" in table.outputs}
    if len(gap.frame):
        # The lines below this table are parts of the report in their own right.
        parts += [
            *_section(tables["gap"], with_notes=False),
            *_bullets("Fairness", gap.fairness or ["No broken condition was found."]),
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


def _section(table: Table, *, with_notes: bool = True) -> list[str]:
    mark = f" ({formatting.SIMULATED})" if table.simulated else ""
    parts = [f"## {escape(table.title)}{mark}", render_table(table)]
    if with_notes and table.notes:
        parts.append("\n".join(f"- {escape(note)}" for note, _ in table.notes))
    return parts


def _bullets(heading: str, lines: Iterable[str]) -> list[str]:
    bullets = [f"- {escape(line)}" for line in lines]
    return [f"## {heading}", "\n".join(bullets)] if bullets else []


def render_table(table: Table) -> str:
    """Return the table alone. Sections become columns, and figures are aligned right."""
    leading = table.sections.columns if table.sections else ()
    columns = [*leading, *table.columns_in("markdown")]
    lines = [
        "| " + " | ".join(escape(column.heading) for column in columns) + " |",
        "|" + "|".join("---" if column.is_text else "---:" for column in columns) + "|",
    ]
    lines += [
        "| " + " | ".join(_cell(column, row) for column in columns) + " |"
        for rows in table.row_groups()
        for row in rows
    ]
    return "\n".join(lines)


def _cell(column: Column, row: Row) -> str:
    """Return a cell on one line: whose it is, the first line, and further lines in brackets."""
    owner = [] if column.owner is None else [escape(column.owner(row))]
    first, *more = map(escape, cell_lines(column, row))
    brackets = [line if line.startswith("(") else f"({line})" for line in more]
    return " ".join([*owner, f"**{first}**" if column.is_strong(row) and first else first, *brackets])


def escape(value: Any) -> str:
    """Return text that cannot break out of a cell or turn into markup."""
    text = formatting.strip_controls(value).replace("\\", "\\\\").replace("\n", " ")
    for mark in ("|", "<", ">", "*", "_", "`", "[", "]"):
        text = text.replace(mark, "\\" + mark)
    return text
