"""Suite, tasks and seed to a fully expanded plan. No I/O and no clock: the same input gives the same plan.

A cell is model x task x load: one line of the summary. Every request of a cell is known before the
first is sent, with its key (cell, sample, repeat) and, under a rate, the second it is due; so a run
can be shown, priced, resumed and repeated.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from harness.task import Task
from harness.values import Model, Params, Phase, Sample, Text, Truth, prompt_sha256

Arrivals = Literal["constant", "poisson"]
NO_DECOY = "I am not sure."
"""A simulated provider's wrong reply where the task gives none."""


@dataclass(frozen=True, slots=True)
class Load:
    """When to send the requests of a cell.

    Attributes:
        kind: ``concurrency`` keeps a number of requests in flight; ``rate`` sends on a schedule, however
            long the replies take.
        value: Requests in flight, or requests per second.
        arrivals: Spacing under a rate.
        duration_s: How long a rate lasts. None under concurrency.
        warmup_requests: Extra requests sent first and left out of every figure.
        warmup_s: Under a rate, how much of the start is left out of every figure.
        max_requests: Cap on a rate's requests. None: no cap.
    """

    kind: Literal["concurrency", "rate"]
    value: float
    arrivals: Arrivals = "poisson"
    duration_s: float | None = None
    warmup_requests: int = 0
    warmup_s: float = 0.0
    max_requests: int | None = None

    @property
    def label(self) -> str:
        """The load as it stands in a cell's id: ``c16`` or ``r4``."""
        return f"{self.kind[0]}{self.value:g}"


@dataclass(frozen=True, slots=True)
class Planned:
    """One request of a cell.

    Attributes:
        sample: What is asked.
        repeat: Which repetition of the sample, from 0; warm-up requests count down from -1.
        phase: ``warmup`` or ``measure``.
        due_s: Seconds after the cell's start at which it is to be sent. None: as soon as a place is free.
    """

    sample: Sample
    repeat: int
    phase: Phase
    due_s: float | None = None


@dataclass(frozen=True)
class Cell:
    """Model x task x load, and the requests that make it up, in sending order."""

    model: Model
    task: Task
    load: Load
    params: Params
    repeats: int
    seed: int

    @property
    def cell_id(self) -> str:
        """The cell's name in tables and keys."""
        return f"{self.model.id}|{self.task.name}|{self.load.label}"

    @cached_property
    def requests(self) -> tuple[Planned, ...]:
        """Every request, warm-up first. The order depends on seed and task alone, so all models share it."""
        order = list(self.task.samples)
        random.Random(f"{self.seed}:{self.task.name}").shuffle(order)  # noqa: S311 - an order, not a secret
        if self.load.kind == "rate":
            return tuple(self._on_schedule(order))
        warm = tuple(
            Planned(order[k % len(order)], -1 - k // len(order), "warmup")
            for k in range(self.load.warmup_requests)
        )
        return warm + tuple(
            Planned(sample, repeat, "measure") for repeat in range(self.repeats) for sample in order
        )

    def _on_schedule(self, order: Sequence[Sample]) -> Iterator[Planned]:
        load = self.load
        draw = random.Random(f"{self.seed}:{self.task.name}:{load.label}:arrivals")  # noqa: S311 - a schedule
        limit = load.max_requests
        due_s, k = 0.0, 0
        while due_s < (load.duration_s or 0.0) and (limit is None or k < limit):
            phase: Phase = "warmup" if due_s < load.warmup_s else "measure"
            yield Planned(order[k % len(order)], k // len(order), phase, due_s)
            due_s += 1 / load.value if load.arrivals == "constant" else draw.expovariate(load.value)
            k += 1


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

    @property
    def models(self) -> tuple[Model, ...]:
        """The models, in the order they run."""
        return tuple({cell.model.id: cell.model for cell in self.cells}.values())

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks, in suite order."""
        return tuple({cell.task.name: cell.task for cell in self.cells}.values())

    @property
    def requests_total(self) -> int:
        """Requests over all cells, warm-up included."""
        return sum(len(cell.requests) for cell in self.cells)

    def cells_of(self, model: Model) -> tuple[Cell, ...]:
        """Return the cells of one model."""
        return tuple(cell for cell in self.cells if cell.model.id == model.id)

    def truth(self) -> Iterator[Truth]:
        """Yield what a simulated provider must know: one right and one wrong reply for each prompt."""
        for task in self.tasks:
            for sample in task.samples:
                right = sample.reference if sample.reference is not None else str(sample.target)
                yield Truth(prompt_sha256(sample.messages), task.category, right, sample.decoy or NO_DECOY)


def expand(
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
) -> Plan:
    """Return the plan of a suite whose documents are already checked.

    A task's own parameters stand above the suite's ``defaults``, a model's above both.
    """
    cells = tuple(
        Cell(model, task, load, merged(defaults, task.params, model.params), repeats, seed)
        for model in models
        for task in tasks
        for load in loads
    )
    return Plan(suite, suite_sha256, seed, repeats, margin_points, cells)


def merged(*layers: Params) -> Params:
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


def prompt_chars(sample: Sample) -> int:
    """Return the characters of text in a sample's prompt."""
    return sum(
        len(part.text) for message in sample.messages for part in message.parts if isinstance(part, Text)
    )


def described(plan: Plan) -> list[Mapping[str, Any]]:
    """Return one plain row per cell, for ``bench plan`` and its ``--json``."""
    return [
        {
            "cell_id": cell.cell_id,
            "model": cell.model.id,
            "runner": cell.model.runner,
            "weights": cell.model.weights,
            "task": cell.task.name,
            "category": cell.task.category,
            "load": f"{cell.load.kind} {cell.load.value:g}",
            "samples": len(cell.task.samples),
            "requests": len(cell.requests),
            "params": cell.params.as_json(),
        }
        for cell in plan.cells
    ]
