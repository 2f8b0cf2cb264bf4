"""`bench judge` and `bench arena`: stored answers put to a judge model, graded or in pairs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapbench.commands.options import POSITIVE, allow_code_option, json_option, quiet_option, task_option
from gapbench.commands.storage_paths import RunPath

if TYPE_CHECKING:
    from gapbench.execution.llm_judging import StoredAnswer
    from gapbench.execution.setup import RunSetup, Selection
    from gapbench.scoring.scorers.llm_judge import Judge
    from gapbench.suite.tasks.task import Task
    from gapbench.values import Model

_Option = Callable[[Callable[..., Any]], Callable[..., Any]]
_judge_option: _Option = click.option(
    "--judge", metavar="ID", help="One of the suite's judges, or runner:model[@url].  [default: the suite's]"
)
_max_usd_option: _Option = click.option(
    "--max-usd",
    type=POSITIVE,
    help="Stop cleanly at this spend; call again to go on.",
)
_yes_option: _Option = click.option("--yes", "-y", is_flag=True, help="Do not ask before paid calls.")


@click.command(
    "judge",
    epilog="""\b
Examples:
  bench judge RUN                                    tasks whose scorer is judge, by the suite's judge
  bench judge RUN --judge openai:gpt-5.2 --max-usd 2""",
)
@click.argument("run", type=RunPath())
@task_option
@_judge_option
@_max_usd_option
@_yes_option
@allow_code_option
@quiet_option
def judge_command(
    run: Path,
    tasks: tuple[str, ...],
    judge: str | None,
    max_usd: float | None,
    *,
    yes: bool,
    allow_code: bool,
    quiet: bool,
) -> int:
    """Have the stored answers of RUN graded against the rubrics of its tasks.

    The judge's calls are a run of their own in RUN/judge-ID, with its prices and texts; its grades are read over RUN's rows.
    """
    from gapbench.commands.run_folders import resolve_run_folders
    from gapbench.commands.storage_paths import upload_run
    from gapbench.errors import InputError, ResultsError
    from gapbench.execution.llm_judging import make_rating_tasks, read_judge_scores, to_stored_answers
    from gapbench.execution.rescoring import read_stored_answers
    from gapbench.store.score_overlay import write_scores

    folder = resolve_run_folders([run])[0]
    setup = _load_assembly(folder, allow_code=allow_code)
    scorers = _rubrics(setup, tasks)
    if not scorers:
        raise InputError(
            f"{setup.suite.path}: no task{' named' if tasks else ''} is scored by `judge`, so nothing waits for a judge"
        )
    stored = read_stored_answers(folder, list(scorers))
    if stored.empty:
        raise ResultsError(f"{folder} holds no complete answer of {', '.join(scorers)}")
    answers = to_stored_answers(folder, stored)
    code = 0
    for judge_id in dict.fromkeys([judge] if judge else [scorer.model for scorer in scorers.values()]):
        mine = {name: scorer for name, scorer in scorers.items() if judge or scorer.model == judge_id}
        model = _find_judge(setup, judge_id)
        _refuse_private(setup, model, list(mine))
        judging, ended = _run_judging(
            setup,
            model,
            make_rating_tasks(model, mine, answers),
            folder,
            "judge",
            max_usd,
            yes=yes,
            quiet=quiet,
        )
        code = max(code, ended)
        rows = read_judge_scores(judging, mine, model)
        write_scores(folder, rows)
        click.echo(f"{len(rows)} answers graded by {model.id}; calls and cost in {judging}")
    upload_run(folder)
    return code


@click.command(
    "arena",
    epilog="""\b
Examples:
  bench arena RUN                               ratings; without a judge the higher score wins
  bench arena RUN --judge openai:gpt-5.2        every pair of answers in both orders, then ratings""",
)
@click.argument("run", type=RunPath())
@task_option
@_judge_option
@click.option("--rubric", metavar="TEXT", help="What makes an answer better.  [default: the suite's]")
@click.option("--by-score", is_flag=True, help="The higher score wins, also where a judge has spoken.")
@click.option("--limit", type=click.IntRange(min=1), help="First N requests of each task.")
@_max_usd_option
@_yes_option
@allow_code_option
@quiet_option
@json_option
def arena_command(
    run: Path,
    tasks: tuple[str, ...],
    judge: str | None,
    rubric: str | None,
    limit: int | None,
    max_usd: float | None,
    *,
    by_score: bool,
    yes: bool,
    allow_code: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Rate the models of RUN by setting their answers against each other: Bradley-Terry on the Elo scale, with intervals.

    With --judge every two answers to one request are put to it in both orders; its calls are a run of their own in RUN/arena-ID.
    """
    from gapbench.analysis.quality.arena import rate_models
    from gapbench.commands.run_folders import resolve_run_folders
    from gapbench.commands.storage_paths import upload_run

    folder = resolve_run_folders([run])[0]
    code = 0
    if judge is not None or (rubric is None and not by_score and _has_pending_arena(folder)):
        code = _judge_pairs(
            folder,
            tasks,
            judge,
            rubric,
            limit,
            max_usd,
            yes=yes,
            allow_code=allow_code,
            quiet=quiet or as_json,
        )
        upload_run(folder)
    found = rate_models([folder], "score" if by_score else None)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        from rich.console import Console

        from gapbench.report.arena import arena_table

        Console().print(arena_table(found))
    return code


def _has_pending_arena(folder: Path) -> bool:
    """Return whether the suite of a run names an arena's judge that has not spoken yet."""
    from gapbench.errors import InputError
    from gapbench.suite.suite import load_suite

    try:
        wanted = load_suite(Path(_load_selection(folder, allow_code=False).suite)).arena
    except InputError:
        return False
    return (
        wanted is not None
        and wanted.judge is not None
        and not list(folder.glob(f"arena-{wanted.judge}-*/run.json"))
    )


def _judge_pairs(
    folder: Path,
    tasks: tuple[str, ...],
    judge: str | None,
    rubric: str | None,
    limit: int | None,
    max_usd: float | None,
    *,
    yes: bool,
    allow_code: bool,
    quiet: bool,
) -> int:
    from gapbench.errors import InputError
    from gapbench.execution.llm_judging import DEFAULT_RUBRIC, make_pairwise_task, to_stored_answers
    from gapbench.execution.rescoring import read_stored_answers

    setup = _load_assembly(folder, allow_code=allow_code)
    wanted = setup.suite.arena
    judge_id = judge or (wanted.judge if wanted else None)
    if judge_id is None:
        raise InputError("no judge; name one with --judge, or in the suite as `arena: {judge: ID}`")
    model = _find_judge(setup, judge_id)
    names = list(tasks) or (wanted.tasks if wanted else [])
    answers = to_stored_answers(folder, read_stored_answers(folder, names))
    _refuse_private(setup, model, list(dict.fromkeys(answer.task for answer in answers)))
    said = rubric or (wanted.rubric if wanted else None) or DEFAULT_RUBRIC
    task = make_pairwise_task(
        model, said, _limit_answers(answers, limit or (wanted.limit if wanted else None))
    )
    return _run_judging(setup, model, [task], folder, "arena", max_usd, yes=yes, quiet=quiet)[1]


def _limit_answers(answers: list[StoredAnswer], limit: int | None) -> list[StoredAnswer]:
    """Return the answers to the first ``limit`` requests of each task; None: all."""
    if limit is None:
        return answers
    asked: dict[str, dict[str, None]] = {}
    for answer in answers:
        asked.setdefault(answer.task, {})[answer.sample_id] = None
    kept = {task: set(list(samples)[:limit]) for task, samples in asked.items()}
    return [answer for answer in answers if answer.sample_id in kept[answer.task]]


def _load_assembly(folder: Path, *, allow_code: bool) -> RunSetup:
    from gapbench.execution.setup import build_run_setup

    return build_run_setup(_load_selection(folder, allow_code=allow_code))


def _load_selection(folder: Path, *, allow_code: bool) -> Selection:
    from gapbench.execution.setup import Selection
    from gapbench.store import read_manifest

    return Selection.from_json(read_manifest(folder).get("selection"), allow_code=allow_code)


def _rubrics(setup: RunSetup, tasks: tuple[str, ...]) -> Mapping[str, Judge]:
    from gapbench import scoring
    from gapbench.scoring.scorers.llm_judge import Judge

    made = {
        task.name: scoring.make_scorer(task.scorer_name, task.scorer_options)
        for task in setup.plan.tasks
        if task.scorer_name == "judge" and (not tasks or task.name in tasks)
    }
    return {name: scorer for name, scorer in made.items() if isinstance(scorer, Judge)}


def _find_judge(setup: RunSetup, judge_id: str) -> Model:
    """Return the judge named on the command line or in the suite."""
    from gapbench.execution.setup import resolve_model

    known = {document.id: document.to_model() for document in setup.suite.judges}
    return resolve_model(judge_id, known, f"judge {judge_id!r} is not among the judges of {setup.suite.path}")


def _refuse_private(setup: RunSetup, judge: Model, tasks: list[str]) -> None:
    """Refuse to show somebody else's judge what is private, or what the suite no longer speaks of."""
    from gapbench.errors import InputError
    from gapbench.execution.setup import build_runner
    from gapbench.suite.data_policy import is_third_party_api, refuse_private_tasks

    runner, known = build_runner(judge), {task.name: task for task in setup.plan.tasks}
    gone = [name for name in tasks if name not in known]
    if gone and is_third_party_api(judge, runner):
        raise InputError(
            f"{setup.suite.path}: task {gone[0]!r} of the run is no longer there to say whether judge {judge.id!r}, "
            "an API of somebody else, may see it; put it back, or leave it out with --task"
        )
    refuse_private_tasks(
        judge, runner, [known[name] for name in tasks if name in known], suite=setup.suite.path
    )


def _run_judging(
    setup: RunSetup,
    judge: Model,
    tasks: list[Task],
    judged: Path,
    prefix: str,
    max_usd: float | None,
    *,
    yes: bool,
    quiet: bool,
) -> tuple[Path, int]:
    """Run the judge's questions into a folder of their own, going on where an earlier call stopped.

    Returns:
        The folder, named for judge and rubric, and the exit code.
    """
    from rich.console import Console

    from gapbench.commands.confirm import confirm_run, refuse_unpriced
    from gapbench.execution.llm_judging import make_judging_plan
    from gapbench.execution.monitoring.live_view import open_view
    from gapbench.execution.run_suite import execute_run
    from gapbench.execution.setup import RunSetup as Made
    from gapbench.execution.setup import build_runner
    from gapbench.store import is_run
    from gapbench.suite.plan import merge_params
    from gapbench.values import Params

    params = merge_params(Params(max_tokens=1_024, temperature=0.0), judge.params)
    plan = make_judging_plan(judge, tasks, judged.name, params, seed=setup.plan.seed, concurrency=8)
    judging = judged / f"{prefix}-{judge.id.replace('/', '_')}-{plan.suite_sha256[:8]}"
    held = Made(setup.suite, plan, {judge.id: build_runner(judge)})
    refuse_unpriced(held, max_usd)
    console = Console(stderr=True)
    if not (quiet and yes):
        confirm_run(held, console, ask=not yes, max_usd=max_usd)
    with open_view(console, quiet=quiet) as view:
        manifest = execute_run(held, judging, view, is_resumed=is_run(judging), max_usd=max_usd)
    return judging, 0 if manifest["state"] == "complete" else 1
