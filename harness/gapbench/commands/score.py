"""`bench score`: score stored answers again without sending a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gapbench.commands.options import allow_code_option, json_option, task_option
from gapbench.commands.storage_paths import RunPath

if TYPE_CHECKING:
    from gapbench.scoring import Scorer
    from gapbench.values import Sample


@click.command(
    "score",
    epilog="""\b
Examples:
  bench score RUN                                  with the current scorers of the suite
  bench score RUN --task tickets --scorer regex --option pattern='queue ([A-E])'
  bench score RUN --undo                           remove the newest scores""",
)
@click.argument("run", type=RunPath())
@task_option
@click.option(
    "--scorer", metavar="NAME", help="Use this scorer instead of the suite's; see `bench list scorers`."
)
@click.option(
    "--option", "options", multiple=True, metavar="KEY=VALUE", help="Option of --scorer, as YAML. Repeatable."
)
@click.option("--dry-run", is_flag=True, help="Show what would change without writing it.")
@click.option("--undo", is_flag=True, help="Remove the newest scores that this command wrote.")
@allow_code_option
@json_option
def score_command(
    run: Path,
    tasks: tuple[str, ...],
    scorer: str | None,
    options: tuple[str, ...],
    *,
    dry_run: bool,
    undo: bool,
    allow_code: bool,
    as_json: bool,
) -> None:
    """Score the stored answers of RUN again, with the suite's current scorers or with another one.

    The rows of the run are not changed. New scores go into a separate table, which `bench gap` and other commands apply on reading.
    """
    from gapbench.commands.run_folders import resolve_run_folders
    from gapbench.commands.storage_paths import display_path, upload_run
    from gapbench.errors import ResultsError
    from gapbench.execution.rescoring import (
        read_episodes,
        read_stored_answers,
        rescore,
        score_changes,
    )
    from gapbench.store.score_overlay import score_tables, write_scores

    folder = resolve_run_folders([run], expand=False)[0]
    if undo:
        if display_path(folder) != str(folder):
            raise ResultsError(
                f"--undo works on local runs only; delete the scores at {display_path(folder)} there"
            )
        written = score_tables(folder)
        if not written:
            raise ResultsError(f"{folder} has no scores by `bench score` or `bench judge` to remove")
        written[-1].unlink()
        click.echo(f"{written[-1]} removed")
        return
    answers = read_stored_answers(folder, tasks)
    if answers.empty:
        raise ResultsError(
            f"{folder} has no complete answer{' of ' + ', '.join(tasks) if tasks else ''} to score"
        )
    samples, scorers = _load_suite_scorers(folder, allow_code=allow_code)
    names = list(dict.fromkeys(answers["task"].astype(str)))
    chosen = _choose_scorers(names, scorers, scorer, options)
    rows = rescore(answers, chosen, samples, read_episodes(folder, answers))
    changed = list(score_changes(answers, rows))
    if as_json:
        keys = ("model", "task", "answers", "score_before", "score_after", "outcomes_changed")
        click.echo(
            json.dumps(
                {
                    "schema": 1,
                    "rows": [dict(zip(keys, map(_none_if_nan, row), strict=True)) for row in changed],
                }
            )
        )
    else:
        for model, task, count, before, after, flipped in changed:
            click.echo(
                f"{model}  {task}: {count} answers, {_format_mean(before)} to {_format_mean(after)}, {flipped} outcomes changed"
            )
    if not dry_run:
        written_to = write_scores(folder, rows)
        if not as_json:
            click.echo(str(written_to or "nothing new: the run already has these scores"))
        upload_run(folder, quiet=as_json)


def _load_suite_scorers(
    folder: Path, *, allow_code: bool
) -> tuple[Mapping[tuple[str, str], Sample], Mapping[str, tuple[str, Scorer]]]:
    """Return the current samples and scorers of the suite; both empty if the suite cannot be read."""
    from gapbench import scoring
    from gapbench.errors import InputError
    from gapbench.execution.setup import Selection, build_run_setup
    from gapbench.store import read_manifest

    manifest = read_manifest(folder)
    try:
        selection = Selection.from_json(manifest.selection, allow_code=allow_code)
        plan = build_run_setup(selection).plan
    except InputError as exc:
        click.echo(f"the suite cannot be read, so the stored targets are used: {exc}", err=True)
        return {}, {}
    samples = {(task.name, sample.sample_id): sample for task in plan.tasks for sample in task.samples}
    scorers = {
        task.name: (task.scorer_name, scoring.make_scorer(task.scorer_name, task.scorer_options))
        for task in plan.tasks
        if task.scorer_name and task.external_scorer is None
    }
    return samples, scorers


def _choose_scorers(
    names: list[str], scorers: Mapping[str, tuple[str, Scorer]], scorer: str | None, options: tuple[str, ...]
) -> Mapping[str, tuple[str, Scorer]]:
    from gapbench import scoring
    from gapbench.errors import InputError

    if scorer is None:
        if options:
            raise InputError("--option needs --scorer; without it the options of the suite apply")
        missing = [name for name in names if name not in scorers]
        if missing:
            raise InputError(f"the suite has no scorer for {', '.join(missing)}; name one with --scorer")
        return {name: scorers[name] for name in names}
    made = scoring.make_scorer(scorer, dict(map(_parse_option, options)))
    return dict.fromkeys(names, (scorer, made))


def _parse_option(given: str) -> tuple[str, Any]:
    import yaml

    from gapbench.errors import InputError

    key, sign, value = given.partition("=")
    if not (key and sign):
        raise InputError(f"--option: found {given!r}; expected KEY=VALUE")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as exc:
        raise InputError(f"--option {key}: {value!r} is not valid YAML; put text in quotes") from exc


def _format_mean(value: float) -> str:
    return "–" if value != value else f"{value * 100:.1f} %"  # noqa: PLR0124 - NaN is not itself


def _none_if_nan(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 - NaN is not itself
