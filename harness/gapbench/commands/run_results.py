"""What `bench run` shows and writes once the requests are done: page, tables, and how to resume."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.commands.report_process import ReportProcess
    from gapbench.report.results import ResultTables
    from gapbench.store import RunManifest

LARGE_RUN = 50_000
"""Requests above which the plan is freed before the tables and the page are made."""
MAX_REASON_CHARS = 500
"""Characters that are printed of why a model answered nothing."""


def print_results(
    manifest: RunManifest,
    folder: Path,
    console: Console,
    *,
    quiet: bool,
    reporter: ReportProcess | None = None,
) -> int:
    """Write the page, print the tables and how to resume, upload the run, and return the exit code.

    Args:
        manifest: ``run.json`` as the run left it.
        folder: The run folder.
        console: Where to print.
        quiet: Print only the folder, and what went wrong.
        reporter: A process that was started early and makes the report. None: this process makes it.
    """
    from gapbench import formatting
    from gapbench.commands.storage_paths import display_path, upload_run

    incomplete = manifest.state != "complete"
    if reporter is not None:
        unanswered = reporter.report_run(folder, quiet=quiet)
    else:
        unanswered = report_run(folder, None if quiet else console)
    if quiet:
        click.echo(str(folder))
    else:
        if any(task.scorer == "judge" for task in manifest.tasks):
            _print_line(console, f"Answers wait for their judge:  bench judge {display_path(folder)}")
        _print_line(console, f"Parquet  {folder}/attempts-*.parquet\nReport   {_page_path(folder)}")
    for failure in manifest.failures:
        _print_line(console, f"{failure.model_id}: {formatting.escape_invisible(failure.message)}")
    for model_id, reason in unanswered.items():
        words = formatting.escape_invisible(reason[:MAX_REASON_CHARS])
        _print_line(
            console,
            f"{model_id}: no request was answered ({words}); `bench report {folder} --errors` shows all failures",
        )
    if incomplete:
        _print_how_to_resume(manifest, folder, console)
    upload_run(folder, quiet=quiet)
    if manifest.state == "interrupted":
        return 130
    return 1 if incomplete or unanswered else 0


def prepare_report() -> None:
    """Do what every report needs, whatever the run: import modules, read the page's template and the price book."""
    import duckdb  # noqa: F401 - only to have it imported

    import gapbench.report.terminal  # noqa: F401 - as above
    from gapbench.pricing.price_book import price_book_date
    from gapbench.report.html import page_template

    page_template()
    price_book_date()


def report_run(folder: Path, console: Console | None) -> Mapping[str, str]:
    """Write the page, print the tables, and return the models that answered nothing; the rows are read once.

    Args:
        folder: The run folder.
        console: Where to print. None: print nothing.
    """
    from gapbench.report.results import load_results

    results = load_results([folder]).compute()
    # The page comes first: a terminal that has gone away ends the printing.
    _write_page(results, folder)
    if console is not None:
        print_answer(results, folder, console)
    return results.unanswered_models()


def print_answer(results: ResultTables, folder: Path, console: Console) -> None:
    """Print the answer and one row for each model: what fits a screen. The other tables are one command away."""
    from gapbench.commands.storage_paths import display_path
    from gapbench.report.answer import answer_text, render_answer
    from gapbench.report.tables.ladders import ladder_table
    from gapbench.report.tables.models import is_anything_answered, models_table
    from gapbench.report.terminal import render_table

    # The newest run in results/ needs no name.
    names = [] if folder.parent == Path("results") else [display_path(folder)]
    console.print(*render_answer(answer_text(results.gap, names)), sep="\n")
    if is_anything_answered(results.shown_summary):
        console.print(render_table(models_table(results.gap, results.shown_summary)))
        adaptive = ladder_table([ladder for ladder in results.gap.ladders if ladder.is_adaptive])
        if adaptive is not None:
            console.print(render_table(adaptive))
    else:
        _print_line(console, "No request was answered, so there is no table of models.\n")


def _page_path(folder: Path) -> Path:
    return folder / "report.html"


def _write_page(results: ResultTables, folder: Path) -> None:
    """Write the page into the run folder, replacing whatever has its name there."""
    from gapbench.atomic_write import replace_atomically
    from gapbench.errors import DiskError
    from gapbench.report.html import html_report

    page = _page_path(folder)
    content = html_report(results)
    try:
        with replace_atomically(page) as file:
            file.write(content.encode())
    except OSError as exc:
        raise DiskError(
            f"cannot write {page}: {exc.strerror}; every row is kept, see `bench report`"
        ) from exc


def _print_how_to_resume(manifest: RunManifest, folder: Path, console: Console) -> None:
    from gapbench.commands.storage_paths import display_path
    from gapbench.store import numbered_files, read_attempt_values, read_pending_answers

    if numbered_files(folder, "waiting"):
        waits = len(read_pending_answers(folder, read_attempt_values(folder)))
        _print_line(
            console, f"{waits} answers arrived but are not scored yet; they will not be requested again."
        )
    from gapbench.store.batch_journal import batches_out

    if batches_out(folder):
        from gapbench.commands.batch_output import print_how_to_fetch

        print_how_to_fetch(manifest, folder, console)
        return
    _print_line(
        console,
        f"The run is not complete ({manifest.reason or manifest.state}). Resume it with:\n"
        f"  bench run --resume {folder.name}"
        + ("" if folder.parent == Path("results") else f" --out {display_path(folder.parent)}")
        + (" --on-unparsed continue" if any(cell.unusable for cell in manifest.cells) else "")
        + (" --allow-code" if manifest.selection.get("allow_code") else ""),
    )


def _print_line(console: Console, text: str) -> None:
    """Print text as it is: names and paths hold no markup, and no line is broken."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
