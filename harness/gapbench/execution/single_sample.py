"""One sample all the way: its messages, one call, what the scorer takes for the answer, and why."""

from __future__ import annotations

import asyncio
import difflib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gapbench import runner as runners
from gapbench.errors import DocumentError, InputError, SetupError
from gapbench.execution.attempts.measure import measure
from gapbench.execution.setup import AD_HOC, ad_hoc_model
from gapbench.scoring.outcome import judged, outcome_of
from gapbench.scoring.task_scorer import scorer_of
from gapbench.suite.data_policy import refuse_private
from gapbench.suite.documents import read_document
from gapbench.suite.plan import Load, Plan, expand
from gapbench.suite.suite import Suite, load_suite
from gapbench.suite.tasks.loader import builtin_tasks, find_builtin, load_task, read_task
from gapbench.suite.tasks.task import Task
from gapbench.values import Call, Model, Outcome, Params, Request, Response, Sample, Score, Session

SIMULATED = Model(
    "sim",
    "sim",
    "sim",
    "open",
    options={"sim": {"protocol": "openai", "skill": 1.0, "ttft_s": 0.01, "gap_s": 0.0}},
)
"""The model that ``--model sim`` means: it answers rightly."""


@dataclass(frozen=True)
class Subject:
    """A task to try, and what the suite that names it adds.

    Attributes:
        task: With all its samples.
        models: Of the suite, by id; {} without a suite.
        params: The suite's parameters, below the task's.
        total_s: Deadline of one call.
    """

    task: Task
    models: Mapping[str, Model] = field(default_factory=dict)
    params: Params = field(default_factory=Params)
    total_s: float = 600.0


@dataclass(frozen=True)
class Trial:
    """What one call brought and what it is worth.

    Attributes:
        call: What was sent, by the provider's names.
        response: What came back.
        outcome: As a run would store it.
        value: The score, 0 to 1. None: there is none.
        score: What the scorer said. None: it was not asked.
        simulated: Whether a simulated provider answered.
    """

    call: Call
    response: Response
    outcome: Outcome
    value: float | None
    score: Score | None
    simulated: bool


def find_subject(name: str, task: str | None, *, allow_code: bool) -> Subject:
    """Return what is to be tried.

    Args:
        name: A built-in task, the file of a task or of a suite, or a built-in suite.
        task: Which of the suite's tasks. None: its first, or the only one.
        allow_code: Whether Python that the task names may run.

    Raises:
        InputError: There is no such thing, or it is wrong.
    """
    if name in builtin_tasks():
        return Subject(load_task(*read_task(find_builtin(name)), None, allow_code=allow_code))
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} and "models" not in read_document(path).value:
        return Subject(load_task(*read_task(path), None, allow_code=allow_code))
    try:
        suite = load_suite(path)
    except DocumentError as exc:
        if path.suffix or path.exists():
            raise
        near = difflib.get_close_matches(name, builtin_tasks(), 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(
            f"no task and no suite {name!r}; {hint}`bench list tasks` shows the built-in ones, a file ends in .yaml"
        ) from exc
    return _of_suite(suite, task, allow_code=allow_code)


def _of_suite(suite: Suite, task: str | None, *, allow_code: bool) -> Subject:
    if not allow_code:
        suite.refuse_programs()
    names = suite.task_names()
    wanted = names[0] if task is None else task
    if wanted not in names:
        raise InputError(f"--task {wanted!r} is not in {suite.path}; it has: {', '.join(names)}")
    found = suite.load_tasks(only=[wanted], allow_code=allow_code)[0]
    models = {document.id: document.value() for document in suite.models}
    return Subject(found, models, suite.params.value(), suite.timeouts.total_s)


def find_sample(task: Task, sample_id: str | None) -> Sample:
    """Return a sample by its id; the first without one.

    Raises:
        InputError: There is none; names the nearest.
    """
    if sample_id is None:
        return task.samples[0]
    known = {sample.sample_id: sample for sample in task.samples}
    if sample_id not in known:
        near = difflib.get_close_matches(sample_id, known, 3, 0.4) or list(known)[:3]
        numbered = list(known) == [str(number) for number in range(1, len(known) + 1)]
        hint = (
            '; these ids are row numbers: where a column names the rows, set id: "{column}"'
            if numbered
            else ""
        )
        raise InputError(
            f"--sample {sample_id!r} is not in {task.name}, which has {len(known)}, such as: {', '.join(near)}{hint}"
        )
    return known[sample_id]


def find_model(subject: Subject, name: str) -> Model:
    """Return a model: one of the suite, ``sim``, or ``runner:model[@url]``.

    Raises:
        InputError: It is none of them.
    """
    ad_hoc = AD_HOC.fullmatch(name)
    if name in subject.models:
        return subject.models[name]
    if ad_hoc:
        return ad_hoc_model(ad_hoc["runner"], ad_hoc["name"], ad_hoc["url"])
    if name == "sim":
        return SIMULATED
    has = f"the suite has: {', '.join(subject.models)}. " if subject.models else ""
    raise InputError(
        f"--model {name!r} is unknown; {has}Write sim, or runner:model or runner:model@url, such as openai:gpt-5.2"
    )


def judge(task: Task, sample: Sample, reply: str) -> tuple[Outcome, float | None, Score | None]:
    """Return outcome, value and what the scorer says of a reply."""
    scorer = scorer_of(task)
    if scorer is None:
        return "unscored", None, None
    score = scorer(reply, sample)
    return (*outcome_of("stop", score), score)


async def ask(subject: Subject, sample: Sample, model: Model) -> Trial:
    """Return what a model answers to one sample, once.

    Raises:
        SetupError: The model cannot be called.
        InputError: The task is private and the model somebody else's API.
    """
    task = replace(subject.task, samples=(sample,))
    runner = runners.load(model.runner)(model)
    refuse_private(model, runner, [task])
    lacks = getattr(runner, "missing", lambda: None)()
    if lacks:
        raise SetupError(f"model {model.id!r}: {lacks}")
    plan = _plan(subject, task, model)
    call = runner.prepare(Request(model, sample.messages, plan.cells[0].params, sample.likelihood))
    with tempfile.TemporaryDirectory() as folder:
        try:
            await runner.open(Session(log_dir=Path(folder), connections=1, truth=plan.truth))
            response = await measure(runner, call, subject.total_s)
        finally:
            await runner.close()
    score: Score | None = None
    scorer = scorer_of(task)
    if scorer is not None and response.failure is None and response.finish_reason != "refusal":
        score = await asyncio.to_thread(scorer, response.answer, sample)
    outcome, value = judged(response, score)
    return Trial(call, response, outcome, value, score, runner.simulated)


def _plan(subject: Subject, task: Task, model: Model) -> Plan:
    return expand(
        suite="try",
        suite_sha256="",
        seed=0,
        repeats=1,
        margin_points=1.0,
        defaults=subject.params,
        models=(model,),
        tasks=(task,),
        loads=(Load("concurrency", 1),),
    )
