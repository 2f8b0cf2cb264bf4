"""Tables on the terminal, as rich renderables that fit its width."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.report.results import ResultTables
from gapbench.report.table import Column, Row, Span, Table, Tone, cell_lines
from gapbench.report.terminal_table import ResponsiveTable, TerminalColumn

_STYLES: Mapping[Tone, str] = {
    "": "",
    "closed": "blue",
    "open": "green",
    "good": "green",
    "warning": "yellow",
    "bad": "bold red",
    "dim": "dim",
    "headline": "bold",
}


def render_report(results: ResultTables) -> Iterator[RenderableType]:
    """Yield the tables of a report in their order; each warning appears once."""
    shown: set[str] = set()
    for table in results.tables.values():
        if "terminal" in table.outputs:
            yield render_table(table, shown)
            shown.update(table.warnings)


def render_table(table: Table, already_shown: Collection[str] = ()) -> RenderableType:
    """Return a table with its details, notes and warnings below it.

    Args:
        table: The table. Without rows only its notes and warnings are shown.
        already_shown: Warnings that the reader has seen.
    """
    parts: list[RenderableType] = [_grid(table)] if table.rows else []
    parts += [Text(line, "dim") for line in _details(table)]
    parts += [_span(note) for note in table.notes]
    parts += warning_lines(warning for warning in table.warnings if warning not in already_shown)
    return Group(*parts)


def warning_lines(warnings: Iterator[str] | Sequence[str]) -> list[Text]:
    """Return warnings as dim lines, each once."""
    return [Text(f"Note: {formatting.strip_controls(line)}", "dim") for line in dict.fromkeys(warnings)]


def _grid(table: Table) -> ResponsiveTable:
    columns = table.columns_in("terminal", details=False)
    grid = ResponsiveTable(
        table.title,
        [TerminalColumn(column.heading, column.rank, column.is_text, column.min_width) for column in columns],
        simulated=table.simulated,
    )
    for rows in table.row_groups():
        if heading := table.heading(rows[0]):
            grid.add_section(_heading(heading))
        for row in rows:
            grid.add_row(*(_cell(column, row) for column in columns))
    return grid


def _heading(spans: Sequence[Span]) -> Text:
    # A heading of one part is bold in any tone; of several, each has its own style.
    if len(spans) == 1:
        return Text(formatting.strip_controls(spans[0][0]), "bold")
    return Text.assemble(*(_span(span) for span in spans))


def _span(span: Span) -> Text:
    text, tone = span
    return Text(formatting.strip_controls(text), _STYLES[tone])


def _cell(column: Column, row: Row) -> Text:
    first, *more = cell_lines(column, row)
    # In a section the heading has the colour of the value's owner.
    tone = column.tone(row) if column.owner is None else ""
    style = f"bold {_STYLES[tone]}" if tone and column.is_strong(row) else _STYLES[tone]
    return Text.assemble((first, style), *(f"\n{line}" for line in more))


def _details(table: Table) -> list[str]:
    """Return the cells of long text as lines, each below the name of its row or section and once."""
    lines: dict[str, None] = {}
    for column in table.details_in("terminal"):
        for row in table.rows:
            heading = table.heading(row)
            name = "".join(text for text, _ in heading) if heading else table.columns[0].text(row)
            text = " ".join(cell_lines(column, row))
            lines[f"{formatting.strip_controls(name)}: {text}"] = None
    return list(lines)
