"""Options that several commands share, said once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from gapbench.commands.storage_paths import ResultsPath, RunPath


class Finite(click.FloatRange):
    """A number of an option, within bounds: ``nan`` lies between any two, and is refused, as is infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


POSITIVE = Finite(min=0, min_open=True)

model_option = click.option(
    "--model",
    "models",
    multiple=True,
    metavar="ID",
    help="Only this model of the suite, or runner:model[@url] for another. Repeatable.",
)
task_option = click.option("--task", "tasks", multiple=True, metavar="ID", help="Only this task. Repeatable.")
limit_option = click.option("--limit", type=click.IntRange(min=1), help="First N samples of each task.")
allow_code_option = click.option(
    "--allow-code",
    is_flag=True,
    help="Let code that the suite names (scorers, generators, serve.command) run as you.",
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Print results only.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")
out_option = click.option(
    "--out", type=ResultsPath(), default=Path("results"), help="Results folder, or s3://BUCKET/PREFIX."
)
runs_argument = click.argument("runs", nargs=-1, type=RunPath(), metavar="[RUN]...")
