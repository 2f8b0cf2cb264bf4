"""`bench plan` and `bench validate`: what a suite would do, without a call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import allow_code_option, json_option, limit_option, model_option, task_option

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.execution.cost_bound import CostBound
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
    """Show the cells of SUITE, the parameters each provider would be sent, and the cost bound."""
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
    """Print the plan."""
    from rich.table import Table

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
    asked: list[Cell | PlannedSearch] = [*plan.cells, *plan.searches]
    for cell in asked:
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
                "no bound is known: its price is unknown"
                if bound.usd is None
                else f"at most ${bound.usd:.2f}"
            )
            console.print(f"{bound.model_id}: {bound.calls} paid calls, {usd}", markup=False, highlight=False)
    for model_id, said in find_missing_requirements(setup).items():
        console.print(f"{model_id}: {said}", markup=False, highlight=False, soft_wrap=True)


def cost_bounds(setup: RunSetup) -> list[CostBound]:
    """Return what each model can cost at most; one on GPUs of your own is not billed by the call."""
    from gapbench.execution.cost_bound import estimate_cost_bounds
    from gapbench.execution.run_pricing import model_quotes
    from gapbench.pricing import GpuPrice, UnitPrices

    metered = {model_id: runner.metered for model_id, runner in setup.runners.items()}
    if not any(metered.values()):
        return estimate_cost_bounds(setup.plan, metered, {})
    found = model_quotes(setup)
    metered = {key: billed and not isinstance(found[key], GpuPrice) for key, billed in metered.items()}
    units = {key: quote if isinstance(quote, UnitPrices) else None for key, quote in found.items()}
    return estimate_cost_bounds(setup.plan, metered, units)


@click.command("validate", epilog="Example: bench validate my-suite.yaml")
@click.argument("suites", nargs=-1, required=True)
@allow_code_option
def validate_command(suites: tuple[str, ...], *, allow_code: bool) -> None:
    """Check SUITES with their tasks, data, scorers, targets and runners; exit 2 at the first fault."""
    from gapbench.errors import InputError
    from gapbench.execution.setup import (
        Selection,
        build_run_setup,
        enforce_data_policy,
        find_missing_requirements,
    )
    from gapbench.scoring.task_scorer import find_unscorable_samples

    for suite in suites:
        setup = build_run_setup(Selection(suite, allow_code=allow_code))
        enforce_data_policy(setup)
        plan = setup.plan
        for task in plan.tasks:
            count, said = find_unscorable_samples(task)
            if count:
                raise InputError(f"{said}; mend the rows, the template of the target, or the scorer")
        click.echo(
            f"{suite}: good: {len(plan.models)} models, {len(plan.tasks)} tasks, "
            f"{sum(len(task.samples) for task in plan.tasks)} samples, {plan.requests_total} requests"
            + (f", {len(plan.searches)} searches" if plan.searches else "")
        )
        for model_id, said in find_missing_requirements(setup).items():
            click.echo(f"  {model_id} cannot be called yet: {said}")
