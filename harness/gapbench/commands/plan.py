"""`bench plan`: show the cells, requests and cost bound of a suite without sending a request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import (
    POSITIVE,
    Finite,
    allow_code_option,
    json_option,
    limit_option,
    model_option,
    task_option,
)
from gapbench.commands.storage_paths import RunPath, find_run_or_baseline

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod

    from gapbench.execution.plan_power import PowerAssumptions, PowerRow
    from gapbench.execution.setup import RunSetup
    from gapbench.suite.plan import Cell, PlannedSearch


@click.command("plan", epilog="Example: bench plan tasks/suites/quickstart.yaml --model sim-open-large")
@click.argument("suite")
@model_option
@task_option
@limit_option
@click.option(
    "--discordance",
    type=Finite(min=0, max=1, min_open=True),
    default=0.2,
    show_default=True,
    help="Share of pairs in which two models' scores are assumed to differ.",
)
@click.option(
    "--icc",
    type=Finite(min=0, max=1),
    default=0.2,
    show_default=True,
    help="Assumed correlation of two differences of one cluster.",
)
@click.option(
    "--latency",
    "latency_s",
    type=POSITIVE,
    metavar="SECONDS",
    help="Assumed mean time of a reply, for the hours.",
)
@click.option(
    "--like",
    type=RunPath(),
    metavar="RUN",
    help="Take the time of a request from this earlier run, for the hours.",
)
@click.option("--batch", is_flag=True, help="Show the plan of `bench run --batch`, at the price of batches.")
@click.option(
    "--shards",
    is_flag=True,
    help="List the shards instead: independent parts for `bench run --shard K`, with GPUs, hours and dollars.",
)
@allow_code_option
@json_option
def plan_command(
    suite: str,
    models: tuple[str, ...],
    tasks: tuple[str, ...],
    limit: int | None,
    discordance: float,
    icc: float,
    latency_s: float | None,
    like: Path | None,
    *,
    batch: bool,
    shards: bool,
    allow_code: bool,
    as_json: bool,
) -> None:
    """Show the cells of SUITE, the cost bound, and which gap it can detect. Sends no request.

    It also shows how the parameters change for each provider.
    """
    from gapbench.execution.expected_time import ReplyTime, expect_time
    from gapbench.execution.plan_power import (
        PowerAssumptions,
        plan_power,
        power_json,
        seconds_per_request,
    )
    from gapbench.execution.run_pricing import cost_bounds
    from gapbench.execution.setup import Selection, build_run_setup, enforce_data_policy
    from gapbench.store import read_manifest

    setup = build_run_setup(Selection(suite, models, tasks, limit, allow_code, batch=batch))
    enforce_data_policy(setup)
    taken = seconds_per_request(read_manifest(find_run_or_baseline(Path("results"), like))) if like else {}
    assumed = PowerAssumptions(discordance, icc, ReplyTime(latency_s, taken))
    if shards:
        from gapbench.commands.plan_shards import print_shards

        print_shards(setup, assumed, None if like is None else like.name, as_json=as_json)
        return
    if as_json:
        from gapbench.suite.plan import describe_plan

        batched = {model.id for model in setup.plan.models if model.batch}
        bounds = [
            {
                "model": row.model_id,
                "plays_users": row.plays_users,
                "metered": row.metered,
                "batch": row.model_id in batched and not row.plays_users,
                "requests": row.requests,
                "calls": row.calls,
                "input_tokens_max": row.input_tokens,
                "output_tokens_max": row.output_tokens,
                "usd_max": None if row.usd is None else str(row.usd),
            }
            for row in cost_bounds(setup)
        ]
        power = power_json(plan_power(setup, assumed), assumed, setup.plan.margin_points)
        cells = describe_plan(setup.plan)
        time = expect_time(setup.plan, assumed.reply_time).to_json()
        told = {
            "suite": setup.plan.suite,
            "cells": cells,
            "bounds": bounds,
            "power": power,
            "time": time,
            "notes": list(setup.plan.notes),
        }
        click.echo(json.dumps(told))
        return
    from rich.console import Console

    print_plan(setup, Console(), assumed)


def print_plan(setup: RunSetup, console: Console, assumed: PowerAssumptions | None = None) -> None:
    """Print the cells of a plan, the parameters that providers change, the cost bounds, the power and what is missing.

    Args:
        setup: The run.
        console: Where to print.
        assumed: What the power assumes. None: the defaults.
    """
    from rich.table import Table

    from gapbench.commands.confirm import format_bound
    from gapbench.execution.expected_time import expect_time
    from gapbench.execution.plan_power import PowerAssumptions, plan_power
    from gapbench.execution.run_pricing import cost_bounds
    from gapbench.execution.setup import find_missing_requirements
    from gapbench.formatting import count_of
    from gapbench.suite.plan import describe_plan, request_of

    plan = setup.plan
    cells = Table(
        title=f"{plan.suite}: {count_of(len(plan.cells), 'cell')}, {count_of(plan.requests_total, 'request')}"
        + (f", {len(plan.searches)} search{'es' * (len(plan.searches) > 1)}" if plan.searches else ""),
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("model", "weights", "runner", "task", "load", "samples", "requests"):
        justify: JustifyMethod = "right" if name in {"samples", "requests"} else "left"
        cells.add_column(name, justify=justify, overflow="fold")
    for row in describe_plan(plan):
        is_bound = row["adaptive"] or row["load"].startswith("search")
        count = f"at most {row['requests']:,}" if is_bound else f"{row['requests']:,}"
        names = ("model", "weights", "runner", "task", "load")
        cells.add_row(*(str(row[name]) for name in names), f"{row['samples']:,}", count)
    console.print(cells)
    for note in plan.notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    changes: dict[str, list[str]] = {}
    cells_and_searches: list[Cell | PlannedSearch] = [*plan.cells, *plan.searches]
    for cell in cells_and_searches:
        first = cell.task.samples[0]
        request = request_of(cell.model, first, cell.params)
        for change in setup.runners[cell.model.id].prepare(request).changes:
            models = changes.setdefault(change, [])
            if cell.model.id not in models:
                models.append(cell.model.id)
    for change, models in changes.items():
        console.print(f"{', '.join(models)}: {change}", markup=False, highlight=False, soft_wrap=True)
    batched = {model.id for model in plan.models if model.batch}
    for bound in cost_bounds(setup):
        if bound.metered:
            usd = (
                "cost bound unknown, because its price is unknown"
                if bound.usd is None
                else f"at most {format_bound(bound.usd)}"
            )
            calls = f"{'up to ' if bound.calls > bound.requests else ''}{bound.calls} paid calls"
            if bound.model_id in batched:
                calls += " in batches"
            console.print(f"{bound.label}: {calls}, {usd}", markup=False, highlight=False)
    assumed = assumed or PowerAssumptions()
    expected = expect_time(plan, assumed.reply_time)
    console.print(expected.describe(), markup=False, highlight=False, soft_wrap=True)
    _print_power(plan_power(setup, assumed), assumed, plan.margin_points, console, has_batches=bool(batched))
    for model_id, problem in find_missing_requirements(setup).items():
        console.print(f"{model_id}: {problem}", markup=False, highlight=False, soft_wrap=True)


def _print_power(
    rows: list[PowerRow],
    assumed: PowerAssumptions,
    margin_points: float,
    console: Console,
    *,
    has_batches: bool,
) -> None:
    """Print which gap the plan detects, and what showing two equal models to be equivalent would take."""
    from rich.table import Table

    from gapbench import formatting

    if not rows:
        return
    table = Table(
        title=f"Power: gap detected with 80 % probability at 5 % (discordance {assumed.discordance:g}, "
        f"correlation within clusters {assumed.icc:g})",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    margin = f"for ±{margin_points:g} points"
    for name in ("category", "pairs", "sources", "detects", f"pairs {margin}", "at most", "hours"):
        table.add_column(name, justify="left" if name == "category" else "right", overflow="fold")
    for row in rows:
        table.add_row(
            row.category,
            f"{row.pairs:,}",
            f"{row.clusters:,}",
            "too few sources" if row.detectable_points is None else f"{row.detectable_points:.1f} points",
            formatting.NOTHING if row.pairs_for_margin is None else f"{row.pairs_for_margin:,}",
            "unknown" if row.usd_for_margin is None else f"${row.usd_for_margin:,.2f}",
            "unknown" if row.hours_for_margin is None else f"{row.hours_for_margin:,.1f}",
        )
    console.print(table)
    if any(row.hours_for_margin is None for row in rows):
        why = (
            "Hours are unknown, because batches take up to a day."
            if has_batches
            else "Hours need the time of a reply: --latency SECONDS, or --like RUN."
        )
        console.print(why, markup=False, highlight=False)
