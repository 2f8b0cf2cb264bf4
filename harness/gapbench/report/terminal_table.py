"""A table that fits the terminal. Columns that do not fit are left out by rank and named below; no figure is cut.

Rich crops what does not fit and does not mention it, so the width of every column is measured first. Where even the columns
of rank 0 do not fit, each row becomes a block of lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gapbench import formatting
from gapbench.report.table import WIDER_HINT

GAP = 2
"""Characters between two columns."""


@dataclass(frozen=True, slots=True)
class TerminalColumn:
    """A column of a terminal table.

    Attributes:
        heading: The text above it.
        rank: Order in which a narrow terminal leaves columns out: the highest first, 0 never.
        is_text: Left-aligned, and wrapped where there is no room. Otherwise it holds figures.
        min_width: Width in characters down to which text may be wrapped.
    """

    heading: str
    rank: int = 0
    is_text: bool = False
    min_width: int = 12


@dataclass
class _Section:
    heading: Text | None
    rows: list[tuple[Text, ...]] = field(default_factory=list)


class ResponsiveTable:
    """Rows in as many columns as fit the terminal, or one block for each row where too few do."""

    def __init__(
        self,
        title: str,
        columns: Sequence[TerminalColumn],
        *,
        simulated: bool = False,
        wider_hint: str = WIDER_HINT,
    ) -> None:
        """Start an empty table.

        Args:
            title: One line above the table.
            columns: The first tells the rows apart.
            simulated: Whether a simulated provider is behind a figure; the title then reports it.
            wider_hint: Where to find the columns that are left out. "": that some are is not said.
        """
        marked = f"{title}  [{formatting.SIMULATED}: a simulated provider answered]" if simulated else title
        self._title = Text(marked, "bold red" if simulated else "bold")
        self._columns = columns
        self._wider_hint = wider_hint
        self._sections: list[_Section] = []

    def add_section(self, heading: str | Text | None = None) -> None:
        """Start a section of rows, below its heading if it has one."""
        self._sections.append(_Section(Text(heading, "bold") if isinstance(heading, str) else heading))

    def add_row(self, *cells: str | Text) -> None:
        """Add a row with a cell for each column."""
        if not self._sections:
            self.add_section()
        self._sections[-1].rows.append(
            tuple(cell if isinstance(cell, Text) else Text(cell) for cell in cells)
        )

    def fits(self, max_width: int) -> bool:
        """Return whether every column fits into so many characters."""
        return len(self._fit_widths(max_width) or ()) == len(self._columns)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[RenderableType]:
        yield self._title
        yield ""
        widths = self._fit_widths(options.max_width)
        if widths is None:
            yield from self._blocks()
            return
        heads = [Text(self._columns[place].heading, "dim") for place in widths]
        yield self._render_rows(widths, [heads])
        yield Text("─" * (sum(widths.values()) + GAP * (len(widths) - 1)), "dim")
        for number, section in enumerate(self._sections):
            if number:
                yield ""
            if section.heading is not None:
                yield section.heading
            if section.rows:
                yield self._render_rows(
                    widths, [[cells[place] for place in widths] for cells in section.rows]
                )
        left_out = [column.heading for place, column in enumerate(self._columns) if place not in widths]
        if left_out and self._wider_hint:
            yield Text(
                f"Left out at {options.max_width} columns: {', '.join(left_out)}; {self._wider_hint}.", "dim"
            )
        yield ""

    def _natural_width(self, place: int) -> int:
        cells = [cells[place] for section in self._sections for cells in section.rows]
        lines = [line.cell_len for cell in cells for line in cell.split("\n")]
        return max([Text(self._columns[place].heading).cell_len, *lines])

    def _fit_widths(self, max_width: int) -> dict[int, int] | None:
        """Return the width of each column that is shown, by its index. None: even the columns of rank 0 do not fit."""
        widest = [self._natural_width(place) for place in range(len(self._columns))]
        shown = list(range(len(self._columns)))
        while True:
            widths = {
                place: min(widest[place], self._columns[place].min_width)
                if self._columns[place].is_text
                else widest[place]
                for place in shown
            }
            spare = max_width - sum(widths.values()) - GAP * (len(shown) - 1)
            if spare >= 0:
                break
            last = max(self._columns[place].rank for place in shown)
            if not last:
                return None
            # Columns of one rank go together: a closed value without the open one means nothing.
            shown = [place for place in shown if self._columns[place].rank < last]
        for place in shown:
            more = min(spare, widest[place] - widths[place])
            widths[place] += more
            spare -= more
        return widths

    def _render_rows(self, widths: dict[int, int], rows: Iterable[Sequence[Text]]) -> Table:
        table = Table(box=None, show_header=False, padding=(0, GAP, 0, 0), pad_edge=False)
        for place, width in widths.items():
            is_text = self._columns[place].is_text
            table.add_column(
                justify="left" if is_text else "right", overflow="fold", min_width=width, max_width=width
            )
        for cells in rows:
            table.add_row(*cells)
        return table

    def _blocks(self) -> Iterable[RenderableType]:
        """Yield a block for each row: its name, then each figure with its heading."""
        for section in self._sections:
            if section.heading is not None:
                yield section.heading
            for first, *cells in section.rows:
                if first.plain:
                    yield first
                parts = [
                    Text.assemble((f"{column.heading} " if column.heading else "", "dim"), _join_lines(cell))
                    for column, cell in zip(self._columns[1:], cells, strict=True)
                    if cell.plain.strip()
                ]
                yield Padding(Text(", ").join(parts), (0, 0, 0, 4))
            yield ""


def _join_lines(cell: Text) -> Text:
    """Return a cell as one line, its further lines in brackets."""
    first, *more = cell.split("\n")
    parts = [
        Text.assemble(" (", line, ")") if not line.plain.startswith("(") else Text(" ") + line
        for line in more
    ]
    return Text.assemble(first, *parts)
