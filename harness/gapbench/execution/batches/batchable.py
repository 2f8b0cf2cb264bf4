"""Which models of a run are asked in batches, and what cannot be asked so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gapbench.errors import InputError
from gapbench.runner import Runner, load_runner_class, owns_server
from gapbench.suite.plan import Plan
from gapbench.suite.suite import Suite
from gapbench.values import Model


def choose_batched(suite: Suite, models: Sequence[Model], *, wants_all: bool) -> list[Model]:
    """Return the models, with those marked that are asked in batches.

    Args:
        suite: The suite; ``batch:`` at a model decides for it.
        models: The models of the run.
        wants_all: Whether ``--batch`` was given: every model that goes to a vendor with a batch API is batched. One that
            answers in batches alone always is.

    Raises:
        InputError: A model is to be batched whose runner has no batch API, or ``--batch`` fits none of them.
    """
    said = {document.id: document.batch for document in suite.models}
    for document in suite.users:
        if document.batch:
            raise InputError(
                f"{suite.model_location(document.id)}: model {document.id!r} plays users, and an episode cannot wait a day for "
                "each line; remove batch: true"
            )
    found = []
    for model in models:
        batch = said.get(model.id)
        runner = load_runner_class(model.runner)
        if batch:
            require_batch_api(model, suite.model_location(model.id))
        if any(
            option.answers_in_batches for key, option in runner.info.options.items() if key in model.options
        ):
            if batch is False:
                raise InputError(
                    f"{suite.model_location(model.id)}: model {model.id!r} answers in batches alone; remove batch: false, or let it "
                    "have a server"
                )
            batch = True
        if batch is None and wants_all:
            # What answers at another address is often a server of one's own, which has no batches.
            batch = _has_batch_api(runner) and (
                runner.simulated or (model.base_url is None and not owns_server(model))
            )
        found.append(replace(model, batch=bool(batch)))
    if wants_all and not any(model.batch for model in found):
        names = ", ".join(model.id for model in found)
        raise InputError(
            f"--batch: no model here goes to a vendor with a batch API ({names}); a model at another address that has one, such "
            "as a gateway, gets batch: true in the suite"
        )
    return found


def require_batch_api(model: Model, where: str) -> None:
    """Refuse a model that is to be asked in batches, and whose runner has no batch API.

    Args:
        model: The model.
        where: Where it is named, for the message.

    Raises:
        InputError: Its runner has none, or it has several addresses.
    """
    if not _has_batch_api(load_runner_class(model.runner)):
        raise InputError(
            f"{where}: model {model.id!r}: runner {model.runner!r} has no batch API; remove batch: true, or --batch"
        )
    if model.replicas:
        raise InputError(
            f"{where}: model {model.id!r} is asked in batches, which one address answers, and base_url lists {len(model.replicas)}; "
            "list one"
        )


def _has_batch_api(runner: type[Runner]) -> bool:
    return runner.batch_client is not Runner.batch_client


def refuse_unbatchable(suite: Suite, plan: Plan, *, until_sure: bool) -> None:
    """Refuse what a batch cannot answer: timed loads, and requests that depend on earlier answers.

    Raises:
        InputError: The plan has such a thing for a batched model.
    """
    batched = [model for model in plan.models if model.batch]
    if not batched:
        return
    model = batched[0]
    where = f"{suite.model_location(model.id)}: model {model.id!r} is asked in batches, which have no times"
    way_out = "set batch: false at the model, or leave out --batch"
    if until_sure:
        raise InputError(
            f"{where} and end within a day: --until-sure has nothing to look at; leave one of the two out"
        )
    searches = plan.searches_of(model)
    loads = {cell.load.label: cell.load for cell in plan.cells_of(model)}
    timed = [label for label, load in loads.items() if load.is_timed or load.kind != "concurrency"]
    if timed or searches:
        name = timed[0] if timed else searches[0].search.label
        raise InputError(
            f"{where}, and load {name!r} of {suite.path} is about times; keep one load with concurrency and timed: false, or {way_out}"
        )
    if len(loads) > 1:
        raise InputError(
            f"{where}, so it would be paid twice for the {len(loads)} loads of {suite.path} ({', '.join(loads)}); keep one load, or "
            f"{way_out}"
        )
    for cell in plan.cells_of(model):
        task, samples = cell.task, cell.task.samples
        if task.adaptive is not None:
            problem = "picks each question by the answer before"
        elif any(sample.episode is not None for sample in samples):
            problem = "has turns that depend on the reply before"
        elif any(sample.needs_logprobs for sample in samples):
            problem = "needs log-probabilities of the prompt"
        else:
            continue
        raise InputError(
            f"{suite.model_location(model.id)}: model {model.id!r} is asked in batches, and task {task.name!r} {problem}; leave the "
            f"task out with --task, or {way_out}"
        )
