"""The models of `bench try`: one under test, and one that plays the user of an episode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gapbench import runner as runners
from gapbench.agents import DeadUserError, UserReply
from gapbench.errors import InputError, SetupError
from gapbench.execution.attempts.measure import measure
from gapbench.execution.setup import AD_HOC_PATTERN, make_ad_hoc_model
from gapbench.execution.user_models import DEFAULT_PARAMS
from gapbench.runner import Runner
from gapbench.suite.data_policy import refuse_private_tasks
from gapbench.suite.plan import merge_params, request_of
from gapbench.suite.tasks.task import Task
from gapbench.values import Message, Model, Sample

SIMULATED_MODEL = Model(
    "sim",
    "sim",
    "sim",
    "open",
    options={"sim": {"protocol": "openai", "skill": 1.0, "ttft_s": 0.01, "gap_s": 0.0}},
)
"""The model of ``--model sim``: it answers correctly."""


@dataclass(frozen=True)
class TrialUser:
    """A model that plays the user.

    Attributes:
        model: The model.
        runner: Its runner.
        total_s: Deadline of one call in seconds.
    """

    model: Model
    runner: Runner
    total_s: float

    async def ask(self, messages: tuple[Message, ...]) -> UserReply:
        """Return what the user says; a call that fails is not made again.

        Raises:
            DeadUserError: The call failed.
        """
        params = merge_params(DEFAULT_PARAMS, self.model.params)
        call = self.runner.prepare(request_of(self.model, Sample("", messages), params))
        response = await measure(self.runner, call, self.total_s)
        failure, sent_s = response.failure, response.timing.sent_s
        if failure is not None:
            raise DeadUserError(
                f"the model {self.model.id!r} that plays the user failed: {failure.kind}: {failure.message}"
            )
        reply_s = 0.0 if sent_s is None else response.timing.done_s - sent_s
        return UserReply(response.answer, reply_s, response.usage)


def find_trial_user(users: Mapping[str, Model], task: Task, sample: Sample, model: Model) -> Model | None:
    """Return the model that plays the user of a sample; for a simulated model ``sim``, where no suite says. None: a script.

    Args:
        users: The models that play users of a suite's task, by the name that the task gives them.
        task: The task.
        sample: The sample.
        model: The model under test.

    Raises:
        InputError: The task names a model that only a suite can say more of.
    """
    user = None if sample.episode is None else sample.episode.played_user
    if user is None:
        return None
    ad_hoc = AD_HOC_PATTERN.fullmatch(user.model)
    if user.model in users:
        return users[user.model]
    if ad_hoc:
        return make_ad_hoc_model(ad_hoc["runner"], ad_hoc["name"], ad_hoc["url"])
    if model == SIMULATED_MODEL:
        return replace(SIMULATED_MODEL, id=user.model)
    raise InputError(
        f"{task.user_location or task.name}: {user.model!r} is a model of a suite; give the suite in place of the task"
    )


def make_trial_user(model: Model | None, task: Task, total_s: float) -> TrialUser | None:
    """Return a model that plays the user, not open yet. None: there is none.

    Raises:
        SetupError: It cannot be called.
        InputError: The task is private and the model is a third-party API.
    """
    return None if model is None else TrialUser(model, make_trial_runner(model, task), total_s)


def make_trial_runner(model: Model, task: Task) -> Runner:
    """Return a model's runner, not open yet.

    Raises:
        SetupError: The model cannot be called.
        InputError: The task is private and the model is a third-party API.
    """
    runner = runners.load_runner_class(model.runner)(model)
    refuse_private_tasks(model, runner, [task])
    missing = runner.missing_requirement()
    if missing:
        raise SetupError(f"model {model.id!r}: {missing}")
    return runner
