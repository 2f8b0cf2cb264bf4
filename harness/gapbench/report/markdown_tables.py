"""Tables as Markdown."""

from __future__ import annotations

from typing import Any

from gapbench import formatting
from gapbench.report.table import Column, Row, Table, cell_lines


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
