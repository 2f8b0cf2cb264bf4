"""`bench trend`: quality, speed and cost night by night, and since when they changed."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gapbench.commands.options import json_option
from gapbench.commands.storage_paths import ResultsPath
from gapbench.commands.webhook import notify, webhook_address, webhook_options


@click.command(
    "trend",
    epilog="""\b
Examples:
  bench trend                                   the newest suite in results/
  bench trend nightly/results --last 60 --suite nightly
  bench trend --md "$GITHUB_STEP_SUMMARY" --html trend.html
  BENCH_WEBHOOK=https://... bench trend --fail  notify, and exit 3, if the last night brought a change for the worse

Exit codes: 0, 2 bad input; with --fail 3 if a change for the worse was found on the last night.""",
)
@click.argument("results", type=ResultsPath(), default=Path("results"), required=False)
@click.option("--suite", metavar="NAME", help="Runs of this suite.  [default: that of the newest run]")
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=30,
    show_default=True,
    help="The newest N complete runs.",
)
@click.option(
    "--md",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Append the trend as Markdown to this file, such as $GITHUB_STEP_SUMMARY.",
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with charts.")
@click.option("--fail", is_flag=True, help="Exit 3 if the last night brought a change for the worse.")
@webhook_options
@json_option
def trend_command(
    results: Path,
    suite: str | None,
    last: int,
    md: Path | None,
    html: Path | None,
    webhook: str | None,
    webhook_format: str,
    *,
    fail: bool,
    as_json: bool,
) -> int:
    """Show each night's accuracy, response time and cost in RESULTS, and the nights from which they changed.

    A night is a complete run. Accuracies are compared on the questions that the nights share. For each change, what the
    runs record is compared: model, engine, price, and our own code.
    """
    from gapbench.analysis.regression.trend import select_nights, trend
    from gapbench.commands.output_file import write_output_file
    from gapbench.commands.storage_paths import display_path, fetch_runs, open_manifests
    from gapbench.errors import ResultsError
    from gapbench.store import runs_in
    from gapbench.store.baselines import baselines_by_run

    address = webhook_address(webhook)
    if (results / "run.json").exists():
        raise ResultsError(f"{results} is one run; name the results folder that holds the nights")
    with open_manifests(results) as known:
        runs = list(runs_in(known))
        if not runs:
            raise ResultsError(f"there is no run in {display_path(results)}; name a results folder")
        chosen, notes = select_nights(runs, last, suite)
        names = [folder.name for folder in chosen]
    found = trend(fetch_runs(results, names), baselines_by_run(results))
    found.warnings[:0] = notes
    if md is not None:
        from gapbench.report.trend import trend_markdown

        write_output_file(md, trend_markdown(found), append=True)
    if html is not None:
        from gapbench.report.trend_page import trend_page

        write_output_file(html, trend_page(found))
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        from rich.console import Console

        from gapbench.report.tables.trend import trend_table
        from gapbench.report.terminal import render_table

        Console().print(render_table(trend_table(found)), highlight=False)
    if address is not None:
        from gapbench.report.notification import drift_notice

        notify(address, webhook_format, drift_notice(found))
    return 3 if fail and any(change.is_worse for change in found.new_changes) else 0
