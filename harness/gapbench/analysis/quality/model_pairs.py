"""Requests of two models, paired by item and prompt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from gapbench.analysis.cost.answer_costs import unpriced_share
from gapbench.analysis.quality.model_requests import Bools, ModelRequests
from gapbench.stats import Difference, Ints, paired_difference

Pair = tuple[str, str]
"""A closed and an open model."""


@dataclass(frozen=True)
class ModelPairs:
    """Two models on the requests that both received with the same prompt and that were judged by the same key.

    Attributes:
        closed: Rows of the closed model.
        open: Rows of the open model, in the same order.
        unequal_prompts: Number of shared requests left out because the prompts differed.
        only_closed: Number of requests that only the closed model has.
        only_open: Number of requests that only the open model has.
        unequal_keys: Shared requests left out because they were judged by something else: (what differed, task, how
            many, of how many shared ones with the same prompt).
    """

    closed: ModelRequests
    open: ModelRequests
    unequal_prompts: int
    only_closed: int
    only_open: int
    unequal_keys: tuple[tuple[str, str, int, int], ...] = ()

    @cached_property
    def score_difference(self) -> Difference:
        """The mean difference of the scores that both sides have, with its interval. There must be one."""
        scored = self.with_known("score")
        scores = scored.closed.columns["score"], scored.open.columns["score"]
        return paired_difference(*scores, scored.closed.cluster, scored.closed.design)

    @property
    def unpriced_share(self) -> float | None:
        """Which share of the pairs that both answered, by weight, has no known cost on a side; None: both answered none."""
        usd = self.closed.columns["usd"] + self.open.columns["usd"]
        answered = ~(self.closed.infra | self.open.infra)
        return unpriced_share(usd[answered], self.closed.filter(answered).design)

    def in_category(self, category: int | None) -> ModelPairs:
        """Return the pairs of one category, or all pairs for None."""
        if category is None:
            return self
        return self._filter(self.closed.category == category)

    def by_load(self) -> dict[str, ModelPairs]:
        """Return the pairs of each load, by its name."""
        loads = self.closed.load
        names = self.closed.names["load"]
        if len(loads) < 2 or (loads[1:] >= loads[:-1]).all():
            stops = np.cumsum(np.bincount(loads)).tolist() if len(loads) else []
            spans = [
                (code, start, stop)
                for code, (start, stop) in enumerate(pairwise([0, *stops]))
                if stop > start
            ]
            if len(spans) == 1:
                return {names[spans[0][0]]: self}
            return {names[code]: self._filter(slice(start, stop)) for code, start, stop in spans}
        codes = np.flatnonzero(np.bincount(loads)).tolist()
        return {names[code]: self._filter(loads == code) for code in codes}

    def _filter(self, rows: np.ndarray[Any, Any] | slice) -> ModelPairs:
        return replace(self, closed=self.closed.filter(rows), open=self.open.filter(rows))

    def with_known(self, *names: str) -> ModelPairs:
        """Return the pairs in which both sides have a value in every named column, with only those columns."""
        first, second = ({name: side.columns[name] for name in names} for side in (self.closed, self.open))
        unknown = np.zeros(len(self.closed.item), dtype=bool)
        for name in names:
            unknown |= np.isnan(first[name])
            unknown |= np.isnan(second[name])
        if not unknown.any():
            return replace(self, closed=self.closed.with_columns(first), open=self.open.with_columns(second))
        rows = np.flatnonzero(~unknown).astype(np.int32)
        return replace(
            self,
            closed=self.closed.filter(rows).with_columns(
                {name: values.take(rows) for name, values in first.items()}
            ),
            open=self.open.filter(rows).with_columns(
                {name: values.take(rows) for name, values in second.items()}
            ),
        )


def pair_requests(closed: ModelRequests, other: ModelRequests) -> ModelPairs:
    """Return the requests that both models received with the same prompt, and that were judged by the same key."""
    left, right = _shared_places(closed.item, other.item)
    alone = ~closed.is_picked, ~other.is_picked
    alone[0][left] = alone[1][right] = False
    first, second = closed.filter(left), other.filter(right)
    same = first.prompt == second.prompt
    unequal_prompts = int((~same).sum())
    if unequal_prompts:
        first, second = first.filter(same), second.filter(same)
    comparable, unequal_keys = _judged_alike(first, second)
    if not comparable.all():
        first, second = first.filter(comparable), second.filter(comparable)
    return ModelPairs(first, second, unequal_prompts, int(alone[0].sum()), int(alone[1].sum()), unequal_keys)


def _shared_places(first: Ints, second: Ints) -> tuple[Ints, Ints] | tuple[slice, slice]:
    """Return where the items are that both have; each side's codes ascend without repetition."""
    if len(first) == len(second) and (first == second).all():
        return slice(0, len(first)), slice(0, len(first))
    reach = 1 + int(max(side[-1] if len(side) else -1 for side in (first, second)))
    if reach > 8 * (len(first) + len(second)):
        _, left, right = np.intersect1d(first, second, assume_unique=True, return_indices=True)
        return left.astype(np.int32), right.astype(np.int32)
    place: Ints = np.full(reach, -1, dtype=np.int32)
    place[second] = np.arange(len(second), dtype=np.int32)
    found = place[first]
    shared: Ints = np.flatnonzero(found >= 0).astype(np.int32)
    return shared, found[shared]


def _judged_alike(
    closed: ModelRequests, other: ModelRequests
) -> tuple[Bools, tuple[tuple[str, str, int, int], ...]]:
    """Return which pairs were judged by the same key, and the others counted by what differs first and by task."""
    alike = np.ones(len(closed.item), dtype=bool)
    found: list[tuple[str, str, int, int]] = []
    for name in closed.keys:
        codes, others = closed.keys[name], other.keys[name]
        # A negative code is unknown and differs from nothing.
        differs = alike & (codes != others) & (codes >= 0) & (others >= 0)
        if not differs.any():
            continue
        for code in np.unique(closed.task[differs]):
            of_task = closed.task == code
            count = int((differs & of_task).sum())
            found.append((name, closed.names["task"][int(code)], count, int(of_task.sum())))
        alike &= ~differs
    return alike, tuple(found)
