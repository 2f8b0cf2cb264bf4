"""How the items of some rows were drawn, where their weights are used; see :mod:`gapbench.analysis.weighting`."""

from __future__ import annotations

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
SELECT hash(task, sample_id, cluster_id) AS code, task, max(weight) AS weight, any_value(stratum) AS stratum
FROM attempts WHERE phase = 'measure' AND weight IS NOT NULL GROUP BY task, sample_id, cluster_id
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
    strata = group_codes(frame, ["task", "stratum"])
    items = group_codes(frame, ["task", "sample_id"])
    if counted is None:
        return Design(weights, strata).shared_by(items)
    answers = np.bincount(items, weights=counted)[items]
    return Design(weights / np.maximum(answers, 1), strata)


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


def designs_of_samples(runs: Runs, samples: pd.DataFrame) -> tuple[Floats, Ints] | None:
    """Return the weight and the code of the stratum of each sample. None: weights are not used.

    Args:
        runs: The runs.
        samples: ``code`` (hash of task, sample and cluster) and ``sample``, the sample's number from 0.
    """
    if not runs.applied_weights.has_design:
        return None
    columns = ["task", "sample_id", "cluster_id", "phase", *DESIGN_COLUMNS]
    found = runs.attempts.table(_BY_SAMPLE, columns).to_pandas()
    found = found.merge(samples[["code", "sample"]], on="code")
    size = int(samples["sample"].max()) + 1 if len(samples) else 0
    weights, strata = np.full(size, np.nan), np.zeros(size, dtype=np.int32)
    at = found["sample"].to_numpy()
    weights[at] = found["weight"].to_numpy(dtype=np.float64)
    strata[at] = group_codes(found, ["task", "stratum"])
    return weights, strata
