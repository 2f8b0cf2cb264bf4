"""Requests of two models, paired by item and prompt, as numpy columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.adaptive_tasks import adaptive_tasks, is_adaptive
from gapbench.analysis.answer_keys import KEY_COLUMNS, answer_keys
from gapbench.analysis.cost.answer_costs import usd_per_answer
from gapbench.analysis.frames import Runs, as_floats, group_codes
from gapbench.stats import Floats, Ints, dense_codes

_ITEM = ["task", "sample_id", "repeat", "load"]
_TIMES = ("response_s", "answer_chars_per_s")
_CODES = (
    "item",
    "prompt",
    "cluster",
    "sample",
    "category",
    "task",
    "load",
    "infra",
    "is_episode",
    "is_picked",
)
PAIR_COLUMNS = (
    "run_id", "cell_id", "sample_id", "repeat", "phase", "final", "model_id", "category", "task", "load",
    "prompt_sha256", "cluster_id", "outcome", "scored", "score", "load_kind", "turn", *_TIMES, *KEY_COLUMNS,
)  # fmt: skip
"""Columns of the runs' frame that :func:`requests_by_model` uses."""
Pair = tuple[str, str]
"""A closed and an open model."""


@dataclass(frozen=True)
class ModelRequests:
    """One model's measured requests as columns, sorted by item.

    Attributes:
        item: Code of (task, sample, repeat, load), unique within a model, ascending.
        prompt: Code of the prompt's hash.
        cluster: Code of (task, cluster).
        sample: Code of (task, sample, load), the same in each repeat.
        category: Code of the category.
        task: Code of the task.
        load: Code of the load.
        keys: Codes of what answers are judged by; see :func:`gapbench.analysis.answer_keys.answer_keys`.
        names: Names of the tasks and of the loads, by code.
        columns: Columns by name. NaN means unknown.
        infra: Whether the request got no answer.
        is_episode: Whether the request is an episode.
        is_picked: Whether an adaptive run picked the question, so that the other model may not have been asked it.
    """

    item: Ints
    prompt: Ints
    cluster: Ints
    sample: Ints
    category: Ints
    task: Ints
    load: Ints
    keys: Mapping[str, Ints]
    names: Mapping[str, Sequence[str]]
    columns: dict[str, Floats]
    infra: np.ndarray[Any, np.dtype[np.bool_]]
    is_episode: np.ndarray[Any, np.dtype[np.bool_]]
    is_picked: np.ndarray[Any, np.dtype[np.bool_]]

    def select(self, *names: str) -> ModelRequests:
        """Return the requests with only the named columns."""
        return replace(self, columns={name: self.columns[name] for name in names})

    def filter(self, mask: np.ndarray[Any, Any]) -> ModelRequests:
        """Return the rows that a mask or an index array selects."""
        return replace(
            self,
            **{name: getattr(self, name)[mask] for name in _CODES},
            keys={name: codes[mask] for name, codes in self.keys.items()},
            columns={name: column[mask] for name, column in self.columns.items()},
        )


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

    def in_category(self, category: int | None) -> ModelPairs:
        """Return the pairs of one category, or all pairs for None."""
        if category is None:
            return self
        return self._filter(self.closed.category == category)

    def by_load(self) -> dict[str, ModelPairs]:
        """Return the pairs of each load, by its name."""
        codes = np.unique(self.closed.load)
        if len(codes) == 1:
            return {self.closed.names["load"][int(codes[0])]: self}
        return {
            self.closed.names["load"][int(code)]: self._filter(self.closed.load == code) for code in codes
        }

    def _filter(self, mask: np.ndarray[Any, Any]) -> ModelPairs:
        return replace(self, closed=self.closed.filter(mask), open=self.open.filter(mask))

    def with_known(self, *names: str) -> ModelPairs:
        """Return the pairs in which both sides have a value in every named column, with only those columns."""
        known = np.ones(len(self.closed.item), dtype=bool)
        for name in names:
            known &= ~(np.isnan(self.closed.columns[name]) | np.isnan(self.open.columns[name]))
        return replace(
            self, closed=self.closed.select(*names).filter(known), open=self.open.select(*names).filter(known)
        )


def requests_by_model(runs: Runs, usd: Floats) -> tuple[dict[str, ModelRequests], dict[str, int]]:
    """Return the requests of each model, and the code of each category.

    If a model was measured in several runs, its further answers to an item count as further repeats.

    Args:
        runs: The runs.
        usd: Cost of each attempt, in the order of the runs' frame. A request's cost is that of
            :func:`gapbench.analysis.cost.answer_costs.usd_per_answer`.
    """
    frame = runs.frame
    whole_usd = usd_per_answer(frame, usd)
    measured = (frame["final"] & (frame["phase"] == "measure")).to_numpy()
    compared = measured & (frame["load_kind"] != "search").to_numpy()
    if compared.any():
        # A load search tries other rates for each model: its probes are no comparison.
        measured = compared
    places = np.flatnonzero(measured)

    def coded(*columns: str) -> Ints:
        return group_codes(frame[list(columns)].iloc[places], columns)

    item = coded(*_ITEM)
    model, names = _factorize(frame["model_id"].iloc[places])
    category, category_names = _factorize(frame["category"].iloc[places])
    item = _unique_items(item, model)
    task, task_names = _factorize(frame["task"].iloc[places])
    load, load_names = _factorize(frame["load"].iloc[places])
    keys = answer_keys(runs, places)
    names_by_code = {"task": task_names, "load": load_names}
    prompt, cluster = coded("prompt_sha256"), coded("task", "cluster_id")
    sample = coded("task", "sample_id", "load")
    infra = (frame["outcome"] == "infra").to_numpy()
    correct = (frame["outcome"] == "correct").to_numpy()
    scored = frame["scored"].to_numpy()
    # Dollars per right answer mean nothing where harder questions were picked for a model that is right more often.
    picked = is_adaptive(frame, adaptive_tasks(runs.manifests))
    of_episode = frame["turn"].notna().to_numpy()
    # One model at a time and straight from the table, so that no column is in memory twice.
    found: dict[str, ModelRequests] = {}
    for number, name in enumerate(names):
        rows = np.flatnonzero(model == number)
        rows = rows[np.argsort(item[rows])].astype(np.int32)
        at = places[rows]

        def answered(values: Floats, at: Ints = at) -> Floats:
            return np.where(infra[at], np.nan, values[at])

        found[name] = ModelRequests(
            item[rows],
            prompt[rows],
            cluster[rows],
            sample[rows],
            category[rows],
            task[rows],
            load[rows],
            {key: codes[rows] for key, codes in keys.items()},
            names_by_code,
            {
                "score": np.where(scored[at], as_floats(frame["score"])[at], np.nan),
                "correct": np.where(picked[at], np.nan, correct[at].astype(np.float64)),
                **{column: answered(as_floats(frame[column])) for column in _TIMES},
                "usd": whole_usd[at],
            },
            infra[at],
            of_episode[at],
            picked[at],
        )
    return found, {name: code for code, name in enumerate(category_names)}


def pair_requests(closed: ModelRequests, other: ModelRequests) -> ModelPairs:
    """Return the requests that both models received with the same prompt, and that were judged by the same key."""
    reach = 1 + max(int(side.item.max(initial=-1)) for side in (closed, other))
    place = np.full(reach, -1, dtype=np.int32)
    place[other.item] = np.arange(len(other.item), dtype=np.int32)
    right = place[closed.item]
    left = np.flatnonzero(right >= 0)
    right = right[left]
    alone = ~closed.is_picked, ~other.is_picked
    alone[0][left] = alone[1][right] = False
    same = closed.prompt[left] == other.prompt[right]
    unequal_prompts = int((~same).sum())
    first, second = closed.filter(left[same]), other.filter(right[same])
    comparable, unequal_keys = _judged_alike(first, second)
    return ModelPairs(
        first.filter(comparable),
        second.filter(comparable),
        unequal_prompts,
        int(alone[0].sum()),
        int(alone[1].sum()),
        unequal_keys,
    )


def _judged_alike(
    closed: ModelRequests, other: ModelRequests
) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], tuple[tuple[str, str, int, int], ...]]:
    """Return which pairs were judged by the same key, and the others counted by what differs first and by task."""
    alike = np.ones(len(closed.item), dtype=bool)
    found: list[tuple[str, str, int, int]] = []
    for name, codes in closed.keys.items():
        others = other.keys[name]
        # A negative code is unknown and differs from nothing.
        differs = alike & (codes != others) & (codes >= 0) & (others >= 0)
        for code in np.unique(closed.task[differs]):
            of_task = closed.task == code
            count = int((differs & of_task).sum())
            found.append((name, closed.names["task"][int(code)], count, int(of_task.sum())))
        alike &= ~differs
    return alike, tuple(found)


def _unique_items(item: Ints, model: Ints) -> Ints:
    """Return item codes that are unique within each model: a further answer to an item gets a code of a new repeat."""
    codes = dense_codes(item.astype(np.int64) + model.astype(np.int64) * (int(item.max(initial=0)) + 1))
    if int(codes.max(initial=-1)) + 1 == len(codes):
        return item
    order = np.argsort(codes, kind="stable")
    first = np.ones(len(order), dtype=bool)
    first[1:] = codes[order][1:] != codes[order][:-1]
    starts = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    repeat = np.empty(len(order), dtype=np.int64)
    repeat[order] = np.arange(len(order)) - starts
    return dense_codes(item.astype(np.int64) * (int(repeat.max()) + 1) + repeat)


def _factorize(column: pd.Series[Any]) -> tuple[Ints, list[str]]:
    code, kinds = pd.factorize(column)
    return code.astype(np.int32), [str(kind) for kind in kinds]
