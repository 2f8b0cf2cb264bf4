"""Run one sample end to end for `bench try`: messages, one call or a whole episode, extracted answer, score."""

from __future__ import annotations

import asyncio
import difflib
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

from gapbench.agents import (
    Conversation,
    DeadEnvironmentError,
    DeadUserError,
    ModelUser,
    Step,
    open_conversation,
)
from gapbench.errors import DocumentError, InputError, SetupError
from gapbench.execution.attempts.attempt_row import outcome_of_episode, outcome_of_reply, outcome_of_response
from gapbench.execution.attempts.measure import measure
from gapbench.execution.attempts.open_episode import exceeded_limit
from gapbench.execution.attempts.reply_price import usage_pricer
from gapbench.execution.recording.cell_scorer import score_with
from gapbench.execution.recording.stored_episodes import last_text, single_reply_transcript
from gapbench.execution.setup import AD_HOC_PATTERN, find_users, make_ad_hoc_model
from gapbench.execution.trial_user import (
    SIMULATED_MODEL,
    TrialUser,
    find_trial_user,
    make_trial_runner,
    make_trial_user,
)
from gapbench.pricing import UsagePricer
from gapbench.scoring.task_scorer import make_task_scorer
from gapbench.suite.documents import read_document
from gapbench.suite.plan import Load, Plan, build_plan, request_of
from gapbench.suite.suite import Suite, load_suite
from gapbench.suite.tasks.loader import builtin_tasks, find_builtin_task, load_task, read_task
from gapbench.suite.tasks.task import Task
from gapbench.values import (
    Call,
    EpisodeLimits,
    Failure,
    Message,
    Model,
    Outcome,
    Params,
    Response,
    Sample,
    Score,
    Session,
    Termination,
    ToolSet,
    Transcript,
)
from gapbench.values.thinking import thinking_rules_for


@dataclass(frozen=True)
class TrialTask:
    """A task to try, with the settings of its suite.

    Attributes:
        task: The task with all its samples.
        models: Models of the suite by id; {} without a suite.
        params: The suite's parameters; the task's take precedence.
        total_s: Deadline of one call in seconds.
        users: The models that play its users, by the name that the task gives them; {} without a suite.
    """

    task: Task
    models: Mapping[str, Model] = field(default_factory=dict)
    params: Params = field(default_factory=Params)
    total_s: float = 600.0
    users: Mapping[str, Model] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialTurn:
    """One reply of an episode, and what followed it.

    Attributes:
        response: What came back.
        step: What followed. None: the request failed.
        opening: What the user said before the first reply. None: nothing, or this is a later one.
    """

    response: Response
    step: Step | None
    opening: str | None = None


@dataclass(frozen=True)
class TrialResult:
    """The response to one call, or the episode, and its score.

    Attributes:
        call: What was sent, with the provider's parameter names.
        response: What came back.
        outcome: The outcome as a run would store it.
        value: The score, 0 to 1. None: not scored.
        score: What the scorer returned. None: the scorer was not called.
        simulated: Whether a simulated provider answered.
        turns: Of an episode, each reply with what followed it; ``call`` and ``response`` are those of the last one.
        transcript: The episode as its scorer saw it. None: the sample is no episode.
    """

    call: Call
    response: Response
    outcome: Outcome
    value: float | None
    score: Score | None
    simulated: bool
    turns: tuple[TrialTurn, ...] = ()
    transcript: Transcript | None = None


def find_trial_task(name: str, task: str | None, *, allow_code: bool) -> TrialTask:
    """Return the task to try.

    Args:
        name: A built-in task, the file of a task or of a suite, or a built-in suite.
        task: Name of one of the suite's tasks. None: the first.
        allow_code: Whether Python that the task names may run.

    Raises:
        InputError: No task or suite has this name, or its document is invalid.
    """
    if name in builtin_tasks():
        return TrialTask(load_task(*read_task(find_builtin_task(name)), None, allow_code=allow_code))
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} and "models" not in read_document(path).value:
        return TrialTask(load_task(*read_task(path), None, allow_code=allow_code))
    try:
        suite = load_suite(path)
    except DocumentError as exc:
        if path.suffix or path.exists():
            raise
        near = difflib.get_close_matches(name, builtin_tasks(), 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(
            f"there is no task or suite {name!r}; {hint}`bench list tasks` shows the built-in ones; a file ends in .yaml"
        ) from exc
    return _trial_task_of_suite(suite, task, allow_code=allow_code)


def _trial_task_of_suite(suite: Suite, task: str | None, *, allow_code: bool) -> TrialTask:
    if not allow_code:
        suite.refuse_programs()
    names = suite.task_names()
    wanted = names[0] if task is None else task
    if wanted not in names:
        raise InputError(f"--task {wanted!r} is not in {suite.path}; it has: {', '.join(names)}")
    found = suite.load_tasks(only=[wanted], allow_code=allow_code)[0]
    models = suite.models_by_id()
    users = find_users(suite, [found], list(models.values()))
    return TrialTask(found, models, suite.params.to_params(), suite.timeouts.total_s, users)


def find_trial_sample(task: Task, sample_id: str | None) -> Sample:
    """Return the sample with an id, or the first sample if the id is None.

    Raises:
        InputError: No sample has this id; the message names similar ids.
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


def find_sample_on_rung(task: Task, rung: int | None) -> Sample:
    """Return the first sample on a rung of a ladder.

    Args:
        task: The task.
        rung: The rung. None: the hardest that has a sample.

    Raises:
        InputError: The task is not a ladder, or has no sample on the rung.
    """
    found: dict[int, Sample] = {}
    for sample in task.samples:
        if sample.rung is not None:
            found.setdefault(sample.rung, sample)
    if not found:
        raise InputError(f"{task.name} is not a ladder: its samples have no rungs; name one with --sample")
    number = max(found) if rung is None else rung
    if number not in found:
        raise InputError(f"--rung {number}: {task.name} has samples on rungs {min(found)} to {max(found)}")
    return found[number]


def find_trial_model(trial_task: TrialTask, name: str) -> Model:
    """Return a model: one of the suite, ``sim``, or ``runner:model[@url]``.

    Raises:
        InputError: The name is none of these.
    """
    ad_hoc = AD_HOC_PATTERN.fullmatch(name)
    if name in trial_task.models:
        return trial_task.models[name]
    if ad_hoc:
        return make_ad_hoc_model(ad_hoc["runner"], ad_hoc["name"], ad_hoc["url"])
    if name == "sim":
        return SIMULATED_MODEL
    available = f"the suite has: {', '.join(trial_task.models)}. " if trial_task.models else ""
    raise InputError(
        f"--model {name!r} is unknown; {available}Write sim, or runner:model or runner:model@url, such as openai:gpt-5.2"
    )


def score_sample(task: Task, sample: Sample, reply: str) -> tuple[Outcome, float | None, Score | None]:
    """Return the outcome of a reply, its score from 0 to 1, and what the scorer returned.

    Thinking in the text is not part of the answer, as in a run.
    """
    scorer = make_task_scorer(task)
    if scorer is None:
        return "unscored", None, None
    split = thinking_rules_for("").split(reply)
    answer = reply if split is None else split.answer
    score = scorer(answer, sample)
    # Whether a given reply was cut off is unknown, but one without an end to its thinking is never correct.
    is_cut = split is not None and split.is_cut and score.outcome == "correct"
    return (*outcome_of_reply("length" if is_cut else "stop", score, answer), score)


async def run_trial(
    trial_task: TrialTask, sample: Sample, model: Model, on_turn: Callable[[TrialTurn], None] = lambda _: None
) -> TrialResult:
    """Send one sample to a model once, and score the reply; play an episode to its end.

    A call that fails is not made again, and nobody waits for a user who thinks.

    Args:
        trial_task: The task.
        sample: The sample.
        model: The model.
        on_turn: Called after each turn of an episode; the next turn waits for it.

    Raises:
        SetupError: The model cannot be called.
        InputError: The task is private and the model is a third-party API.
    """
    task = replace(trial_task.task, samples=(sample,))
    runner = make_trial_runner(model, task)
    user = make_trial_user(find_trial_user(trial_task.users, task, sample, model), task, trial_task.total_s)
    plan = _build_trial_plan(trial_task, task, model)
    params = plan.cells[0].params
    max_tokens = None if sample.needs_logprobs else params.max_tokens

    async def ask(messages: tuple[Message, ...], tools: ToolSet | None) -> tuple[Call, Response]:
        call = runner.prepare(request_of(model, replace(sample, tools=tools), params, messages))
        return call, await measure(runner, call, trial_task.total_s, max_tokens=max_tokens)

    turns: tuple[TrialTurn, ...] = ()
    episode: Transcript | None = None
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as user_folder:
        try:
            await runner.open(
                Session(log_dir=Path(folder), connections=1, truths=plan.truths, transport=model.transport)
            )
            if user is not None:
                await user.runner.open(Session(Path(user_folder), connections=1, truths=plan.truths))
            if sample.episode is None:
                call, response = await ask(sample.messages, sample.tools)
            else:
                price = usage_pricer(runner, model)
                call, turns, episode = await _play(sample, sample.episode.limits, ask, price, on_turn, user)
                response = turns[-1].response
        finally:
            if user is not None:
                await user.runner.close()
            await runner.close()
    score: Score | None = None
    scorer = make_task_scorer(task)
    if scorer is not None and response.failure is None and response.finish_reason != "refusal":
        transcript = episode or single_reply_transcript(sample, response.to_message())
        answer = response.answer if episode is None else last_text(episode, sample)
        score = await asyncio.to_thread(score_with, scorer, answer, sample, transcript)
    if episode is None or response.failure is not None:
        outcome, value = outcome_of_response(response, score)
    else:
        outcome, value = outcome_of_episode(response.finish_reason, score)
    return TrialResult(call, response, outcome, value, score, runner.simulated, turns, episode)


async def _play(
    sample: Sample,
    limits: EpisodeLimits,
    ask: Callable[[tuple[Message, ...], ToolSet | None], Awaitable[tuple[Call, Response]]],
    price: UsagePricer,
    on_turn: Callable[[TrialTurn], None],
    user: TrialUser | None,
) -> tuple[Call, tuple[TrialTurn, ...], Transcript]:
    """Play an episode, and return the last call, the turns and the whole.

    Raises:
        SetupError: Its tools cannot be started, or the model that plays its user fails before the first reply.
    """
    played = None if sample.episode is None else sample.episode.played_user
    speaker = None if played is None or user is None else ModelUser(played, user.ask)
    conversation = open_conversation(sample, speaker)
    termination: Termination = "infra"
    reason = "not finished"
    turns: list[TrialTurn] = []
    tokens, usd = 0, Decimal(0)
    try:
        messages, tools = await conversation.begin(), sample.tools
        user_spoke_first = len(messages) > len(sample.messages)
        opening = messages[-1].text if user_spoke_first else None
        while True:
            call, response = await ask(messages, tools)
            reply, step = response.to_message(), None
            if response.failure is None:
                refused = response.finish_reason == "refusal"
                step = (
                    Step(termination="done", reason="the provider refused to answer")
                    if refused
                    else await _follow(conversation, reply)
                )
                usage = response.usage
                tokens += (usage.input_tokens or 0) + (usage.output_tokens or 0)
                usd += price(usage, response.model_served) or Decimal(0)
            if step is not None and step.termination == "infra":
                response = replace(response, failure=Failure("environment", step.reason))
            turns.append(TrialTurn(response, step, opening if not turns else None))
            on_turn(turns[-1])
            if step is None or response.failure is not None:
                failure = response.failure
                reason = "" if failure is None else failure.message
                break
            over = exceeded_limit(limits, len(turns), tokens, usd)
            if step.termination is not None or over is not None:
                termination, reason = (
                    (step.termination, step.reason) if step.termination else over or ("done", "")
                )
                break
            messages, tools = (*messages, reply, *step.messages), step.tools or tools
    except DeadEnvironmentError as exc:
        raise SetupError(f"the tools of {sample.sample_id} do not work: {exc}") from exc
    except DeadUserError as exc:
        raise SetupError(str(exc)) from exc
    finally:
        transcript = await conversation.end(termination, reason)
    return call, tuple(turns), replace(transcript, termination=termination, reason=reason)


async def _follow(conversation: Conversation, reply: Message) -> Step:
    """Return what follows a reply; a user that fails ends the episode as ``infra``."""
    try:
        return await conversation.follow(reply)
    except DeadUserError as exc:
        return Step(termination="infra", reason=str(exc))


def _build_trial_plan(trial_task: TrialTask, task: Task, model: Model) -> Plan:
    return build_plan(
        suite="try",
        suite_sha256="",
        seed=0,
        repeats=1,
        margin_points=1.0,
        defaults=trial_task.params,
        models=(model,),
        tasks=(task,),
        loads=(Load("concurrency", 1),),
    )
