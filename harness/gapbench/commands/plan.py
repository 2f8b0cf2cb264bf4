"""`bench plan`: show the cells, requests and cost bound of a suite without sending a request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import allow_code_option, json_option, limit_option, model_option, task_option

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.execution.setup import RunSetup
    from gapbench.suite.plan import Cell, PlannedSearch


@click.command("plan", epilog="Example: bench plan tasks/suites/quickstart.yaml --model sim-open-large")
@click.argument("suite")
@model_option
@task_option
@limit_option
@allow_code_option
@json_option
def plan_command(
    suite: str,
    models: tuple[str, ...],
    tasks: tuple[str, ...],
    limit: int | None,
    *,
    allow_code: bool,
    as_json: bool,
) -> None:
    """Show the cells of SUITE, how its parameters change for each provider, and the cost bound. Sends no request."""
    from gapbench.execution.run_pricing import cost_bounds
    from gapbench.execution.setup import Selection, build_run_setup, enforce_data_policy

    setup = build_run_setup(Selection(suite, models, tasks, limit, allow_code))
    enforce_data_policy(setup)
    if as_json:
        from gapbench.suite.plan import describe_plan

        bounds = [
            {
                "model": row.model_id,
                "metered": row.metered,
                "calls": row.calls,
                "input_tokens_max": row.input_tokens,
                "output_tokens_max": row.output_tokens,
                "usd_max": None if row.usd is None else str(row.usd),
            }
            for row in cost_bounds(setup)
        ]
        click.echo(
            json.dumps({"suite": setup.plan.suite, "cells": describe_plan(setup.plan), "bounds": bounds})
        )
        return
    from rich.console import Console

    print_plan(setup, Console())


def print_plan(setup: RunSetup, console: Console) -> None:
    """Print the cells of a plan, the parameters that providers change, the cost bounds and missing requirements."""
    from rich.table import Table

    from gapbench.execution.run_pricing import cost_bounds
    from gapbench.execution.setup import find_missing_requirements
    from gapbench.suite.plan import describe_plan
    from gapbench.values import Request

    plan = setup.plan
    cells = Table(
        title=f"{plan.suite}: {len(plan.cells)} cells, {plan.requests_total} requests"
        + (f", {len(plan.searches)} searches" if plan.searches else ""),
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("model", "weights", "runner", "task", "load", "samples", "requests"):
        cells.add_column(name, justify="right" if name in {"samples", "requests"} else "left")
    for row in describe_plan(plan):
        count = f"at most {row['requests']}" if row["load"].startswith("search") else str(row["requests"])
        names = ("model", "weights", "runner", "task", "load", "samples")
        cells.add_row(*(str(row[name]) for name in names), count)
    console.print(cells)
    changes: dict[str, list[str]] = {}
    cells_and_searches: list[Cell | PlannedSearch] = [*plan.cells, *plan.searches]
    for cell in cells_and_searches:
        first = cell.task.samples[0]
        request = Request(cell.model, first.messages, cell.params, first.needs_logprobs)
        for change in setup.runners[cell.model.id].prepare(request).changes:
            models = changes.setdefault(change, [])
            if cell.model.id not in models:
                models.append(cell.model.id)
    for change, models in changes.items():
        console.print(f"{', '.join(models)}: {change}", markup=False, highlight=False, soft_wrap=True)
    for bound in cost_bounds(setup):
        if bound.metered:
            usd = (
                "cost bound unknown, because its price is unknown"
                if bound.usd is None
                else f"at most ${bound.usd:.2f}"
            )
            console.print(f"{bound.model_id}: {bound.calls} paid calls, {usd}", markup=False, highlight=False)
    for model_id, problem in find_missing_requirements(setup).items():
        console.print(f"{model_id}: {problem}", markup=False, highlight=False, soft_wrap=True)
