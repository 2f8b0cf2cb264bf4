"""Tables for the terminal, as rich renderables that fit its width."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.cost.cost import CostTable
from gapbench.analysis.quality.gap import OVERALL, GapTable
from gapbench.analysis.quality.gap_metrics import remarks
from gapbench.analysis.quality.summary import Summary
from gapbench.report.columns import COST_COLUMNS, SUMMARY_COLUMNS, Columns, describe_outcomes
from gapbench.report.equal_quality import describe_equal_quality, describe_lag
from gapbench.report.terminal_table import Column, ResponsiveTable

_VERDICT_STYLE = {"closed ahead": "bold blue", "open ahead": "bold green"}
_GAP = (
    Column("metric", is_text=True),
    Column("closed", 1),
    Column("open", 1),
    Column("gap"),
    Column("95 % interval"),
    Column("p (Holm)", 3),
    Column("pairs", 2),
    Column("verdict", is_text=True, min_width=15),
)
Row = Mapping[str, Any]


def summary_table(summary: Summary) -> RenderableType:
    """Return accuracy, coverage, times and cost by category and model."""
    models, level = summary.level("model"), summary.level("category")
    parts = [(str(name), level[level["category"] == name]) for name in dict.fromkeys(level["category"])]
    if len(parts) > 1:
        parts.append((OVERALL, models))
    table = _table("Summary", "model", SUMMARY_COLUMNS, simulated=summary.simulated)
    for name, part in parts:
        table.add_section(formatting.strip_controls(name))
        for row in _rows(part):
            table.add_row(_name(row), *(cell(row) for _, cell in SUMMARY_COLUMNS))
    return Group(
        table, *(Text(line, "dim") for line in describe_outcomes(_rows(models))), *_notes(summary.warnings)
    )


def cost_table(cost: CostTable, already_shown: Collection[str] = ()) -> RenderableType:
    """Return cost per task and per correct task, with where each price comes from.

    Args:
        cost: The table.
        already_shown: Notes that the reader has seen, which are not said again.
    """
    table = _table("Cost, retries included", "category", COST_COLUMNS, simulated=cost.simulated)
    prices: list[Text] = []
    for name in dict.fromkeys(cost.frame["model_id"]):
        rows = _rows(cost.frame[cost.frame["model_id"] == name])
        table.add_section(formatting.strip_controls(name))
        for row in rows:
            table.add_row(formatting.category_name(row["category"]), *(cell(row) for _, cell in COST_COLUMNS))
        if formatting.is_known(rows[0]["price"]):
            source = formatting.strip_controls(rows[0]["price_source"])
            prices.append(
                Text(
                    f"{formatting.strip_controls(name)}: {formatting.strip_controls(rows[0]['price'])} ({source})",
                    "dim",
                )
            )
    return Group(table, *prices, *_notes(cost.warnings, already_shown))


def gap_table(gap: GapTable, already_shown: Collection[str] = ()) -> RenderableType:
    """Return the open-versus-closed table with verdicts and the fairness line.

    Args:
        gap: The table.
        already_shown: Notes that the reader has seen, which are not said again.
    """
    headline = Text(formatting.strip_controls(gap.headline()), "bold")
    if gap.frame.empty:
        return headline
    fair = gap.fairness or ["no broken condition found: same prompts, budgets, settings and images."]
    style = "yellow" if gap.fairness else "green"
    lines = [Text("Fairness: " + formatting.strip_controls(line), style) for line in fair]
    lines += [
        Text(formatting.strip_controls(line))
        for line in (*map(describe_equal_quality, gap.matched), *map(describe_lag, gap.lag))
    ]
    return Group(_gap(gap), headline, *lines, *_notes(gap.warnings, already_shown))


def _gap(gap: GapTable) -> ResponsiveTable:
    table = ResponsiveTable(
        "Gap: closed minus open on shared requests, accuracy in points", _GAP, simulated=gap.simulated
    )
    last: tuple[Any, ...] | None = None
    for row in _rows(gap.frame):
        scope = (row["category"], row["closed_model"], row["open_model"])
        if scope != last:
            last = scope
            table.add_section(
                Text.assemble(
                    (formatting.strip_controls(row["category"]), "bold"),
                    ": ",
                    (formatting.strip_controls(row["closed_model"]), "blue"),
                    " minus ",
                    (formatting.strip_controls(row["open_model"]), "green"),
                )
            )
        verdict = str(row["verdict"])
        table.add_row(
            formatting.METRICS.get(str(row["metric"]), str(row["metric"])),
            *(formatting.format_metric(row["unit"], row[side]) for side in ("closed_value", "open_value")),
            _gap_cell(row),
            formatting.format_interval(row["unit"], row["ci_low"], row["ci_high"]),
            formatting.format_p_value(row["p_value"]),
            formatting.format_count(row["n_pairs"]),
            Text.assemble(
                (verdict, "green" if verdict.startswith("equivalent") else _VERDICT_STYLE.get(verdict, "")),
                *(f"\n({more})" for more in remarks(row)),
            ),
        )
    return table


def failure_table(failures: pd.DataFrame) -> RenderableType:
    """Return failed attempts by model and kind, with an example of each."""
    if failures.empty:
        return Text("No attempt failed.")
    heads = [Column("model", is_text=True), *map(Column, ("kind", "status", "attempts", "lost"))]
    table = ResponsiveTable(
        "Failed attempts",
        [*heads, Column("example", is_text=True, min_width=20)],
        simulated=bool(failures["simulated"].any()),
    )
    for row in _rows(failures):
        table.add_row(
            formatting.strip_controls(row["model_id"]),
            formatting.strip_controls(row["failure_kind"]),
            formatting.format_count(row["http_status"]),
            formatting.format_count(row["attempts"]),
            formatting.format_count(row["final"]),
            formatting.strip_controls(row["example"])[:400],
        )
    return table


def _table(title: str, head: str, columns: Columns, *, simulated: bool) -> ResponsiveTable:
    heads = [Column(head, is_text=True, min_width=18), *(column for column, _ in columns)]
    return ResponsiveTable(title, heads, simulated=simulated)


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict(orient="records")]


def _name(row: Row) -> str:
    load = row["load"]
    return formatting.strip_controls(row["model_id"]) + (f" {load}" if formatting.is_known(load) else "")


def _gap_cell(row: Row) -> str:
    gap = formatting.format_gap(row["unit"], row["gap_points"])
    percent = row["gap_percent_of_closed"]
    # In percent where it is asked for; the other metrics' ratios stand on the page and in the JSON.
    shown = row["metric"] == "accuracy" and formatting.is_known(percent)
    return f"{gap} ({float(percent):+.0f} %)" if shown else gap


def _notes(warnings: Iterable[str], already_shown: Collection[str] = ()) -> list[Text]:
    return [
        Text(f"Note: {formatting.strip_controls(line)}", "dim")
        for line in dict.fromkeys(warnings)
        if line not in already_shown
    ]
