"""Starts a run for an edited suite with the rows of the old run whose request is unchanged.

The old run is not changed. A request is the same if its cell, sample, repeat, prompt (by hash), parameters and target
are, and everything that decides which server answers (runner, model, base_url, serve, engine, options). With tools, a schema of
the reply or an episode, the whole task must be the same: its tools, states, users and limits are in no row. Rows keep their
score; if a scorer's options changed, ``bench score`` scores them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from gapbench.execution.earlier_looks import looks_at
from gapbench.execution.recording.run_manifest import changed_model_keys, changed_user_keys
from gapbench.execution.user_models import user_model_of
from gapbench.store import (
    RunManifest,
    RunWriter,
    read_attempt_values,
    read_manifest,
    read_payload,
    read_pending_answers,
    read_trajectory_values,
)
from gapbench.store.pending_scores import PendingAnswer
from gapbench.suite.plan import Plan
from gapbench.suite.tasks.task import Task
from gapbench.values import ATTEMPT_KEY_IN_RUN, Attempt, Payload, canonical_json, prompt_sha256
from gapbench.values.played_user import cell_of_user

PlannedRequestKey = tuple[str, str, int]
_key_of = attrgetter(*ATTEMPT_KEY_IN_RUN)
_TIMING_FIELDS = ("started_at", "wall_s", "stretches_s", "counters_before", "counters_after")


def carry_over_rows(old: Path, plan: Plan, writer: RunWriter, manifest: RunManifest) -> int:
    """Copy the rows that are still valid into a new run, and return the number of requests that they answer.

    Args:
        old: The run that was started with the other suite.
        plan: The plan of the new run.
        writer: The new run.
        manifest: The manifest of the new run; the times of continued cells are added to it.

    Raises:
        ResultsError: The old run cannot be read, or the new one not written.
    """
    old_manifest = read_manifest(old)
    carried, cells = 0, set()
    for (row, texts, trajectory), is_pending in _valid_rows(old, old_manifest, plan):
        carried += row.final
        if row.phase != "user":
            cells.add(row.cell_id)
        run_id = writer.folder.name
        new_row = replace(row, run_id=run_id, suite=plan.suite, suite_sha256=plan.suite_sha256)
        episode = None if trajectory is None else replace(trajectory, run_id=run_id)
        (writer.pending.add if is_pending else writer.add)(new_row, replace(texts, run_id=run_id), episode)
    entries = {cell.cell_id: cell for cell in old_manifest.cells}
    for cell in manifest.cells:
        if cell.cell_id in cells:
            for name in _TIMING_FIELDS:
                setattr(cell, name, getattr(entries[cell.cell_id], name))
    manifest.continues = old_manifest.run_id
    manifest.origin = old_manifest.origin or old_manifest.run_id
    if carried:
        manifest.earlier_looks = looks_at(old_manifest)
    for image in (old / "media").glob("*"):
        if image.is_symlink():  # In a stranger's folder it could point to any file of this machine.
            continue
        writer.add_media(image.name, image.read_bytes())
    return carried


def final_rows_still_valid(old: Path, plan: Plan) -> Iterator[Attempt]:
    """Yield the final rows of an old run that :func:`carry_over_rows` would copy.

    Raises:
        ResultsError: The old run cannot be read.
    """
    for answer, _ in _valid_rows(old, read_manifest(old), plan):
        if answer.attempt.final:
            yield answer.attempt


def _valid_rows(old: Path, old_manifest: RunManifest, plan: Plan) -> Iterator[tuple[PendingAnswer, bool]]:
    """Yield each row that is still valid with its texts and the episode that it ended, and whether it waits for its score."""
    changed_models = {model.id for model in plan.models if changed_model_keys(old_manifest, model)}
    changed_cells = {cell.cell_id for cell in plan.cells if _has_another_user(old_manifest, plan, cell.task)}
    fingerprints = dict(_plan_fingerprints(plan))
    valid: set[PlannedRequestKey] = set()
    pairs = list(_rows_with_texts(old))
    episodes = {_key_of(episode): episode for episode in read_trajectory_values(old)}
    rows = [PendingAnswer(row, texts, episodes.get(_key_of(row))) for row, texts in pairs]
    pending = read_pending_answers(old, [row for row, _ in pairs])
    for index, answer in enumerate([*rows, *pending]):
        row = answer.attempt
        key = (row.cell_id, row.sample_id, row.repeat)
        expected = fingerprints.get(key)
        is_changed = row.model_id in changed_models or row.cell_id in changed_cells
        if is_changed or expected is None or expected not in _row_fingerprints(row, answer.payload):
            continue
        valid.add(key)
        yield answer, index >= len(rows)
    for answer in rows:
        row = answer.attempt
        if row.phase == "user" and (cell_of_user(row.cell_id), row.sample_id, row.repeat) in valid:
            yield answer, False


def _has_another_user(old: RunManifest, plan: Plan, task: Task) -> bool:
    """Return whether the model that plays the users of a task has changed since an old run."""
    user = user_model_of(plan, task)
    return user is not None and bool(changed_user_keys(old, user))


def _plan_fingerprints(plan: Plan) -> Iterator[tuple[PlannedRequestKey, tuple[Any, ...]]]:
    for cell in plan.cells:
        for planned in cell.requests:
            sample = planned.sample
            is_prompt_alone = (
                sample.tools is None and sample.response_schema is None and sample.episode is None
            )
            yield (
                (cell.cell_id, sample.sample_id, planned.repeat),
                (
                    prompt_sha256(sample.messages),
                    canonical_json(cell.params_of(planned).as_json()),
                    cell.model.name,
                    cell.model.runner,
                    planned.phase,
                    cell.task.scorer_name if planned.is_scored else None,
                    None if sample.target is None else canonical_json(sample.target),
                    None if is_prompt_alone else cell.task.sha256,
                ),
            )


def _row_fingerprints(row: Attempt, texts: Payload) -> Iterator[tuple[Any, ...]]:
    """Yield what the plan must say of a row: for a sample that is only a prompt, and for any other."""
    for task_sha256 in (None, row.task_sha256):
        yield (
            row.prompt_sha256, row.params_asked, row.model_asked, row.runner, row.phase, row.scorer, texts.target,
            task_sha256,
        )  # fmt: skip


def _rows_with_texts(run: Path) -> Iterator[tuple[Attempt, Payload]]:
    """Yield the attempts of a run with their texts."""
    names = list(Payload.__slots__)
    texts: Mapping[tuple[Any, ...], Payload] = {
        _key_of(text): text
        for values in read_payload([run], names).astype(object).itertuples(index=False)
        if (text := Payload(**dict(zip(names, (_none_if_nan(value) for value in values), strict=True))))
    }
    for row in read_attempt_values(run):
        if _key_of(row) in texts:
            yield row, texts[_key_of(row)]


def _none_if_nan(value: Any) -> Any:
    return None if value is None or value != value else value  # noqa: PLR0124 - NaN is how pandas says null
