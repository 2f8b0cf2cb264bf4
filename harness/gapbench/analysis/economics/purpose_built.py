"""The third tier: small models that are built for some categories, and answer those in place of the two general ones.

Columns of :func:`purpose_built_table`, one row for each category and purpose-built model with shared tasks: ``category``
``model_id`` ``n`` (tasks that it and both general models answered), ``quality`` ``usd_per_task`` of the purpose-built
model, ``best_quality`` ``best_usd_per_task`` of the better general model on the same tasks, and ``chosen_share`` (share
of these tasks that go to it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.economics.routing import Bools, RoutedTasks, RoutingOutcome
from gapbench.analysis.economics.routing_signals import answers_of_model
from gapbench.analysis.frames import Runs
from gapbench.errors import ResultsError
from gapbench.stats import Floats, Ints

COLUMNS = (
    "category", "model_id", "n", "quality", "usd_per_task", "best_quality", "best_usd_per_task", "chosen_share",
)  # fmt: skip


@dataclass(frozen=True)
class Specialist:
    """Answers of a purpose-built model to the tasks of the two general models, one entry for each task.

    Attributes:
        model_id: The model.
        quality: Score, 0 to 1. NaN where it has no answer.
        usd: Cost of the answer. NaN if not known.
        response_s: Response time in seconds.
        chosen: Whether the task goes to it.
    """

    model_id: str
    quality: Floats
    usd: Floats
    response_s: Floats
    chosen: Bools


def specialists(
    runs: Runs, usd: Floats, table: pd.DataFrame, items: RoutedTasks, fold: Ints, names: Sequence[str]
) -> list[Specialist]:
    """Return the purpose-built models with the tasks that each would get.

    A model gets a category's tasks if it scores higher than the better general model on the same tasks of the other
    folds, or as high at a lower cost. Tasks that it did not answer stay with the general models. Of several models the
    one with the highest score gets a category.

    Args:
        runs: The runs.
        usd: Cost of each attempt, in the order of the runs' frame.
        table: Result of :func:`gapbench.analysis.economics.routing_signals.tasks_answered_by_both`.
        items: The same tasks as arrays.
        fold: Fold of each task.
        names: Ids of the purpose-built models.

    Raises:
        ResultsError: A model shares no task with the two general ones.
    """
    answers = [answers_of_model(runs, usd, table, name) for name in names]
    for name, answer in zip(names, answers, strict=True):
        if answer["score"].isna().all():
            raise ResultsError(
                f"{name} shares no answered task with the two general models; run it on the same tasks and loads"
            )
    quality = [answer["score"].to_numpy(np.float64) for answer in answers]
    costs = [answer["usd"].to_numpy(np.float64) for answer in answers]
    chosen = [np.zeros(len(items), dtype=bool) for _ in names]
    for category in np.unique(items.category):
        for one in np.unique(fold):
            others = (fold != one) & (items.category == category)
            gains = [_gain(items, quality[k], costs[k], others) for k in range(len(names))]
            best = max(range(len(names)), key=lambda k: gains[k])
            if gains[best] > (0.0, 0.0):
                here = (fold == one) & (items.category == category)
                chosen[best] |= here & ~np.isnan(quality[best])
    return [
        Specialist(name, quality[k], costs[k], answers[k]["response_s"].to_numpy(np.float64), chosen[k])
        for k, name in enumerate(names)
    ]


def _gain(items: RoutedTasks, quality: Floats, usd: Floats, mask: Bools) -> tuple[float, float]:
    """Return how much a model is better than the better general one, and how much cheaper, on the same tasks."""
    shared = mask & ~np.isnan(quality)
    if not shared.any():
        return -1.0, 0.0
    general = [
        (float(items.mean(quality_of, shared)), -float(items.mean(usd_of, shared)))
        for quality_of, usd_of in (
            (items.open_quality, items.open_usd),
            (items.closed_quality, items.closed_usd),
        )
    ]
    best = max(general, key=lambda side: (side[0], np.nan_to_num(side[1], nan=-np.inf)))
    saved = -float(items.mean(usd, shared)) - best[1]
    gain = float(items.mean(quality, shared)) - best[0]
    return (gain if abs(gain) > 1e-12 else 0.0), (saved if np.isfinite(saved) else 0.0)


def with_specialists(result: RoutingOutcome, found: Sequence[Specialist]) -> RoutingOutcome:
    """Return a policy without a threshold in which purpose-built models answer the tasks that they get."""
    quality, usd, response_s, closed = (
        values[:, :1].copy() for values in (result.quality, result.usd, result.response_s, result.closed)
    )
    for one in found:
        mask = one.chosen
        quality[mask, 0], usd[mask, 0] = one.quality[mask], one.usd[mask]
        response_s[mask, 0], closed[mask, 0] = one.response_s[mask], 0.0
    return RoutingOutcome(quality, usd, response_s, closed)


def purpose_built_table(
    items: RoutedTasks, categories: Sequence[str], found: Sequence[Specialist]
) -> pd.DataFrame:
    """Return a row for each category and purpose-built model. See the module's docstring."""
    rows: list[dict[str, Any]] = []
    for code, category in enumerate(categories):
        for one in found:
            mask = (items.category == code) & ~np.isnan(one.quality)
            if not mask.any():
                continue
            is_closed = items.mean(items.closed_quality, mask) > items.mean(items.open_quality, mask)
            side = "closed" if is_closed else "open"
            rows.append(
                {
                    "category": category,
                    "model_id": one.model_id,
                    "n": int(mask.sum()),
                    "quality": float(items.mean(one.quality, mask)),
                    "usd_per_task": float(items.mean(one.usd, mask)),
                    "best_quality": float(items.mean(getattr(items, f"{side}_quality"), mask)),
                    "best_usd_per_task": float(items.mean(getattr(items, f"{side}_usd"), mask)),
                    "chosen_share": float(items.mean(one.chosen.astype(np.float64), mask)),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))
