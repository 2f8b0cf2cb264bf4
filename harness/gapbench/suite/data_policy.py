"""Data policy: tasks marked ``data_policy: private`` are never sent to a third-party API."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gapbench.errors import InputError
from gapbench.runner import Runner
from gapbench.suite.tasks.task import Task
from gapbench.values import Model


def is_third_party_api(model: Model, runner: Runner) -> bool:
    """Return whether a model is a third-party API: it is paid by the token, or its weights are closed.

    The address does not matter, because a gateway on this machine may forward prompts. A simulated provider is not a
    third party.
    """
    return runner.metered or (model.weights == "closed" and not runner.simulated)


def refuse_private_tasks(
    model: Model, runner: Runner, tasks: Iterable[Task], *, suite: Path | str = ""
) -> None:
    """Refuse to send a task marked ``data_policy: private`` to a third-party API.

    Args:
        model: The model that would receive the prompts.
        runner: The model's runner.
        tasks: The tasks it would receive.
        suite: The suite's file, for the message.

    Raises:
        InputError: One of the tasks is private and the model is a third-party API.
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
