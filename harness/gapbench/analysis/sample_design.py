"""How the items of some rows were drawn, where their weights are used; see :mod:`gapbench.analysis.weighting`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import Runs, group_codes
from gapbench.analysis.weighting import DESIGN_COLUMNS
from gapbench.stats import Design, Floats, Ints

Bools = np.ndarray[Any, np.dtype[np.bool_]]
REQUEST_COLUMNS = ("run_id", "cell_id", "sample_id", "repeat")
"""Columns that name a request; the replies of an episode share them."""
_BY_SAMPLE = """
SELECT task, hash(sample_id) AS code, max(weight) AS weight, any_value(stratum) AS stratum
FROM attempts WHERE phase = 'measure' AND weight IS NOT NULL GROUP BY task, sample_id
"""


def design_of(frame: pd.DataFrame, counted: Bools | None = None) -> Design | None:
    """Return how the items of some rows were drawn. None: weights are not used. Several answers to an item share its weight.

    Args:
        frame: Rows of :class:`gapbench.analysis.frames.Runs`, which have the columns of the design where it is used.
        counted: The rows that share the weight of an item; the others each have as much. None: all rows.
    """
    if DESIGN_COLUMNS[0] not in frame.columns:
        return None
    weights = frame["weight"].to_numpy(dtype=np.float64)
    strata = _stratum_codes(frame)
    items = group_codes(frame, ["task", "sample_id"])
    if counted is None:
        return Design(weights, strata).shared_by(items)
    answers = np.bincount(items, weights=counted)[items]
    return Design(weights / np.maximum(answers, 1), strata)


def _stratum_codes(frame: pd.DataFrame) -> Ints:
    """Return a code of each row's stratum, in the order of the names.

    So the order of the rows does not decide with which of two others a stratum of one cluster is put together.
    """
    labels = {name: frame[name].astype("category") for name in ("task", "stratum")}
    named = {
        name: column.cat.reorder_categories(sorted(column.cat.categories)) for name, column in labels.items()
    }
    return group_codes(pd.DataFrame(named, copy=False), list(named))


def design_of_replies(frame: pd.DataFrame, requests: Ints | None = None) -> Design | None:
    """Return how the items of some replies were drawn. None: weights are not used.

    A reply counts as often as its request, so that an episode of ten replies has ten times the part of one reply; requests of
    one item share its weight.

    Args:
        frame: Rows of :class:`gapbench.analysis.frames.Runs`, which have the columns of the design where it is used.
        requests: Code of each row's request. None: the frame has :data:`REQUEST_COLUMNS`.
    """
    if DESIGN_COLUMNS[0] not in frame.columns:
        return None
    if requests is None:
        requests = group_codes(frame, REQUEST_COLUMNS)
    is_first = np.zeros(len(frame), dtype=bool)
    is_first[np.unique(requests, return_index=True)[1]] = True
    return design_of(frame, is_first)


def design_of_attempts(frame: pd.DataFrame) -> Design | None:
    """Return how the items of some measured attempts were drawn. None: weights are not used.

    The answered requests of an item share its weight; of an item without an answer all its requests do. An attempt that failed
    and was made again counts as often as its request, so that totals over attempts are those of the traffic.

    Args:
        frame: Rows of :class:`gapbench.analysis.frames.Runs`, which have the columns of the design where it is used.
    """
    if DESIGN_COLUMNS[0] not in frame.columns:
        return None
    final = frame["final"].to_numpy(dtype=bool)
    answered = final & (frame["outcome"] != "infra").to_numpy(dtype=bool)
    items = group_codes(frame, ["task", "sample_id"])
    has_answer = np.bincount(items, answered) > 0
    return design_of(frame, answered | (final & ~has_answer[items]))


def task_seed(task: str) -> np.uint64:
    """Return what the hashes of a task's sample ids are combined with (exclusive or), so that no two tasks share a sample."""
    return np.uint64(int.from_bytes(hashlib.blake2b(task.encode(), digest_size=8).digest(), "little"))


@dataclass(frozen=True)
class SampleDesigns:
    """The weight and the code of the stratum of each sample.

    Attributes:
        keys: Hash of each sample's id, combined with :func:`task_seed` of its task; ascending.
        weights: Weight of each sample.
        strata: Code of its stratum.
    """

    keys: np.ndarray[tuple[int], np.dtype[np.uint64]]
    weights: Floats
    strata: Ints

    def of(self, keys: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> tuple[Floats, Ints]:
        """Return weights and strata of samples by their keys; NaN and 0 for those that have none."""
        if not len(self.keys):
            return np.full(len(keys), np.nan), np.zeros(len(keys), dtype=np.int32)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        is_known = self.keys[at] == keys
        return np.where(is_known, self.weights[at], np.nan), np.where(is_known, self.strata[at], 0)


def designs_of_samples(runs: Runs) -> SampleDesigns | None:
    """Return the weight and the stratum of each sample. None: weights are not used."""
    if not runs.applied_weights.has_design:
        return None
    columns = ["task", "sample_id", "phase", *DESIGN_COLUMNS]
    found = runs.attempts.table(_BY_SAMPLE, columns).to_pandas()
    seeds = {name: task_seed(str(name)) for name in found["task"].unique()}
    keys = found["code"].to_numpy() ^ found["task"].map(seeds).to_numpy(dtype=np.uint64)
    order = np.argsort(keys)
    weights = found["weight"].to_numpy(dtype=np.float64)
    return SampleDesigns(keys[order], weights[order], _stratum_codes(found)[order])
