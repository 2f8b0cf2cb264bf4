"""Tables for the terminal, as rich renderables that fit its width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.analysis.cost import ALL, CostTable
from harness.analysis.gap import OVERALL, GapTable
from harness.analysis.summary import Summary
from harness.report import units

WIDE = 112
"""Columns of a terminal from which every column of a table is shown."""
_VERDICT_STYLE = {"closed ahead": "bold blue", "open ahead": "bold green"}
Row = Mapping[str, Any]
Block = tuple[str, list[tuple[str, Mapping[str, Any]]]]
Cell = Callable[[Row], str]


class _ByWidth:
    """A table that leaves out its lesser columns where the terminal is narrow."""

    def __init__(self, draw: Callable[[bool], RenderableType]) -> None:
        """Keep how to draw it, wide or narrow."""
        self._draw = draw

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[RenderableType]:
        yield self._draw(options.max_width >= WIDE)


_SUMMARY: tuple[tuple[str, bool, Cell], ...] = (
    ("weights", False, lambda row: str(row["weights"])),
    ("done", False, lambda row: f"{units.count(row['done'])}/{units.count(row['planned'])}"),
    ("accuracy % (95 %)", True, units.accuracy),
    ("coverage", True, lambda row: units.percent(row["coverage"])),
    ("TTFT p50", False, lambda row: _time(row, "ttft_p50_s")),
    ("answer p50", True, lambda row: _time(row, "response_p50_s")),
    ("p95", True, lambda row: _time(row, "response_p95_s")),
    ("tokens/s", False, lambda row: units.number(row["output_tokens_per_s"])),
    ("chars/s", False, lambda row: units.number(row["answer_chars_per_s_p50"])),
    ("$/correct", True, lambda row: units.usd(row["usd_per_correct"])),
)
_COST: tuple[tuple[str, bool, Cell], ...] = (
    ("tasks", True, lambda row: units.count(row["tasks"])),
    ("correct", True, lambda row: units.count(row["correct"])),
    ("total", True, lambda row: units.usd(row["usd"])),
    ("retries", False, lambda row: units.usd(row["usd_retries"])),
    ("per task", True, lambda row: units.usd(row["usd_per_task"])),
    ("per correct", True, lambda row: units.usd(row["usd_per_correct"])),
    ("per M tokens", False, lambda row: units.usd(row["usd_per_mtok"])),
    ("GPU-hours", False, lambda row: units.number(row["gpu_hours"])),
)


def summary_table(summary: Summary) -> RenderableType:
    """Return accuracy, coverage, times and cost by category and model."""
    models, level = summary.level("model"), summary.level("category")
    parts = [(str(name), level[level["category"] == name]) for name in dict.fromkeys(level["category"])]
    if len(parts) > 1:
        parts.append((OVERALL, models))
    blocks: list[Block] = [(name, [(_name(row), row) for row in _rows(part)]) for name, part in parts]

    def draw(wide: bool) -> RenderableType:
        return _blocks("Summary", summary.simulated, "model", _SUMMARY, blocks, wide=wide)

    return Group(_ByWidth(draw), *_outcomes(models), *_notes(summary.warnings))


def cost_table(cost: CostTable) -> RenderableType:
    """Return cost per task and per correct task, with where each price comes from."""
    blocks: list[Block] = []
    prices: list[Text] = []
    for name in dict.fromkeys(cost.frame["model_id"]):
        rows = _rows(cost.frame[cost.frame["model_id"] == name])
        lines: list[tuple[str, Row]] = [
            (OVERALL if row["category"] == ALL else units.clean(row["category"]), row) for row in rows
        ]
        blocks.append((units.clean(name), lines))
        if units.known(rows[0]["price"]):
            source = units.clean(rows[0]["price_source"])
            prices.append(Text(f"{units.clean(name)}: {units.clean(rows[0]['price'])} ({source})", "dim"))

    def draw(wide: bool) -> RenderableType:
        return _blocks("Cost, retries included", cost.simulated, "", _COST, blocks, wide=wide)

    return Group(_ByWidth(draw), *prices, *_notes(cost.warnings))


def gap_table(gap: GapTable) -> RenderableType:
    """Return the open-versus-closed table with verdicts and the fairness line."""
    said = Text(units.clean(gap.headline()), "bold")
    if gap.frame.empty:
        return said
    fair = gap.fairness or ["no broken condition found: same prompts, budgets, settings and images."]
    style = "yellow" if gap.fairness else "green"
    lines = [Text("Fairness: " + units.clean(line), style) for line in fair]
    lines += [Text(units.clean(line)) for line in (*map(matched_line, gap.matched), *map(lag_line, gap.lag))]
    return Group(_ByWidth(lambda wide: _gap(gap, wide=wide)), said, *lines, *_notes(gap.warnings))


def matched_line(row: Row) -> str:
    """Return one comparison at matched quality as a sentence."""
    closed, found = row["closed"], row["open"]
    if found is None:
        return f"Matched quality: no open model with a price is as good as {closed['model']}."
    ratio = row["cost_ratio"]
    price = (
        f"{units.usd(found['usd_per_task'])} a task"
        if ratio is None
        else f"{units.usd(found['usd_per_task'])} a task against {units.usd(closed['usd_per_task'])} "
        f"({units.number(ratio)} times)"
    )
    return (
        f"Matched quality: the cheapest open model no worse than {closed['model']} is {found['model']}: "
        f"{row['verdict']}, gap {row['gap_points']:+.1f} ({row['ci_low']:+.1f} to {row['ci_high']:+.1f}), {price}."
    )


def lag_line(row: Row) -> str:
    """Return how long before, a closed model was as good, as a sentence."""
    months = row["lag_release_months"]
    said = "" if months is None else f", {months:g} months before {row['open']['model']} came out"
    return (
        f"Lag, {row['category']}: {row['closed']['model']} ({row['closed']['released']}) was the first closed model here "
        f"at or above {row['open']['model']}{said}; {row['lag_months']:g} months before this run."
    )


def _gap(gap: GapTable, *, wide: bool) -> Table:
    table = _table("Gap: closed minus open on shared requests, accuracy in points", simulated=gap.simulated)
    table.add_column("", overflow="fold", max_width=16, min_width=8)
    table.add_column("metric", no_wrap=True)
    # A narrow terminal keeps what cannot be read off the summary above.
    for name in (
        *(("closed", "open") if wide else ()),
        "gap",
        "95 % interval",
        *(("p", "n") if wide else ()),
    ):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold", min_width=19 if wide else 15)
    last: tuple[Any, ...] | None = None
    place = 0
    for row in _rows(gap.frame):
        scope = (row["category"], row["closed_model"], row["open_model"])
        if scope != last:
            if last is not None:
                table.add_section()
            last, place = scope, 0
        heads = (
            Text(units.clean(row["category"]), "bold"),
            Text(units.clean(row["closed_model"]), "blue"),
            Text(units.clean(row["open_model"]), "green"),
        )
        verdict = str(row["verdict"])
        if wide and units.known(row["items_needed"]):
            verdict += f"\n(needs {units.count(row['items_needed'])} pairs)"
        table.add_row(
            heads[place] if place < len(heads) else "",
            units.SHORT_METRICS.get(str(row["metric"]), str(row["metric"])),
            *(units.metric_value(row["unit"], row[side]) for side in ("closed_value", "open_value") if wide),
            _gap_cell(row, wide=wide),
            units.interval(row["unit"], row["ci_low"], row["ci_high"]),
            *((units.p_value(row["p_value"]), units.count(row["n_pairs"])) if wide else ()),
            Text(verdict, "green" if verdict.startswith("equivalent") else _VERDICT_STYLE.get(verdict, "")),
        )
        place += 1
    return table


def failure_table(failures: pd.DataFrame) -> RenderableType:
    """Return failed attempts by model and kind, with an example of each."""
    if failures.empty:
        return Text("No attempt failed.")
    table = _table("Failed attempts", simulated=bool(failures["simulated"].any()))
    table.add_column("model", overflow="fold")
    table.add_column("kind", no_wrap=True)
    for name in ("status", "attempts", "lost"):
        table.add_column(name, justify="right", no_wrap=True)
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


def _blocks(
    title: str,
    simulated: bool,
    head: str,
    columns: tuple[tuple[str, bool, Cell], ...],
    blocks: list[Block],
    *,
    wide: bool,
) -> Table:
    """Return a table of blocks, each under a line of its own; lesser columns only where there is room."""
    shown = [(name, cell) for name, always, cell in columns if always or wide]
    table = _table(title, simulated=simulated)
    longest = max((len(line) + 2 for _, rows in blocks for line, _ in rows), default=10)
    table.add_column(head, overflow="fold", min_width=min(longest, 18))
    for name, _ in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for index, (name, rows) in enumerate(blocks):
        if index:
            table.add_section()
        table.add_row(Text(name, "bold"))
        for line, row in rows:
            table.add_row(Text("  " + line), *(cell(row) for _, cell in shown))
    return table


def _table(title: str, *, simulated: bool) -> Table:
    said = f"{title}  [{units.SIMULATED}: a simulated provider answered]" if simulated else title
    return Table(
        title=Text(said, "bold red" if simulated else "bold"),
        title_justify="left",
        header_style="dim",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict(orient="records")]


def _time(row: Row, name: str) -> str:
    """Return a quantile over its 95 % interval, or over the word that it is no figure of the provider's."""
    shown = units.seconds(row[name])
    if units.known(row["invalid"]):
        return f"{shown}\ninvalid"
    bounds = units.seconds_range(row[f"{name}_low"], row[f"{name}_high"])
    return f"{shown}\n{bounds}" if units.known(row[name]) else shown


def _name(row: Row) -> str:
    load = row["load"]
    return units.clean(row["model_id"]) + (f" {load}" if units.known(load) else "")


def _outcomes(models: pd.DataFrame) -> list[Text]:
    """Return one line for each model of what went otherwise than right or wrong, and of retries."""
    lines = []
    for row in _rows(models):
        kinds = ("unparsed", "truncated", "refused", "infra", "unscored", "retries")
        said = [f"{units.count(row[kind])} {kind}" for kind in kinds if row[kind]]
        if said:
            of = f"of {units.count(row['n'])} requests"
            lines.append(Text(f"{units.clean(row['model_id'])}: {', '.join(said)}, {of}", "dim"))
    return lines


def _gap_cell(row: Row, *, wide: bool) -> str:
    gap = units.gap_value(row["unit"], row["gap_points"])
    percent = row["gap_percent_of_closed"]
    # In percent where it is asked for; the other metrics' ratios stand on the page and in the JSON.
    shown = wide and row["metric"] == "accuracy" and units.known(percent)
    return f"{gap} ({float(percent):+.0f} %)" if shown else gap


def _notes(warnings: Iterable[str]) -> list[Text]:
    return [Text(f"Note: {units.clean(line)}", "dim") for line in dict.fromkeys(warnings)]
