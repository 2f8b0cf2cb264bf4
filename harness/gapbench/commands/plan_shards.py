"""`bench plan --shards`: the independent parts of a plan, and what each needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gapbench.execution.plan_power import PowerAssumptions
    from gapbench.execution.setup import RunSetup


def print_shards(setup: RunSetup, assumed: PowerAssumptions, like: str | None, *, as_json: bool) -> None:
    """Print the shards of a plan.

    Args:
        setup: The run.
        assumed: How long requests take.
        like: The run that the times of requests come from. None: no run.
        as_json: Whether to print JSON.
    """
    from gapbench.execution.shard_estimates import estimate_shards, total

    shards = estimate_shards(setup, assumed, like)
    if as_json:
        plan = setup.plan
        rows = [shard.to_json() for shard in shards]
        click.echo(json.dumps({"suite": plan.suite, "suite_sha256": plan.suite_sha256, "shards": rows}))
        return
    from rich.console import Console
    from rich.table import Table

    from gapbench import formatting

    console = Console()
    table = Table(title=f"Shards of {setup.plan.suite}", title_justify="left", box=None, pad_edge=False)
    names = ("shard", "model", "task", "load", "requests", "GPUs", "hours", "dollars")
    for name in names:
        table.add_column(
            name, justify="left" if name in {"model", "task", "load"} else "right", overflow="fold"
        )
    for shard in shards:
        table.add_row(
            str(shard.number),
            shard.model,
            shard.task,
            shard.cell_id.rpartition("|")[2],
            f"{shard.requests:,}",
            str(shard.gpus) if shard.gpus else formatting.NOTHING,
            formatting.NOTHING if shard.hours is None else f"{shard.hours:,.2f}",
            formatting.NOTHING if shard.usd is None else _dollars(shard.usd),
        )
    console.print(table)
    hours, usd = total([shard.hours for shard in shards]), total([shard.usd for shard in shards])
    requests = sum(shard.requests for shard in shards)
    said_hours = "unknown" if hours is None else f"{hours:,.2f}"
    said_usd = "unknown" if usd is None else f"${_dollars(usd)}"
    lines = [f"In all: {requests:,} requests, {said_hours} hours one after the other, {said_usd}"]
    for what, found in (
        ("hours", [shard.hours_source for shard in shards]),
        ("dollars", [shard.usd_source for shard in shards]),
    ):
        lines += [f"{what}: {source}" for source in dict.fromkeys(found)]
    lines.append("Run one: bench run SUITE --shard K --out DIR. Jobs for a cluster: bench emit --help")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _dollars(usd: float) -> str:
    """Return dollars and cents; less than a cent keeps four decimals, because 0.00 would be no bound."""
    return f"{usd:,.2f}" if usd == 0 or usd >= 0.005 else f"{usd:.4f}"
