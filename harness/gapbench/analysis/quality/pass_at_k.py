"""pass@k over repeats, and partial credit beside it: what accuracy alone does not say.

Columns of :attr:`PassAtK.frame`, one row for each model and task; null is unknown:

================ ========================================================================================
``model_id`` ``weights`` ``simulated`` ``category`` ``task``
``samples``      samples with a judged answer; infra and unscored answers are no trials
``answers``      judged answers
``repeats``      fewest judged answers of a sample
``partial``      mean share of the hidden tests that held, over answers that have one; null: no hidden tests
``pass_at_1`` …  for each k of :data:`K_VALUES` up to the most repeats: mean over samples with at least k judged
                 answers, each with ``_low``, ``_high`` (95 %, clustered Wilson) and ``_samples``
================ ========================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import Folders, Runs, group_codes, load_runs
from gapbench.stats import mean_interval, pass_at_k
from gapbench.store.json_records import records

K_VALUES = (1, 2, 3, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class PassAtK:
    """pass@k and partial credit by model and task.

    Attributes:
        frame: See the module's docstring. Empty: no task has hidden tests, and nothing was asked twice.
        simulated: Whether any row is simulated.
    """

    frame: pd.DataFrame
    simulated: bool

    @property
    def ks(self) -> list[int]:
        """The k of the columns, in order."""
        return [k for k in K_VALUES if f"pass_at_{k}" in self.frame]

    @property
    def has_hidden_tests(self) -> bool:
        """Whether a task has hidden tests, and so partial credit."""
        return bool(len(self.frame) and self.frame["partial"].notna().any())

    def to_json(self) -> list[dict[str, Any]]:
        """Return the rows of ``bench report --json``."""
        return records(self.frame)


_NEEDED = [
    "run_id",
    "model_id",
    "category",
    "task",
    "load",
    "sample_id",
    "cluster_id",
    "repeat",
    "outcome",
    "partial",
]


def summarize_pass_at_k(runs: Runs | Folders) -> PassAtK:
    """Return pass@k of the tasks that were asked more than once or have hidden tests, and under one load.

    A task under several loads is a question about speed: how often a sample came round there is told by the load, and
    answers under one load are no repeats of those under another.

    Raises:
        ResultsError: A folder is no run.
    """
    read_runs = load_runs(runs)
    table = read_runs.frame
    # Scored rows are final and measured; the columns first, since a mask over all of them copies the table.
    judged = table[_NEEDED][table["scored"].to_numpy()].assign(
        right=lambda frame: frame["outcome"] == "correct"
    )
    rows: list[dict[str, Any]] = []
    for (model_id, category, task), part in judged.groupby(
        ["model_id", "category", "task"], observed=True, sort=False
    ):
        if len(part["load"].unique()) > 1 or (part["partial"].isna().all() and part["repeat"].nunique() < 2):
            continue
        trials = part.groupby(["run_id", "sample_id"], observed=True, sort=False).agg(
            n=("right", "size"), correct=("right", "sum"), cluster=("cluster_id", "first")
        )
        if part["partial"].isna().all() and int(trials["n"].max()) < 2:
            continue
        model = read_runs.model(str(model_id))
        rows.append(
            {
                "model_id": str(model_id),
                "weights": model.weights,
                "simulated": model.simulated,
                "category": str(category),
                "task": str(task),
                "samples": len(trials),
                "answers": len(part),
                "repeats": int(trials["n"].min()),
                "partial": float(part["partial"].mean()) if part["partial"].notna().any() else None,
                **_at_each_k(trials.reset_index()),
            }
        )
    return PassAtK(pd.DataFrame(rows), read_runs.simulated)


def _at_each_k(trials: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for k in K_VALUES:
        enough = trials[trials["n"] >= k]
        if enough.empty:
            break
        pairs = zip(enough["n"], enough["correct"], strict=True)
        values = np.array([pass_at_k(int(n), int(correct), k) for n, correct in pairs], dtype=np.float64)
        low, high = mean_interval(values, group_codes(enough, ["cluster"]))
        found |= {
            f"pass_at_{k}": float(values.mean()),
            f"pass_at_{k}_low": low,
            f"pass_at_{k}_high": high,
            f"pass_at_{k}_samples": len(enough),
        }
    return found
