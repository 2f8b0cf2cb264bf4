"""`bench gap`: the open-versus-closed table of finished runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import Finite, json_option, runs_argument, weights_option
from gapbench.commands.price_options import PriceOptions, price_options
from gapbench.commands.run_folders import resolve_run_folders

if TYPE_CHECKING:
    from gapbench.analysis.weighting import Weighting


@click.command(
    "gap",
    epilog="""\b
Examples:
  bench gap results/RUN --json
  bench gap --against gpt               closed models against each other, too""",
)
@runs_argument
@click.option(
    "--margin",
    type=Finite(min=0),
    metavar="POINTS",
    help="Equivalence margin.  [default: the suite's]",
)
@click.option(
    "--all-pairs", is_flag=True, help="Every closed model against every open one, in every category."
)
@click.option("--against", metavar="MODEL", help="Every other model, open or closed, against this one.")
@weights_option
@price_options
@json_option
def gap_command(
    runs: tuple[Path, ...],
    margin: float | None,
    against: str | None,
    weighting: Weighting | None,
    *,
    all_pairs: bool,
    prices: PriceOptions,
    as_json: bool,
) -> None:
    """Open-versus-closed table of RUNS: paired intervals, a verdict, and the fairness line."""
    from gapbench.analysis.quality.gap import gap
    from gapbench.errors import InputError

    if all_pairs and against is not None:
        raise InputError(f"--all-pairs and --against {against} ask for different tables; give one of them")
    read_runs = prices.read_runs(resolve_run_folders(runs), weighting=weighting)
    table = gap(read_runs, margin_points=margin, all_pairs=all_pairs, against=against)
    if as_json:
        click.echo(json.dumps(table.to_json()))
        return
    from rich.console import Console

    from gapbench.report.answer import answer_text, render_answer
    from gapbench.report.tables.gap import gap_table
    from gapbench.report.tables.ladders import ladder_table
    from gapbench.report.terminal import render_table

    console = Console()
    if table.has_answer:
        console.print(*render_answer(answer_text(table, list(map(str, runs)), rest=["bench cost"])), sep="\n")
    ladders = ladder_table(table.ladders)
    if ladders is not None:
        console.print(render_table(ladders))
    console.print(render_table(gap_table(table)))
