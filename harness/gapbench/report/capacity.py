"""Load levels and whether each keeps a service level, for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.performance.capacity import CapacityResult
from gapbench.report.terminal_table import ResponsiveTable, TerminalColumn


def capacity_table(capacity: CapacityResult) -> RenderableType:
    """Return the highest load that keeps the service level, then a line for each level, and the warnings."""
    title = f"Capacity: {capacity.slo}"
    if capacity.simulated:
        title += f"  [{formatting.SIMULATED}: a simulated provider answered]"
    answers = [Text(title, "bold red" if capacity.simulated else "bold")]
    several = capacity.frame["task"].nunique() > 1
    tasks_by_answer: dict[tuple[str, str], list[str]] = {}
    series: dict[bool, dict[str, list[dict[str, Any]]]] = {False: {}, True: {}}
    for (model_id, task), levels in capacity.frame.groupby(["model_id", "task"], sort=False):
        rows = [{str(key): value for key, value in row.items()} for row in levels.to_dict("records")]
        model, on_task = formatting.strip_controls(model_id), formatting.strip_controls(task)
        series[any(row["episodes"] for row in rows)][f"{model} on {on_task}"] = rows
        for level in (
            capacity.rate_of(str(model_id), str(task)),
            capacity.concurrency_of(str(model_id), str(task)),
        ):
            if level is not None:
                tasks_by_answer.setdefault((model, level.words), []).append(on_task)
    answers += [
        Text(f"{model}{f' on {formatting.join_words(tasks)}' if several else ''}: {words}", "bold")
        for (model, words), tasks in tasks_by_answer.items()
    ]
    if capacity.frame.empty:
        answers.append(Text("No model has times here, so no load can be compared with the limits.", "bold"))
    tables = [
        _level_table(of_kind, of_episodes=of_episodes) for of_episodes, of_kind in series.items() if of_kind
    ]
    notes = [Text(f"Note: {formatting.strip_controls(line)}", "dim") for line in capacity.warnings]
    return Group(*answers, Text(), *tables, *notes)


_Shown = tuple[str, int, Callable[[dict[str, Any]], str]]
"""Heading, order in which a narrow terminal leaves it out (0: never), and a row's text."""
_REPLIES: tuple[_Shown, ...] = (
    ("done/s", 0, lambda row: formatting.format_number(row["completed_rps"])),
    ("tokens/s", 1, lambda row: formatting.format_number(row["output_tokens_per_s"])),
    ("TTFT p95", 0, lambda row: formatting.format_seconds(row["ttft_p95_s"])),
    ("gap p95", 2, lambda row: formatting.format_seconds(row["inter_chunk_p95_s"])),
)
_EPISODES: tuple[_Shown, ...] = (
    ("solved", 0, lambda row: f"{row['solved']:.0f} of {row['requests']:.0f}"),
    ("solved/min", 0, lambda row: formatting.format_number(row["solved_per_min"])),
    ("solved/$", 0, lambda row: formatting.format_number(row["solved_per_usd"])),
    ("task p50", 1, lambda row: formatting.format_seconds(row["response_p50_s"])),
    ("task p95", 0, lambda row: formatting.format_seconds(row["response_p95_s"])),
)
_PREFIX_CACHE: _Shown = (
    "prefix cache %", 3, lambda row: formatting.format_percent(row["prefix_cache_share"]),
)  # fmt: skip


def _level_table(series: Mapping[str, list[dict[str, Any]]], *, of_episodes: bool) -> ResponsiveTable:
    """Return the levels of each series, one below the other."""
    columns = (
        [*_EPISODES, ("tokens/s", 2, _REPLIES[1][2]), ("TTFT p95", 3, _REPLIES[2][2])]
        if of_episodes
        else [*_REPLIES]
    )
    if any(formatting.is_known(row["prefix_cache_share"]) for rows in series.values() for row in rows):
        columns.append(_PREFIX_CACHE)
    table = ResponsiveTable(
        "Loads, and the share of their requests that kept every limit",
        [
            TerminalColumn("load", is_text=True, min_width=14),
            TerminalColumn("kept % (low)"),
            *(TerminalColumn(heading, rank) for heading, rank, _ in columns),
            TerminalColumn("", is_text=True),
        ],
        wider_hint="a wider terminal or --json has them",
    )
    for heading, rows in series.items():
        table.add_section(heading)
        for row in rows:
            marks = [
                "fails" if not row["passed"] else "" if row["certain"] else "unsure",
                "invalid" if formatting.is_known(row["invalid"]) else "",
            ]
            table.add_row(
                _format_level(row, "agents" if of_episodes else "in flight"),
                f"{float(row['attainment']) * 100:.1f} ({float(row['attainment_low']) * 100:.1f})",
                *(write(row) for _, _, write in columns),
                Text(" ".join(mark for mark in marks if mark), "red" if marks[0] == "fails" else "yellow"),
            )
    return table


def _format_level(row: dict[str, Any], noun: str) -> str:
    if formatting.is_known(row["offered_rps"]):
        return f"{formatting.format_number(row['offered_rps'])}/s"
    if formatting.is_known(row["concurrency"]):
        return f"{formatting.format_count(row['concurrency'])} {noun}"
    return str(row["kind"])
