"""pass@k over repeats, and partial credit from hidden tests.

Columns of :attr:`PassAtK.frame`, one row for each model and task; null means unknown:

================ ========================================================================================
``model_id`` ``weights`` ``simulated`` ``category`` ``task``
``samples``      samples with a judged answer; infra and unscored answers do not count
``answers``      judged answers
``repeats``      fewest judged answers of a sample
``partial``      mean share of hidden tests passed, over answers to samples with such tests; null without hidden tests
``pass_at_1`` …  for each k of :data:`K_VALUES` up to the largest number of repeats: mean over samples with at least k
                 judged answers, each with ``_low``, ``_high`` (95 %, clustered Wilson) and ``_samples``
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
        frame: See the module's docstring. Empty if no task has hidden tests and nothing was asked twice.
        simulated: Whether any row is simulated.
    """

    frame: pd.DataFrame
    simulated: bool

    @property
    def ks(self) -> list[int]:
        """Values of k that have columns, ascending."""
        return [k for k in K_VALUES if f"pass_at_{k}" in self.frame]

    @property
    def has_hidden_tests(self) -> bool:
        """Whether any task has hidden tests, and so partial credit."""
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
    """Return pass@k of tasks that were run under a single load and were asked more than once or have hidden tests.

    Tasks under several loads are left out: they measure speed, the load determines how often each sample is asked,
    and answers under one load are not repeats of answers under another.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    table = read_runs.frame
    # Scored rows are final and measured. Select columns first, since masking all columns would copy the table.
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
