"""Turn a selection into a run setup: suite, tasks, plan, and runners that are not open yet."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gapbench import runner as runners
from gapbench.errors import InputError
from gapbench.execution.adaptive_setup import refuse_adaptive
from gapbench.execution.batches.batchable import choose_batched, refuse_unbatchable
from gapbench.execution.replicas.replica_runner import build_runner
from gapbench.execution.user_models import played_user_of, user_model_of
from gapbench.runner import Runner, owns_server
from gapbench.scoring.task_scorer import make_task_scorer
from gapbench.suite.data_policy import refuse_private_tasks
from gapbench.suite.documents.addresses import validate_address
from gapbench.suite.plan import Plan, build_plan
from gapbench.suite.replay import Replay, open_replay
from gapbench.suite.shards import shard_of
from gapbench.suite.suite import Suite, load_suite
from gapbench.suite.tasks.task import Task
from gapbench.values import Model

AD_HOC_PATTERN = re.compile(r"(?P<runner>[a-z][a-z0-9_-]*):(?P<name>[^@\s]+)(?:@(?P<url>https?://\S+))?")


@dataclass(frozen=True)
class Selection:
    """The part of a suite to run.

    Attributes:
        suite: The suite's file, or the name of a built-in one.
        models: Model ids of the suite, or ``runner:model[@url]`` for one that is not in it. (): all.
        tasks: Task names. (): all.
        limit: N samples of each task, the first of its working order. None: as the suite says.
        allow_code: Whether Python that the suite's tasks name may run in this process. Stored in ``run.json``
            for information, and never read from there.
        until_sure: Whether the run stops when it is sure of its overall verdict.
        batch: Whether models whose provider has a batch API are asked through it, unless the suite says otherwise.
        in_file_order: Whether a limit takes the first rows of the file, as gapbench 0.1 did. Only for runs of that
            version, which keep their samples.
        shard: Number of the only shard to run, from 0. None: the whole plan.
    """

    suite: str
    models: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    limit: int | None = None
    allow_code: bool = False
    until_sure: bool = False
    in_file_order: bool = False
    batch: bool = False
    shard: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the form that is stored in ``run.json``."""
        return {
            "suite": self.suite,
            "models": list(self.models),
            "tasks": list(self.tasks),
            "limit": self.limit,
            "allow_code": self.allow_code,
            "until_sure": self.until_sure,
            "batch": self.batch,
            "order": "file" if self.in_file_order else "spread",
            **({} if self.shard is None else {"shard": self.shard}),
        }

    @classmethod
    def from_json(cls, value: Any, *, allow_code: bool) -> Selection:
        """Return the selection that a run was started with.

        Args:
            value: Result of :meth:`as_json`.
            allow_code: As given on this command line: run folder and suite may come from someone else.

        Raises:
            InputError: The run does not contain a selection, for example because it was imported, or it is damaged.
        """
        given = value if isinstance(value, dict) else {}
        models, tasks, limit = given.get("models"), given.get("tasks"), given.get("limit")
        shard = given.get("shard")
        lists = [names for names in (models, tasks) if isinstance(names, list)]
        words = [given.get("suite"), *(name for names in lists for name in names)]
        if (
            len(lists) < 2
            or not all(isinstance(word, str) for word in words)
            or not (limit is None or type(limit) is int)
            or not (shard is None or (type(shard) is int and shard >= 0))
        ):
            raise InputError(f"run.json: selection: found {value!r}; it does not say which suite was run")
        return cls(
            given["suite"],
            tuple(lists[0]),
            tuple(lists[1]),
            limit,
            allow_code,
            until_sure=given.get("until_sure") is True,
            in_file_order=given.get("order") != "spread",
            batch=given.get("batch") is True,
            shard=shard,
        )


@dataclass(frozen=True)
class RunSetup:
    """A suite ready to run.

    Attributes:
        suite: The suite.
        plan: What to run.
        runners: Those of the models to compare, by model id.
        warnings: What the user should know.
        user_runners: Those of the models that play users, by model id.
    """

    suite: Suite
    plan: Plan
    runners: Mapping[str, Runner]
    warnings: tuple[str, ...] = ()
    user_runners: Mapping[str, Runner] = field(default_factory=dict)

    @property
    def asked_models(self) -> dict[str, Model]:
        """Every model that gets requests, by id: those to compare, and those that play users."""
        return {model.id: model for model in (*self.plan.models, *self.plan.users.values())}

    def runner_of(self, model_id: str) -> Runner:
        """Return the runner of a model that gets requests."""
        return self.runners.get(model_id) or self.user_runners[model_id]


def build_run_setup(selection: Selection) -> RunSetup:
    """Load and check everything that a selection names; calls no model, and opens no connection but to a replay's ``tokenizer``.

    Raises:
        InputError: A document, the data or a selected name is wrong.
    """
    suite = load_suite(Path(selection.suite))
    if not selection.allow_code:
        suite.refuse_programs()
    models = choose_batched(suite, _select_models(suite, selection.models), wants_all=selection.batch)
    closed_models = [model.id for model in models if model.weights == "closed"]
    replays = _open_replays(suite, selection)
    tasks = _select_tasks(suite, selection, closed_models, [replay.task.name for replay in replays])
    for task in tasks:
        make_task_scorer(task)
    plan = build_plan(
        suite=suite.name,
        suite_sha256=suite.sha256,
        seed=suite.seed,
        repeats=suite.repeats,
        margin_points=suite.margin_points,
        defaults=suite.params.to_params(),
        models=models,
        tasks=tasks,
        loads=[
            load
            for document in suite.loads
            if not document.brings_requests
            for load in document.to_loads(suite.path.parent, is_one_of_several=len(suite.loads) > 1)
        ],
        searches=[search for document in suite.loads if (search := document.to_search()) is not None],
        replays=[(load, replay.task) for replay in replays for load in replay.loads],
        notes=[note for replay in replays for note in replay.notes],
    )
    plan = replace(plan, users=find_users(suite, tasks, models))
    refuse_adaptive(suite, plan)
    refuse_unbatchable(suite, plan, until_sure=selection.until_sure)
    if selection.shard is not None:
        plan = shard_of(plan, selection.shard)
        plan = replace(plan, users=find_users(suite, plan.tasks, plan.models))
    runners_by_model = {model.id: _build_suite_runner(suite, model) for model in plan.models}
    _refuse_missing_logprobs(suite, plan, runners_by_model)
    user_runners = {model.id: _build_suite_runner(suite, model) for model in plan.users.values()}
    for model in plan.users.values():
        if owns_server(model) and not user_runners[model.id].simulated:
            raise InputError(
                f"{suite.model_location(model.id)}: model {model.id!r} plays users and would start its own server next to that "
                "of the model under test; start the server yourself and give its base_url"
            )
    return RunSetup(suite, plan, runners_by_model, user_runners=user_runners)


def find_users(suite: Suite, tasks: Sequence[Task], models: Sequence[Model]) -> dict[str, Model]:
    """Return the models that play users, by the name that the tasks give them.

    Raises:
        InputError: The suite has no such model, or it has the id of another one.
    """
    known = {**suite.users_by_id(), **{model.id: model for model in models}}
    found: dict[str, Model] = {}
    for task in tasks:
        user = played_user_of(task)
        if user is None:
            continue
        place = task.user_location or task.name
        problem = f"{place}: {user.model!r} is not among the users or models of {suite.path}"
        model = found[user.model] = resolve_model(user.model, known, problem)
        if known.setdefault(model.id, model) != model:
            raise InputError(
                f"{place}: {user.model!r} has the id of another model, {model.id!r}; "
                "list it under users with another id"
            )
    return found


def _refuse_missing_logprobs(suite: Suite, plan: Plan, runners_by_model: Mapping[str, Runner]) -> None:
    """Refuse a cell that needs log-probabilities from a runner that does not give them."""
    for cell in plan.cells:
        if cell.task.samples[0].needs_logprobs and not runners_by_model[cell.model.id].supports_logprobs:
            msg = (
                f"{suite.model_location(cell.model.id)}: model {cell.model.id!r}: task {cell.task.name!r} needs log-probabilities "
                f"of the prompt, which runner {cell.model.runner!r} cannot request; use a runner that can, such as "
                "vllm with base_url or serve, or leave one of the two out"
            )
            raise InputError(msg)


def find_missing_requirements(setup: RunSetup) -> dict[str, str]:
    """Return what each model lacks to be called, by model id; {} when all can be called."""
    every = {**setup.user_runners, **setup.runners}
    reasons = {model_id: runner.missing_requirement() for model_id, runner in every.items()}
    return {model_id: reason for model_id, reason in reasons.items() if reason}


def enforce_data_policy(setup: RunSetup) -> None:
    """Refuse a plan that would send a task marked ``data_policy: private`` to a third-party API.

    Raises:
        InputError: It would; the message names task and model.
    """
    for model in setup.plan.models:
        refuse_private_tasks(model, setup.runners[model.id], setup.plan.tasks, suite=setup.suite.path)
    for task in setup.plan.tasks:
        user = user_model_of(setup.plan, task)
        if user is not None:
            refuse_private_tasks(user, setup.user_runners[user.id], [task], suite=setup.suite.path)


def _select_models(suite: Suite, wanted: Sequence[str]) -> list[Model]:
    known = suite.models_by_id()
    if not wanted:
        return list(known.values())
    selected: dict[str, Model] = {}
    for name in wanted:
        model = resolve_model(name, known, f"--model {name!r} is not in {suite.path}")
        if name not in known:
            model = dataclasses.replace(model, transport=suite.transport)
        if selected.setdefault(model.id, model) != model:
            raise InputError(
                f"--model {name!r}: another is called {model.id!r} too; put both into a suite with different ids"
            )
    return list(selected.values())


def resolve_model(name: str, known: Mapping[str, Model], problem: str) -> Model:
    """Return the model with an id, or the model that ``runner:model[@url]`` describes.

    Args:
        name: As the user gave it.
        known: Models by id.
        problem: Start of the error message if the name is neither.

    Raises:
        InputError: The name is neither.
    """
    ad_hoc = AD_HOC_PATTERN.fullmatch(name)
    if name in known:
        return known[name]
    if ad_hoc:
        return make_ad_hoc_model(ad_hoc["runner"], ad_hoc["name"], ad_hoc["url"])
    runner, _, rest = name.partition(":")
    if rest or name.endswith(":"):
        raise InputError(
            f"{problem}: {name!r} is not a valid runner:model@url; {runner}: needs a model name, and @ an address with http:// or https://"
        )
    available = f"it has: {', '.join(known)}" if known else "there are none"
    raise InputError(
        f"{problem}; {available}. Another model is written runner:model or runner:model@url, such as openai:gpt-5.2"
    )


def make_ad_hoc_model(runner: str, name: str, url: str | None) -> Model:
    """Return a model that only the command line names.

    Its weights are what its runner says of its vendor. This holds at any address, because the command line does not
    say what is behind it.

    Raises:
        InputError: The address is wrong, the runner is not installed, or it does not state whether weights are open.
    """
    addresses = () if url is None else tuple(url.split(","))
    try:
        for address in addresses:
            validate_address(address)
    except ValueError as exc:
        raise InputError(f"--model {runner}:{name}: {exc}") from exc
    weights = runners.runner_info(runner).weights
    if weights is None:
        raise InputError(
            f"--model {runner}:{name}: runner {runner!r} does not state whether this model's weights are open; "
            "put the model into a suite with weights: open or weights: closed"
        )
    model = Model(id=name.rsplit("/", 1)[-1], runner=runner, name=name, weights=weights)
    replicas = addresses if len(addresses) > 1 else ()
    return replace(model, base_url=addresses[0], replicas=replicas) if addresses else model


def _open_replays(suite: Suite, selection: Selection) -> list[Replay]:
    """Return the replays of traffic that are selected.

    Raises:
        DocumentError: A table cannot be read.
    """
    return [
        open_replay(document, suite.path.parent, suite.seed, selection.limit)
        for document in suite.loads
        if document.brings_requests
        and (not selection.tasks or document.to_loads()[0].name in selection.tasks)
    ]


def _select_tasks(
    suite: Suite, selection: Selection, closed_models: Sequence[str], replays: Sequence[str]
) -> list[Task]:
    """Return the suite's tasks that are selected; ``replays`` are the names of the selected replays, which have their own."""
    if selection.tasks and set(selection.tasks) <= set(replays):
        return []
    tasks = suite.load_tasks(
        only=selection.tasks,
        limit=selection.limit,
        in_file_order=selection.in_file_order,
        allow_code=selection.allow_code,
        closed_models=closed_models,
    )
    known = [task.name for task in tasks] + [
        task.external_scorer.name for task in tasks if task.external_scorer
    ]
    unknown = [name for name in selection.tasks if name not in known and name not in replays]
    if unknown:
        names = suite.task_names()
        names += [document.to_loads()[0].label for document in suite.loads if document.brings_requests]
        close_matches = difflib.get_close_matches(unknown[0], names, 1)
        hint = f"; did you mean {close_matches[0]!r}?" if close_matches else ";"
        msg = f"--task {unknown[0]!r} is not in {suite.path}{hint} it has: {', '.join(names)}"
        raise InputError(msg)
    return tasks


def _build_suite_runner(suite: Suite, model: Model) -> Runner:
    try:
        return build_runner(model)
    except InputError as exc:
        msg = f"{suite.model_location(model.id)}: model {model.id!r}: {exc}"
        raise type(exc)(msg) from exc
