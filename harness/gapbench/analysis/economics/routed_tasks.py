"""The tasks that an open and a closed model both answered, for routers and cascades between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gapbench.analysis.cost.attempt_costs import Bill
from gapbench.analysis.economics.routing import RoutedTasks
from gapbench.analysis.economics.routing_signals import tasks_answered_by_both
from gapbench.analysis.frames import Runs, as_floats, without_search_probes
from gapbench.analysis.sample_design import design_of
from gapbench.errors import ResultsError
from gapbench.stats import Design, weighted_mean

MIN_TASKS = 20
"""Minimum number of tasks for choosing a threshold."""


@dataclass(frozen=True)
class RoutedRuns:
    """What two models answered in some runs.

    Attributes:
        open_model: The open model.
        closed_model: The closed model.
        table: Result of :func:`gapbench.analysis.economics.routing_signals.tasks_answered_by_both`.
        items: The same tasks as arrays.
        categories: Name of each category, by code.
        notes: Sentences on which tasks are left out, and on the loads that figures are means over.
    """

    open_model: str
    closed_model: str
    table: pd.DataFrame
    items: RoutedTasks
    categories: tuple[str, ...]
    notes: tuple[str, ...]


def read_routed_tasks(
    runs: Runs,
    account: Bill,
    *,
    open_model: str | None,
    closed_model: str | None,
    left_out: Sequence[str] = (),
) -> RoutedRuns:
    """Return the tasks that both models answered with the same prompt.

    Args:
        runs: The runs.
        account: What each attempt cost.
        open_model: The open model. None means the one with the highest accuracy.
        closed_model: The closed model. None means the one with the highest accuracy.
        left_out: Models that are not picked.

    Raises:
        ResultsError: There is no such pair of models, or they share too few tasks.
    """
    left, right = (
        _pick_model(runs, weights, requested, left_out)
        for weights, requested in (("open", open_model), ("closed", closed_model))
    )
    table, unequal_keys = tasks_answered_by_both(runs, account.usd, left, right)
    changed = (
        f"{left} and {right}: {unequal_keys} of {len(table) + unequal_keys} shared tasks were judged by another version of "
        "the task, scorer or target and are left out"
    )
    if len(table) < MIN_TASKS:
        raise ResultsError(
            f"{left} and {right} both answered {len(table)} tasks with the same prompt; tiers need at least {MIN_TASKS}"
            + (f"; {changed}" if unequal_keys else "")
        )
    items, names = _items(table, design_of(runs.frame.iloc[table["row"].to_numpy(np.int64)]))
    notes = (*((changed,) if unequal_keys else ()), *_loads_note(runs, table))
    return RoutedRuns(left, right, table, items, tuple(names), notes)


def _loads_note(runs: Runs, table: pd.DataFrame) -> tuple[str, ...]:
    """Return a sentence that names the loads of the tasks if there are several."""
    loads = list(dict.fromkeys(runs.frame["load"].iloc[table["row"].to_numpy(np.int64)].astype(str)))
    if len(loads) < 2:
        return ()
    return (
        f"dollars and times are means over the loads of these runs ({', '.join(loads)}); `bench gap` has them load by load",
    )


def _pick_model(runs: Runs, weights: str, requested: str | None, left_out: Sequence[str] = ()) -> str:
    """Return the requested model, or the one with the highest accuracy among those with these weights.

    Raises:
        ResultsError: There is no such model.
    """
    known = [name for name in runs.models if runs.model(name).weights == weights and name not in left_out]
    if requested is not None:
        if requested not in known:
            raise ResultsError(
                f"no {weights} model {requested!r} in these runs; there are: {', '.join(known) or 'none'}"
            )
        return requested
    if not known:
        raise ResultsError(f"there is no {weights} model in these runs; tiers need one of each")
    scored = without_search_probes(runs.frame[runs.frame["scored"]])
    means = {
        str(name): weighted_mean(as_floats(part["score"]), design_of(part))
        for name, part in scored.groupby("model_id", observed=True)
    }
    return max(known, key=lambda name: means.get(name, -1.0))


def _items(table: pd.DataFrame, design: Design | None) -> tuple[RoutedTasks, list[str]]:
    category, names = pd.factorize(table["category"])
    column = {
        name: table[name].to_numpy(np.float64)
        for name in table.columns
        if name.startswith(("open_", "closed_"))
    }
    items = RoutedTasks(
        open_quality=column["open_score"],
        closed_quality=column["closed_score"],
        open_usd=column["open_usd"],
        closed_usd=column["closed_usd"],
        open_s=column["open_response_s"],
        closed_s=column["closed_response_s"],
        category=category.astype(np.int64),
        cluster=table["cluster"].to_numpy(np.int64),
        design=design,
    )
    return items, [str(name) for name in names]
