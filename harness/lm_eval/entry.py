"""What a suite writes to run tasks of lm-eval, found in it and handed on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import Field

from harness.document import WORD, Document, Path_, Strict, check
from harness.errors import DocumentError, InputError
from harness.task import Task


class LmEvalEntry(Strict):
    """A task of lm-evaluation-harness: its prompts, few-shot examples, filters and metrics."""

    lm_eval: str = Field(
        min_length=1, description="name of a task, group or tag there, or the path of a task YAML for it"
    )
    limit: int | None = Field(None, ge=1, description="first N documents of each task")
    num_fewshot: int | None = Field(
        None, ge=0, le=1_000, description="worked examples; default: the task's own"
    )
    category: str = Field("lm_eval", pattern=WORD, description="row of the gap table that it counts to")
    metric: str | None = Field(
        None, min_length=1, description="metric that is a reply's score; default: the first that is one"
    )
    filter: str | None = Field(
        None, min_length=1, description="filter whose answer is scored; default: the task's first"
    )


def is_entry(entry: Any) -> bool:
    """Say whether an item of a suite's ``tasks`` is for lm-eval."""
    return isinstance(entry, Mapping) and "lm_eval" in entry


def entries(document: Document) -> list[tuple[Path_, LmEvalEntry]]:
    """Return a suite's entries for lm-eval, each with its place.

    Raises:
        DocumentError: One has an unknown key or a wrong value.
    """
    return [
        (("tasks", index), check(document, LmEvalEntry, entry, ("tasks", index)))
        for index, entry in enumerate(document.value["tasks"])
        if is_entry(entry)
    ]


def tasks(
    document: Document,
    only: Collection[str],
    limit: int | None,
    *,
    closed: Sequence[str],
    allow_code: bool,
    taken: Mapping[str, int],
) -> list[Task]:
    """Return the tasks that a suite's entries for lm-eval stand for.

    Args:
        document: The suite.
        only: Names of entries or of tasks; (): all.
        limit: First N documents of each task, on top of the entries' own. None: no further limit.
        closed: Models with closed weights that will be asked: they give no log-probabilities.
        allow_code: Whether Python that a user's task YAML names may run.
        taken: Names of the suite's other tasks, with their places.

    Raises:
        InputError: A task cannot be had or cannot be run here.
    """
    found: list[Task] = []
    places = dict(taken)
    for at, entry in entries(document):
        from harness.lm_eval.expansion import expand  # noqa: PLC0415 - an extra, and a second of imports

        try:
            expanded = expand(entry, document.file.parent, limit, closed=closed, allow_code=allow_code)
        except DocumentError:
            raise
        except InputError as exc:
            raise type(exc)(f"{document.file}:{document.line(at)}: {exc}") from exc
        for task in expanded:
            if task.name in places:
                raise document.error(
                    at, f"task {task.name!r} is there twice, also in tasks[{places[task.name]}]"
                )
            places[task.name] = int(at[1])
            if not only or {entry.lm_eval, task.name} & set(only):
                found.append(task)
    return found
