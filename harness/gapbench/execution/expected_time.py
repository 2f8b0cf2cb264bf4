"""How long a plan takes: schedules last as long as they say, and other loads as long as the replies that are assumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gapbench import formatting
from gapbench.execution.cell_order import order_models
from gapbench.suite.plan import Cell, Plan
from gapbench.values import Model


@dataclass(frozen=True)
class ReplyTime:
    """How long replies take, as far as anyone knows before a run.

    Attributes:
        latency_s: Mean seconds of a reply. None: unknown.
        seconds_per_request: By model id, seconds of a run for each request, as an earlier run took them.
    """

    latency_s: float | None = None
    seconds_per_request: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ExpectedTime:
    """How long the requests of a plan take.

    Attributes:
        expected_s: Seconds from the first request to the last; of searches at most. None: how long a reply takes is unknown.
        side_by_side: The models that run at the same time, in the lists that run side by side.
        alone: The models that run one after another, because they are timed.
        batched: The models that are asked in batches, which take up to a day; their time is not in ``expected_s``.
    """

    expected_s: float | None
    side_by_side: list[list[str]]
    alone: list[str]
    batched: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return ``time`` of ``bench plan --json``."""
        return dataclasses.asdict(self)

    def describe(self) -> str:
        """Return the time, and which models run side by side, as one line."""
        if self.expected_s is None:
            time = "unknown: give --latency SECONDS, or --like an earlier RUN"
        else:
            time = f"about {formatting.format_duration(self.expected_s)}"
        order: list[str] = []
        if self.batched:
            # Without a live model there is no other time to tell.
            time = f"up to a day for the batches of {', '.join(self.batched)}" + (
                f"; the rest {time}" if self.side_by_side or self.alone else ""
            )
        if len(self.side_by_side) > 1:
            order.append("side by side: " + " | ".join(", ".join(ids) for ids in self.side_by_side))
        elif self.side_by_side and len(self.side_by_side[0]) > 1:
            order.append(f"one after another on one machine: {', '.join(self.side_by_side[0])}")
        if self.alone and len(self.alone) + len(self.side_by_side) > 1:
            order.append(f"timed, one after another: {', '.join(self.alone)}")
        return "; ".join([f"time: {time}", *order])


def expect_time(plan: Plan, assumed: ReplyTime) -> ExpectedTime:
    """Return how long the requests of a plan take.

    Args:
        plan: The plan.
        assumed: How long replies take.
    """
    batched = [model.id for model in plan.models if model.batch]
    plan = dataclasses.replace(plan, cells=tuple(cell for cell in plan.cells if not cell.model.batch))
    lists, alone = order_models(plan)
    parallel = [_sum([_model_s(plan, model, assumed) for model in models]) for models in lists]
    longest_s = (
        None if None in parallel else max((found for found in parallel if found is not None), default=0.0)
    )
    rest_s = _sum([_model_s(plan, model, assumed) for model in alone])
    return ExpectedTime(
        None if longest_s is None or rest_s is None else longest_s + rest_s,
        [[model.id for model in models] for models in lists],
        [model.id for model in alone],
        batched,
    )


def _model_s(plan: Plan, model: Model, assumed: ReplyTime) -> float | None:
    searches = [
        search.search.max_tries * (search.search.load.duration_s or 0.0) for search in plan.searches_of(model)
    ]
    return _sum([*searches, *(_cell_s(cell, assumed) for cell in plan.cells_of(model))])


def _cell_s(cell: Cell, assumed: ReplyTime) -> float | None:
    if cell.load.is_open_loop:
        return max((request.due_s or 0.0 for request in cell.requests), default=0.0)
    taken_s = assumed.seconds_per_request.get(cell.model.id)
    if taken_s is not None:
        return cell.most_requests * taken_s
    if assumed.latency_s is None:
        return None
    return cell.most_requests * assumed.latency_s / min(cell.load.value, max(1, cell.most_requests))


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
