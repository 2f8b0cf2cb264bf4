"""Checks before the first request of a run, for mistakes that would waste money or give no scores."""

from __future__ import annotations

from collections.abc import Mapping

from gapbench.agents import check_python_tools
from gapbench.errors import InputError, SetupError
from gapbench.execution.event_loop import run_on_event_loop
from gapbench.execution.run_pricing import unpriced_models
from gapbench.execution.setup import RunSetup, find_missing_requirements
from gapbench.runner import owns_server
from gapbench.scoring.task_scorer import find_unscorable_samples
from gapbench.suite.tasks.prompt_problems import find_prompt_problems
from gapbench.suite.tasks.task import Task
from gapbench.values import PythonTools, ToolSet


def refuse_missing_requirements(setup: RunSetup) -> None:
    """Refuse a run with models that cannot be called, because a key, a package or a GPU is missing.

    Raises:
        SetupError: A model cannot be called; the message has one line for each.
    """
    lines = [
        f"{setup.suite.model_location(model_id)}: model {model_id!r}: {problem}"
        for model_id, problem in find_missing_requirements(setup).items()
    ]
    if lines:
        raise SetupError("\n".join(lines))


def refuse_unpriced(setup: RunSetup, max_usd: float | None) -> None:
    """Refuse a spend limit for models whose price is unknown, because their calls would count as free.

    Args:
        setup: The run.
        max_usd: The spend limit in US dollars. None: there is none for the run; an episode may have its own.

    Raises:
        InputError: A model is a third-party API, and neither the suite nor the price book has its price.
    """
    limited = _task_with_usd_limit(setup)
    if max_usd is None and limited is None:
        return
    what, way_out = (
        ("--max-usd", "leave out --max-usd")
        if max_usd is not None
        else (f"the limit in usd of task {limited!r}", "remove usd from its limits")
    )
    for model_id, reason in unpriced_models(setup).items():
        raise InputError(
            f"{setup.suite.model_location(model_id)}: {what} cannot be enforced: the price of model {model_id!r} is unknown "
            f"({reason.partition(';')[0]}); set cost: {{input_usd_per_mtok: …, output_usd_per_mtok: …}} in the suite, or {way_out}"
        )


def _task_with_usd_limit(setup: RunSetup) -> str | None:
    """Return the name of a task whose episodes have a limit in dollars. None: none has."""
    for task in setup.plan.tasks:
        if any(sample.episode and sample.episode.limits.usd is not None for sample in task.samples):
            return task.name
    return None


def refuse_broken_tools(setup: RunSetup) -> None:
    """Refuse a run whose Python tools do not load in the sandbox, because every episode would end as ``infra``.

    Raises:
        InputError: A module of tools raises when it is loaded, or lacks a declared tool.
        SetupError: No sandbox works here, or a package that the tools import is not installed.
    """
    found = {task.name: modules for task in setup.plan.tasks if (modules := _python_tools(task))}
    if found:
        run_on_event_loop(_check_tools(found))


def _python_tools(task: Task) -> dict[PythonTools, ToolSet]:
    """Return the modules of tools that a task's episodes use, each with the declarations of its first sample."""
    modules: dict[PythonTools, ToolSet] = {}
    for sample in task.samples:
        tools = None if sample.episode is None else sample.episode.tools
        if isinstance(tools, PythonTools) and sample.tools is not None:
            modules.setdefault(tools, sample.tools)
    return modules


async def _check_tools(modules_by_task: Mapping[str, Mapping[PythonTools, ToolSet]]) -> None:
    for task, modules in modules_by_task.items():
        for tools, declared in modules.items():
            try:
                await check_python_tools(tools, declared)
            except InputError as exc:
                raise InputError(f"task {task!r}: {exc}") from exc


def refuse_unsure(setup: RunSetup) -> list[str]:
    """Refuse ``--until-sure`` for a run that cannot be looked at while it runs.

    Returns:
        What the rule does not allow for: weights of the items.

    Raises:
        InputError: A side is missing, a load or a search follows a schedule, an answer is scored only later, or two
            models start their own servers, which would share a GPU.
    """
    plan = setup.plan
    for weights in ("closed", "open"):
        if not any(model.weights == weights for model in plan.models):
            raise InputError(
                f"{setup.suite.path}: --until-sure compares closed with open models, and the run has no {weights} one; add it, or "
                "leave out --until-sure"
            )
    scheduled = [cell.load.label for cell in plan.cells if cell.load.is_open_loop]
    if plan.searches or scheduled:
        found = f"load {scheduled[0]!r} follows a schedule" if scheduled else "the suite has a search"
        raise InputError(
            f"{setup.suite.path}: --until-sure sends whole clusters between two looks, and {found}; use loads with a concurrency"
        )
    for task in plan.tasks:
        if task.adaptive is not None:
            raise InputError(
                f"{setup.suite.path}: --until-sure needs the same samples of both sides, and task {task.name!r} is adaptive; "
                "run it without --until-sure, which it does not need: it stops by itself"
            )
        if task.external_scorer is None and task.scorer_name in {None, "none", "judge"}:
            raise InputError(
                f"{setup.suite.path}: --until-sure needs scores during the run, and task {task.name!r} has none by then "
                f"(scorer: {task.scorer_name or 'none'}); leave the task out with --task, or leave out --until-sure"
            )
    owned = [
        model.id for model in plan.models if owns_server(model) and not setup.runners[model.id].simulated
    ]
    if len(owned) > 1:
        raise InputError(
            f"{setup.suite.path}: --until-sure asks all models in turn, so the servers of {' and '.join(owned)} would run at once; "
            "start them yourself and give their base_url"
        )
    weighted = [
        cell.task.name for cell in plan.cells if cell.requests and cell.requests[0].sample.weight is not None
    ]
    if not weighted:
        return []
    note = (
        f"--until-sure counts each request once, and the items of {weighted[0]} have weights: it stops when it is sure of the gap of "
        "your file, and not of your traffic; for that, run all items"
    )
    return [note]


def refuse_unscorable(setup: RunSetup) -> list[str]:
    """Refuse a task if none of its samples can be scored, because every answer would be paid for in vain.

    Returns:
        A note for each task of which some samples cannot be scored, and for each doubt about a task's prompts.

    Raises:
        InputError: No sample of a task can be scored.
    """
    notes = []
    for task in setup.plan.tasks:
        count, problem = find_unscorable_samples(task)
        if count == len(task.samples):
            raise InputError(
                f"{problem}; fix the rows, the template of the target, or the scorer; `scorer: none` measures times only"
            )
        if count:
            notes.append(problem)
        notes += find_prompt_problems(task)
    return notes
