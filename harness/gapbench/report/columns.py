"""The columns of the summary and of the cost table, and the lines under it: the same on the terminal, in Markdown and on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gapbench import formatting
from gapbench.report.terminal_table import Column

Row = Mapping[str, Any]
Columns = tuple[tuple[Column, Callable[[Row], str]], ...]

SUMMARY_COLUMNS: Columns = (
    (Column("weights", 7), lambda row: str(row["weights"])),
    (
        Column("done", 6),
        lambda row: f"{formatting.format_count(row['done'])}/{formatting.format_count(row['planned'])}",
    ),
    (Column("accuracy % (95 %)"), formatting.format_accuracy),
    # Never apart: what share of the requests an accuracy is of.
    (Column("coverage"), lambda row: formatting.format_percent(row["coverage"])),
    (Column(formatting.METRICS["ttft_p50_s"], 4), lambda row: formatting.format_time(row, "ttft_p50_s")),
    (
        Column(formatting.METRICS["response_p50_s"], 2),
        lambda row: formatting.format_time(row, "response_p50_s"),
    ),
    (
        Column(formatting.METRICS["response_p95_s"], 3),
        lambda row: formatting.format_time(row, "response_p95_s"),
    ),
    (Column("tokens/s", 5), lambda row: formatting.format_speed(row, "output_tokens_per_s")),
    (
        Column(formatting.METRICS["answer_chars_per_s_p50"], 8),
        lambda row: formatting.format_speed(row, "answer_chars_per_s_p50"),
    ),
    (
        Column(formatting.METRICS["usd_per_correct"], 1),
        lambda row: formatting.format_usd(row["usd_per_correct"]),
    ),
)
COST_COLUMNS: Columns = (
    (Column("tasks", 3), lambda row: formatting.format_count(row["tasks"])),
    (Column("correct", 4), lambda row: formatting.format_count(row["correct"])),
    (Column("total", 1), lambda row: formatting.format_usd(row["usd"])),
    (Column("of it retries", 6), lambda row: formatting.format_usd(row["usd_retries"])),
    (Column(formatting.METRICS["usd_per_task"]), lambda row: formatting.format_usd(row["usd_per_task"])),
    (
        Column(formatting.METRICS["usd_per_correct"]),
        lambda row: formatting.format_usd(row["usd_per_correct"]),
    ),
    (Column("$/M tokens", 2), lambda row: formatting.format_usd(row["usd_per_mtok"])),
    (Column("GPU-hours", 5), lambda row: formatting.format_number(row["gpu_hours"])),
)


def describe_outcomes(models: Iterable[Row]) -> list[str]:
    """Return one line for each model of what went otherwise than right or wrong, and of retries."""
    lines: list[str] = []
    for row in models:
        kinds = ("unparsed", "truncated", "refused", "infra", "unscored", "retries")
        said = [f"{formatting.format_count(row[kind])} {kind}" for kind in kinds if row[kind]]
        if said:
            lines.append(
                f"{formatting.strip_controls(row['model_id'])}: {', '.join(said)}, of {formatting.format_count(row['n'])} requests"
            )
    return lines
