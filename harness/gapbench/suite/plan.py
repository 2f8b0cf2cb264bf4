"""Expand a suite into a plan: every request of every cell. No I/O and no clock: the same input gives the same plan.

A cell is model x task x load: one row of the summary. Every request of a cell is known before the first is sent, with
its key (cell, sample, repeat) and, for an open-loop load, the second at which it is due. So a run can be shown, priced,
resumed and repeated.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from gapbench.errors import InputError
from gapbench.suite.ground_truths import DEFAULT_DECOY, make_truths
from gapbench.suite.loads.load import Load, RateSearch
from gapbench.suite.loads.trace import Arrival, make_synthetic_sample
from gapbench.suite.prompt_size import count_declaration_chars, count_prompt_chars
from gapbench.suite.tasks.task import Task
from gapbench.values import (
    GroundTruth,
    Message,
    Model,
    Params,
    Phase,
    Request,
    Sample,
    add_salt,
    canonical_json,
    sha256,
)
from gapbench.values.shard import ShardKey

__all__ = [
    "DEFAULT_DECOY",
    "Cell",
    "Load",
    "Plan",
    "PlannedRequest",
    "PlannedSearch",
    "RateSearch",
    "build_plan",
    "count_declaration_chars",
    "count_prompt_chars",
    "describe_plan",
    "merge_params",
    "request_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request of a cell.

    Attributes:
        sample: The sample to send.
        repeat: Number of the repetition of the sample, from 0; warm-up requests count down from -1.
        phase: ``warmup`` or ``measure``.
        due_s: Seconds after the cell's start at which to send it. None: as soon as the load allows.
        max_tokens: Output limit that a trace sets for this request. None: the cell's.
        is_scored: Whether to score the reply; a synthetic prompt of a trace has no right answer.
        session: Session of a replay. It is sent after the answer to the session's request before it. None: it waits for
            no other.
        think_s: Seconds from that answer to this request. None: as soon as it is answered, but not before ``due_s``.
    """

    sample: Sample
    repeat: int
    phase: Phase
    due_s: float | None = None
    max_tokens: int | None = None
    is_scored: bool = True
    session: str | None = None
    think_s: float | None = None


@dataclass(frozen=True)
class Cell:
    """Model x task x load, and the requests that make it up, in sending order."""

    model: Model
    task: Task
    load: Load
    params: Params
    repeats: int
    seed: int

    @cached_property
    def cell_id(self) -> str:
        """The cell's name in tables and keys."""
        return f"{self.model.id}|{self.task.name}|{self.load.label}"

    @cached_property
    def requests(self) -> tuple[PlannedRequest, ...]:
        """Every request, warm-up first. The order depends on seed and task alone, so all models share it."""
        order = self.task.ordered_samples(self.seed)
        if self.load.is_open_loop:
            return tuple(self._scheduled_requests(order))
        warm = tuple(
            PlannedRequest(order[k % len(order)], -1 - k // len(order), "warmup")
            for k in range(self.load.warmup_requests)
        )
        return warm + tuple(
            PlannedRequest(sample, repeat, "measure") for repeat in range(self.repeats) for sample in order
        )

    @property
    def most_requests(self) -> int:
        """Requests that are sent at most; of an adaptive cell fewer than it may choose from."""
        adaptive = self.task.adaptive
        return len(self.requests) if adaptive is None else min(len(self.requests), adaptive.most_items)

    def _scheduled_requests(self, order: Sequence[Sample]) -> Iterator[PlannedRequest]:
        load = self.load
        draw = random.Random(f"{self.seed}:{self.task.name}:{load.label}:arrivals")  # noqa: S311 - a schedule
        asked: dict[str, int] = {}
        # The samples of replayed traffic stand in the order of its arrivals, each once: a million need no index.
        is_in_order = len(load.trace) <= len(order) and all(
            arrival.sample_id == sample.sample_id for arrival, sample in zip(load.trace, order, strict=False)
        )
        named = {sample.sample_id: sample for sample in order} if load.trace and not is_in_order else {}
        unnamed = 0
        for number, due_s in enumerate(load.due_times_s(draw)):
            phase: Phase = "warmup" if due_s < load.warmup_s else "measure"
            arrival = load.trace[number] if load.trace else Arrival(due_s)
            is_made_up = arrival.sample_id is None and arrival.input_tokens is not None
            if load.trace and is_in_order:
                sample = order[number]
            elif is_made_up:
                sample = make_synthetic_sample(arrival, number, self.seed)
            elif arrival.sample_id is None:
                sample, unnamed = order[unnamed % len(order)], unnamed + 1
            elif arrival.sample_id in named:
                sample = named[arrival.sample_id]
            else:
                raise InputError(
                    f"load {load.label!r}: its trace asks for sample {arrival.sample_id!r}, which task "
                    f"{self.task.name!r} does not have; name one of its samples, or leave sample_id out"
                )
            repeat = 0
            if not (load.trace and is_in_order):
                repeat = asked.get(sample.sample_id, 0)
                asked[sample.sample_id] = repeat + 1
            yield PlannedRequest(
                sample,
                repeat,
                phase,
                due_s,
                arrival.output_tokens,
                not is_made_up,
                arrival.session,
                None if arrival.think_s is None else arrival.think_s / load.speed,
            )

    def messages(self, planned: PlannedRequest) -> tuple[Message, ...]:
        """Return the prompt of a request as sent, with the salt if the load has one.

        The salt is the same for all models, so both sides of a comparison get the same bytes. It differs between loads,
        repetitions of a load and repeats of a sample, so no cell hits a prompt cache that another cell filled.
        """
        return self.with_salt(planned, planned.sample.messages)

    def with_salt(self, planned: PlannedRequest, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Return the prompt of any turn of a request as sent; see :meth:`messages`."""
        if self.load.salt is None or planned.sample.needs_logprobs:
            # Log-probabilities are those of the text itself, so it gets no salt.
            return messages
        what: tuple[object, ...] = (self.seed, self.task.name, self.load.label, planned.repeat)
        if self.load.salt == "request":
            what = (*what, planned.sample.sample_id)
        return add_salt(messages, sha256("\x1f".join(map(str, what)))[:8])

    def params_of(self, planned: PlannedRequest) -> Params:
        """Return the parameters of a request: the cell's, with the output limit of a trace."""
        return (
            self.params if planned.max_tokens is None else replace(self.params, max_tokens=planned.max_tokens)
        )

    def ignores_eos(self, planned: PlannedRequest) -> bool:
        """Return whether a reply is to be exactly as long as the request's own output limit."""
        return self.load.ignore_eos and planned.max_tokens is not None

    def params_json_of(self, planned: PlannedRequest) -> str:
        """Return :meth:`params_of` as canonical JSON, as the attempt row stores it."""
        if planned.max_tokens is None:
            return self._params_json
        return canonical_json(self.params_of(planned).as_json())

    @cached_property
    def _params_json(self) -> str:
        return canonical_json(self.params.as_json())


@dataclass(frozen=True)
class PlannedSearch:
    """Model x task x search. Its cells are created one by one: each depends on the result of the one before."""

    model: Model
    task: Task
    search: RateSearch
    params: Params
    repeats: int
    seed: int

    @property
    def search_id(self) -> str:
        """The search's name in tables and keys."""
        return f"{self.model.id}|{self.task.name}|{self.search.label}"

    def cell_at(self, rate_rps: float, repetition: int) -> Cell:
        """Return the cell of one try."""
        load = self.search.load_at(rate_rps, repetition)
        return Cell(self.model, self.task, load, self.params, self.repeats, self.seed)


@dataclass(frozen=True)
class Plan:
    """All cells of a run, grouped by model so that a server is started once."""

    suite: str
    suite_sha256: str
    seed: int
    repeats: int
    margin_points: float
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = field(default=())
    searches: tuple[PlannedSearch, ...] = ()
    users: Mapping[str, Model] = field(default_factory=dict)
    shard: ShardKey | None = None

    @property
    def models(self) -> tuple[Model, ...]:
        """The models, in the order they run."""
        every = [*(cell.model for cell in self.cells), *(search.model for search in self.searches)]
        return tuple({model.id: model for model in every}.values())

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks, in suite order."""
        every = [*(cell.task for cell in self.cells), *(search.task for search in self.searches)]
        return tuple({task.name: task for task in every}.values())

    @property
    def requests_by_task(self) -> Mapping[str, int]:
        """Requests of all cells of each task, warm-up included, at most. Requests of searches are not known in advance."""
        counts: Counter[str] = Counter()
        for cell in self.cells:
            counts[cell.task.name] += cell.most_requests
        return counts

    @property
    def requests_total(self) -> int:
        """Requests of all cells; see :attr:`requests_by_task`."""
        return sum(self.requests_by_task.values())

    def cells_of(self, model: Model) -> tuple[Cell, ...]:
        """Return the cells of one model."""
        return tuple(cell for cell in self.cells if cell.model.id == model.id)

    def searches_of(self, model: Model) -> tuple[PlannedSearch, ...]:
        """Return the searches of one model."""
        return tuple(search for search in self.searches if search.model.id == model.id)

    def truths(self) -> Iterator[GroundTruth]:
        """Yield what a simulated provider needs: right and wrong replies for each prompt."""
        for task in self.tasks:
            yield from make_truths(task)


def build_plan(
    *,
    suite: str,
    suite_sha256: str,
    seed: int,
    repeats: int,
    margin_points: float,
    defaults: Params,
    models: Iterable[Model],
    tasks: Sequence[Task],
    loads: Sequence[Load],
    searches: Sequence[RateSearch] = (),
    replays: Sequence[tuple[Load, Task]] = (),
    notes: Sequence[str] = (),
) -> Plan:
    """Return the plan of a suite whose documents are already checked.

    A task's parameters override the suite's ``defaults``; a model's override both. A model that is asked in batches gets
    no warm-up: it has no times. Each of ``replays`` has a task of its own, which is sent under no other load.
    """
    models = list(models)
    pairs = [
        (model, task, merge_params(defaults, task.params, model.params)) for model in models for task in tasks
    ]
    cells = tuple(
        Cell(
            model,
            task,
            replace(load, warmup_requests=0) if model.batch else load,
            params,
            repeats * task.repeats,
            seed,
        )
        for model, task, params in pairs
        for load in loads
    ) + tuple(
        Cell(model, task, load, merge_params(defaults, task.params, model.params), 1, seed)
        for model in models
        for load, task in replays
    )
    planned = tuple(
        PlannedSearch(model, task, search, params, repeats, seed)
        for model, task, params in pairs
        for search in searches
    )
    return Plan(suite, suite_sha256, seed, repeats, margin_points, cells, tuple(notes), planned)


def merge_params(*layers: Params) -> Params:
    """Return the parameters with later layers on top; ``extra`` is merged key by key."""
    result = layers[0]
    for layer in layers[1:]:
        asked = {
            name: value
            for name in ("max_tokens", "temperature", "top_p", "seed", "reasoning")
            if (value := getattr(layer, name)) is not None
        }
        if layer.stop:
            asked["stop"] = layer.stop
        result = replace(result, **asked, extra={**result.extra, **layer.extra})
    return result


def request_of(
    model: Model, sample: Sample, params: Params, messages: tuple[Message, ...] | None = None
) -> Request:
    """Return the request for a reply to a sample.

    Args:
        model: The model.
        sample: The sample.
        params: Its parameters.
        messages: The prompt as sent: with a salt, or that of a later turn. None: the sample's own.
    """
    return Request(
        model,
        sample.messages if messages is None else messages,
        params,
        sample.needs_logprobs,
        sample.tools,
        sample.response_schema,
    )


def describe_plan(plan: Plan) -> list[Mapping[str, Any]]:
    """Return one plain row per cell, for ``bench plan`` and its ``--json``."""
    rows: list[Mapping[str, Any]] = [
        {
            "cell_id": cell.cell_id,
            "model": cell.model.id,
            "runner": cell.model.runner,
            "weights": cell.model.weights,
            "task": cell.task.name,
            "category": cell.task.category,
            "load": cell.load.description,
            "samples": len(cell.task.samples),
            "requests": cell.most_requests,
            "adaptive": cell.task.adaptive is not None,
            "params": cell.params.as_json(),
        }
        for cell in plan.cells
    ]
    rows += [
        {
            "cell_id": search.search_id,
            "model": search.model.id,
            "runner": search.model.runner,
            "weights": search.model.weights,
            "task": search.task.name,
            "category": search.task.category,
            "load": f"search {search.search.from_rps:g} to {search.search.to_rps:g} rps",
            "samples": len(search.task.samples),
            "requests": max_search_requests(search),
            "adaptive": False,
            "params": search.params.as_json(),
        }
        for search in plan.searches
    ]
    return rows


def max_search_requests(search: PlannedSearch) -> int:
    """Return the maximum number of requests of a search: every try at the highest rate, for its full duration."""
    each = math.ceil(search.search.to_rps * (search.search.load.duration_s or 0.0)) + 1
    return search.search.max_tries * min(each, search.search.load.max_requests or each)
