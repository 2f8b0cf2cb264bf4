"""What `bench judge` and `bench arena` share: find the judge model, and run its requests as a run inside the judged run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gapbench.execution.setup import RunSetup, Selection
    from gapbench.suite.tasks.task import Task
    from gapbench.values import Model

judge_batch_option = click.option(
    "--batch",
    is_flag=True,
    help="Ask the judge through its vendor's batch API: half the price, within a day.",
)
no_wait_option = click.option(
    "--no-wait",
    is_flag=True,
    help="With a batched judge: submit, or read what has ended, and return; repeat the command to come back.",
)
judge_option = click.option(
    "--judge",
    metavar="ID",
    help="A judge of the suite, or another model as runner:model[@url].  [default: the suite's judge]",
)


def load_run_setup(folder: Path, *, allow_code: bool) -> RunSetup:
    """Return the setup of a finished run, built from its suite as it is now.

    Raises:
        InputError: The suite is missing or invalid, or needs ``allow_code``.
    """
    from gapbench.execution.setup import build_run_setup

    return build_run_setup(load_selection(folder, allow_code=allow_code))


def load_selection(folder: Path, *, allow_code: bool) -> Selection:
    """Return which part of which suite a run ran."""
    from gapbench.execution.setup import Selection
    from gapbench.store import read_manifest

    return Selection.from_json(read_manifest(folder).selection, allow_code=allow_code)


def find_judge(setup: RunSetup, judge_id: str, *, batch: bool = False) -> Model:
    """Return the judge with this id from the suite, or the model that ``runner:model[@url]`` describes.

    Args:
        setup: The setup of the judged run.
        judge_id: The judge.
        batch: Whether it is asked in batches, whatever the suite says.

    Raises:
        InputError: The id is neither, or its runner has no batch API.
    """
    from gapbench.execution.batches.batchable import require_batch_api
    from gapbench.execution.setup import resolve_model

    known = setup.suite.judges_by_id()
    judge = resolve_model(
        judge_id, known, f"judge {judge_id!r} is not among the judges of {setup.suite.path}"
    )
    if batch or judge.batch:
        require_batch_api(judge, str(setup.suite.path))
    return replace(judge, batch=batch or judge.batch)


def refuse_private_answers(setup: RunSetup, judge: Model, tasks: list[str]) -> None:
    """Refuse to send answers of private tasks, or of tasks that the suite no longer has, to a third-party judge.

    Raises:
        InputError: The judge is a third party's API, and a task is private or its data policy is unknown.
    """
    from gapbench.errors import InputError
    from gapbench.execution.replicas.replica_runner import build_runner
    from gapbench.suite.data_policy import is_third_party_api, refuse_private_tasks

    runner, known = build_runner(judge), {task.name: task for task in setup.plan.tasks}
    missing = [name for name in tasks if name not in known]
    if missing and is_third_party_api(judge, runner):
        raise InputError(
            f"{setup.suite.path}: task {missing[0]!r} of the run is no longer in the suite, so its data policy is unknown "
            f"and judge {judge.id!r}, a third-party API, may not see it; put the task back, or exclude it with --task"
        )
    refuse_private_tasks(
        judge, runner, [known[name] for name in tasks if name in known], suite=setup.suite.path
    )


def run_judging(
    setup: RunSetup,
    judge: Model,
    tasks: list[Task],
    judged: Path,
    prefix: str,
    max_usd: float | None,
    *,
    yes: bool,
    quiet: bool,
    wait: bool = True,
) -> tuple[Path, int]:
    """Send the judge's requests as a run inside the judged run, resuming it if an earlier call was stopped.

    Args:
        setup: Setup of the judged run.
        judge: The judge model.
        tasks: The judge's requests.
        judged: Folder of the judged run.
        prefix: Start of the name of the judge's run folder.
        max_usd: Spend in US dollars at which to stop. None: no limit.
        yes: Whether to start without asking.
        quiet: Whether to show no progress.
        wait: Whether to wait for batches. False: what has ended is read.

    Returns:
        The folder of the judge's run, named after judge and rubric, and the exit code.

    Raises:
        InputError: Not to wait was asked of a judge that is asked live.
    """
    from rich.console import Console

    from gapbench.commands.confirm import confirm_run
    from gapbench.errors import InputError
    from gapbench.execution.batches.settings import BatchSettings
    from gapbench.execution.llm_judging import make_judging_plan
    from gapbench.execution.monitoring.live_view import open_view
    from gapbench.execution.preflight import refuse_unpriced
    from gapbench.execution.replicas.replica_runner import build_runner
    from gapbench.execution.requests_left import finished_requests, requests_in_batches
    from gapbench.execution.run_suite import execute_run
    from gapbench.execution.setup import RunSetup as Setup
    from gapbench.store import is_run
    from gapbench.store.batch_journal import batches_out
    from gapbench.suite.plan import merge_params
    from gapbench.values import Params

    if not wait and not judge.batch:
        raise InputError(f"--no-wait: judge {judge.id!r} is not asked in batches; add --batch")
    params = merge_params(Params(max_tokens=1_024, temperature=0.0), judge.params)
    plan = make_judging_plan(judge, tasks, judged.name, params, seed=setup.plan.seed, concurrency=8)
    judging = judged / f"{prefix}-{judge.id.replace('/', '_')}-{plan.suite_sha256[:8]}"
    judge_setup = Setup(setup.suite, plan, {judge.id: build_runner(judge)})
    refuse_unpriced(judge_setup, max_usd)
    console = Console(stderr=True)
    is_resumed = is_run(judging)
    if not (quiet and yes):
        confirm_run(
            judge_setup,
            console,
            ask=not yes,
            max_usd=max_usd,
            finished=finished_requests(judging) if is_resumed else (),
            in_batches=requests_in_batches(judging),
        )
    with open_view(console, quiet=quiet) as view:
        manifest = execute_run(
            judge_setup,
            judging,
            view,
            is_resumed=is_resumed,
            max_usd=max_usd,
            batches=BatchSettings(until="done" if wait else "read"),
        )
    if out := len(batches_out(judging)):
        click.echo(
            f"{judge.id}: {'1 batch is' if out == 1 else f'{out} batches are'} out; repeat the command to read what has ended",
            err=True,
        )
    return judging, 0 if manifest.state == "complete" else 1
