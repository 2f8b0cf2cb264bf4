"""pass@k and partial credit, for the terminal and for Markdown; the page takes its cells from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.quality.pass_at_k import PassAtK
from gapbench.report.terminal_table import Column, ResponsiveTable
from gapbench.store.json_records import records

Row = Mapping[str, Any]


def pass_at_k_table(pass_at_k: PassAtK) -> RenderableType:
    """Return one line for each task and model; nothing where no task has repeats or hidden tests."""
    if pass_at_k.frame.empty:
        return Group()
    # The first and the last of k stay longest: between them the shares only rise.
    ks = [
        Column(f"pass@{k} %", len(pass_at_k.ks) - place if place else 0)
        for place, k in enumerate(pass_at_k.ks)
    ]
    ends = [Column(name) for name in _column_heads(pass_at_k) if not name.startswith("pass@")]
    table = ResponsiveTable(
        "pass@k over repeats",
        [Column("model", is_text=True, min_width=16), *ends[:2], *ks, *ends[2:]],
        simulated=pass_at_k.simulated,
    )
    rows = records(pass_at_k.frame)
    for task in dict.fromkeys(row["task"] for row in rows):
        table.add_section(formatting.strip_controls(task))
        for row in rows:
            if row["task"] == task:
                table.add_row(formatting.strip_controls(row["model_id"]), *_cells(row, pass_at_k))
    return Group(table, Text(pass_at_k_note(pass_at_k), "dim"))


def pass_at_k_note(pass_at_k: PassAtK) -> str:
    """Return what the columns are; hidden tests are named only where a task has some."""
    said = "pass@k: chance that at least one of k answers is right (unbiased, Chen et al. 2021)"
    return (
        f"{said}; partial: mean share of hidden tests that held."
        if pass_at_k.has_hidden_tests
        else f"{said}."
    )


def pass_at_k_markdown(pass_at_k: PassAtK) -> tuple[list[str], list[list[str]]]:
    """Return head and body of a Markdown table; a head that begins with > is aligned right."""
    head = ["task", "model", *(f">{name}" for name in _column_heads(pass_at_k))]
    body = [
        [
            formatting.strip_controls(row["task"]),
            formatting.strip_controls(row["model_id"]),
            *_cells(row, pass_at_k),
        ]
        for row in records(pass_at_k.frame)
    ]
    return head, body


def _column_heads(pass_at_k: PassAtK) -> list[str]:
    return [
        "samples",
        "repeats",
        *(f"pass@{k} %" for k in pass_at_k.ks),
        *(["partial"] if pass_at_k.has_hidden_tests else []),
    ]


def _cells(row: Row, pass_at_k: PassAtK) -> list[str]:
    return [
        formatting.format_count(row["samples"]),
        formatting.format_count(row["repeats"]),
        *(format_pass_at_k(row, k) for k in pass_at_k.ks),
        *([formatting.format_percent(row["partial"])] if pass_at_k.has_hidden_tests else []),
    ]


def format_pass_at_k(row: Row, k: int) -> str:
    """Return pass@k of a row with its interval, both in percent."""
    name = f"pass_at_{k}"
    return formatting.format_accuracy(
        {
            "accuracy": row.get(name),
            "accuracy_low": row.get(f"{name}_low"),
            "accuracy_high": row.get(f"{name}_high"),
        }
    )
