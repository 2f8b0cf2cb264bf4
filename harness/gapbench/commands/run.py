"""`bench run`: plan, ask, run, and show what came out."""

from __future__ import annotations

import gc
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
    from gapbench.commands.run_results import print_results
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
