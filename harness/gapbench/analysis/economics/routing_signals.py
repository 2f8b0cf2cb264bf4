"""Routing signals: features of stored rows that predict hard tasks without knowing the right answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gapbench.analysis.cost.answer_costs import usd_per_answer
from gapbench.analysis.economics.routing import Kind
from gapbench.analysis.frames import Runs, as_floats, group_codes
from gapbench.stats import Floats
from gapbench.store import read_attempts

_ITEM = ["task", "sample_id", "repeat", "load_kind", "load_value"]
_KEYS = (*_ITEM, "again", "prompt_sha256")
_BAD_FORM = ("unparsed", "truncated", "refused")


@dataclass(frozen=True)
class Signal:
    """A score for each task. Tasks with the highest scores go to the closed model first.

    Attributes:
        policy: Name of the policy in tables.
        kind: ``router`` if the score is known before the open model is called, else ``cascade``.
        score: One for each task.
    """

    policy: str
    kind: Kind
    score: Floats


def tasks_answered_by_both(runs: Runs, usd: Floats, open_model: str, closed_model: str) -> pd.DataFrame:
    """Return the tasks that both models answered with the same prompt, one row for each.

    Columns: ``category``, ``cluster`` (code), ``row`` (index of the open model's attempt in the runs' frame), and for
    each side (``open_``, ``closed_``) ``score``, ``usd`` (see :func:`usd_per_answer`), ``response_s``.

    Args:
        runs: The runs.
        usd: Cost of each attempt, in the order of the runs' frame.
        open_model: The open model.
        closed_model: The closed model.
    """
    sides = {
        side: _answers(runs, usd, name) for side, name in (("open", open_model), ("closed", closed_model))
    }
    keys = list(_KEYS)
    merged = sides["open"].merge(
        sides["closed"][[*keys, "score", "usd", "response_s"]], on=keys, suffixes=("_open", "_closed")
    )
    return merged.rename(
        columns={
            f"{name}_{side}": f"{side}_{name}" for side in sides for name in ("score", "usd", "response_s")
        }
    ).reset_index(drop=True)


def answers_of_model(runs: Runs, usd: Floats, table: pd.DataFrame, model_id: str) -> pd.DataFrame:
    """Return a third model's answers to the tasks of a table, one row for each task: ``score``, ``usd``, ``response_s``.

    NaN where it has no scored answer to the same prompt.

    Args:
        runs: The runs.
        usd: Cost of each attempt, in the order of the runs' frame.
        table: Result of :func:`tasks_answered_by_both`.
        model_id: The model.
    """
    columns = ["score", "usd", "response_s"]
    answers = _answers(runs, usd, model_id)[[*_KEYS, *columns]]
    merged = table[list(_KEYS)].merge(answers, on=list(_KEYS), how="left")
    return merged[columns]


def _answers(runs: Runs, usd: Floats, model_id: str) -> pd.DataFrame:
    """Return the scored answers of a model."""
    frame = runs.frame
    mask = (frame["scored"] & (frame["model_id"] == model_id)).to_numpy()
    part = frame.assign(
        usd=usd_per_answer(frame, usd),
        row=np.arange(len(frame)),
        cluster=group_codes(frame, ["task", "cluster_id"]),
    )[mask]
    # If a model was measured in several runs, its further answers to an item count as further repeats.
    part = part.assign(again=part.groupby(_ITEM, observed=True).cumcount())
    return part[[*_KEYS, "category", "cluster", "row", "score", "usd", "response_s"]]


def routing_signals(runs: Runs, table: pd.DataFrame) -> list[Signal]:
    """Return the available signals, without those that are the same for every task.

    Args:
        runs: The runs.
        table: Result of :func:`tasks_answered_by_both`.
    """
    rows = runs.frame.iloc[table["row"].to_numpy(np.int64)]
    found = [
        Signal("route by prompt length", "router", np.nan_to_num(as_floats(rows["input_tokens"]))),
        Signal(
            "cascade on bad form", "cascade", rows["outcome"].isin(_BAD_FORM).to_numpy().astype(np.float64)
        ),
        Signal("cascade on answer length", "cascade", np.nan_to_num(as_floats(rows["output_chars"]))),
    ]
    disagreement = _disagreement(runs, table)
    if disagreement is not None:
        found.append(Signal("cascade on disagreement", "cascade", disagreement))
    return [signal for signal in found if len(np.unique(signal.score)) > 1]


def _disagreement(runs: Runs, table: pd.DataFrame) -> Floats | None:
    """Return the share of a task's other repeats with a different answer, or None if nothing was asked twice."""
    if not (table["repeat"] > 0).any():
        return None
    answers = read_attempts(runs.folders, ["answer"])["answer"].to_numpy()[table["row"].to_numpy(np.int64)]
    item = group_codes(table, ["task", "sample_id", "load_kind", "load_value"])
    same = group_codes(
        pd.DataFrame({"item": item, "answer": pd.Series(answers, dtype="object")}), ["item", "answer"]
    )
    answers_of_item, agreeing = np.bincount(item)[item], np.bincount(same)[same]
    return np.asarray(1 - (agreeing - 1) / np.maximum(answers_of_item - 1, 1), dtype=np.float64)
