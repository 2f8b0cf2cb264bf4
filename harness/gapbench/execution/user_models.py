"""The models that play users: which task has which, and the requests that they get."""

from __future__ import annotations

from dataclasses import replace

from gapbench.suite.plan import Cell, Plan, merge_params
from gapbench.suite.tasks.task import Task
from gapbench.values import Model, Params, PlayedUser, Sample
from gapbench.values.played_user import user_prompt

DEFAULT_PARAMS = Params(max_tokens=1_024, temperature=0.0)
"""What a user is asked with, besides the suite's seed, unless its own parameters say otherwise."""


def played_user_of(task: Task) -> PlayedUser | None:
    """Return the user that a model plays in the first episode of a task. None: a script does, or there are no episodes."""
    episode = task.samples[0].episode if task.samples else None
    return None if episode is None else episode.played_user


def user_model_of(plan: Plan, task: Task) -> Model | None:
    """Return the model that plays the users of a task. None: they are scripted."""
    user = played_user_of(task)
    return None if user is None else plan.users[user.model]


def make_user_cell(cell: Cell, model: Model) -> Cell:
    """Return a cell as which a model is asked to play the users of another: without salt, and with parameters of its own.

    Args:
        cell: The cell whose users it plays.
        model: The model that plays them.
    """
    params = merge_params(replace(DEFAULT_PARAMS, seed=cell.seed), model.params)
    return replace(cell, model=model, load=replace(cell.load, salt=None), params=params)


def first_user_sample(task: Task) -> Sample:
    """Return what the user of a task's first episode is asked first, as a sample."""
    user, sample = played_user_of(task), task.samples[0]
    assert user is not None, "a model plays the task's users"
    return Sample(sample.sample_id, user_prompt(user, sample.messages), cluster_id=sample.cluster_id)
