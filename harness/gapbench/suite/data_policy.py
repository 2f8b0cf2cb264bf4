"""Where a task's texts may go: what is marked ``data_policy: private`` reaches nobody else's API."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gapbench.errors import InputError
from gapbench.runner import Runner
from gapbench.suite.tasks.task import Task
from gapbench.values import Model


def is_third_party_api(model: Model, runner: Runner) -> bool:
    """Say whether a model is somebody else's API: paid by the token, or serving closed weights.

    At whatever address: a gateway on this machine passes prompts on. A simulated provider is none.
    """
    return runner.metered or (model.weights == "closed" and not runner.simulated)


def refuse_private_tasks(
    model: Model, runner: Runner, tasks: Iterable[Task], *, suite: Path | str = ""
) -> None:
    """Refuse to put a task marked ``data_policy: private`` to somebody else's API.

    Args:
        model: Who would be asked.
        runner: The model's.
        tasks: What it would be shown.
        suite: Where the tasks stand, for the message.

    Raises:
        InputError: One of the tasks is private and the model is another's.
    """
    if not is_third_party_api(model, runner):
        return
    for task in tasks:
        if task.data_policy == "private":
            why = "is paid by the token" if runner.metered else "counts as closed weights"
            raise InputError(
                f"{f'{suite}: ' if suite else ''}task {task.name!r} is `data_policy: private`, and model {model.id!r} "
                f"{why}; leave one of them out, make the task public, or, where the model is your own, name it in the "
                "suite with weights: open and without a key"
            )
