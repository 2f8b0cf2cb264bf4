"""pass@k and partial credit, for the terminal and for Markdown; the page takes its cells from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.quality.pass_at_k import Passes
from gapbench.report.terminal_table import Column, Fitted
from gapbench.store.json_records import records

Row = Mapping[str, Any]


def passes_table(found: Passes) -> RenderableType:
    """Return one line for each task and model; nothing where no task has repeats or hidden tests."""
    if found.frame.empty:
        return Group()
    # The first and the last of k stay longest: between them the shares only rise.
    ks = [Column(f"pass@{k} %", len(found.ks) - place if place else 0) for place, k in enumerate(found.ks)]
    ends = [Column(name) for name in _head(found) if not name.startswith("pass@")]
    table = Fitted(
        "pass@k over repeats",
        [Column("model", words=True, least=16), *ends[:2], *ks, *ends[2:]],
        simulated=found.simulated,
    )
    rows = records(found.frame)
    for task in dict.fromkeys(row["task"] for row in rows):
        table.section(formatting.clean(task))
        for row in rows:
            if row["task"] == task:
                table.row(formatting.clean(row["model_id"]), *_cells(row, found))
    return Group(table, Text(note(found), "dim"))


def note(found: Passes) -> str:
    """Return what the columns are; hidden tests are named only where a task has some."""
    said = "pass@k: chance that at least one of k answers is right (unbiased, Chen et al. 2021)"
    return f"{said}; partial: mean share of hidden tests that held." if found.tested else f"{said}."


def markdown_rows(found: Passes) -> tuple[list[str], list[list[str]]]:
    """Return head and body of a Markdown table; a head that begins with > is aligned right."""
    head = ["task", "model", *(f">{name}" for name in _head(found))]
    body = [
        [formatting.clean(row["task"]), formatting.clean(row["model_id"]), *_cells(row, found)]
        for row in records(found.frame)
    ]
    return head, body


def _head(found: Passes) -> list[str]:
    return ["samples", "repeats", *(f"pass@{k} %" for k in found.ks), *(["partial"] if found.tested else [])]


def _cells(row: Row, found: Passes) -> list[str]:
    return [
        formatting.count(row["samples"]),
        formatting.count(row["repeats"]),
        *(share(row, k) for k in found.ks),
        *([formatting.percent(row["partial"])] if found.tested else []),
    ]


def share(row: Row, k: int) -> str:
    """Return pass@k of a row with its interval, both in percent."""
    name = f"pass_at_{k}"
    return formatting.accuracy(
        {
            "accuracy": row.get(name),
            "accuracy_low": row.get(f"{name}_low"),
            "accuracy_high": row.get(f"{name}_high"),
        }
    )
