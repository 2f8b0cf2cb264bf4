"""`bench cost`: what finished runs cost, with the price book applied on reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import json_option, runs_argument, weights_option
from gapbench.commands.price_options import PriceOptions, price_options
from gapbench.commands.run_folders import resolve_run_folders

if TYPE_CHECKING:
    from gapbench.analysis.weighting import Weighting


@click.command(
    "cost",
    epilog="""\b
Examples:
  bench cost results/RUN --json
  bench cost --what-if batch --what-if cached=0.8
  bench cost results/RUN --price llama-70b.usd_per_gpu_hour=2.35""",
)
@runs_argument
@click.option(
    "--what-if",
    "questions",
    multiple=True,
    metavar="CONDITION",
    help="Price it again: batch, flex, priority, uncached, or cached=SHARE. Repeatable.",
)
@weights_option
@price_options
@json_option
def cost_command(
    runs: tuple[Path, ...],
    questions: tuple[str, ...],
    weighting: Weighting | None,
    *,
    prices: PriceOptions,
    as_json: bool,
) -> None:
    """Cost per task and per correct task of RUNS, with the price book applied on reading."""
    from gapbench.analysis.cost.what_if import what_if
    from gapbench.report.results import load_results
    from gapbench.store.json_records import records

    results = load_results(prices.read_runs(resolve_run_folders(runs), weighting=weighting))
    answers = [what_if(results.runs, question) for question in questions]
    if as_json:
        document = results.cost.to_json()
        if answers:
            document["what_if"] = [row for frame in answers for row in records(frame)]
        click.echo(json.dumps(document))
        return
    import pandas as pd
    from rich.console import Console

    from gapbench.report import cost_tables
    from gapbench.report.tables.cost import cost_table, legs_table
    from gapbench.report.terminal import render_table

    console = Console()
    console.print(render_table(cost_table(results.cost)))
    console.print(render_table(legs_table(results.cost)))
    for line in cost_tables.token_cost_lines(results.cost.token_costs):
        console.print(line)
    if answers:
        frame = pd.concat(answers, ignore_index=True)
        console.print(cost_tables.what_if_table(frame, simulated=results.cost.simulated))
