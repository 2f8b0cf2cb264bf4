"""`bench judge`: have stored answers graded by a judge model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gapbench.commands.judging import judge_batch_option, judge_option, no_wait_option
from gapbench.commands.options import allow_code_option, max_usd_option, quiet_option, task_option, yes_option
from gapbench.commands.storage_paths import RunPath

if TYPE_CHECKING:
    from gapbench.execution.setup import RunSetup
    from gapbench.scoring.scorers.judge import Judge


@click.command(
    "judge",
    epilog="""\b
Examples:
  bench judge RUN                                    tasks with scorer judge, by the suite's judge
  bench judge RUN --judge openai:gpt-5.2 --max-usd 2
  bench judge RUN --batch --no-wait                  half the price; repeat it to read the grades""",
)
@click.argument("run", type=RunPath())
@task_option
@judge_option
@judge_batch_option
@no_wait_option
@max_usd_option
@yes_option
@allow_code_option
@quiet_option
def judge_command(
    run: Path,
    tasks: tuple[str, ...],
    judge: str | None,
    max_usd: float | None,
    *,
    batch: bool,
    no_wait: bool,
    yes: bool,
    allow_code: bool,
    quiet: bool,
) -> int:
    """Have a judge model grade the stored answers of RUN by the rubrics of its tasks.

    The judge's requests form a separate run in RUN/judge-ID, with its prices and texts. Its grades are applied when
    RUN is read. Repeat the command to resume after a stop.
    """
    from gapbench.commands.judging import find_judge, load_run_setup, refuse_private_answers, run_judging
    from gapbench.commands.run_folders import resolve_run_folders
    from gapbench.commands.storage_paths import upload_run
    from gapbench.errors import InputError, ResultsError
    from gapbench.execution.llm_judging import make_rating_tasks, read_judge_scores, to_stored_answers
    from gapbench.execution.rescoring import read_stored_answers
    from gapbench.store.score_overlay import write_scores

    folder = resolve_run_folders([run], expand=False)[0]
    setup = load_run_setup(folder, allow_code=allow_code)
    scorers = _judge_scorers(setup, tasks)
    if not scorers:
        raise InputError(
            f"{setup.suite.path}: no task{' named' if tasks else ''} has `scorer: judge`, so no answer needs a judge"
        )
    stored = read_stored_answers(folder, list(scorers))
    if stored.empty:
        raise ResultsError(f"{folder} has no complete answer of {', '.join(scorers)}")
    answers = to_stored_answers(folder, stored)
    code = 0
    for judge_id in dict.fromkeys([judge] if judge else [scorer.model for scorer in scorers.values()]):
        judge_scorers = {
            name: scorer for name, scorer in scorers.items() if judge or scorer.model == judge_id
        }
        model = find_judge(setup, judge_id, batch=batch)
        refuse_private_answers(setup, model, list(judge_scorers))
        tasks_to_send = make_rating_tasks(model, judge_scorers, answers)
        judging, exit_code = run_judging(
            setup, model, tasks_to_send, folder, "judge", max_usd, yes=yes, quiet=quiet, wait=not no_wait
        )
        code = max(code, exit_code)
        rows = read_judge_scores(judging, judge_scorers, model, answers)
        write_scores(folder, rows)
        click.echo(f"{len(rows)} answers graded by {model.id}; calls and cost in {judging}")
    upload_run(folder)
    return code


def _judge_scorers(setup: RunSetup, tasks: tuple[str, ...]) -> Mapping[str, Judge]:
    """Return the judge scorer of each task that has one; of the given tasks only, if any are given."""
    from gapbench import scoring
    from gapbench.scoring.scorers.judge import Judge

    scorers = {
        task.name: scoring.make_scorer(task.scorer_name, task.scorer_options)
        for task in setup.plan.tasks
        if task.scorer_name == "judge" and (not tasks or task.name in tasks)
    }
    return {name: scorer for name, scorer in scorers.items() if isinstance(scorer, Judge)}
