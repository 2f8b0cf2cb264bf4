"""`bench run`: plan a suite, ask before paid calls, run it, and print the results."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapbench.commands.options import (
    allow_code_option,
    limit_option,
    max_usd_option,
    model_option,
    out_option,
    quiet_option,
    task_option,
    yes_option,
)
from gapbench.commands.storage_paths import RunPath

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.commands.report_process import ReportProcess
    from gapbench.commands.resume import ResumableRun
    from gapbench.execution.setup import RunSetup, Selection
    from gapbench.store import RunManifest

LARGE_RUN = 50_000
"""Requests above which the tables and the page are made in a process of their own."""


@click.command(
    "run",
    epilog="""\b
Examples:
  bench run quickstart --yes
  bench run my.yaml --model gpt --model llama --limit 20
  bench run my.yaml --model vllm:meta-llama/Llama-3.3-70B-Instruct@http://127.0.0.1:8000/v1
  bench run my.yaml --max-usd 5          stop cleanly at 5 US dollars
  bench run --resume RUN                 resume; finished requests are not sent again""",
)
@click.argument("suite", required=False)
@model_option
@task_option
@limit_option
@out_option
@click.option(
    "--resume", type=RunPath(), metavar="RUN", help="Resume an interrupted run, by its id or folder."
)
@click.option(
    "--accept-changes",
    is_flag=True,
    help="With --resume, if the suite has changed: start a new run that keeps the rows still valid.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan and exit, as `bench plan` does.")
@max_usd_option
@click.option("--calibrate", is_flag=True, help="Calibrate this machine before the run.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Response cache folder (accuracy runs only). Cached answers have no timing and no cost.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65_535),
    help="Serve Prometheus metrics on this port during the run.",
)
@yes_option
@allow_code_option
@quiet_option
def run_command(
    suite: str | None,
    models: tuple[str, ...],
    tasks: tuple[str, ...],
    limit: int | None,
    out: Path,
    resume: Path | None,
    *,
    accept_changes: bool,
    dry_run: bool,
    max_usd: float | None,
    calibrate: bool,
    cache: Path | None,
    metrics_port: int | None,
    yes: bool,
    allow_code: bool,
    quiet: bool,
) -> int:
    """Run SUITE (a YAML file, or the name of a built-in suite) and print its gap table.

    Every finished attempt is stored at once. Ctrl-C stops the run, keeps all of them and prints how to resume.
    """
    from gapbench.commands.report_process import start_report_process

    # Before anything else: its imports take longer than those below.
    reporter = None if dry_run else start_report_process()
    if reporter is not None:
        click.get_current_context().with_resource(reporter)

    from rich.console import Console

    from gapbench.commands.confirm import confirm_run
    from gapbench.commands.resume import find_resumable_run
    from gapbench.commands.resume_changed import confirm_changes
    from gapbench.commands.storage_paths import check_results_writable
    from gapbench.errors import InputError
    from gapbench.execution.monitoring.live_view import open_view
    from gapbench.execution.preflight import refuse_missing_requirements, refuse_unpriced, refuse_unscorable
    from gapbench.execution.run_suite import execute_run
    from gapbench.execution.setup import Selection, build_run_setup, enforce_data_policy

    given = None if suite is None else Selection(suite, models, tasks, limit, allow_code)
    previous = None
    if resume is not None:
        previous = find_resumable_run(
            out, resume, given, allow_code=allow_code, has_filters=bool(models or tasks or limit)
        )
        selection = previous.selection
        out = previous.folder.parent
    elif given is None:
        raise InputError(
            "no suite given; name a file, a built-in suite (`bench list suites`), or --resume RUN_ID"
        )
    else:
        selection = given
    setup = build_run_setup(selection)
    enforce_data_policy(setup)
    console = Console(stderr=quiet)
    if dry_run:
        from gapbench.commands.plan import print_plan

        print_plan(setup, console)
        return 0
    refuse_missing_requirements(setup)
    refuse_unpriced(setup, max_usd)
    for note in refuse_unscorable(setup) if previous is None else ():
        console.print(f"Note: {note}", markup=False, highlight=False, soft_wrap=True)
    changes = confirm_changes(
        setup, previous.manifest if previous else None, accept=accept_changes, ask=not yes
    )
    check_results_writable(out)
    if not quiet or not yes:
        confirm_run(setup, console, ask=not yes, max_usd=max_usd)
    folder = _open_run_folder(setup, selection, out, previous, console, is_changed=bool(changes))
    calibration = _calibrate(console) if calibrate else None
    with open_view(console, quiet=quiet) as view:
        manifest = execute_run(
            setup,
            folder,
            view,
            is_resumed=previous is not None,
            selection=selection.as_json(),
            max_usd=max_usd,
            cache=cache,
            calibration=calibration,
            metrics_port=metrics_port,
        )
    if setup.plan.requests_total > LARGE_RUN:
        # Free the plan before the report is made: both are large. Reference cycles of the event loop hold it.
        del setup
        gc.collect()
    return print_results(manifest, folder, console, quiet=quiet, reporter=reporter)


def _open_run_folder(
    setup: RunSetup,
    selection: Selection,
    results: Path,
    previous: ResumableRun | None,
    console: Console,
    *,
    is_changed: bool,
) -> Path:
    """Return the folder to run in: a new one, or that of a resumed run, with its ``run.json`` rebuilt if lost.

    Args:
        setup: The run.
        selection: Stored in the run's ``run.json``.
        results: Folder for a new run.
        previous: The run to resume. None: start a new run.
        console: Where to print.
        is_changed: Whether the suite has changed, so that a new run takes over the rows still valid.
    """
    from gapbench.commands.resume import rebuild_manifest
    from gapbench.commands.resume_changed import start_changed_run
    from gapbench.store.provenance import new_run_id

    if previous is not None and not is_changed:
        if previous.manifest is None:
            rebuild_manifest(setup, selection, previous.folder)
        return previous.folder
    folder = results / new_run_id(setup.suite.name, datetime.now(UTC))
    if previous is not None:
        start_changed_run(setup, selection, previous.folder, folder, console)
    return folder


def _calibrate(console: Console) -> dict[str, Any]:
    """Calibrate before the run and return the result as stored in ``run.json``."""
    from gapbench.commands.calibrate import TABLE_HEADER, describe_trusted_load, format_level, run_calibration
    from gapbench.execution.calibration import DURATION_S, LEVELS

    console.print(TABLE_HEADER, highlight=False, soft_wrap=True)
    calibration = run_calibration(
        list(LEVELS),
        DURATION_S,
        None,
        lambda level: console.print(format_level(level), highlight=False, soft_wrap=True),
    )
    console.print(describe_trusted_load(calibration), highlight=False, soft_wrap=True)
    return calibration.to_json()


def print_results(
    manifest: RunManifest,
    folder: Path,
    console: Console,
    *,
    quiet: bool,
    reporter: ReportProcess | None = None,
) -> int:
    """Print the tables, where everything lies, and how to go on; send it where it belongs; return the exit code."""
    from gapbench import formatting
    from gapbench.commands.report_process import ReportProcess
    from gapbench.commands.storage_paths import display_path, upload_run
    from gapbench.store import numbered_files, read_attempt_values, read_pending_answers

    incomplete = manifest.state != "complete"
    page = folder / "report.html"
    is_large = sum(cell.planned for cell in manifest.cells) > LARGE_RUN
    if reporter is None and is_large:
        # In a new process the memory that sending left behind is not added to the report's.
        with ReportProcess() as late:
            unanswered = late.report_run(folder, quiet=quiet)
    else:
        unanswered = (reporter.report_run if reporter else report_run)(folder, quiet=quiet)
    if not quiet and any(task.scorer == "judge" for task in manifest.tasks):
        console.print(
            f"Answers wait for their judge:  bench judge {display_path(folder)}",
            highlight=False,
            soft_wrap=True,
        )
    if quiet:
        click.echo(str(folder))
    else:
        console.print(
            f"Parquet  {folder}/attempts-*.parquet\nReport   {page}", highlight=False, soft_wrap=True
        )
    for failure in manifest.failures:
        console.print(
            f"{failure.model_id}: {formatting.escape_invisible(failure.message)}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    for model_id, kinds in unanswered.items():
        console.print(
            f"{model_id}: no request was answered ({kinds}); `bench report {folder} --errors` shows why",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if incomplete:
        if numbered_files(folder, "waiting"):
            waits = len(read_pending_answers(folder, read_attempt_values(folder)))
            console.print(
                f"{waits} answers came and wait for their score; none is asked again.", highlight=False
            )
        console.print(
            f"The run is not complete ({manifest.reason or manifest.state}). Go on with:\n"
            f"  bench run --resume {folder.name}"
            + ("" if folder.parent == Path("results") else f" --out {display_path(folder.parent)}")
            + (" --allow-code" if manifest.selection.get("allow_code") else ""),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    upload_run(folder, quiet=quiet)
    if manifest.state == "interrupted":
        return 130
    return 1 if incomplete or unanswered else 0


def report_run(folder: Path, *, quiet: bool) -> Mapping[str, str]:
    """Write the page of a run and print its tables, in this order: a terminal that has gone away ends the printing.

    Args:
        folder: The run folder.
        quiet: Whether to print nothing.

    Returns:
        The models that answered no request, with the kinds of failure they had.
    """
    from rich.console import Console

    from gapbench.commands.report_gap_cost import print_tables

    _write_page(folder, folder / "report.html")
    if not quiet:
        print_tables([folder], Console())
    return _unanswered_models(folder)


def _write_page(folder: Path, page: Path) -> None:
    """Write the page into the run folder; what lies there by its name is replaced, not written to."""
    from gapbench.atomic_write import replace_atomically
    from gapbench.errors import DiskError
    from gapbench.report import html

    content = html.html_report([folder])
    try:
        with replace_atomically(page) as file:
            file.write(content.encode())
    except OSError as exc:
        raise DiskError(
            f"cannot write {page}: {exc.strerror}; every row is kept, see `bench report`"
        ) from exc


def _unanswered_models(folder: Path) -> dict[str, str]:
    """Return each model that answered no request, with the kinds of failure it had."""
    from gapbench.store import read_attempts

    frame = read_attempts([folder], ["model_id", "final", "outcome", "failure_kind"])
    return {
        str(model_id): ", ".join(sorted({str(kind) for kind in rows["failure_kind"]}))
        for model_id, rows in frame[frame["final"]].groupby("model_id", observed=True)
        if len(rows) and (rows["outcome"] == "infra").all()
    }
