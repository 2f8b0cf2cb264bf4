"""The entries of a suite's tasks that are read from installed packages, not from task documents."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from gapbench.suite.bfcl import entry as bfcl
from gapbench.suite.bfcl.conversion import load_bfcl_tasks
from gapbench.suite.documents import Document
from gapbench.suite.human_eval import entry as human_eval
from gapbench.suite.human_eval.conversion import load_human_eval_tasks
from gapbench.suite.inspect_evals import entry as inspect_evals
from gapbench.suite.inspect_evals.conversion import load_inspect_evals_tasks
from gapbench.suite.lm_eval import entry as lm_eval
from gapbench.suite.lm_eval import loading
from gapbench.suite.reasoning_gym import entry as reasoning_gym
from gapbench.suite.reasoning_gym.conversion import load_reasoning_gym_tasks
from gapbench.suite.tasks.task import Task
from gapbench.suite.tasks.task_places import TaskPlaces
from gapbench.suite.tau2 import entry as tau2
from gapbench.suite.tau2.conversion import load_tau2_tasks

_IS_PACKAGE_ENTRY = (
    lm_eval.is_lm_eval_entry,
    bfcl.is_bfcl_entry,
    tau2.is_tau2_entry,
    reasoning_gym.is_reasoning_gym_entry,
    human_eval.is_human_eval_entry,
    inspect_evals.is_inspect_evals_entry,
)
"""Tell which entries of ``tasks`` are read elsewhere."""
_LOADERS = (
    load_bfcl_tasks,
    load_tau2_tasks,
    load_reasoning_gym_tasks,
    load_human_eval_tasks,
    load_inspect_evals_tasks,
)
"""Make tasks of them, all but those of lm-eval, which need to know more of the run."""


def is_package_entry(entry: Any) -> bool:
    """Return whether an item of a suite's ``tasks`` names tasks of an installed package."""
    return any(is_one(entry) for is_one in _IS_PACKAGE_ENTRY)


def package_task_names(document: Document) -> list[str]:
    """Return the names of the tasks of a suite's entries for packages, without reading their data.

    Raises:
        DocumentError: An entry is wrong.
    """
    names = [entry.lm_eval for _, entry in lm_eval.lm_eval_entries(document)]
    for _, entry in bfcl.bfcl_entries(document):
        names += [bfcl.task_name(category) for category in entry.bfcl]
    names += [tau2.task_name(entry) for _, entry in tau2.tau2_entries(document)]
    for _, gym in reasoning_gym.reasoning_gym_entries(document):
        names += [reasoning_gym.task_name(generator) for generator in gym.reasoning_gym]
    names += [entry.task_name for _, entry in human_eval.human_eval_entries(document)]
    return names + [entry.task_name for _, entry in inspect_evals.inspect_evals_entries(document)]


def load_package_tasks(
    document: Document,
    only: Collection[str],
    limit: int | None,
    places: TaskPlaces,
    *,
    closed_models: Sequence[str],
    allow_code: bool,
) -> list[Task]:
    """Return the tasks of a suite's entries for packages.

    Args:
        document: The suite.
        only: Names of entries or of tasks; (): all.
        limit: N samples of each task, on top of the entries' own. None: no further limit.
        places: Of the suite's other tasks; those of the entries are added.
        closed_models: Models with closed weights in the run; some lm-eval tasks cannot run on them.
        allow_code: Whether Python that a task names may run.

    Raises:
        DocumentError: An entry is wrong.
        SetupError: A package is not installed.
    """
    tasks: list[Task] = []
    for load_tasks in _LOADERS:
        tasks += load_tasks(document, only, limit, places)
    return tasks + loading.load_lm_eval_tasks(
        document, only, limit, places, closed_models=closed_models, allow_code=allow_code
    )
