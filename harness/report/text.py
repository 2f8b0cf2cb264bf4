"""Tables for the terminal, as rich renderables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.analysis.cost import ALL, CostTable
from harness.analysis.gap import OVERALL, GapTable
from harness.analysis.summary import Summary
from harness.report import units

_VERDICT_STYLE = {"closed ahead": "bold blue", "open ahead": "bold green"}


def summary_table(summary: Summary) -> RenderableType:
    """Return accuracy, coverage, times, tokens and cost by category and model."""
    table = _table("Summary", simulated=summary.simulated)
    _columns(table, ("category", "model", "weights"))
    right = (
        "done",
        "accuracy % (95 %)",
        "coverage",
        "first token p50",
        "response p50",
        "p95",
        "chars/s",
        "$/correct",
    )
    _columns(table, right, justify="right")
    level = summary.level("category")
    last = None
    for row in _rows(_by_category(level)):
        if last is not None and row["category"] != last:
            table.add_section()
        shown = "" if row["category"] == last else row["category"]
        last = row["category"]
        table.add_row(units.clean(shown) if shown else "", *_summary_cells(row))
    models = summary.level("model")
    if level["category"].nunique() > 1:
        table.add_section()
        for index, row in enumerate(_rows(models)):
            table.add_row(Text(OVERALL if index == 0 else "", "bold"), *_summary_cells(row))
    return Group(table, *_outcomes(models), *_notes(summary.warnings))


def gap_table(gap: GapTable) -> RenderableType:
    """Return the open-versus-closed table with verdicts and the fairness line."""
    table = _table("Gap: closed minus open, on shared requests", simulated=gap.simulated)
    _columns(table, ("category", "metric", "closed", "open"))
    _columns(table, ("gap", "% of closed", "95 % interval", "p (Holm)"), justify="right")
    _columns(table, ("verdict",))
    _columns(table, ("pairs", "needed"), justify="right")
    last = None
    for row in _rows(gap.frame):
        scope = (row["category"], row["closed_model"], row["open_model"])
        if last is not None and scope != last:
            table.add_section()
        fresh = scope != last
        last = scope
        verdict = str(row["verdict"])
        style = "green" if verdict.startswith("equivalent") else _VERDICT_STYLE.get(verdict, "")
        table.add_row(
            Text(units.clean(row["category"]), "bold") if fresh else "",
            units.METRICS.get(str(row["metric"]), str(row["metric"])),
            _side(row, "closed", named=fresh),
            _side(row, "open", named=fresh),
            units.gap_value(row["unit"], row["gap_points"]) + (" pts" if row["unit"] == "points" else ""),
            _percent_of_closed(row),
            units.interval(row["unit"], row["ci_low"], row["ci_high"]),
            units.p_value(row["p_value"]),
            Text(verdict, style),
            units.count(row["n_pairs"]),
            units.count(row["items_needed"]),
        )
    said = Text(units.clean(gap.headline()), "bold")
    fair = gap.fairness or ["no broken condition was found: same prompts, budgets, settings and images."]
    lines = [Text("Fairness: " + units.clean(line), "yellow" if gap.fairness else "green") for line in fair]
    body: list[RenderableType] = [said, table] if len(gap.frame) else [said]
    return Group(*body, *lines, *_notes(gap.warnings if len(gap.frame) else ()))


def cost_table(cost: CostTable) -> RenderableType:
    """Return cost per task and per correct task, with where each price comes from."""
    table = _table("Cost, retries included", simulated=cost.simulated)
    _columns(table, ("model", "category"))
    right = (
        "tasks",
        "correct",
        "total",
        "of it retries",
        "per task",
        "per correct",
        "per M tokens",
        "GPU-hours",
    )
    _columns(table, right, justify="right")
    _columns(table, ("price", "source"))
    last = None
    for row in _rows(cost.frame):
        fresh = row["model_id"] != last
        if last is not None and fresh:
            table.add_section()
        last = row["model_id"]
        table.add_row(
            units.clean(row["model_id"]) if fresh else "",
            Text(OVERALL, "bold") if row["category"] == ALL else units.clean(row["category"]),
            units.count(row["tasks"]),
            units.count(row["correct"]),
            units.usd(row["usd"]),
            units.usd(row["usd_retries"]),
            units.usd(row["usd_per_task"]),
            units.usd(row["usd_per_correct"]),
            units.usd(row["usd_per_mtok"]),
            units.number(row["gpu_hours"]),
            units.clean(row["price"]) if fresh else "",
            units.clean(row["price_source"]) if fresh else "",
        )
    return Group(table, *_notes(cost.warnings))


def failure_table(failures: pd.DataFrame) -> RenderableType:
    """Return failed attempts by model and kind, with an example of each."""
    if failures.empty:
        return Text("No attempt failed.")
    table = _table("Failed attempts", simulated=bool(failures["simulated"].any()))
    _columns(table, ("model", "kind"))
    _columns(table, ("status", "attempts", "requests lost"), justify="right")
    table.add_column("example", overflow="fold")
    for row in _rows(failures):
        table.add_row(
            units.clean(row["model_id"]),
            units.clean(row["failure_kind"]),
            units.count(row["http_status"]),
            units.count(row["attempts"]),
            units.count(row["final"]),
            Text(units.clean(row["example"])[:400]),
        )
    return table


def _table(title: str, *, simulated: bool) -> Table:
    said = f"{title}  [{units.SIMULATED}: a simulated provider answered]" if simulated else title
    return Table(
        title=Text(said, "bold red" if simulated else "bold"), title_justify="left", header_style="dim"
    )


def _columns(table: Table, names: Iterable[str], justify: Any = "left") -> None:
    for name in names:
        table.add_column(name, justify=justify, overflow="fold")


def _rows(frame: pd.DataFrame) -> list[Mapping[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict(orient="records")]


def _by_category(level: pd.DataFrame) -> pd.DataFrame:
    """Return rows grouped by category, both in the order in which they came."""
    order = {name: place for place, name in enumerate(dict.fromkeys(level["category"]))}
    return level.sort_values("category", key=lambda column: column.map(order), kind="stable")


def _summary_cells(row: Mapping[str, Any]) -> list[RenderableType]:
    return [
        units.clean(row["model_id"]),
        str(row["weights"]),
        f"{units.count(row['done'])}/{units.count(row['planned'])}",
        units.accuracy(row["accuracy"], row["accuracy_low"], row["accuracy_high"]),
        units.percent(row["coverage"]),
        units.seconds(row["ttft_p50_s"]),
        units.seconds(row["response_p50_s"]),
        units.seconds(row["response_p95_s"]),
        units.number(row["answer_chars_per_s_p50"]),
        units.usd(row["usd_per_correct"]),
    ]


def _outcomes(models: pd.DataFrame) -> list[Text]:
    """Return one line for each model of what went otherwise than right or wrong, and of retries."""
    lines = []
    for row in _rows(models):
        kinds = ("unparsed", "truncated", "refused", "infra", "unscored", "retries")
        said = [f"{units.count(row[kind])} {kind}" for kind in kinds if row[kind]]
        if said:
            lines.append(
                Text(f"{units.clean(row['model_id'])}: {', '.join(said)} of {units.count(row['n'])}", "dim")
            )
    return lines


def _side(row: Mapping[str, Any], side: str, *, named: bool) -> Text:
    value = units.metric_value(row["unit"], row[f"{side}_value"])
    if not named:
        return Text(value)
    return Text.assemble(value, "  ", (units.clean(row[f"{side}_model"]), "cyan"))


def _percent_of_closed(row: Mapping[str, Any]) -> str:
    value = row["gap_percent_of_closed"]
    return f"{float(value):+.1f} %" if units.known(value) else units.NOTHING


def _notes(warnings: Iterable[str]) -> list[Text]:
    return [Text(f"Note: {units.clean(line)}", "dim") for line in dict.fromkeys(warnings)]
