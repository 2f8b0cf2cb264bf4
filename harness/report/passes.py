"""pass@k and partial credit, for the terminal and for Markdown; the page takes its cells from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.analysis.frames import records
from harness.analysis.passes import Passes
from harness.report import units

OTHER_COLUMNS, COLUMN = 46, 18
"""Width of the table without any k, and of one k with its interval."""
Row = Mapping[str, Any]
NOTE = (
    "pass@k: chance that one of k answers passes every hidden test (unbiased, Chen et al. 2021); "
    "partial: mean share of hidden tests that held."
)


class _Table:
    """The table, with the first and the last ones of k where the terminal is too narrow for all."""

    def __init__(self, found: Passes) -> None:
        """Keep what to draw."""
        self._found = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[RenderableType]:
        ks = self._found.ks
        room = max(2, (options.max_width - OTHER_COLUMNS) // COLUMN)
        yield _drawn(self._found, ks if len(ks) <= room else [ks[0], *ks[1 - room :]])


def passes_table(found: Passes) -> RenderableType:
    """Return one line for each task and model; nothing where no task has repeats or hidden tests."""
    return Group() if found.frame.empty else Group(_Table(found), Text(NOTE, "dim"))


def _drawn(found: Passes, ks: Sequence[int]) -> Table:
    title = "pass@k over repeats"
    if found.simulated:
        title += f"  [{units.SIMULATED}: a simulated provider answered]"
    table = Table(
        title=Text(title, "bold red" if found.simulated else "bold"),
        title_justify="left",
        header_style="dim",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("task", overflow="fold", min_width=16)
    for name in _head(ks):
        table.add_column(name, justify="right", no_wrap=True)
    rows = records(found.frame)
    for index, task in enumerate(dict.fromkeys(row["task"] for row in rows)):
        if index:
            table.add_section()
        table.add_row(Text(units.clean(task), "bold"))
        for row in rows:
            if row["task"] == task:
                table.add_row(Text("  " + units.clean(row["model_id"])), *_cells(row, ks))
    return table


def markdown_rows(found: Passes) -> tuple[list[str], list[list[str]]]:
    """Return head and body of a Markdown table; a head that begins with > is aligned right."""
    head = ["task", "model", *(f">{name}" for name in _head(found.ks))]
    body = [
        [units.clean(row["task"]), units.clean(row["model_id"]), *_cells(row, found.ks)]
        for row in records(found.frame)
    ]
    return head, body


def _head(ks: Sequence[int]) -> list[str]:
    return ["samples", "repeats", *(f"pass@{k} %" for k in ks), "partial"]


def _cells(row: Row, ks: Sequence[int]) -> list[str]:
    return [
        units.count(row["samples"]),
        units.count(row["repeats"]),
        *(share(row, k) for k in ks),
        units.percent(row["partial"]),
    ]


def share(row: Row, k: int) -> str:
    """Return pass@k of a row with its interval, both in percent."""
    name = f"pass_at_{k}"
    return units.accuracy(
        {
            "accuracy": row.get(name),
            "accuracy_low": row.get(f"{name}_low"),
            "accuracy_high": row.get(f"{name}_high"),
        }
    )
