"""Options and arguments that several commands share, so that each has one name and one help text."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from gapbench.commands.storage_paths import ResultsPath, RunPath


class Finite(click.FloatRange):
    """A finite number within bounds; ``nan`` and infinities are refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class CacheType(click.ParamType[Any]):
    """Type of an option that says where answers are kept: a folder, or the address of a Redis server."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the place."""
        from gapbench.values.cache_place import parse_cache_place

        if not isinstance(value, str):
            return value
        try:
            place = parse_cache_place(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)
        if isinstance(place, Path) and place.is_file():
            self.fail(f"Directory {value!r} is a file.", param, ctx)
        return place


POSITIVE = Finite(min=0, min_open=True)

model_option = click.option(
    "--model",
    "models",
    multiple=True,
    metavar="ID",
    help="Run only this model of the suite, or another one given as runner:model[@url]. Repeatable.",
)
task_option = click.option("--task", "tasks", multiple=True, metavar="ID", help="Only this task. Repeatable.")
limit_option = click.option(
    "--limit",
    type=click.IntRange(min=1),
    help="N samples of each task, spread over its tiers and clusters; a larger N adds to them.",
)
allow_code_option = click.option(
    "--allow-code",
    is_flag=True,
    help="Allow the suite to run its code (scorers, generators, serve.command) with your permissions.",
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="Print results only, no progress.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
batch_retries_option = click.option(
    "--batch-retries",
    type=click.Choice(("batch", "live")),
    default="batch",
    show_default=True,
    help="How to send requests again that failed in a batch: in a new batch, or live at the live price.",
)
max_usd_option = click.option(
    "--max-usd", type=POSITIVE, help="Stop cleanly at this spend in US dollars; the run can be resumed."
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask before paid calls.")
out_option = click.option(
    "--out",
    type=ResultsPath(),
    default=Path("results"),
    show_default=True,
    help="Results folder, or s3://BUCKET/PREFIX.",
)
plots_option = click.option(
    "--plots",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write each plot as SVG and PNG to this folder.",
)
book_option = click.option(
    "--book",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with evidence.csv and evidence_sources.csv.  [default: the packaged files]",
)
weights_option = click.option(
    "--weights",
    "weighting",
    type=click.Choice(("traffic", "equal")),
    help="Count the requests that the items stand for, or each item once.  [default: traffic if all items have weights]",
)
volume_option = click.option(
    "--volume",
    metavar="VOLUME",
    help="A month's tokens, such as 50M, or requests, such as 200k-requests.  [default: from the tco: block, else 1B]",
)
ttft_option = click.option(
    "--ttft", "ttft_s", type=POSITIVE, metavar="SECONDS", help="Limit on the time to the first text."
)
inter_chunk_option = click.option(
    "--inter-chunk",
    "inter_chunk_s",
    type=POSITIVE,
    metavar="SECONDS",
    help="Limit on the time between two chunks of a reply.",
)
response_option = click.option(
    "--response",
    "response_s",
    type=POSITIVE,
    metavar="SECONDS",
    help="Limit on the time to the complete reply.",
)
DEFAULT_LAST = 20
"""Runs that a list shows."""
last_option = click.option(
    "--last",
    type=click.IntRange(min=0),
    default=DEFAULT_LAST,
    show_default=True,
    help="List the newest N runs; 0: all of them.",
)
runs_argument = click.argument("runs", nargs=-1, type=RunPath(), metavar="[RUN]...")
