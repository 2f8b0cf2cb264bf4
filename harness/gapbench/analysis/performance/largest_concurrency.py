"""The most requests in flight, or agents at work, that keep a service level."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gapbench.store.json_records import records


@dataclass(frozen=True, slots=True)
class LargestConcurrency:
    """The most requests in flight, or agents at work, of one model on one task that keep the service level.

    Attributes:
        model_id: The model.
        task: The task.
        concurrency: Highest level that passed, with all levels below it passing too. None if the lowest failed.
        low_concurrency: Highest level whose lower bound reaches the target, with all levels below it passing too. None
            if there is no such level.
        tested_concurrency: Highest level tested.
        solved_per_min: At ``concurrency``. None if not known.
        usd_per_solved: At ``concurrency``. None if not known.
        words: The level for a table: ``16 agents (at least 8 for sure)`` or ``>= 64 in flight, the highest tested``.
    """

    model_id: str
    task: str
    concurrency: float | None
    low_concurrency: float | None
    tested_concurrency: float
    solved_per_min: float | None
    usd_per_solved: float | None
    words: str


def largest_concurrencies(table: pd.DataFrame) -> list[LargestConcurrency]:
    """Return the largest concurrency of each model and task, from the levels of a capacity table."""
    if table.empty:
        return []
    fixed = table[table["kind"] == "concurrency"]
    return [
        _largest_concurrency(str(model_id), str(task), records(part.sort_values("concurrency")))
        for (model_id, task), part in fixed.groupby(["model_id", "task"], sort=False)
    ]


def _largest_concurrency(model_id: str, task: str, levels: Sequence[dict[str, Any]]) -> LargestConcurrency:
    """Return the highest level before the first one that fails; a level above one that fails is luck."""
    passed = list(itertools.takewhile(lambda row: row["passed"], levels))
    certain = [row for row in passed if row["certain"]]
    noun = "agents" if any(row["episodes"] for row in levels) else "in flight"
    if not passed:
        words = f"< {levels[0]['concurrency']:g} {noun}, the lowest tested"
    elif len(passed) == len(levels):
        words = f">= {passed[-1]['concurrency']:g} {noun}, the highest tested"
    else:
        words = f"{passed[-1]['concurrency']:g} {noun}"
    if passed and (not certain or certain[-1] is not passed[-1]):
        words += (
            f" (at least {certain[-1]['concurrency']:g} for sure)"
            if certain
            else " (too few requests to be sure)"
        )
    best = passed[-1] if passed else {}
    return LargestConcurrency(
        model_id=model_id,
        task=task,
        concurrency=best.get("concurrency"),
        low_concurrency=certain[-1]["concurrency"] if certain else None,
        tested_concurrency=levels[-1]["concurrency"],
        solved_per_min=best.get("solved_per_min"),
        usd_per_solved=best.get("usd_per_solved"),
        words=words,
    )
