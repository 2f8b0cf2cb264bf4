"""Load levels against a service level, for the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.performance.capacity import CapacityResult
from gapbench.report.terminal_table import ResponsiveTable, TerminalColumn


def capacity_table(capacity: CapacityResult) -> RenderableType:
    """Return one line for each level, one for each rate found, and what a reader must know."""
    title = f"Capacity: {capacity.slo}"
    if capacity.simulated:
        title += f"  [{formatting.SIMULATED}: a simulated provider answered]"
    parts: list[RenderableType] = [Text(title, "bold red" if capacity.simulated else "bold")]
    for (model_id, task), levels in capacity.frame.groupby(["model_id", "task"], sort=False):
        rows = [{str(key): value for key, value in row.items()} for row in levels.to_dict("records")]
        parts.append(
            _levels(f"{formatting.strip_controls(model_id)} on {formatting.strip_controls(task)}", rows)
        )
        rate = capacity.rate_of(str(model_id), str(task))
        if rate is not None:
            parts.append(Text(f"{formatting.strip_controls(model_id)}: {rate.words}\n", "bold"))
    notes = [Text(f"Note: {formatting.strip_controls(line)}", "dim") for line in capacity.warnings]
    return Group(*parts, *notes)


def _levels(title: str, rows: list[dict[str, Any]]) -> ResponsiveTable:
    heads = ("kept % (low)", "done/s", "tokens/s", "TTFT p95", "gap p95", "")
    table = ResponsiveTable(
        title, [TerminalColumn("load", is_text=True, min_width=14), *map(TerminalColumn, heads)]
    )
    for row in rows:
        marks = [
            "fails" if not row["passed"] else "" if row["certain"] else "unsure",
            "invalid" if formatting.is_known(row["invalid"]) else "",
        ]
        table.add_row(
            _level(row),
            f"{float(row['attainment']) * 100:.1f} ({float(row['attainment_low']) * 100:.1f})",
            formatting.format_number(row["completed_rps"]),
            formatting.format_number(row["output_tokens_per_s"]),
            formatting.format_seconds(row["ttft_p95_s"]),
            formatting.format_seconds(row["inter_chunk_p95_s"]),
            Text(" ".join(mark for mark in marks if mark), "red" if marks[0] == "fails" else "yellow"),
        )
    return table


def _level(row: dict[str, Any]) -> str:
    if formatting.is_known(row["offered_rps"]):
        return f"{formatting.format_number(row['offered_rps'])}/s"
    if formatting.is_known(row["concurrency"]):
        return f"{formatting.format_count(row['concurrency'])} in flight"
    return str(row["kind"])
