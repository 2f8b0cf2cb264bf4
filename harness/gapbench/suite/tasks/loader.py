"""A task: a document that says how rows become samples, and the samples."""

from __future__ import annotations

import difflib
import os.path
from dataclasses import replace
from pathlib import Path

from gapbench.errors import DocumentError, SetupError
from gapbench.ladder import DEFAULT_SEED, Ladder
from gapbench.suite.documents import (
    Document,
    KeyPath,
    read_document,
    refuse_secrets,
    validate_document,
)
from gapbench.suite.tasks.builtin import builtin_folder
from gapbench.suite.tasks.dataset import describe_folder_problem, read_hugging_face, read_rows
from gapbench.suite.tasks.generated_rows import generate_rows
from gapbench.suite.tasks.ladder_file import draw_rows, load_ladder
from gapbench.suite.tasks.ladder_schema import ADAPTIVE_POOL
from gapbench.suite.tasks.plain_values import Row
from gapbench.suite.tasks.prompt_renderer import Renderer
from gapbench.suite.tasks.sample_order import RowChoice, labels_of, order_by_labels, order_seed
from gapbench.suite.tasks.schema import GeneratedData, TaskDocument
from gapbench.suite.tasks.task import Task
from gapbench.suite.tasks.user_code import ALLOW_CODE_HINT, code_file_digests, resolve_scorer_entry
from gapbench.values import Sample, canonical_json, sha256


def read_task(file: Path) -> tuple[TaskDocument, Document]:
    """Return a task's document without its data.

    Raises:
        DocumentError: The file is missing or wrong.
    """
    document = read_document(file)
    refuse_secrets(document)
    return validate_document(document, TaskDocument), document


def load_task(
    task: TaskDocument,
    source: Document,
    limit: int | None,
    path: KeyPath = (),
    *,
    seed: int = 0,
    in_file_order: bool = False,
    allow_code: bool = False,
    ladder_place: tuple[Document, KeyPath] | None = None,
) -> Task:
    """Return a task with the samples of the first ``limit`` rows of its working order (:mod:`gapbench.suite.tasks.sample_order`).

    A row is one sample, or with ``messages_mode: forced`` one for each turn of the assistant.

    Args:
        task: The checked document.
        source: The file that contains it; data paths are relative to it.
        limit: None: all.
        path: Its place in the file.
        seed: Seed of the working order.
        in_file_order: Whether to take the first rows of the file, as gapbench 0.1 did.
        allow_code: Whether Python that the task names may run; what gapbench ships always may.
        ladder_place: The file and the place in it that say which rungs to ask. None: ``source`` and ``path``.

    Raises:
        DocumentError: A template, an image or the data is wrong, or code is named and not allowed.
        SetupError: A Hugging Face data set cannot be loaded.
    """
    allow_code = allow_code or source.file.resolve().is_relative_to(builtin_folder().resolve())
    scorer_name, scorer_options = resolve_scorer_entry(task.scorer, source, path, allow_code=allow_code)
    ladder = _read_ladder(task, source, path, allow_code=allow_code)
    if ladder is not None:
        _refuse_missing_rungs(task, ladder, *(ladder_place or (source, path)))
    base, origin = _locate_rows(task, source, path, allow_code=allow_code)
    renderer = Renderer(task, source, path, base, origin, allow_code=allow_code)
    adaptive = task.adaptive_items
    if adaptive is not None and limit is not None:
        # The next items are picked from all of them; the limit bounds how many are asked.
        adaptive, limit = replace(adaptive, most_items=min(adaptive.most_items, limit)), None
    choice = RowChoice(
        limit,
        order_seed(seed, task.name),
        renderer.read_labels,
        renderer.label_columns(),
        in_file_order=in_file_order,
        keep=None if task.rung_numbers is None else renderer.has_rung_of(task.rung_numbers),
    )
    rows, digest = _read_chosen_rows(task, source, path, choice, ladder)
    if not rows:
        asked, at = ladder_place or (source, path)
        raise asked.error((*at, "rungs"), f"no item of task {task.name!r} is on these rungs; name others")
    samples: list[Sample] = []
    seen: dict[str, int] = {}
    places = range(len(rows)) if choice.is_all else sorted(choice.places)
    samples_of_row: list[range] = []
    for place, row in zip(places, rows, strict=True):
        number = place + 1
        rendered = renderer.render_samples(row, number)
        samples_of_row.append(range(len(samples), len(samples) + len(rendered)))
        for sample in rendered:
            if sample.sample_id in seen:
                raise source.error(
                    (*path, "id"),
                    f"rows {seen[sample.sample_id]} and {number} of {origin} both have the id {sample.sample_id!r}; ids must be unique",
                )
            seen[sample.sample_id] = number
            samples.append(sample)
    return Task(
        name=task.name,
        category=task.category,
        version=task.version,
        sha256=sha256(
            canonical_json(
                [
                    task.fingerprint(),
                    digest,
                    renderer.image_digests(),
                    *renderer.file_digests(),
                    *code_file_digests(scorer_options),
                ]
            )
        ),
        samples=tuple(samples),
        working_order=tuple(sample for row in choice.working_order() for sample in samples_of_row[row])
        if not choice.is_all
        else tuple(order_by_labels([labels_of(sample) for sample in samples], choice.seed)),
        scorer_name=scorer_name,
        scorer_options=scorer_options,
        params=task.params.to_params(),
        data_policy=task.data_policy,
        license=task.license,
        source=str(source.file),
        scorer_location=source.location((*path, "scorer")),
        user_location=source.location((*path, "agent", "user", "model")),
        origin=origin,
        tools_as=task.tools_as or "native",
        adaptive=adaptive,
        rungs=max((sample.rung for sample in samples if sample.rung is not None), default=None)
        if ladder is None
        else len(ladder.rungs),
        rung_measure=None if ladder is None else ladder.measure,
    )


def _read_ladder(task: TaskDocument, source: Document, path: KeyPath, *, allow_code: bool) -> Ladder | None:
    """Return the ladder of a task. None: it has none.

    Raises:
        DocumentError: There is no such file, it is code and code is not allowed, or it cannot be run.
    """
    if task.ladder is None:
        return None
    file = source.file.parent / task.ladder
    if not allow_code:
        raise source.error((*path, "ladder"), f"{file} is code that draws the items; {ALLOW_CODE_HINT}")
    if not os.path.isfile(file):  # noqa: PTH113 - Path.is_file raises on a name that is too long
        raise source.error((*path, "ladder"), f"no such file: {file}")
    return load_ladder(file)


def _refuse_missing_rungs(task: TaskDocument, ladder: Ladder, source: Document, path: KeyPath) -> None:
    """Raise DocumentError if a ladder has fewer rungs than are asked for."""
    last = max(task.rung_numbers or (1,))
    if last > len(ladder.rungs):
        raise source.error(
            (*path, "rungs"),
            f"found rung {last}; the ladder of {task.name!r} has rungs 1 to {len(ladder.rungs)}",
        )


def _is_drawn(task: TaskDocument) -> bool:
    """Return whether a task's items are drawn from its ladder, not read from its data."""
    return task.ladder is not None and (
        task.data is None
        or task.seed is not None
        or task.per_rung is not None
        or task.adaptive_items is not None
    )


def _locate_rows(
    task: TaskDocument, source: Document, path: KeyPath, *, allow_code: bool
) -> tuple[Path, str]:
    """Return the folder that image paths are relative to, and what the rows are from.

    Raises:
        DocumentError: There is no such file, or it is code and code is not allowed.
    """
    folder = source.file.parent
    if task.data is None or _is_drawn(task):
        assert task.ladder is not None
        file = folder / task.ladder
        return file.parent, str(file)
    if isinstance(task.data, GeneratedData):
        file = folder / task.data.generator
        if not allow_code:
            raise source.error((*path, "data"), f"{file} is code that makes the rows; {ALLOW_CODE_HINT}")
        if not os.path.isfile(file):  # noqa: PTH113 - Path.is_file raises on a name that is too long
            raise source.error((*path, "data"), f"no such file: {file}")
        return file.parent, str(file)
    if isinstance(task.data, str):
        file = folder / task.data
        if os.path.isdir(file):  # noqa: PTH112 - Path.is_dir raises on a name that is too long
            raise source.error((*path, "data"), f"{file} {describe_folder_problem(file)}")
        if not os.path.isfile(file):  # noqa: PTH113 - as above
            raise source.error(
                (*path, "data"), f"no such file: {file}; the path is relative to {folder or '.'}"
            )
        return file.parent, str(file)
    return folder, task.data.hf


def _read_chosen_rows(
    task: TaskDocument, source: Document, path: KeyPath, choice: RowChoice, ladder: Ladder | None
) -> tuple[list[Row], str]:
    """Return the chosen rows of a task in file order, and the hash of its data.

    Raises:
        DocumentError: The data cannot be read.
        SetupError: A Hugging Face data set cannot be loaded.
    """
    choose = None if choice.is_all else choice.choose  # to take all, one reading is enough
    if task.data is None or _is_drawn(task):
        assert ladder is not None
        assert task.ladder is not None
        return _draw_rows(task, source, choice, ladder)
    if isinstance(task.data, GeneratedData):
        return generate_rows(source.file.parent / task.data.generator, task.data.arguments, choose)
    if isinstance(task.data, str):
        return read_rows(source.file.parent / task.data, choose)
    try:
        return read_hugging_face(task.data.model_dump(exclude_none=True), choose, choice.columns)
    except SetupError as exc:
        raise SetupError(f"{source.file}:{source.line((*path, 'data'))}: {exc}") from exc


def _draw_rows(
    task: TaskDocument, source: Document, choice: RowChoice, ladder: Ladder
) -> tuple[list[Row], str]:
    """Return the chosen rows of those that a task's ladder draws, and the hash of all of them.

    Raises:
        DocumentError: The ladder has no such rung, or fails.
    """
    assert task.ladder is not None
    per_rung = task.per_rung or (ladder.kept_per_rung if task.adaptive_items is None else ADAPTIVE_POOL)
    rows, digest = draw_rows(
        ladder,
        source.file.parent / task.ladder,
        seed=DEFAULT_SEED if task.seed is None else task.seed,
        rungs=task.rung_numbers,
        per_rung=per_rung,
    )
    return (rows if choice.is_all else [rows[place] for place in sorted(choice.choose(rows))]), digest


def builtin_tasks() -> list[str]:
    """Return the names of the built-in tasks: ``category/name``."""
    root = builtin_folder()
    return sorted(file.parent.relative_to(root).as_posix() for file in root.glob("*/*/task.yaml"))


def find_builtin_task(name: str) -> Path:
    """Return the document of a built-in task.

    Raises:
        DocumentError: There is none of that name.
    """
    known = builtin_tasks()
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise DocumentError(
            f"no built-in task {name!r}; {hint}`bench list tasks` shows all {len(known)}. Your own is ./path/to/task.yaml",
            file=name,
        )
    return builtin_folder() / name / "task.yaml"
