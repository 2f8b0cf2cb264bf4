"""`bench run`: plan, ask, run, and show what came out."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapbench.commands.options import (
    POSITIVE,
    allow_code_option,
    limit_option,
    model_option,
    quiet_option,
    task_option,
)
from gapbench.commands.storage_paths import ResultsPath, RunPath

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.execution.setup import RunSetup
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
  bench run my.yaml --max-usd 5          stop cleanly at five dollars
  bench run --resume RUN                 go on; nothing finished is sent again""",
)
@click.argument("suite", required=False)
@model_option
@task_option
@limit_option
@click.option(
    "--out",
    type=ResultsPath(),
    default=Path("results"),
    show_default=True,
    help="Results folder, or s3://BUCKET/PREFIX.",
)
@click.option(
    "--resume", type=RunPath(), metavar="RUN", help="Go on with an interrupted run, by its id or its folder."
)
@click.option(
    "--accept-changes",
    is_flag=True,
    help="With --resume of a run whose suite changed: begin a new run with the rows that still hold.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan and stop: the same as `bench plan`.")
@click.option("--max-usd", type=POSITIVE, help="Stop cleanly at this spend; resumable.")
@click.option("--calibrate", is_flag=True, help="First hold this machine's figures against a known truth.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep answers here and use those kept: accuracy runs only. Hits have no time and no price.",
)
@click.option("--metrics-port", type=click.IntRange(1, 65_535), help="Serve Prometheus metrics on this port.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before paid calls.")
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

    Every finished attempt is on disk before it is counted; Ctrl-C keeps them all and says how to resume.
    """
    from rich.console import Console

    from gapbench.commands.confirm import confirm_run, refuse_unpriced, refuse_unscorable
    from gapbench.commands.resume import find_resumable_run, rebuild_manifest
    from gapbench.commands.resume_changed import confirm_changes, start_changed_run
    from gapbench.commands.storage_paths import check_results_writable
    from gapbench.errors import InputError
    from gapbench.execution.monitoring.live_view import open_view
    from gapbench.execution.run_suite import execute_run
    from gapbench.execution.setup import Selection, build_run_setup, enforce_data_policy
    from gapbench.store.provenance import new_run_id

    given = None if suite is None else Selection(suite, models, tasks, limit, allow_code)
    before = None
    if resume is not None:
        before = find_resumable_run(
            out, resume, given, allow_code=allow_code, has_filters=bool(models or tasks or limit)
        )
        selection = before.selection
        # It goes on where it lies.
        out = before.folder.parent
    elif given is None:
        raise InputError("no suite; give a file, a built-in name (`bench list suites`), or --resume RUN_ID")
    else:
        selection = given
    setup = build_run_setup(selection)
    enforce_data_policy(setup)
    console = Console(stderr=quiet)
    if dry_run:
        from gapbench.commands.plan_validate import print_plan

        print_plan(setup, console)
        return 0
    _check_runners(setup)
    refuse_unpriced(setup, max_usd)
    if before is None:
        refuse_unscorable(setup, console)
    changes = confirm_changes(setup, before.manifest if before else None, accept=accept_changes, ask=not yes)
    check_results_writable(out)
    if not quiet or not yes:
        confirm_run(setup, console, ask=not yes, max_usd=max_usd)
    if before is None or changes:
        folder = out / new_run_id(setup.suite.name, datetime.now(UTC))
    else:
        folder = before.folder
    if before is not None and changes:
        start_changed_run(setup, selection, before.folder, folder, console)
    elif before is not None and before.manifest is None:
        rebuild_manifest(setup, selection, folder)
    calibration = _calibrate(console) if calibrate else None
    with open_view(console, quiet=quiet) as view:
        manifest = execute_run(
            setup,
            folder,
            view,
            is_resumed=before is not None,
            selection=selection.as_json(),
            max_usd=max_usd,
            cache=cache,
            calibration=calibration,
            metrics_port=metrics_port,
        )
    # A long run's plan is as large as its report: it goes before that comes. The loop's leavings hold it in cycles.
    del setup
    gc.collect()
    return print_results(manifest, folder, console, quiet=quiet)


def _check_runners(setup: RunSetup) -> None:
    from gapbench.errors import SetupError
    from gapbench.execution.setup import find_missing_requirements

    lacks = find_missing_requirements(setup)
    if lacks:
        model_id, said = next(iter(lacks.items()))
        more = f" (and {len(lacks) - 1} more: `bench doctor`)" if len(lacks) > 1 else ""
        raise SetupError(f"{setup.suite.path}: model {model_id!r}: {said}{more}")


def _calibrate(console: Console) -> dict[str, Any]:
    """Calibrate before the run and return what ``run.json`` keeps of it."""
    from gapbench.commands.calibrate import TABLE_HEADER, describe_trusted_load, format_level, run_calibration
    from gapbench.execution.calibration import DURATION_S, LEVELS

    console.print(TABLE_HEADER, highlight=False, soft_wrap=True)
    found = run_calibration(
        list(LEVELS),
        DURATION_S,
        None,
        lambda level: console.print(format_level(level), highlight=False, soft_wrap=True),
    )
    console.print(describe_trusted_load(found), highlight=False, soft_wrap=True)
    return found.to_json()


def print_results(manifest: RunManifest, folder: Path, console: Console, *, quiet: bool) -> int:
    """Print the tables, where everything lies, and how to go on; send it where it belongs; return the exit code."""
    from gapbench import formatting
    from gapbench.commands.report_gap_cost import print_tables
    from gapbench.commands.storage_paths import display_path, upload_run
    from gapbench.store import numbered_files, read_attempt_values, read_pending_answers

    incomplete = manifest.state != "complete"
    page = folder / "report.html"
    is_large = sum(cell.planned for cell in manifest.cells) > LARGE_RUN
    # The page comes first: a terminal that has vanished ends the printing.
    if is_large:
        _print_in_subprocess(folder, page, quiet=quiet)
    else:
        _write_page(folder, page)
    if not quiet:
        if not is_large:
            print_tables([folder], console)
        if any(task.scorer == "judge" for task in manifest.tasks):
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
    dead = _unanswered_models(folder)
    for line in dead:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
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
    return 1 if incomplete or dead else 0


def _print_in_subprocess(folder: Path, page: Path, *, quiet: bool) -> None:
    """Show and write a large run in a process of its own: what the sending left in memory is not held beside it."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(_write_and_print, folder, page, quiet=quiet).result()


def _write_and_print(folder: Path, page: Path, *, quiet: bool) -> None:
    from rich.console import Console

    from gapbench.commands.report_gap_cost import print_tables

    _write_page(folder, page)
    if not quiet:
        print_tables([folder], Console())


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


def _unanswered_models(folder: Path) -> Sequence[str]:
    """Return a line for each model that answered nothing at all: its figures are no figures."""
    from gapbench.store import read_attempts

    frame = read_attempts([folder], ["model_id", "final", "outcome", "failure_kind"])
    lines = []
    for model_id, rows in frame[frame["final"]].groupby("model_id", observed=True):
        if len(rows) and (rows["outcome"] == "infra").all():
            kinds = ", ".join(sorted({str(kind) for kind in rows["failure_kind"]}))
            lines.append(
                f"{model_id}: no request was answered ({kinds}); `bench report {folder} --errors` shows why"
            )
    return lines
