"""Dollars of a task and of a right answer where they are not quotients of totals, and where the items' weights are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.answer_costs import unpriced_share
from gapbench.analysis.frames import Runs, as_floats
from gapbench.analysis.sample_design import design_of, design_of_attempts
from gapbench.analysis.weighting import DESIGN_COLUMNS
from gapbench.stats import Floats, ratio_interval

Bools = np.ndarray[Any, np.dtype[np.bool_]]


def weighted_units(
    part: pd.DataFrame, row: Mapping[str, Any], gpu_cells: pd.DataFrame, users: pd.DataFrame
) -> dict[str, Any]:
    """Return dollars per task, per right answer and per million tokens as they are in the traffic, and tokens per task.

    What is not known of the file stays unknown. Totals are not weighted: they are what the run cost.

    Args:
        part: A model's measured attempts with their dollars; see :func:`gapbench.analysis.cost.cost.cost`.
        row: The figures of the file.
        gpu_cells: :attr:`gapbench.analysis.cost.attempt_costs.Bill.gpu`.
        users: What users cost in these attempts; see :func:`gapbench.analysis.cost.user_costs.user_usd_by_item`.

    Returns:
        {} where weights are not used.
    """
    if DESIGN_COLUMNS[0] not in part.columns:
        return {}
    answers = _priced_answers(part)
    design = design_of(answers)
    if design is None:
        return {}
    found = _weighted_tokens(part, row)
    if row["usd_user_per_task"] is not None:
        answered = (part["final"] & (part["outcome"] != "infra")).to_numpy(dtype=bool)
        found["usd_user_per_task"] = _usd_user_per_task(part, answered, users)
    if not len(answers):
        return found
    for name, value in answer_units(part).items():
        if row[name] is not None:
            found[name] = value
    if row["usd_busy_per_task"] is not None:
        busy = as_floats(answers["answer_usd"]) * _busy_share(answers, gpu_cells)
        found["usd_busy_per_task"] = float(design.weights @ busy) / float(design.weights.sum())
    return found


def answer_units(part: pd.DataFrame) -> dict[str, float | None]:
    """Return dollars per task and per right answer, with their intervals, from the answers whose dollars are known.

    An answer without a score is neither right nor wrong: it is a task, and no part of the dollars per right answer.

    Args:
        part: A model's measured attempts with their dollars; see :attr:`gapbench.analysis.cost.paid_attempts.PaidModel.rows`.
    """
    found: dict[str, float | None] = {}
    answers = _priced_answers(part)
    scored = answers[(answers["outcome"] != "unscored").to_numpy(dtype=bool)]
    right: Floats = (scored["outcome"] == "correct").to_numpy().astype(np.float64)
    each: Floats = np.ones(len(answers))
    for name, chosen, count in (("usd_per_task", answers, each), ("usd_per_correct", scored, right)):
        usd: Floats = as_floats(chosen["answer_usd"])
        design = design_of(chosen)
        weights = np.ones(len(chosen)) if design is None else design.weights
        total = float(weights @ count)
        found[name] = float(weights @ usd) / total if total else None
        found[f"{name}_low"], found[f"{name}_high"] = ratio_interval(
            usd, count, chosen["cluster"].to_numpy(), design=design
        )
    return found


def unpriced_tasks(part: pd.DataFrame) -> float | None:
    """Return which share of a model's tasks, by weight, has no known cost; see :func:`unpriced_share`."""
    answers = _answers(part)
    return unpriced_share(as_floats(answers["answer_usd"]), design_of(answers))


def _answers(part: pd.DataFrame) -> pd.DataFrame:
    """Return the final attempts of answered requests."""
    return part[(part["final"] & (part["outcome"] != "infra")).to_numpy(dtype=bool)]


def _priced_answers(part: pd.DataFrame) -> pd.DataFrame:
    """Return the final attempts of answered requests whose dollars are known."""
    answers = _answers(part)
    return answers[answers["answer_usd"].notna().to_numpy()]


def traffic_totals(runs: Runs, model_id: str) -> dict[str, float] | None:
    """Return tokens, tasks and replies of a model as they are in the traffic, in any unit: their ratios count.

    Args:
        runs: The runs.
        model_id: The model.

    Returns:
        Totals by the names of the cost table's columns. None where weights are not used.
    """
    frame = runs.model_frame(model_id)
    part = frame[(frame["phase"] == "measure").to_numpy()]
    is_answer = (part["outcome"] != "infra").to_numpy(dtype=bool)
    answered = part["final"].to_numpy(dtype=bool) & is_answer
    design = design_of_attempts(part)
    if design is None:
        return None
    tokens = ("input_tokens", "output_tokens", "cached_input_tokens")
    counts: dict[str, Floats] = {
        **{name: np.nan_to_num(as_floats(part[name])) for name in tokens},
        "tasks": answered.astype(np.float64),
        "replies": (part["timed"].to_numpy(dtype=bool) & is_answer).astype(np.float64),
    }
    return {name: float(design.weights @ values) for name, values in counts.items()}


def _busy_share(answers: pd.DataFrame, gpu_cells: pd.DataFrame) -> Floats:
    """Return the share of each answer's reserved time in which a request of its cell was in flight."""
    shares = {
        (str(cell["run_id"]), str(cell["cell_id"])): float(cell["busy_s"]) / float(cell["reserved_s"])
        for cell in gpu_cells.to_dict("records")
        if cell["reserved_s"]
    }
    keys = zip(answers["run_id"].astype(str), answers["cell_id"].astype(str), strict=True)
    return np.array([shares.get(key, 0.0) for key in keys], dtype=np.float64)


def _usd_user_per_task(part: pd.DataFrame, answered: Bools, users: pd.DataFrame) -> float | None:
    """Return the dollars of users for a task of the traffic; None where nothing was answered."""
    design = design_of_attempts(part)
    tasks = 0.0 if design is None else float(design.weights @ answered)
    if design is None or not tasks:
        return None
    by = ["task", "sample_id"]
    # The part that one request of each item has in the traffic.
    each = part[by].astype(str).assign(each=design.weights).drop_duplicates(by).set_index(by)["each"]
    usd = users.groupby(by, sort=False)["usd"].sum().reindex(each.index, fill_value=0.0)
    return float(each.to_numpy(np.float64) @ usd.to_numpy(np.float64)) / tasks


def _weighted_tokens(part: pd.DataFrame, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of tokens, over all attempts: those of failed ones are paid for too."""
    if row["tokens_per_task"] is None:
        return {}
    tokens: Floats = np.nan_to_num(as_floats(part["input_tokens"])) + np.nan_to_num(
        as_floats(part["output_tokens"])
    )
    answered = (part["final"] & (part["outcome"] != "infra")).to_numpy(dtype=bool)
    design = design_of_attempts(part)
    if design is None:
        return {}
    total, tasks = float(design.weights @ tokens), float(design.weights @ answered)
    found: dict[str, Any] = {"tokens_per_task": total / tasks}
    if row["usd_per_mtok"] is not None and total:
        usd = part["billed_usd"].to_numpy(dtype=np.float64)
        found["usd_per_mtok"] = float(design.weights @ usd) / total * 1e6
        low, high = ratio_interval(usd, tokens / 1e6, part["cluster"].to_numpy(), design=design)
        found["usd_per_mtok_low"], found["usd_per_mtok_high"] = low, high
    return found
