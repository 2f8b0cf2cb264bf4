"""`bench report`: finished runs as tables, a page, Markdown, data files or plots. It needs no keys and calls no provider."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import json_option, runs_argument, volume_option, weights_option
from gapbench.commands.output_file import write_output_file
from gapbench.commands.price_options import PriceOptions, price_options
from gapbench.commands.run_folders import resolve_run_folders

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.analysis.weighting import Weighting
    from gapbench.report.results import ResultTables


@click.command(
    "report",
    epilog="""\b
Examples:
  bench report                          the newest run
  bench report results/RUN --html page.html
  bench report results/A results/B --md summary.md
  bench report --brief lead.pdf --volume 80M      one page for someone who decides
  bench report results/RUN --errors     what went wrong, by model and kind""",
)
@runs_argument
@click.option("--html", type=click.Path(path_type=Path), help="Write one self-contained page.")
@click.option(
    "--md", type=click.Path(path_type=Path), help="Write Markdown, for a pull request or job summary."
)
@click.option(
    "--brief",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write one A4 page for someone who decides: .pdf, .html or .md.",
)
@volume_option
@click.option("--csv", type=click.Path(path_type=Path), help="Write the summary as CSV.")
@click.option("--parquet", type=click.Path(path_type=Path), help="Write the summary as Parquet.")
@click.option(
    "--plots", type=click.Path(path_type=Path, file_okay=False), help="Write each plot as SVG and PNG here."
)
@click.option("--errors", is_flag=True, help="List failures by model and kind, with an example of each.")
@weights_option
@price_options
@json_option
def report_command(
    runs: tuple[Path, ...],
    html: Path | None,
    md: Path | None,
    brief: Path | None,
    volume: str | None,
    csv: Path | None,
    parquet: Path | None,
    plots: Path | None,
    weighting: Weighting | None,
    *,
    errors: bool,
    prices: PriceOptions,
    as_json: bool,
) -> None:
    """Summary, gap and cost of RUNS (folders or run ids; the newest run when none is given)."""
    from gapbench.errors import InputError
    from gapbench.report.results import load_results

    results = load_results(prices.read_runs(resolve_run_folders(runs), weighting=weighting))
    if errors:
        _print_failures(results)
        return
    if volume is not None and brief is None:
        raise InputError(f"--volume {volume} is for the monthly cost of --brief FILE; give both")
    if brief is not None:
        from gapbench.commands.brief import write_brief

        write_brief(results, brief, volume, prices)
        click.echo(str(brief))
    written = _write_files(results, html=html, md=md, csv=csv, parquet=parquet, plots=plots)
    for path in written:
        click.echo(str(path))
    if as_json:
        click.echo(json.dumps(results.to_json()))
    elif html is md is brief is csv is parquet is plots is None:
        from rich.console import Console

        print_tables(results, Console(), [str(run) for run in runs])


def print_tables(results: ResultTables, console: Console, runs: Sequence[str] | None = None) -> None:
    """Print the answer and the tables of a report.

    Args:
        results: The results.
        console: Where to print.
        runs: What the runs are called on the command line; (): nothing, it is the newest. None: their ids.
    """
    from gapbench.report.answer import answer_text, render_answer
    from gapbench.report.terminal import render_report

    results.compute()
    console.print(*render_answer(answer_text(results.gap, runs, rest=())), sep="\n")
    for renderable in render_report(results):
        console.print(renderable)


def _write_files(
    results: ResultTables,
    *,
    html: Path | None,
    md: Path | None,
    csv: Path | None,
    parquet: Path | None,
    plots: Path | None,
) -> list[Path]:
    """Write every file that was asked for, and return those to name on the terminal."""
    written: list[Path] = []
    if html is not None:
        from gapbench.report.html import html_report

        write_output_file(html, html_report(results))
        written.append(html)
    if md is not None:
        from gapbench.report.markdown import markdown_report

        write_output_file(md, markdown_report(results))
    if csv is not None or parquet is not None:
        from gapbench.report.export import write_csv, write_parquet

        written += [
            write(results, path)
            for path, write in ((csv, write_csv), (parquet, write_parquet))
            if path is not None
        ]
    if plots is not None:
        from gapbench.report.plots import save_plots

        written += save_plots(results, plots, ("svg", "png"))
    return written


def _print_failures(results: ResultTables) -> None:
    from rich.console import Console

    from gapbench.analysis.quality.failures import failures
    from gapbench.report.tables.failures import failure_table
    from gapbench.report.terminal import render_table

    Console().print(render_table(failure_table(failures(results.runs))))
