"""Routing signals: features of stored rows that predict hard tasks without knowing the right answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gapbench.analysis.answer_keys import answer_keys
from gapbench.analysis.cost.answer_costs import usd_per_answer
from gapbench.analysis.economics.routing import Kind
from gapbench.analysis.frames import (
    Runs,
    as_floats,
    group_codes,
    read_columns,
    without_search_probes,
)
from gapbench.stats import Floats

_ITEM = ["task", "sample_id", "repeat", "load_kind", "load_value"]
_KEYS = (*_ITEM, "again", "prompt_sha256")
_JUDGED_BY = "judged by "
"""Prefix of the columns that hold the codes of what an answer was judged by."""
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


def tasks_answered_by_both(
    runs: Runs, usd: Floats, open_model: str, closed_model: str
) -> tuple[pd.DataFrame, int]:
    """Return the tasks that both models answered with the same prompt and that were judged by the same key.

    The second value is the number of tasks that were judged by another version of the task, scorer or target and are left
    out. Columns, one row for each task: ``category``, ``cluster`` (code), ``row`` (index of the open model's attempt in the runs' frame), and for
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
    values = ["score", "usd", "response_s"]
    names = [*values, *_judged_by(sides["closed"])]
    merged = sides["open"].merge(
        sides["closed"][[*_KEYS, *names]], on=list(_KEYS), suffixes=("_open", "_closed")
    )
    alike = _judged_alike(merged)
    table = merged[alike].rename(
        columns={f"{name}_{side}": f"{side}_{name}" for side in sides for name in values}
    )
    # All models are compared with the answer key of the open model's rows.
    table = table.rename(columns={f"{name}_open": name for name in _judged_by(sides["open"])})
    table = table[
        [name for name in table.columns if not (name.startswith(_JUDGED_BY) and name.endswith("_closed"))]
    ]
    return table.reset_index(drop=True), int((~alike).sum())


def answers_of_model(runs: Runs, usd: Floats, table: pd.DataFrame, model_id: str) -> pd.DataFrame:
    """Return a third model's answers to the tasks of a table, one row for each task: ``score``, ``usd``, ``response_s``.

    NaN where it has no scored answer to the same prompt, or where that was judged by another key.

    Args:
        runs: The runs.
        usd: Cost of each attempt, in the order of the runs' frame.
        table: Result of :func:`tasks_answered_by_both`.
        model_id: The model.
    """
    columns = ["score", "usd", "response_s"]
    answers = _answers(runs, usd, model_id)
    judged_by = _judged_by(answers)
    merged = table[[*_KEYS, *judged_by]].merge(
        answers[[*_KEYS, *columns, *judged_by]], on=list(_KEYS), how="left", suffixes=("_open", "_closed")
    )
    return merged[columns].where(_judged_alike(merged))


def _answers(runs: Runs, usd: Floats, model_id: str) -> pd.DataFrame:
    """Return the scored answers of a model, without those that other tables leave out; see :func:`without_search_probes`."""
    frame = runs.frame
    scored = frame["scored"].to_numpy()
    mask = np.zeros(len(frame), dtype=bool)
    mask[without_search_probes(frame[["load_kind"]].reset_index(drop=True)[scored]).index] = True
    mask &= (frame["model_id"] == model_id).to_numpy()
    part = frame.assign(
        usd=usd_per_answer(frame, usd),
        row=np.arange(len(frame)),
        cluster=group_codes(frame, ["task", "cluster_id"]),
    )[mask]
    # If a model was measured in several runs, its further answers to an item count as further repeats.
    part = part.assign(again=part.groupby(_ITEM, observed=True).cumcount())
    # Over the answers of all models, so that the codes of two models compare.
    keys = answer_keys(runs, np.flatnonzero(scored).astype(np.int32))
    part = part.assign(**{f"{_JUDGED_BY}{name}": codes[mask[scored]] for name, codes in keys.items()})
    return part[[*_KEYS, "category", "cluster", "row", "score", "usd", "response_s", *_judged_by(part)]]


def _judged_by(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table.columns if str(name).startswith(_JUDGED_BY)]


def _judged_alike(merged: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows of a merged table have the same key on both sides. A negative code differs from nothing."""
    alike = pd.Series(data=True, index=merged.index)
    for name in _judged_by(merged):
        if name.endswith("_open"):
            first, second = merged[name], merged[f"{name.removesuffix('_open')}_closed"]
            alike &= ~((first != second) & (first >= 0) & (second >= 0))
    return alike


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
    answers = read_columns(runs, ["answer"])["answer"].to_numpy()[table["row"].to_numpy(np.int64)]
    item = group_codes(table, ["task", "sample_id", "load_kind", "load_value"])
    same = group_codes(
        pd.DataFrame({"item": item, "answer": pd.Series(answers, dtype="object")}), ["item", "answer"]
    )
    answers_of_item, agreeing = np.bincount(item)[item], np.bincount(same)[same]
    return np.asarray(1 - (agreeing - 1) / np.maximum(answers_of_item - 1, 1), dtype=np.float64)
