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
    from gapbench.execution.llm_judging import Answer
    from gapbench.execution.setup import Assembly, Selection
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
    from gapbench.commands.report_gap_cost import run_folders
    from gapbench.commands.storage_paths import sent
    from gapbench.errors import InputError, ResultsError
    from gapbench.execution.llm_judging import answers_of, graded_rows, grading
    from gapbench.execution.rescoring import stored_answers
    from gapbench.store.score_overlay import write_scores

    folder = run_folders([run])[0]
    assembly = _assembly(folder, allow_code=allow_code)
    scorers = _rubrics(assembly, tasks)
    if not scorers:
        raise InputError(
            f"{assembly.suite.path}: no task{' named' if tasks else ''} is scored by `judge`, so nothing waits for a judge"
        )
    stored = stored_answers(folder, list(scorers))
    if stored.empty:
        raise ResultsError(f"{folder} holds no complete answer of {', '.join(scorers)}")
    answers = answers_of(folder, stored)
    code = 0
    for judge_id in dict.fromkeys([judge] if judge else [scorer.model for scorer in scorers.values()]):
        mine = {name: scorer for name, scorer in scorers.items() if judge or scorer.model == judge_id}
        model = _model(assembly, judge_id)
        _refuse_private(assembly, model, list(mine))
        judging, ended = _held(
            assembly, model, grading(model, mine, answers), folder, "judge", max_usd, yes=yes, quiet=quiet
        )
        code = max(code, ended)
        rows = graded_rows(judging, mine, model)
        write_scores(folder, rows)
        click.echo(f"{len(rows)} answers graded by {model.id}; calls and cost in {judging}")
    sent(folder)
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
    from gapbench.analysis.quality.arena import arena
    from gapbench.commands.report_gap_cost import run_folders
    from gapbench.commands.storage_paths import sent

    folder = run_folders([run])[0]
    code = 0
    if judge is not None or (rubric is None and not by_score and _asks_for_an_arena(folder)):
        code = _play(
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
        sent(folder)
    found = arena([folder], "score" if by_score else None)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        from rich.console import Console

        from gapbench.report.arena import arena_table

        Console().print(arena_table(found))
    return code


def _asks_for_an_arena(folder: Path) -> bool:
    """Return whether the suite of a run names an arena's judge that has not spoken yet."""
    from gapbench.errors import InputError
    from gapbench.suite.suite import load_suite

    try:
        wanted = load_suite(Path(_selection(folder, allow_code=False).suite)).arena
    except InputError:
        return False
    return (
        wanted is not None
        and wanted.judge is not None
        and not list(folder.glob(f"arena-{wanted.judge}-*/run.json"))
    )


def _play(
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
    from gapbench.execution.llm_judging import DEFAULT_RUBRIC, answers_of, duels
    from gapbench.execution.rescoring import stored_answers

    assembly = _assembly(folder, allow_code=allow_code)
    wanted = assembly.suite.arena
    judge_id = judge or (wanted.judge if wanted else None)
    if judge_id is None:
        raise InputError("no judge; name one with --judge, or in the suite as `arena: {judge: ID}`")
    model = _model(assembly, judge_id)
    names = list(tasks) or (wanted.tasks if wanted else [])
    answers = answers_of(folder, stored_answers(folder, names))
    _refuse_private(assembly, model, list(dict.fromkeys(answer.task for answer in answers)))
    said = rubric or (wanted.rubric if wanted else None) or DEFAULT_RUBRIC
    task = duels(model, said, _first(answers, limit or (wanted.limit if wanted else None)))
    return _held(assembly, model, [task], folder, "arena", max_usd, yes=yes, quiet=quiet)[1]


def _first(answers: list[Answer], limit: int | None) -> list[Answer]:
    """Return the answers to the first ``limit`` requests of each task; None: all."""
    if limit is None:
        return answers
    asked: dict[str, dict[str, None]] = {}
    for answer in answers:
        asked.setdefault(answer.task, {})[answer.sample_id] = None
    kept = {task: set(list(samples)[:limit]) for task, samples in asked.items()}
    return [answer for answer in answers if answer.sample_id in kept[answer.task]]


def _assembly(folder: Path, *, allow_code: bool) -> Assembly:
    from gapbench.execution.setup import assemble

    return assemble(_selection(folder, allow_code=allow_code))


def _selection(folder: Path, *, allow_code: bool) -> Selection:
    from gapbench.execution.setup import Selection
    from gapbench.store import read_manifest

    return Selection.from_json(read_manifest(folder).get("selection"), allow_code=allow_code)


def _rubrics(assembly: Assembly, tasks: tuple[str, ...]) -> Mapping[str, Judge]:
    from gapbench import scoring
    from gapbench.scoring.scorers.llm_judge import Judge

    made = {
        task.name: scoring.make(task.scorer_name, task.scorer_options)
        for task in assembly.plan.tasks
        if task.scorer_name == "judge" and (not tasks or task.name in tasks)
    }
    return {name: scorer for name, scorer in made.items() if isinstance(scorer, Judge)}


def _model(assembly: Assembly, judge_id: str) -> Model:
    """Return the judge named on the command line or in the suite."""
    from gapbench.execution.setup import named_model

    known = {document.id: document.value() for document in assembly.suite.judges}
    return named_model(
        judge_id, known, f"judge {judge_id!r} is not among the judges of {assembly.suite.path}"
    )


def _refuse_private(assembly: Assembly, judge: Model, tasks: list[str]) -> None:
    """Refuse to show somebody else's judge what is private, or what the suite no longer speaks of."""
    from gapbench.errors import InputError
    from gapbench.execution.setup import build_runner
    from gapbench.suite.data_policy import is_anothers, refuse_private

    runner, known = build_runner(judge), {task.name: task for task in assembly.plan.tasks}
    gone = [name for name in tasks if name not in known]
    if gone and is_anothers(judge, runner):
        raise InputError(
            f"{assembly.suite.path}: task {gone[0]!r} of the run is no longer there to say whether judge {judge.id!r}, "
            "an API of somebody else, may see it; put it back, or leave it out with --task"
        )
    refuse_private(judge, runner, [known[name] for name in tasks if name in known], suite=assembly.suite.path)


def _held(
    assembly: Assembly,
    judge: Model,
    tasks: list[Task],
    judged: Path,
    what: str,
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

    from gapbench.commands.confirm import ask, refuse_unpriced
    from gapbench.commands.run import conducted
    from gapbench.execution.llm_judging import judging_plan
    from gapbench.execution.setup import Assembly as Made
    from gapbench.execution.setup import build_runner
    from gapbench.store import is_run
    from gapbench.suite.plan import merged
    from gapbench.values import Params

    params = merged(Params(max_tokens=1_024, temperature=0.0), judge.params)
    plan = judging_plan(judge, tasks, judged.name, params, seed=assembly.plan.seed, concurrency=8)
    judging = judged / f"{what}-{judge.id.replace('/', '_')}-{plan.suite_sha256[:8]}"
    held = Made(assembly.suite, plan, {judge.id: build_runner(judge)})
    refuse_unpriced(held, max_usd)
    console = Console(stderr=True)
    if not (quiet and yes):
        ask(held, console, ask=not yes, max_usd=max_usd)
    manifest = conducted(
        held, judging, console, goes_on=is_run(judging), selection={}, max_usd=max_usd, quiet=quiet
    )
    return judging, 0 if manifest["state"] == "complete" else 1
