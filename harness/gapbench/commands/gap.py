"""`bench gap`: the open-versus-closed table of finished runs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gapbench.commands.options import Finite, json_option, runs_argument
from gapbench.commands.price_options import PriceOptions, price_options
from gapbench.commands.run_folders import resolve_run_folders


@click.command("gap", epilog="Example: bench gap results/RUN --json")
@runs_argument
@click.option(
    "--margin",
    type=Finite(min=0),
    metavar="POINTS",
    help="Equivalence margin.  [default: the suite's]",
)
@click.option("--all-pairs", is_flag=True, help="Every closed model against every open one.")
@price_options
@json_option
def gap_command(
    runs: tuple[Path, ...], margin: float | None, *, all_pairs: bool, prices: PriceOptions, as_json: bool
) -> None:
    """Open-versus-closed table of RUNS: paired intervals, a verdict, and the fairness line."""
    # The analysis alone, not ResultTables: it reads only the columns that a gap needs.
    from gapbench.analysis.quality.gap import NEEDED_COLUMNS, gap

    table = gap(
        prices.read_runs(resolve_run_folders(runs), NEEDED_COLUMNS), margin_points=margin, all_pairs=all_pairs
    )
    if as_json:
        click.echo(json.dumps(table.to_json()))
        return
    from rich.console import Console

    from gapbench.report.tables.gap import gap_table
    from gapbench.report.terminal import render_table

    Console().print(render_table(gap_table(table)))
