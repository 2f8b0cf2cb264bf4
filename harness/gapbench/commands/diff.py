"""`bench diff`: show which answers, scores and settings changed from one run to the next."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gapbench.commands.options import json_option
from gapbench.commands.storage_paths import RunPath


@click.command(
    "diff",
    epilog="""\b
Examples:
  bench diff results/A results/B             accuracy, flips, noise floor, what changed
  bench diff results/A results/B --limit 100
  bench diff results/A results/B --json""",
)
@click.argument("first", type=RunPath(), metavar="A")
@click.argument("second", type=RunPath(), metavar="B")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="List at most N flipped samples.",
)
@json_option
def diff_command(first: Path, second: Path, limit: int, *, as_json: bool) -> None:
    """List samples whose result flipped from run A to run B, how many flips are noise, and what changed.

    Changes are sorted into price, model, engine and our code.
    """
    from gapbench.analysis.regression.diff import diff_runs
    from gapbench.commands.run_folders import resolve_run_folders

    difference = diff_runs(
        resolve_run_folders((first,), expand=False), resolve_run_folders((second,), expand=False)
    )
    if as_json:
        click.echo(json.dumps(difference.to_json()))
        return
    from rich.console import Console

    from gapbench.report import diff as diff_report

    Console().print(diff_report.diff_table(difference, limit), highlight=False)
