"""pass@k and partial credit, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.analysis.frames import records
from harness.analysis.passes import Passes
from harness.report import units

Row = Mapping[str, Any]
NOTE = (
    "pass@k: chance that one of k answers passes every hidden test (unbiased, Chen et al. 2021); "
    "partial: mean share of hidden tests that held."
)


def passes_table(found: Passes) -> RenderableType:
    """Return one line for each task and model; nothing where no task has repeats or hidden tests."""
    if found.frame.empty:
        return Group()
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
    table.add_column("task", overflow="fold", min_width=10)
    for name in _head(found):
        table.add_column(name, justify="right", no_wrap=True)
    rows = records(found.frame)
    for index, task in enumerate(dict.fromkeys(row["task"] for row in rows)):
        if index:
            table.add_section()
        table.add_row(Text(units.clean(task), "bold"))
        for row in rows:
            if row["task"] == task:
                table.add_row(Text("  " + units.clean(row["model_id"])), *_cells(found, row))
    return Group(table, Text(NOTE, "dim"))


def markdown_rows(found: Passes) -> tuple[list[str], list[list[str]]]:
    """Return head and body of a Markdown table; a head that begins with > is aligned right."""
    head = ["task", "model", *(f">{name}" for name in _head(found))]
    body = [
        [units.clean(row["task"]), units.clean(row["model_id"]), *_cells(found, row)]
        for row in records(found.frame)
    ]
    return head, body


def _head(found: Passes) -> list[str]:
    return ["samples", "repeats", *(f"pass@{k} %" for k in found.ks), "partial"]


def _cells(found: Passes, row: Row) -> list[str]:
    return [
        units.count(row["samples"]),
        units.count(row["repeats"]),
        *(_share(row, k) for k in found.ks),
        units.percent(row["partial"]),
    ]


def _share(row: Row, k: int) -> str:
    """Return a share with its interval, both in percent."""
    name = f"pass_at_{k}"
    return units.accuracy(
        {
            "accuracy": row.get(name),
            "accuracy_low": row.get(f"{name}_low"),
            "accuracy_high": row.get(f"{name}_high"),
        }
    )
