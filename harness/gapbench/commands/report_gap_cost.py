"""`bench report`, `bench gap`, `bench cost`: finished runs, read without keys and without vendors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.options import Finite, json_option, runs_argument

if TYPE_CHECKING:
    from rich.console import Console


@click.command(
    "report",
    epilog="""\b
Examples:
  bench report                          the newest run
  bench report results/RUN --html page.html
  bench report results/A results/B --md summary.md
  bench report results/RUN --errors     what went wrong, by model and kind""",
)
@runs_argument
@click.option("--html", type=click.Path(path_type=Path), help="Write one self-contained page.")
@click.option(
    "--md", type=click.Path(path_type=Path), help="Write Markdown, for a pull request or job summary."
)
@click.option("--csv", type=click.Path(path_type=Path), help="Write the summary as CSV.")
@click.option("--parquet", type=click.Path(path_type=Path), help="Write the summary as Parquet.")
@click.option(
    "--plots", type=click.Path(path_type=Path, file_okay=False), help="Write each plot as SVG and PNG here."
)
@click.option("--errors", is_flag=True, help="List failures by model and kind, with an example of each.")
@json_option
def report_command(
    runs: tuple[Path, ...],
    html: Path | None,
    md: Path | None,
    csv: Path | None,
    parquet: Path | None,
    plots: Path | None,
    *,
    errors: bool,
    as_json: bool,
) -> None:
    """Summary, gap and cost of RUNS (folders or run ids; the newest run when none is given)."""
    from rich.console import Console

    folders = resolve_run_folders(runs)
    console = Console()
    if errors:
        _print_errors(folders, console)
        return
    wrote = False
    if html is not None:
        click.echo(str(write_page(folders, html)))
        wrote = True
    if md is not None:
        from gapbench.report import markdown

        _write(md, markdown.markdown_report(folders))
        wrote = True
    if csv is not None or parquet is not None:
        from gapbench.report import export

        for path, write in ((csv, export.write_csv), (parquet, export.write_parquet)):
            if path is not None:
                write(folders, path)
                click.echo(str(path))
        wrote = True
    if plots is not None:
        from gapbench.report import plots as drawn

        for path in drawn.save_plots(folders, plots, ("svg", "png")):
            click.echo(str(path))
        wrote = True
    if as_json:
        from gapbench.analysis.quality.pass_at_k import summarize_pass_at_k
        from gapbench.analysis.quality.summary import summarize

        click.echo(
            json.dumps(summarize(folders).to_json() | {"passes": summarize_pass_at_k(folders).to_json()})
        )
    elif not wrote:
        print_tables(folders, console)


@click.command("gap", epilog="Example: bench gap results/RUN --json")
@runs_argument
@click.option(
    "--margin",
    type=Finite(min=0),
    metavar="POINTS",
    help="Equivalence margin.  [default: the suite's]",
)
@click.option("--all-pairs", is_flag=True, help="Every closed model against every open one.")
@json_option
def gap_command(runs: tuple[Path, ...], margin: float | None, *, all_pairs: bool, as_json: bool) -> None:
    """Open-versus-closed table of RUNS: paired intervals, a verdict, and the fairness line."""
    from gapbench.analysis.quality.gap import gap

    table = gap(resolve_run_folders(runs), margin_points=margin, all_pairs=all_pairs)
    if as_json:
        click.echo(json.dumps(table.to_json()))
        return
    from rich.console import Console

    from gapbench.report import terminal

    Console().print(terminal.gap_table(table))


@click.command(
    "cost",
    epilog="""\b
Examples:
  bench cost results/RUN --json
  bench cost --what-if batch --what-if cached=0.8""",
)
@runs_argument
@click.option(
    "--what-if",
    "questions",
    multiple=True,
    metavar="CONDITION",
    help="Price it again: batch, flex, priority, uncached, or cached=SHARE. Repeatable.",
)
@json_option
def cost_command(runs: tuple[Path, ...], questions: tuple[str, ...], *, as_json: bool) -> None:
    """Cost per task and per correct task of RUNS, with the price book applied on reading."""
    import pandas as pd

    from gapbench.analysis.cost.cost import cost
    from gapbench.analysis.cost.what_if import what_if
    from gapbench.analysis.frames import load_runs
    from gapbench.store.json_records import records

    read_runs = load_runs(resolve_run_folders(runs))
    table = cost(read_runs)
    asked = [what_if(read_runs, question) for question in questions]
    if as_json:
        document = table.to_json()
        if asked:
            document["what_if"] = [row for frame in asked for row in records(frame)]
        click.echo(json.dumps(document))
        return
    from rich.console import Console

    from gapbench.report import cost_tables, terminal

    console = Console()
    console.print(terminal.cost_table(table))
    console.print(cost_tables.legs_table(table.legs, simulated=table.simulated))
    for line in cost_tables.token_cost_lines(table.token_costs):
        console.print(line)
    if asked:
        console.print(
            cost_tables.what_if_table(pd.concat(asked, ignore_index=True), simulated=table.simulated)
        )


def resolve_run_folders(runs: Sequence[Path]) -> list[Path]:
    """Return the folders meant: as given, by id under results/, or the newest run.

    Raises:
        ResultsError: There is no such run.
    """
    from gapbench.errors import ResultsError
    from gapbench.store import find_run, runs_in

    if not runs:
        known = sorted(runs_in(Path("results")), key=lambda path: (path / "run.json").stat().st_mtime)
        if not known:
            raise ResultsError(
                "there is no run in results/; `bench run quickstart` makes one, or name a run folder"
            )
        return [known[-1]]
    return [find_run(run, Path("results")) for run in runs]


def print_tables(folders: Sequence[Path], console: Console) -> None:
    """Print summary, gap and cost of finished runs."""
    from concurrent.futures import ThreadPoolExecutor

    from gapbench.analysis.cost.attempt_costs import bill
    from gapbench.analysis.cost.cost import cost
    from gapbench.analysis.frames import load_runs
    from gapbench.analysis.quality.gap import gap
    from gapbench.analysis.quality.pass_at_k import summarize_pass_at_k
    from gapbench.analysis.quality.summary import summarize
    from gapbench.report import lm_eval_metrics, terminal
    from gapbench.report.pass_at_k import pass_at_k_table

    runs = load_runs(folders)
    billed = bill(runs)
    costs = cost(runs, billed)
    # Sorting and drawing let go of the interpreter: over a million rows the gap costs no time of its own.
    with ThreadPoolExecutor(1) as beside:
        gaps = beside.submit(gap, runs, billed=billed)
        summary = summarize(runs, costs)
        console.print(terminal.summary_table(summary))
        console.print(pass_at_k_table(summarize_pass_at_k(runs)))
        console.print(terminal.gap_table(gaps.result(), summary.warnings))
    console.print(terminal.cost_table(costs, [*summary.warnings, *gaps.result().warnings]))
    own = lm_eval_metrics.lm_eval_metrics_table(runs.manifests)
    if own is not None:
        console.print(own)


def write_page(folders: Sequence[Path], path: Path) -> Path:
    """Write the HTML page and return where it is."""
    from gapbench.report import html

    _write(path, html.html_report(folders))
    return path


def _print_errors(folders: Sequence[Path], console: Console) -> None:
    from gapbench.analysis.quality.summary import failures
    from gapbench.report import terminal

    console.print(terminal.failure_table(failures(folders)))


def _write(path: Path, content: str) -> None:
    from gapbench.errors import ResultsError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    except OSError as exc:
        raise ResultsError(f"cannot write {path}: {exc.strerror}; choose another place") from exc
