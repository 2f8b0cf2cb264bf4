"""`bench arena`: rate models by comparing their answers in pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.judging import judge_batch_option, judge_option, no_wait_option
from gapbench.commands.options import (
    allow_code_option,
    json_option,
    max_usd_option,
    quiet_option,
    task_option,
    yes_option,
)
from gapbench.commands.storage_paths import RunPath

if TYPE_CHECKING:
    from gapbench.execution.llm_judging import StoredAnswer


@click.command(
    "arena",
    epilog="""\b
Examples:
  bench arena RUN                               ratings; without a judge the higher score wins
  bench arena RUN --judge openai:gpt-5.2        compares each pair of answers in both orders, then rates""",
)
@click.argument("run", type=RunPath())
@task_option
@judge_option
@judge_batch_option
@no_wait_option
@click.option("--rubric", metavar="TEXT", help="What makes an answer better.  [default: the suite's rubric]")
@click.option("--by-score", is_flag=True, help="Compare by score even where a judge verdict exists.")
@click.option("--limit", type=click.IntRange(min=1), help="First N samples of each task.")
@max_usd_option
@yes_option
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
    batch: bool,
    no_wait: bool,
    by_score: bool,
    yes: bool,
    allow_code: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Rate the models of RUN by comparing their answers in pairs: Bradley-Terry ratings on the Elo scale, with intervals.

    With --judge, the judge model compares every two answers to one request in both orders. Its requests form a
    separate run in RUN/arena-ID. Repeat the command to resume after a stop.
    """
    from gapbench.analysis.quality.arena import rate_models
    from gapbench.commands.run_folders import resolve_run_folders
    from gapbench.commands.storage_paths import upload_run

    folder = resolve_run_folders([run], expand=False)[0]
    code = 0
    if judge is not None or batch or (rubric is None and not by_score and _has_pending_arena(folder)):
        code = _judge_pairs(
            folder,
            tasks,
            judge,
            rubric,
            limit,
            max_usd,
            batch=batch,
            wait=not no_wait,
            yes=yes,
            allow_code=allow_code,
            quiet=quiet or as_json,
        )
        upload_run(folder)
    ratings = rate_models([folder], "score" if by_score else None)
    if as_json:
        click.echo(json.dumps(ratings.to_json()))
    else:
        from rich.console import Console

        from gapbench.report.arena import arena_table

        Console().print(arena_table(ratings))
    return code


def _has_pending_arena(folder: Path) -> bool:
    """Return whether the suite of a run names an arena judge whose comparisons have not been made."""
    from gapbench.commands.judging import load_selection
    from gapbench.errors import InputError
    from gapbench.suite.suite import load_suite

    try:
        arena = load_suite(Path(load_selection(folder, allow_code=False).suite)).arena
    except InputError:
        return False
    return (
        arena is not None
        and arena.judge is not None
        and not list(folder.glob(f"arena-{arena.judge}-*/run.json"))
    )


def _judge_pairs(
    folder: Path,
    tasks: tuple[str, ...],
    judge: str | None,
    rubric: str | None,
    limit: int | None,
    max_usd: float | None,
    *,
    batch: bool,
    wait: bool,
    yes: bool,
    allow_code: bool,
    quiet: bool,
) -> int:
    """Have a judge compare the answers of a run in pairs, and return the exit code."""
    from gapbench.commands.judging import find_judge, load_run_setup, refuse_private_answers, run_judging
    from gapbench.errors import InputError
    from gapbench.execution.llm_judging import DEFAULT_RUBRIC, make_pairwise_task, to_stored_answers
    from gapbench.execution.rescoring import read_stored_answers

    setup = load_run_setup(folder, allow_code=allow_code)
    arena = setup.suite.arena
    judge_id = judge or (arena.judge if arena else None)
    if judge_id is None:
        raise InputError("no judge is given; use --judge, or `arena: {judge: ID}` in the suite")
    model = find_judge(setup, judge_id, batch=batch)
    names = list(tasks) or (arena.tasks if arena else [])
    answers = to_stored_answers(folder, read_stored_answers(folder, names))
    refuse_private_answers(setup, model, list(dict.fromkeys(answer.task for answer in answers)))
    text = rubric or (arena.rubric if arena else None) or DEFAULT_RUBRIC
    compared = _limit_answers(answers, limit or (arena.limit if arena else None))
    task = make_pairwise_task(model, text, compared)
    return run_judging(setup, model, [task], folder, "arena", max_usd, yes=yes, quiet=quiet, wait=wait)[1]


def _limit_answers(answers: list[StoredAnswer], limit: int | None) -> list[StoredAnswer]:
    """Return the answers to the first ``limit`` samples of each task; None: all answers."""
    if limit is None:
        return answers
    samples_by_task: dict[str, dict[str, None]] = {}
    for answer in answers:
        samples_by_task.setdefault(answer.task, {})[answer.sample_id] = None
    kept = {task: set(list(samples)[:limit]) for task, samples in samples_by_task.items()}
    return [answer for answer in answers if answer.sample_id in kept[answer.task]]
