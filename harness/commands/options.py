"""Options that several commands share, said once."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.remote import ResultsPath, RunPath

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
    "--allow-code", is_flag=True, help="Let Python that the suite names (scorers, generators) run as you."
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Print results only.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")
out_option = click.option(
    "--out", type=ResultsPath(), default=Path("results"), help="Results folder, or s3://BUCKET/PREFIX."
)
runs_argument = click.argument("runs", nargs=-1, type=RunPath(), metavar="[RUN]...")
