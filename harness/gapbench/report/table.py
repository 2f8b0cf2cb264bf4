"""A result table, declared once: its columns, sections, units and notes.

The terminal, Markdown, the page and JSON each render a :class:`Table`; nothing here draws.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

from gapbench import formatting

Row = Mapping[str, Any]
Output = Literal["terminal", "markdown", "page", "json"]
Tone = Literal["", "closed", "open", "good", "warning", "bad", "dim", "headline"]
"""What a text means for the reader; each output chooses its own colour for it."""
ALL_OUTPUTS: frozenset[Output] = frozenset(("terminal", "markdown", "page", "json"))

WIDER_HINT = "a wider terminal, `bench report --md FILE` or `--html FILE` has them"


def _no_tone(_: Row) -> Tone:
    return ""


def _never(_: Row) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Column:
    r"""A column of a table.

    Attributes:
        key: The column's name in JSON.
        heading: The text above it. It names the unit if the cells do not.
        text: A row's cell. Lines after the first (``\n``) are an interval or a remark on the first.
        rank: Order in which a narrow terminal leaves columns out: the highest first, 0 never.
        is_text: Left-aligned, and wrapped where there is no room. Otherwise it holds figures.
        min_width: Width in characters down to which a terminal may wrap text.
        tone: What the first line of a cell means.
        is_strong: Whether a cell is emphasised.
        is_detail: Long text. A terminal prints it below the table; the page in the heading of its section, or as the last
            column of a table without sections.
        on_phone: Whether a narrow page shows it.
        owner: Whose value it is. Written in front of the cell where no section heading says so.
        drawing: A chart in place of text, on the page only.
        outputs: The outputs that have this column.
    """

    key: str
    heading: str
    text: Callable[[Row], str]
    rank: int = 0
    is_text: bool = False
    min_width: int = 12
    tone: Callable[[Row], Tone] = _no_tone
    is_strong: Callable[[Row], bool] = _never
    is_detail: bool = False
    on_phone: bool = True
    owner: Callable[[Row], str] | None = None
    drawing: Callable[[Row], Markup] | None = None
    outputs: frozenset[Output] = ALL_OUTPUTS


Span = tuple[str, Tone]
"""A piece of text and what it means."""


@dataclass(frozen=True, slots=True)
class Sections:
    """How rows are divided into sections.

    Attributes:
        key: Rows of the same key are one section.
        heading: The heading of the section that a row is in.
        columns: Columns that Markdown, which has no sections, puts in front instead.
    """

    key: Callable[[Row], Hashable]
    heading: Callable[[Row], tuple[Span, ...]]
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its notes and warnings.

    Attributes:
        key: Its name in JSON and as an anchor on the page.
        title: One line above it.
        columns: In order; the first tells the rows of a section apart.
        rows: Raw values, as JSON has them.
        sections: How rows are divided. None: they are not.
        simulated: Whether a simulated provider is behind a figure. Every output reports it in the title.
        notes: Sentences below it, in every output.
        warnings: What a reader must know before using the figures. A report says each once.
        lead: A sentence above the table on the page.
        fits_phone: On a phone each row becomes a card. Otherwise the table scrolls sideways, its first column in place.
        outputs: The outputs of a report that have this table.
        wider_hint: Where a reader finds the columns that a narrow terminal leaves out. "": a table above has said it.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    sections: Sections | None = None
    simulated: bool = False
    notes: tuple[Span, ...] = ()
    warnings: tuple[str, ...] = ()
    lead: str = ""
    fits_phone: bool = True
    outputs: frozenset[Output] = ALL_OUTPUTS
    wider_hint: str = WIDER_HINT

    def columns_in(self, output: Output, *, details: bool = True) -> list[Column]:
        """Return the columns of one output, with or without those of long text."""
        return [
            column
            for column in self.columns
            if output in column.outputs and (details or not column.is_detail)
        ]

    def details_in(self, output: Output) -> list[Column]:
        """Return the columns of long text of one output."""
        return [column for column in self.columns_in(output) if column.is_detail]

    def row_groups(self) -> list[list[Row]]:
        """Return the rows section by section, in the order in which the sections first appear."""
        if self.sections is None:
            return [list(self.rows)] if self.rows else []
        found: dict[Hashable, list[Row]] = {}
        for row in self.rows:
            found.setdefault(self.sections.key(row), []).append(row)
        return list(found.values())

    def heading(self, row: Row) -> tuple[Span, ...]:
        """Return the heading of the section that a row is in. (): the table has no sections."""
        return () if self.sections is None else self.sections.heading(row)

    def to_json(self) -> dict[str, Any]:
        """Return the table with raw values, and its headings by key."""
        return {
            "title": self.title,
            "columns": {column.key: column.heading for column in self.columns_in("json")},
            "rows": list(self.rows),
            "notes": [note for note, _ in self.notes],
            "warnings": list(self.warnings),
            "simulated": self.simulated,
        }


def cell_lines(column: Column, row: Row) -> list[str]:
    """Return the lines of a cell, without anything that could drive a terminal."""
    return formatting.strip_controls(column.text(row)).split("\n")
