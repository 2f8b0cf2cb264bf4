"""`bench capacity`: find the highest request rate of finished runs that still met a service level."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gapbench.commands.options import (
    POSITIVE,
    Finite,
    inter_chunk_option,
    json_option,
    response_option,
    runs_argument,
    ttft_option,
)


@click.command(
    "capacity",
    epilog="""\b
Examples:
  bench capacity                              the newest run, with the service level that it searched for
  bench capacity results/RUN --ttft 0.5 --inter-chunk 0.05 --attainment 0.99
  bench capacity results/A results/B --response 3 --json
  bench capacity results/RUN --task 60        how many agents at once finish in a minute""",
)
@runs_argument
@ttft_option
@click.option(
    "--answer-ttft",
    "answer_ttft_s",
    type=POSITIVE,
    metavar="SECONDS",
    help="Limit on the time to the first answer text, after any reasoning.",
)
@inter_chunk_option
@response_option
@click.option(
    "--task",
    "task_s",
    type=POSITIVE,
    metavar="SECONDS",
    help="Limit on the time of a whole episode, tools included; of a single request to the complete reply.",
)
@click.option(
    "--percentile",
    type=Finite(0, 1, min_open=True),
    default=0.95,
    show_default=True,
    help="Share of a request's gaps between chunks that must be within --inter-chunk.",
)
@click.option(
    "--attainment",
    type=Finite(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Share of all requests that must meet every limit.",
)
@json_option
def capacity_command(
    runs: tuple[Path, ...],
    ttft_s: float | None,
    answer_ttft_s: float | None,
    inter_chunk_s: float | None,
    response_s: float | None,
    task_s: float | None,
    percentile: float,
    attainment: float,
    *,
    as_json: bool,
) -> None:
    """Find the highest load of RUNS that meets a service level.

    Times count from the scheduled send time. Failures, time-outs and retried requests count as misses. Of an
    episode each reply must keep the limits on a reply, and the whole must keep --task.
    """
    from gapbench.analysis.cost.attempt_costs import bill
    from gapbench.analysis.frames import load_runs
    from gapbench.analysis.performance.capacity import capacity
    from gapbench.commands.run_folders import resolve_run_folders
    from gapbench.errors import InputError
    from gapbench.values.slo import Slo

    read_runs = load_runs(resolve_run_folders(runs), chunks=True)
    limits = (ttft_s, answer_ttft_s, inter_chunk_s, response_s, task_s)
    if any(limit is not None for limit in limits):
        slo = Slo(*limits, percentile=percentile, attainment=attainment)
    else:
        searched = [search.slo for manifest in read_runs.manifests for search in manifest.searches]
        if not searched:
            raise InputError(
                "no limit was given, and these runs did not search for one; give one, such as --ttft 0.5"
            )
        slo = Slo.from_json(searched[-1])
    result = capacity(read_runs, slo, bill(read_runs).usd)
    if as_json:
        click.echo(json.dumps(result.to_json()))
        return
    from rich.console import Console

    from gapbench.report.capacity import capacity_table

    Console().print(capacity_table(result))
