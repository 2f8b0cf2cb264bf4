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
from gapbench.report.columns import COST, SUMMARY, Columns, outcomes
from gapbench.report.equal_quality import lag_line, matched_line
from gapbench.report.terminal_table import Column, Fitted

_VERDICT_STYLE = {"closed ahead": "bold blue", "open ahead": "bold green"}
_GAP = (
    Column("metric", words=True),
    Column("closed", 1),
    Column("open", 1),
    Column("gap"),
    Column("95 % interval"),
    Column("p (Holm)", 3),
    Column("pairs", 2),
    Column("verdict", words=True, least=15),
)
Row = Mapping[str, Any]


def summary_table(summary: Summary) -> RenderableType:
    """Return accuracy, coverage, times and cost by category and model."""
    models, level = summary.level("model"), summary.level("category")
    parts = [(str(name), level[level["category"] == name]) for name in dict.fromkeys(level["category"])]
    if len(parts) > 1:
        parts.append((OVERALL, models))
    table = _table("Summary", "model", SUMMARY, simulated=summary.simulated)
    for name, part in parts:
        table.section(formatting.clean(name))
        for row in _rows(part):
            table.row(_name(row), *(cell(row) for _, cell in SUMMARY))
    return Group(table, *(Text(line, "dim") for line in outcomes(_rows(models))), *_notes(summary.warnings))


def cost_table(cost: CostTable, said: Collection[str] = ()) -> RenderableType:
    """Return cost per task and per correct task, with where each price comes from.

    Args:
        cost: The table.
        said: Notes that the reader has seen, which are not said again.
    """
    table = _table("Cost, retries included", "category", COST, simulated=cost.simulated)
    prices: list[Text] = []
    for name in dict.fromkeys(cost.frame["model_id"]):
        rows = _rows(cost.frame[cost.frame["model_id"] == name])
        table.section(formatting.clean(name))
        for row in rows:
            table.row(formatting.scope(row["category"]), *(cell(row) for _, cell in COST))
        if formatting.known(rows[0]["price"]):
            source = formatting.clean(rows[0]["price_source"])
            prices.append(
                Text(f"{formatting.clean(name)}: {formatting.clean(rows[0]['price'])} ({source})", "dim")
            )
    return Group(table, *prices, *_notes(cost.warnings, said))


def gap_table(gap: GapTable, said: Collection[str] = ()) -> RenderableType:
    """Return the open-versus-closed table with verdicts and the fairness line.

    Args:
        gap: The table.
        said: Notes that the reader has seen, which are not said again.
    """
    headline = Text(formatting.clean(gap.headline()), "bold")
    if gap.frame.empty:
        return headline
    fair = gap.fairness or ["no broken condition found: same prompts, budgets, settings and images."]
    style = "yellow" if gap.fairness else "green"
    lines = [Text("Fairness: " + formatting.clean(line), style) for line in fair]
    lines += [
        Text(formatting.clean(line)) for line in (*map(matched_line, gap.matched), *map(lag_line, gap.lag))
    ]
    return Group(_gap(gap), headline, *lines, *_notes(gap.warnings, said))


def _gap(gap: GapTable) -> Fitted:
    table = Fitted(
        "Gap: closed minus open on shared requests, accuracy in points", _GAP, simulated=gap.simulated
    )
    last: tuple[Any, ...] | None = None
    for row in _rows(gap.frame):
        scope = (row["category"], row["closed_model"], row["open_model"])
        if scope != last:
            last = scope
            table.section(
                Text.assemble(
                    (formatting.clean(row["category"]), "bold"),
                    ": ",
                    (formatting.clean(row["closed_model"]), "blue"),
                    " minus ",
                    (formatting.clean(row["open_model"]), "green"),
                )
            )
        verdict = str(row["verdict"])
        table.row(
            formatting.METRICS.get(str(row["metric"]), str(row["metric"])),
            *(formatting.metric_value(row["unit"], row[side]) for side in ("closed_value", "open_value")),
            _gap_cell(row),
            formatting.interval(row["unit"], row["ci_low"], row["ci_high"]),
            formatting.p_value(row["p_value"]),
            formatting.count(row["n_pairs"]),
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
    heads = [Column("model", words=True), *map(Column, ("kind", "status", "attempts", "lost"))]
    table = Fitted(
        "Failed attempts",
        [*heads, Column("example", words=True, least=20)],
        simulated=bool(failures["simulated"].any()),
    )
    for row in _rows(failures):
        table.row(
            formatting.clean(row["model_id"]),
            formatting.clean(row["failure_kind"]),
            formatting.count(row["http_status"]),
            formatting.count(row["attempts"]),
            formatting.count(row["final"]),
            formatting.clean(row["example"])[:400],
        )
    return table


def _table(title: str, head: str, columns: Columns, *, simulated: bool) -> Fitted:
    heads = [Column(head, words=True, least=18), *(column for column, _ in columns)]
    return Fitted(title, heads, simulated=simulated)


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict(orient="records")]


def _name(row: Row) -> str:
    load = row["load"]
    return formatting.clean(row["model_id"]) + (f" {load}" if formatting.known(load) else "")


def _gap_cell(row: Row) -> str:
    gap = formatting.gap_value(row["unit"], row["gap_points"])
    percent = row["gap_percent_of_closed"]
    # In percent where it is asked for; the other metrics' ratios stand on the page and in the JSON.
    shown = row["metric"] == "accuracy" and formatting.known(percent)
    return f"{gap} ({float(percent):+.0f} %)" if shown else gap


def _notes(warnings: Iterable[str], said: Collection[str] = ()) -> list[Text]:
    return [
        Text(f"Note: {formatting.clean(line)}", "dim") for line in dict.fromkeys(warnings) if line not in said
    ]
