"""`bench run`: plan, ask, run, and show what came out."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.commands.options import (
    POSITIVE,
    allow_code_option,
    limit_option,
    model_option,
    quiet_option,
    task_option,
)
from harness.commands.remote import ResultsPath, RunPath

if TYPE_CHECKING:
    from rich.console import Console

    from harness.assembly import Assembly
    from harness.run import Settings, Watcher
    from harness.store import RunWriter

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
  bench run --resume RUN_ID              go on; nothing finished is sent again""",
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
@click.option("--resume", type=RunPath(), metavar="RUN_ID", help="Go on with an interrupted run.")
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

    from harness.assembly import Selection, assemble, keep_private
    from harness.commands.changed import changes_of, run_changed
    from harness.commands.remote import check_writable
    from harness.errors import InputError
    from harness.store import read_manifest

    resumed: dict[str, Any] | None = None
    if resume is not None:
        folder = _folder(out, resume)
        out = folder.parent
        resumed = read_manifest(folder)
        before = Selection.from_json(resumed["selection"], allow_code=allow_code)
        if models or tasks or limit:
            raise InputError(
                "--resume goes on with what the run had picked; drop --model, --task and --limit"
            )
        selection = replace(before, suite=suite or before.suite)
    elif suite is None:
        raise InputError("no suite; give a file, a built-in name (`bench list suites`), or --resume RUN_ID")
    else:
        selection = Selection(suite, models, tasks, limit, allow_code)
    assembly = assemble(selection)
    keep_private(assembly)
    console = Console(stderr=quiet)
    if dry_run:
        from harness.commands.plan import show

        show(assembly, console)
        return 0
    _check(assembly)
    changes = changes_of(assembly, resumed, accept=accept_changes, ask=not yes)
    check_writable(out)
    if not quiet or not yes:
        ask(assembly, console, ask=not yes, max_usd=max_usd)
    how: dict[str, Any] = {
        "max_usd": max_usd, "quiet": quiet, "calibrate": calibrate, "cache": cache, "metrics_port": metrics_port,
    }  # fmt: skip
    if changes and resumed is not None:
        return run_changed(assembly, selection, out, folder, console, **how)
    from harness.manifest import new_run_id

    if resumed is None:
        folder = out / new_run_id(assembly.suite.name, datetime.now(UTC))
    manifest = conducted(assembly, folder, resumed, console, selection=selection.as_json(), **how)
    # A long run's plan is as large as its report: it goes before that comes. The loop's leavings hold it in cycles.
    del assembly
    gc.collect()
    return say(manifest, folder, console, quiet=quiet)


def _folder(results: Path, resume: Path) -> Path:
    """Return the run folder named by an id or by a path."""
    from harness.commands.remote import run_in, shown
    from harness.errors import ResultsError
    from harness.store import runs_in

    folder = run_in(results, resume, or_here=True)
    if folder is not None:
        return folder
    known = [path.name for path in runs_in(results)][-5:]
    hint = f"the newest there: {', '.join(known)}" if known else "there is none yet"
    raise ResultsError(f"no run {str(resume)!r} in {shown(results)}; {hint}")


def _check(assembly: Assembly) -> None:
    from harness.assembly import missing
    from harness.errors import SetupError

    lacks = missing(assembly)
    if lacks:
        model_id, said = next(iter(lacks.items()))
        more = f" (and {len(lacks) - 1} more: `bench doctor`)" if len(lacks) > 1 else ""
        raise SetupError(f"{assembly.suite.path}: model {model_id!r}: {said}{more}")


def ask(assembly: Assembly, console: Console, *, ask: bool, max_usd: float | None) -> None:
    """Say what will be called and what it can cost; ask where money is at stake."""
    from harness.commands.plan import bound_of

    rows = bound_of(assembly)
    calls = sum(row.calls for row in rows)
    paid = [row for row in rows if row.metered]
    console.print(
        f"{calls} requests to {len(rows)} models over {len(assembly.plan.tasks)} tasks", highlight=False
    )
    if not paid:
        return
    known = sum((row.usd for row in paid if row.usd is not None), Decimal(0))
    unknown = [row.model_id for row in paid if row.usd is None]
    console.print(
        f"{sum(row.calls for row in paid)} of them are paid calls: at most ${known:.2f}"
        + (f", and an unknown price for {', '.join(unknown)}" if unknown else "")
        + (f"; the run stops at --max-usd {max_usd:g}" if max_usd else ""),
        highlight=False,
    )
    if ask and not click.confirm("Go on?", default=False):
        raise click.exceptions.Abort


def conducted(
    assembly: Assembly,
    folder: Path,
    resumed: dict[str, Any] | None,
    console: Console,
    *,
    selection: Mapping[str, Any],
    max_usd: float | None,
    quiet: bool,
    calibrate: bool = False,
    cache: Path | None = None,
    metrics_port: int | None = None,
) -> dict[str, Any]:
    """Run an assembly into a folder under the live view, and return the manifest as it was left.

    Args:
        assembly: What to run.
        folder: The run folder.
        resumed: The manifest to go on with. None: a new run.
        console: Where the live view goes.
        selection: Kept in the manifest for ``--resume``.
        max_usd: Spend at which to stop. None: no limit.
        quiet: No live view.
        calibrate: Measure first at which load this machine's figures can be trusted.
        cache: Folder of kept answers. None: as the suite says.
        metrics_port: Serve Prometheus metrics there. None: none are served.
    """
    from harness.commands.pricing import attempt_price
    from harness.load import Retries
    from harness.report.live import LiveView, PlainView, QuietView
    from harness.run import Settings
    from harness.store import RunWriter

    suite = assembly.suite
    kept = cache or (suite.path.parent / suite.cache if suite.cache else None)
    settings = Settings(
        retries=Retries(suite.retries.attempts, suite.retries.max_wait_s),
        connect_s=suite.timeouts.connect_s,
        first_token_s=suite.timeouts.first_token_s,
        read_s=suite.timeouts.read_s,
        total_s=suite.timeouts.total_s,
        retries_per_run=suite.retries.per_run,
        retries_per_model=suite.retries.per_model,
        retries_per_provider=suite.retries.per_provider,
        breaker=suite.breaker,
        limits={model.id: model.limits.value() for model in suite.models if model.limits},
        max_usd=None if max_usd is None else Decimal(str(max_usd)),
        price=attempt_price(assembly),
        selection=selection,
        cache=kept,
        calibration=_calibrated(console) if calibrate else None,
    )
    view_type = QuietView if quiet else LiveView if console.is_terminal else PlainView
    with RunWriter(folder) as writer, view_type(console) as view:
        if metrics_port is None:
            return _until_done(assembly, writer, settings, view, resumed)
        from harness.metrics import MetricsWatcher, Serving

        watcher = MetricsWatcher(view, suite.name, folder.name)
        with Serving(watcher.runs, metrics_port, option="--metrics-port") as serving:
            view.tell(f"metrics at {serving.url}")
            return _until_done(assembly, writer, settings, watcher, resumed)


def _calibrated(console: Console) -> dict[str, Any]:
    """Calibrate before the run and return what ``run.json`` keeps of it."""
    from harness.calibration import DURATION_S, LEVELS
    from harness.commands.calibrate import HEAD, calibrated, line, verdict

    console.print(HEAD, highlight=False, soft_wrap=True)
    found = calibrated(
        list(LEVELS),
        DURATION_S,
        None,
        lambda level: console.print(line(level), highlight=False, soft_wrap=True),
    )
    console.print(verdict(found), highlight=False, soft_wrap=True)
    return found.to_json()


def _until_done(
    assembly: Assembly, writer: RunWriter, settings: Settings, view: Watcher, resumed: dict[str, Any] | None
) -> dict[str, Any]:
    """Run the event loop; the first Ctrl-C, SIGTERM or SIGHUP stops sending, the second lets go of what is in flight."""
    from harness.commands.loop import on_loop
    from harness.load import Halt
    from harness.run import run

    async def main() -> dict[str, Any]:
        halt = Halt()
        task = asyncio.current_task()
        assert task is not None

        def interrupt() -> None:
            if halt.reason is None:
                halt.now("interrupted")
                view.tell("stopping: what is in flight is finished and kept; Ctrl-C again lets go of it")
            else:
                task.cancel()

        # A run begun with nohup goes on when its terminal goes.
        hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hangs_up else [])):
            asyncio.get_running_loop().add_signal_handler(number, interrupt)
        return await run(assembly.plan, assembly.runners, writer, settings, view, halt, resumed=resumed)

    try:
        manifest: dict[str, Any] = on_loop(main())
    except asyncio.CancelledError:
        from harness.store import read_manifest

        return read_manifest(writer.folder)
    else:
        return manifest


def say(manifest: dict[str, Any], folder: Path, console: Console, *, quiet: bool) -> int:
    """Print the tables, where everything lies, and how to go on; send it where it belongs; return the exit code."""
    from harness.commands.remote import sent, shown
    from harness.commands.results import print_tables, write_page
    from harness.report import units

    incomplete = manifest["state"] != "complete"
    page = folder / "report.html"
    is_large = sum(cell["planned"] for cell in manifest["cells"]) > LARGE_RUN
    if is_large:
        _apart(folder, page, quiet=quiet)
    if not quiet:
        if not is_large:
            print_tables([folder], console)
        if any(task["scorer"] == "judge" for task in manifest["tasks"]):
            console.print(
                f"Answers wait for their judge:  bench judge {shown(folder)}", highlight=False, soft_wrap=True
            )
    if not is_large:
        write_page([folder], page)
    if quiet:
        click.echo(str(folder))
    else:
        console.print(
            f"Parquet  {folder}/attempts-*.parquet\nReport   {page}", highlight=False, soft_wrap=True
        )
    for failure in manifest["failures"]:
        console.print(
            f"{failure['model_id']}: {units.shown(failure['message'])}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    dead = _dead(folder)
    for line in dead:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if incomplete:
        console.print(
            f"The run is not complete ({manifest['reason'] or manifest['state']}). Go on with:\n"
            f"  bench run --resume {folder.name}"
            + ("" if folder.parent == Path("results") else f" --out {shown(folder.parent)}")
            + (" --allow-code" if manifest["selection"].get("allow_code") else ""),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    sent(folder, quiet=quiet)
    if manifest["state"] == "interrupted":
        return 130
    return 1 if incomplete or dead else 0


def _apart(folder: Path, page: Path, *, quiet: bool) -> None:
    """Show and write a large run in a process of its own: what the sending left in memory is not held beside it."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(_shown, folder, page, quiet=quiet).result()


def _shown(folder: Path, page: Path, *, quiet: bool) -> None:
    from rich.console import Console

    from harness.commands.results import print_tables, write_page

    if not quiet:
        print_tables([folder], Console())
    write_page([folder], page)


def _dead(folder: Path) -> Sequence[str]:
    """Return a line for each model that answered nothing at all: its figures are no figures."""
    from harness.store import read_attempts

    frame = read_attempts([folder], ["model_id", "final", "outcome", "failure_kind"])
    lines = []
    for model_id, rows in frame[frame["final"]].groupby("model_id", observed=True):
        if len(rows) and (rows["outcome"] == "infra").all():
            kinds = ", ".join(sorted({str(kind) for kind in rows["failure_kind"]}))
            lines.append(
                f"{model_id}: no request was answered ({kinds}); `bench report {folder} --errors` shows why"
            )
    return lines
