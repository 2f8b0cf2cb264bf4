"""A terminal table that fits: columns left out by rank and named, or one block a row; never a figure cut.

Rich crops what does not fit from the right and says nothing. Here every column's width is measured first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gapbench import formatting

GAP = 2
"""Columns of the terminal between two columns of the table."""
WIDER_HINT = "a wider terminal, `bench report --md FILE` or `--html FILE` has them"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: Its head.
        rank: 0 is never left out; of the others the highest goes first.
        is_text: Left-aligned, and folded where there is no room; a column of figures is neither.
        min_width: Width down to which words may be folded.
    """

    name: str
    rank: int = 0
    is_text: bool = False
    min_width: int = 12


@dataclass
class _Section:
    heading: Text | None
    rows: list[tuple[Text, ...]] = field(default_factory=list)


class ResponsiveTable:
    """Rows under their columns in as many columns as fit; where not even the first do, one block a row."""

    def __init__(
        self, title: str, columns: Sequence[Column], *, simulated: bool = False, wider_hint: str = WIDER_HINT
    ) -> None:
        """Keep what to draw.

        Args:
            title: Said above the table.
            columns: The first tells the rows apart.
            simulated: Whether a simulated provider is behind a figure: the title says so.
            wider_hint: Where the columns are that are left out.
        """
        said = f"{title}  [{formatting.SIMULATED}: a simulated provider answered]" if simulated else title
        self._title = Text(said, "bold red" if simulated else "bold")
        self._columns = columns
        self._more = wider_hint
        self._sections: list[_Section] = []

    def add_section(self, heading: str | Text | None = None) -> None:
        """Begin a group of rows, under a line of its own where there is a heading."""
        self._sections.append(_Section(Text(heading, "bold") if isinstance(heading, str) else heading))

    def add_row(self, *cells: str | Text) -> None:
        """Add a row with a cell for each column."""
        if not self._sections:
            self.add_section()
        self._sections[-1].rows.append(
            tuple(cell if isinstance(cell, Text) else Text(cell) for cell in cells)
        )

    def fits(self, max_width: int) -> bool:
        """Return whether so many columns of a terminal hold every column."""
        return len(self._fit_widths(max_width) or ()) == len(self._columns)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[RenderableType]:
        yield self._title
        yield ""
        widths = self._fit_widths(options.max_width)
        if widths is None:
            yield from self._blocks()
            return
        heads = [Text(self._columns[place].name, "dim") for place in widths]
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
        left_out = [column.name for place, column in enumerate(self._columns) if place not in widths]
        if left_out:
            yield Text(
                f"Left out at {options.max_width} columns: {', '.join(left_out)}; {self._more}.", "dim"
            )
        yield ""

    def _natural_width(self, place: int) -> int:
        cells = [cells[place] for section in self._sections for cells in section.rows]
        lines = [line.cell_len for cell in cells for line in cell.split("\n")]
        return max([Text(self._columns[place].name).cell_len, *lines])

    def _fit_widths(self, max_width: int) -> dict[int, int] | None:
        """Return the width of each column that is shown, by place. None: the least of them do not fit."""
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
            # Of one rank all or none: a closed value without the open one says nothing.
            shown = [place for place in shown if self._columns[place].rank < last]
        for place in shown:
            more = min(spare, widest[place] - widths[place])
            widths[place] += more
            spare -= more
        return widths

    def _render_rows(self, widths: dict[int, int], rows: Iterable[Sequence[Text]]) -> Table:
        table = Table(box=None, show_header=False, padding=(0, GAP, 0, 0), pad_edge=False)
        for place, width in widths.items():
            words = self._columns[place].is_text
            table.add_column(
                justify="left" if words else "right", overflow="fold", min_width=width, max_width=width
            )
        for cells in rows:
            table.add_row(*cells)
        return table

    def _blocks(self) -> Iterable[RenderableType]:
        """Yield a block for each row: what it is of, and every figure with its name."""
        for section in self._sections:
            if section.heading is not None:
                yield section.heading
            for first, *cells in section.rows:
                if first.plain:
                    yield first
                said = [
                    Text.assemble((f"{column.name} " if column.name else "", "dim"), _join_lines(cell))
                    for column, cell in zip(self._columns[1:], cells, strict=True)
                    if cell.plain.strip()
                ]
                yield Padding(Text(", ").join(said), (0, 0, 0, 4))
            yield ""


def _join_lines(cell: Text) -> Text:
    """Return a cell whose further lines stand in brackets."""
    first, *more = cell.split("\n")
    said = [
        Text.assemble(" (", line, ")") if not line.plain.startswith("(") else Text(" ") + line
        for line in more
    ]
    return Text.assemble(first, *said)
