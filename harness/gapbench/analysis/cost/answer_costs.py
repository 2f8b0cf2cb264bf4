"""Dollars of each answered request: what `bench cost`, `bench gap`, `bench tiers` and `bench advise` divide by tasks.

A request costs its attempts, retries included. Requests that end without an answer cost money too: the GPUs were
reserved for them, and some of their attempts are billed. That money is part of what the answers cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import as_floats, group_codes
from gapbench.stats import Design, Floats, Ints, weighted_mean

Bools = np.ndarray[Any, np.dtype[np.bool_]]

_REQUEST = ("run_id", "cell_id", "sample_id", "repeat", "phase")
ANSWER_COST_COLUMNS = (*_REQUEST, "model_id", "category", "final", "outcome")
"""Columns of the runs' frame that :func:`usd_per_answer` uses."""
_SHARED_BY: Sequence[tuple[str, ...]] = (("run_id", "cell_id"), ("model_id", "category"))
"""Who shares the dollars of requests without an answer: the answers of the cell or, if it has none, of the category."""


def usd_per_answer(frame: pd.DataFrame, usd: Floats) -> Floats:
    """Return the dollars of each answered request, at its final attempt.

    The dollars of requests without an answer are split evenly over the answers of the same cell. If the cell has no
    answer, those of the model and category share them. So the mean over a model's answers is its ``usd_per_task`` of
    :func:`gapbench.analysis.cost.cost.cost`. With weights the same holds of weighted means: both the dollars that are lost
    and the answers that share them count as often as the traffic has them.

    A request of unknown cost is left out, answered or not, as if it had not been sent: the others of its item have the item's
    weight. :func:`unpriced_share` tells how much that is.

    Args:
        frame: The runs' frame.
        usd: Cost of each attempt in USD, in the order of the frame. NaN means unknown.

    Returns:
        One value for each row of the frame. NaN for rows that are not the measured final attempt of an answered
        request, and for requests with an attempt of unknown cost.
    """
    if frame.empty:
        return np.full(0, np.nan)
    measured = (frame["phase"] == "measure").to_numpy()
    final = measured & frame["final"].to_numpy(dtype=bool)
    answered = final & (frame["outcome"] != "infra").to_numpy()
    found, left, is_known = answer_usd(group_codes(frame, _REQUEST), measured, answered, usd)
    weight = None
    if "weight" in frame.columns:
        item = group_codes(frame, ["model_id", "task", "sample_id"])
        weight = share_weights(as_floats(frame["weight"]), item, answered & is_known, final & is_known)
        left *= np.nan_to_num(weight)
    for columns in _SHARED_BY:
        if not left.any():
            break
        share_usd(found, left, group_codes(frame, columns), weight)
    return found


def share_weights(weight: Floats, item: Ints, answered: Bools, final: Bools) -> Floats:
    """Return the weight of each attempt of one or more models; answers of an item share its weight, without one its requests do.

    Requests of unknown cost are to be left out of both masks: the others of their item stand for them.

    Args:
        weight: Weight of each attempt's item.
        item: Code of each attempt's model and item.
        answered: Whether each attempt is the measured final one of an answered request.
        final: Whether each attempt is the measured final one of its request.
    """
    answers = np.bincount(item, answered)
    parts = np.where(answers > 0, answers, np.bincount(item, final))
    return np.asarray(weight / np.maximum(parts, 1)[item], dtype=np.float64)


def answer_usd(request: Ints, measured: Bools, answered: Bools, usd: Floats) -> tuple[Floats, Floats, Bools]:
    """Return the dollars of each answered request, those of requests without an answer, and of which requests they are known.

    The first are at the request's final attempt, NaN elsewhere. The second are those of each attempt, and are to be multiplied
    by its weight; :func:`share_usd` adds them to answers.

    Args:
        request: Code of each attempt's request.
        measured: Whether each attempt is of the measured phase.
        answered: Whether each attempt is the measured final one of an answered request.
        usd: Cost of each attempt in USD. NaN means unknown.
    """
    found = np.full(len(request), np.nan)
    if not len(request):
        return found, np.zeros(0), np.zeros(0, dtype=bool)
    spent = np.bincount(request, weights=usd)[request]
    is_known = ~np.isnan(spent)
    found[answered] = spent[answered]
    has_answer = np.zeros(int(request.max()) + 1, dtype=bool)
    has_answer[request[answered]] = True
    left = np.where(measured & is_known & ~has_answer[request], usd, 0.0)
    return found, left, is_known


def unpriced_share(usd: Floats, design: Design | None) -> float | None:
    """Return which share of some tasks, by weight, has no known cost. None: there are no tasks.

    Args:
        usd: Dollars of each task. NaN means unknown.
        design: Weights of the tasks. None: each counts once.
    """
    return weighted_mean(np.isnan(usd).astype(np.float64), design) if len(usd) else None


def share_usd(found: Floats, left: Floats, group: Ints, weight: Floats | None) -> None:
    """Divide the dollars of requests without an answer among the answers with known dollars. Changes both arrays.

    Args:
        found: Dollars of each answered request. NaN: another attempt, or not known.
        left: Dollars of attempts that are to be shared. 0 where they are.
        group: Codes of who shares them.
        weight: Weight of each attempt, as :func:`share_weights` has it. None: each counts once.
    """
    known = ~np.isnan(found)
    answers = np.bincount(
        group[known], None if weight is None else weight[known], minlength=int(group.max()) + 1
    )
    share = np.bincount(group, weights=left) / np.where(answers > 0, answers, 1)
    found[known] += share[group[known]]
    left[answers[group] > 0] = 0.0


class LostUsd:
    """Dollars of requests without an answer, summed over lots of attempts: the answers that share them may be in any lot.

    Args:
        groups: Number of groups whose answers share them.
    """

    def __init__(self, groups: int) -> None:
        self._usd = np.zeros(groups)
        self._answers = np.zeros(groups)

    def add(self, found: Floats, left: Floats, group: Ints, weight: Floats | None) -> None:
        """Count a lot; the arguments are those of :func:`share_usd`, and do not change."""
        known = ~np.isnan(found)
        self._usd += np.bincount(group, weights=left, minlength=len(self._usd))
        self._answers += np.bincount(
            group[known], None if weight is None else weight[known], minlength=len(self._usd)
        )

    @property
    def usd_per_answer(self) -> Floats:
        """The dollars that each answer with known dollars takes on, by group; 0 for a group without such an answer."""
        return np.divide(self._usd, self._answers, out=np.zeros(len(self._usd)), where=self._answers > 0)
