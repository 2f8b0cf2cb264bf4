"""`bench run`: plan a suite, ask before paid calls, run it, and print the results."""

from __future__ import annotations

import gc
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapbench.commands.options import (
    CacheType,
    allow_code_option,
    batch_retries_option,
    limit_option,
    max_usd_option,
    model_option,
    out_option,
    task_option,
    yes_option,
)
from gapbench.commands.storage_paths import RunPath

if TYPE_CHECKING:
    from rich.console import Console

    from gapbench.commands.ask_in_run import OnUnparsed
    from gapbench.commands.resume import ResumableRun
    from gapbench.execution.batches.settings import RetryBy
    from gapbench.execution.earlier_sessions import RequestKey
    from gapbench.execution.first_calls import FirstCall
    from gapbench.execution.machines.address import MachinesAddress
    from gapbench.execution.setup import RunSetup, Selection
    from gapbench.values.cache_place import CachePlace


@click.command(
    "run",
    epilog="""\b
Examples:
  bench run quickstart --yes
  bench run my.yaml --model gpt --model llama --limit 20
  bench run my.yaml --model vllm:meta-llama/Llama-3.3-70B-Instruct@http://127.0.0.1:8000/v1
  bench run my.yaml --until-sure         stop as soon as the overall verdict is certain
  bench run my.yaml --batch              half the price: answers within a day, without times
  bench run my.yaml --max-usd 5          stop cleanly at 5 US dollars
  bench run --resume RUN                 resume; sends what is missing or failed
  bench run my.yaml --shard 3 --out DIR  run one shard of `bench plan my.yaml --shards`""",
)
@click.argument("suite", required=False)
@model_option
@task_option
@limit_option
@out_option
@click.option(
    "--resume",
    type=RunPath(),
    metavar="RUN",
    help="Resume a run, by its id or folder: send what is missing, and what ended without an answer.",
)
@click.option(
    "--accept-changes",
    is_flag=True,
    help="With --resume, if the suite has changed: start a new run that keeps the rows still valid; if run.json is lost, "
    "continue in place where no answer depends on the change.",
)
@click.option(
    "--shard",
    type=click.IntRange(min=0),
    metavar="K",
    help="Run only shard K of `bench plan --shards`, in a folder of its own name. Again, it continues what is missing; a "
    "complete shard does nothing.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan and exit, as `bench plan` does.")
@click.option(
    "--until-sure",
    is_flag=True,
    help="Stop at *ahead*, *no worse* or *equivalent*, with an error of 5 % however often it looks.",
)
@click.option(
    "--batch",
    is_flag=True,
    help="Ask vendors through their batch APIs: half the price, answers within a day, no times. Ctrl-C leaves the batches running.",
)
@click.option(
    "--submit-only",
    is_flag=True,
    help="Submit the batches and return; `bench batch fetch RUN` reads them.",
)
@batch_retries_option
@max_usd_option
@click.option(
    "--no-preflight",
    is_flag=True,
    help="Do not first send one small call to each model; a run with paid calls does, to find a wrong key, model or parameter.",
)
@click.option(
    "--on-unparsed",
    type=click.Choice(("ask", "stop", "continue")),
    help="When nearly all of a model's first 20 answers to a task cannot be used.  [default: the suite's on_unparsed, else ask]",
)
@click.option("--calibrate", is_flag=True, help="Calibrate this machine before the run.")
@click.option(
    "--cache",
    type=CacheType(),
    metavar="DIR|redis://…",
    help="Response cache folder, or redis://HOST:PORT/DB for one that several runs share (accuracy runs only). Cached "
    "answers have no timing, and nothing is paid for them.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65_535),
    help="Serve Prometheus metrics on this port during the run.",
)
@click.option(
    "--machines",
    metavar="ADDRESS",
    help="Send from other machines: listen://0.0.0.0:PORT?machines=N waits for N that `bench worker --join`; ray://auto "
    "starts one on each node of a Ray cluster.",
)
@yes_option
@allow_code_option
@click.option(
    "--quiet",
    "-q",
    is_flag=True,
    help="No tables and no progress: print only the run's folder and what went wrong.",
)
def run_command(
    suite: str | None,
    models: tuple[str, ...],
    tasks: tuple[str, ...],
    limit: int | None,
    out: Path,
    resume: Path | None,
    *,
    accept_changes: bool,
    shard: int | None,
    dry_run: bool,
    until_sure: bool,
    batch: bool,
    submit_only: bool,
    batch_retries: RetryBy,
    max_usd: float | None,
    no_preflight: bool,
    on_unparsed: OnUnparsed | None,
    calibrate: bool,
    cache: CachePlace | None,
    metrics_port: int | None,
    machines: str | None,
    yes: bool,
    allow_code: bool,
    quiet: bool,
) -> int:
    """Run SUITE (a YAML file, or the name of a built-in suite) and print its gap table.

    Every finished attempt is stored at once. Ctrl-C stops the run, keeps all of them and prints how to resume.
    """
    from gapbench.commands.report_process import start_report_process
    from gapbench.execution.attempts import gc_tuning

    click.get_current_context().with_resource(gc_tuning.restore_thresholds())
    gc.set_threshold(*gc_tuning.STARTING_GC_THRESHOLDS)
    # Before anything else: its imports take longer than those below.
    reporter = None if dry_run else start_report_process()
    if reporter is not None:
        click.get_current_context().with_resource(reporter)

    from rich.console import Console

    from gapbench.commands.ask_in_run import decide_by_setting
    from gapbench.commands.batch_output import batch_settings, print_submitted
    from gapbench.commands.confirm import confirm_run
    from gapbench.commands.resume import find_resumable_run
    from gapbench.commands.resume_changed import confirm_changes
    from gapbench.commands.run_results import LARGE_RUN, print_results
    from gapbench.commands.run_shard import find_shard_run, is_shard_done, refuse_shard_options
    from gapbench.commands.storage_paths import check_results_writable
    from gapbench.errors import InputError
    from gapbench.execution.monitoring.live_view import open_view
    from gapbench.execution.preflight import (
        refuse_broken_tools,
        refuse_missing_requirements,
        refuse_unpriced,
        refuse_unscorable,
        refuse_unsure,
    )
    from gapbench.execution.requests_left import requests_in_batches
    from gapbench.execution.run_suite import describe_unused_cache, execute_run, refuse_unreachable_cache
    from gapbench.execution.setup import Selection, build_run_setup, enforce_data_policy

    refuse_shard_options(shard, resume=resume, until_sure=until_sure)
    address = None if machines is None else _parse_machines(machines)
    given = None
    if suite is not None:
        given = Selection(suite, models, tasks, limit, allow_code, until_sure, batch=batch, shard=shard)
    previous = None
    if resume is not None:
        previous = find_resumable_run(
            out,
            resume,
            given,
            allow_code=allow_code,
            has_filters=bool(models or tasks or limit),
            until_sure=until_sure,
            batch=batch,
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
    batches = batch_settings(setup, submit_only=submit_only, retry_by=batch_retries)
    console = Console(stderr=quiet)
    if dry_run:
        from gapbench.commands.plan import print_plan

        print_plan(setup, console)
        return 0
    if shard is not None:
        previous = find_shard_run(out, setup, selection)
        if is_shard_done(previous, quiet=quiet):
            return 0
    refuse_missing_requirements(setup)
    if address is not None:
        from gapbench.execution.machines.refusals import refuse_on_machines

        refuse_on_machines(setup, cache)
    unsure = refuse_unsure(setup) if selection.until_sure else ()
    refuse_unpriced(setup, max_usd)
    notes = refuse_unscorable(setup) if previous is None else ()
    for note in (*notes, *unsure, *describe_unused_cache(setup, cache)):
        console.print(f"Note: {note}", markup=False, highlight=False, soft_wrap=True)
    refuse_broken_tools(setup)
    changes = confirm_changes(setup, previous, console, accept=accept_changes, ask=not yes)
    check_results_writable(out)
    refuse_unreachable_cache(setup, cache)
    finished = _finished_requests(setup, previous, is_changed=bool(changes))
    in_batches = () if previous is None else requests_in_batches(previous.folder)
    if not quiet or not yes:
        confirm_run(setup, console, ask=not yes, max_usd=max_usd, finished=finished, in_batches=in_batches)
    first_calls = [] if no_preflight else _make_first_calls(setup, {*finished, *in_batches}, console)
    folder = _open_run_folder(
        setup, selection, out, previous, console, is_changed=bool(changes), accept_changes=accept_changes
    )
    calibration = _calibrate(console) if calibrate else None
    planned = setup.plan.requests_by_task
    with open_view(console, quiet=quiet, planned=planned, max_usd=max_usd) as view:
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
            first_calls=first_calls,
            should_continue=decide_by_setting(on_unparsed or setup.suite.on_unparsed, view, may_ask=not yes),
            while_sending=reporter.paused if reporter else nullcontext,
            batches=batches,
            machines=address,
        )
    gc.set_threshold(*gc_tuning.GC_THRESHOLDS)
    if submit_only:
        return print_submitted(manifest, folder, console, quiet=quiet)
    if setup.plan.requests_total > LARGE_RUN:
        # Free the plan before the report is made: both are large. Reference cycles of the event loop hold it.
        del setup
        gc.collect()
    return print_results(manifest, folder, console, quiet=quiet, reporter=reporter)


def _parse_machines(text: str) -> MachinesAddress:
    """Return the address that ``--machines`` gives; its token is there."""
    from gapbench.execution.machines.address import MachinesAddress, read_token

    address = MachinesAddress.parse(text)
    read_token(address.token_env)
    return address


def _finished_requests(
    setup: RunSetup, previous: ResumableRun | None, *, is_changed: bool
) -> Collection[RequestKey]:
    """Return the requests that a resumed run does not send again; () for a new run."""
    from gapbench.execution.requests_left import finished_requests, requests_carried_over

    if previous is None:
        return ()
    return (
        requests_carried_over(previous.folder, setup.plan)
        if is_changed
        else finished_requests(previous.folder)
    )


def _make_first_calls(
    setup: RunSetup, finished: Collection[RequestKey], console: Console
) -> Sequence[FirstCall]:
    """Send one small call to each model of a run with paid calls, and print what it cost."""
    from gapbench.execution.first_calls import make_first_calls, needs_first_calls
    from gapbench.formatting import escape_invisible, format_usd

    calls = make_first_calls(setup, finished) if needs_first_calls(setup) else []
    for call in calls:
        if call.note:
            console.print(escape_invisible(call.note), markup=False, highlight=False, soft_wrap=True)
    if calls and not any(call.note for call in calls):
        known = [call.usd for call in calls if call.usd is not None]
        cost = f" for {format_usd(float(sum(known)))}" if known else ""
        console.print(
            f"First calls: {len(calls)} {'model' if len(calls) == 1 else 'models'} answered{cost}",
            markup=False,
            highlight=False,
        )
    return calls


def _open_run_folder(
    setup: RunSetup,
    selection: Selection,
    results: Path,
    previous: ResumableRun | None,
    console: Console,
    *,
    is_changed: bool,
    accept_changes: bool,
) -> Path:
    """Return the folder to run in: a new one, or that of a resumed run, with its ``run.json`` rebuilt if lost.

    Args:
        setup: The run.
        selection: Stored in the run's ``run.json``.
        results: Folder for a new run.
        previous: The run to resume. None: start a new run.
        console: Where to print.
        is_changed: Whether the suite has changed, so that a new run takes over the rows still valid.
        accept_changes: Whether changes were accepted on the command line, for a run whose ``run.json`` is lost.
    """
    from gapbench.commands.resume import rebuild_manifest
    from gapbench.commands.resume_changed import start_changed_run
    from gapbench.store.provenance import new_run_id

    if previous is not None and not is_changed:
        if previous.manifest is None:
            rebuild_manifest(setup, selection, previous.folder, accept_changes=accept_changes)
        return previous.folder
    suite, key = setup.suite.name, setup.plan.shard
    folder = results / (new_run_id(suite, datetime.now(UTC)) if key is None else key.run_id(suite))
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
