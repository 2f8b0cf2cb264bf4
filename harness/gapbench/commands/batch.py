"""`bench batch`: show, read or cancel the batches that a run has at the vendors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.command_group import CommandGroup
from gapbench.commands.options import (
    allow_code_option,
    batch_retries_option,
    json_option,
    max_usd_option,
    out_option,
)
from gapbench.commands.storage_paths import RunPath

if TYPE_CHECKING:
    from gapbench.commands.resume import ResumableRun
    from gapbench.execution.batches.settings import RetryBy
    from gapbench.execution.setup import RunSetup
    from gapbench.runner import Runner
    from gapbench.store.batch_journal import BatchRecord
    from gapbench.values import Model

_run_argument = click.argument("run", type=RunPath())


@click.group(
    "batch",
    cls=CommandGroup,
    epilog="""\b
Examples:
  bench run my.yaml --batch --submit-only
  bench batch status RUN
  bench batch fetch RUN --wait""",
)
def batch_command() -> None:
    """Show, read or cancel the batches of a run that was started with `bench run --batch`."""


@batch_command.command(
    "status", epilog="Examples: bench batch status RUN; bench batch status RUN --offline --json"
)
@_run_argument
@out_option
@click.option("--offline", is_flag=True, help="Show what was last known, without asking the vendors.")
@allow_code_option
@json_option
def status_command(run: Path, out: Path, *, offline: bool, allow_code: bool, as_json: bool) -> None:
    """Show each batch of RUN: state, answers, age, when it expires, and the most that it can cost. Changes nothing."""
    from rich.console import Console

    from gapbench.commands.batch_output import print_statuses
    from gapbench.execution.batches.batch_status import describe_batch, read_statuses
    from gapbench.execution.event_loop import run_on_event_loop
    from gapbench.store.batch_journal import read_batches

    found = _find_batched_run(out, run, allow_code=allow_code)
    records = list(read_batches(found.previous.folder).values())
    manifest = found.previous.manifest
    names = {} if manifest is None else {model.id: model.runner for model in manifest.models}
    if offline:
        rows = [describe_batch(record, names.get(record.model_id, "")) for record in records]
    else:
        models, runners = found.models(), found.runners()
        lacking = {key: text for key, runner in runners.items() if (text := runner.missing_requirement())}
        runners = {key: runner for key, runner in runners.items() if key not in lacking}
        rows = run_on_event_loop(read_statuses(records, models, runners, found.previous.folder))
        lacking |= dict.fromkeys(_models_gone(records, models), _explain_gone(found))
        for model_id, problem in lacking.items():
            if any(row.is_out and row.model_id == model_id for row in rows):
                click.echo(f"{model_id}: not asked: {problem}", err=True)
    if as_json:
        click.echo(
            json.dumps({"run": found.previous.folder.name, "batches": [row.as_json() for row in rows]})
        )
        return
    print_statuses(rows, Console())


@batch_command.command("fetch", epilog="Examples: bench batch fetch RUN; bench batch fetch RUN --wait")
@_run_argument
@out_option
@click.option(
    "--wait", is_flag=True, help="Wait until every batch has ended. Ctrl-C leaves the batches running."
)
@batch_retries_option
@max_usd_option
@allow_code_option
@click.option(
    "--quiet", "-q", is_flag=True, help="No tables: print only the run's folder and what went wrong."
)
def fetch_command(
    run: Path,
    out: Path,
    *,
    wait: bool,
    batch_retries: RetryBy,
    max_usd: float | None,
    allow_code: bool,
    quiet: bool,
) -> int:
    """Read the batches of RUN that have ended: score and price the answers, and print the gap table.

    What failed is sent again. Exits 0 when the run is complete and 1 while something is out or unsent.
    """
    from rich.console import Console

    from gapbench.commands.resume_changed import confirm_changes
    from gapbench.commands.run_results import print_results
    from gapbench.errors import InputError, ResultsError
    from gapbench.execution.batches.settings import BatchSettings
    from gapbench.execution.monitoring.live_view import open_view
    from gapbench.execution.preflight import refuse_missing_requirements, refuse_unpriced
    from gapbench.execution.run_suite import execute_run
    from gapbench.store.batch_journal import batches_out

    found = _find_batched_run(out, run, allow_code=allow_code)
    previous, console = found.previous, Console(stderr=quiet)
    if previous.manifest is None:
        raise ResultsError(
            f"{previous.folder}/run.json is lost; `bench run SUITE --resume {previous.folder.name}` rebuilds it and reads the batches"
        )
    if not batches_out(previous.folder):
        console.print("No batch is out; these are the results so far.", highlight=False)
        return print_results(previous.manifest, previous.folder, console, quiet=quiet)
    if found.judged is not None:
        raise InputError(
            f"{previous.folder} holds the batches of a judge; repeat `bench judge` or `bench arena` as before to read them"
        )
    setup = found.build_setup()
    refuse_missing_requirements(setup)
    refuse_unpriced(setup, max_usd)
    confirm_changes(setup, previous, console, accept=False, ask=False)
    settings = BatchSettings(
        until="done" if wait else "read", sends_live=False, sends_unsent=False, retry_by=batch_retries
    )
    with open_view(console, quiet=quiet, planned=setup.plan.requests_by_task, max_usd=max_usd) as view:
        manifest = execute_run(
            setup,
            previous.folder,
            view,
            is_resumed=True,
            selection=previous.selection.as_json(),
            max_usd=max_usd,
            while_sending=nullcontext,
            batches=settings,
        )
    return print_results(manifest, previous.folder, console, quiet=quiet)


@batch_command.command("cancel", epilog="Example: bench batch cancel RUN")
@_run_argument
@out_option
@allow_code_option
def cancel_command(run: Path, out: Path, *, allow_code: bool) -> int:
    """Ask the vendors to end the batches of RUN. What is answered by then can be fetched, and is charged.

    What is not answered stays unsent until `bench run --resume RUN`. A batch that can never be read is given up. Exits 1 if a
    batch could not be cancelled, or may exist and is not confirmed yet.
    """
    from gapbench.commands.storage_paths import display_path
    from gapbench.errors import RunnerError, SetupError
    from gapbench.execution.batches.batch_cancelling import cancel_batches
    from gapbench.execution.batches.settings import BatchSettings
    from gapbench.execution.event_loop import run_on_event_loop
    from gapbench.store import RunWriter
    from gapbench.store.batch_journal import BatchJournal, batches_out

    found = _find_batched_run(out, run, allow_code=allow_code)
    folder = found.previous.folder
    if not batches_out(folder):
        click.echo("No batch is out.")
        return 0
    models, runners = found.models(), found.runners()
    for record in batches_out(folder):
        problem = runners[record.model_id].missing_requirement() if record.model_id in runners else None
        if problem:
            raise SetupError(f"{record.model_id}: {problem}")
    with RunWriter(folder):
        journal = BatchJournal.open(folder)
        is_done = True
        for model_id in _models_gone(batches_out(folder), models):
            is_done = False
            click.echo(f"{model_id}: not cancelled: {_explain_gone(found)}", err=True)
        for model in models.values():
            if journal.out_of(model.id):
                runner = runners[model.id]
                try:
                    is_done &= run_on_event_loop(
                        cancel_batches(journal, model, runner, BatchSettings().settle_s, click.echo)
                    )
                except (SetupError, RunnerError) as exc:
                    # The batches of the other models are cancelled all the same.
                    is_done = False
                    click.echo(f"{model.id}: not cancelled: {exc}", err=True)
        left = len([record for record in journal.records.values() if record.is_out])
    if left:
        click.echo(f"Read what was answered by now with:\n  bench batch fetch {display_path(folder)}")
    return 0 if is_done else 1


@dataclass(frozen=True)
class _BatchedRun:
    """A run that has batches, or the run of a judge inside a judged run.

    Attributes:
        previous: The run; of a judge's run with the selection of the judged run.
        judged: The judged run. None: the run is no judge's.
    """

    previous: ResumableRun
    judged: Path | None = None

    def build_setup(self) -> RunSetup:
        """Return the suite, the plan and the runners; opens no connection."""
        from gapbench.execution.setup import build_run_setup, enforce_data_policy

        setup = build_run_setup(self.previous.selection)
        enforce_data_policy(setup)
        return setup

    def models(self) -> dict[str, Model]:
        """Return the models that may have batches, by id."""
        from gapbench.commands.judging import find_judge

        setup = self.build_setup()
        if self.judged is None:
            return {model.id: model for model in setup.plan.models}
        manifest = self.previous.manifest
        ids = [] if manifest is None else [model.id for model in manifest.models]
        return {judge_id: find_judge(setup, judge_id, batch=True) for judge_id in ids}

    def runners(self) -> dict[str, Runner]:
        """Return the runners of these models, not open yet."""
        from gapbench.execution.replicas.replica_runner import build_runner

        return {model_id: build_runner(model) for model_id, model in self.models().items()}


def _models_gone(records: Iterable[BatchRecord], models: Mapping[str, Model]) -> list[str]:
    """Return the ids of models that have batches out and that the suite does not have any more."""
    return list(dict.fromkeys(one.model_id for one in records if one.is_out and one.model_id not in models))


def _explain_gone(found: _BatchedRun) -> str:
    return (
        f"{found.previous.selection.suite} does not have this model any more; put it back, or look after its batches on the "
        "provider's own page"
    )


def _find_batched_run(results: Path, run: Path, *, allow_code: bool) -> _BatchedRun:
    """Return a run that submitted batches.

    Raises:
        ResultsError: There is no such run, or it has no batches.
    """
    from gapbench.commands.judging import load_selection
    from gapbench.commands.resume import ResumableRun, find_resumable_run
    from gapbench.errors import ResultsError
    from gapbench.store import is_run, read_manifest
    from gapbench.store.batch_journal import has_batches

    judged = run.parent if is_run(run) and is_run(run.parent) else None
    if judged is not None:
        selection = load_selection(judged, allow_code=allow_code)
        previous = ResumableRun(run, read_manifest(run), selection)
    else:
        previous = find_resumable_run(results, run, None, allow_code=allow_code, has_filters=False)
    if not has_batches(previous.folder):
        raise ResultsError(
            f"{previous.folder} has no batches; `bench run SUITE --batch` starts a run with batches"
        )
    return _BatchedRun(previous, judged)
