"""Load the tasks that an lm-eval entry of a suite names."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gapbench.errors import DocumentError, InputError
from gapbench.suite.documents import Document
from gapbench.suite.lm_eval.entry import lm_eval_entries
from gapbench.suite.tasks.task import Task
from gapbench.suite.tasks.task_places import TaskPlaces


def load_lm_eval_tasks(
    document: Document,
    only: Collection[str],
    limit: int | None,
    places: TaskPlaces,
    *,
    closed_models: Sequence[str],
    allow_code: bool,
) -> list[Task]:
    """Return the tasks that a suite's entries for lm-eval stand for.

    Args:
        document: The suite.
        only: Names of entries or of tasks; (): all.
        limit: First N documents of each task, on top of the entries' own. None: no further limit.
        places: The suite's other tasks.
        closed_models: Models with closed weights that will be asked: they give no log-probabilities.
        allow_code: Whether Python that a user's task YAML names may run.

    Raises:
        InputError: A task cannot be loaded or cannot be run here.
    """
    found: list[Task] = []
    for at, entry in lm_eval_entries(document):
        from gapbench.suite.lm_eval.conversion import convert_entry  # noqa: PLC0415 - an extra, and a second of imports

        try:
            expanded = convert_entry(
                entry, document.file.parent, limit, closed_models=closed_models, allow_code=allow_code
            )
        except DocumentError:
            raise
        except InputError as exc:
            raise type(exc)(f"{document.file}:{document.line(at)}: {exc}") from exc
        for task in expanded:
            places.add(task.name, at)
            if not only or {entry.lm_eval, task.name} & set(only):
                found.append(task)
    return found
