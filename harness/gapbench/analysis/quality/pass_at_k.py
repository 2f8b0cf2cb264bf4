"""pass@k and pass^k over repeats, the noise of a repetition, and partial credit from hidden tests.

Columns of :attr:`PassAtK.frame`, one row for each model and task; null means unknown. Where samples have weights, means count
them by weight, and the noise and ICC use their effective number:

================ ========================================================================================
``model_id`` ``weights`` ``simulated`` ``category`` ``task``
``samples``      samples with a judged answer; infra and unscored answers do not count
``answers``      judged answers
``repeats``      fewest judged answers of a sample
``episodes``     whether the samples are episodes
``partial``      mean share of hidden tests passed, over answers to samples with such tests; null without hidden tests
``pass_at_1`` …  for each k of :data:`K_VALUES` up to the largest number of repeats: mean over samples with at least k
                 judged answers, each with ``_low``, ``_high`` (95 %, clustered Wilson) and ``_samples``
``pass_hat_2`` … likewise pass^k, the chance that all of k answers are right; pass^1 is pass@1
``noise_floor``  standard deviation of pass@1 from one whole run of the same samples to the next, 0 to 1
``icc``          share of the variance of one answer that lies between samples: 1 means that every repeat ends alike.
                 Both are null without repeats
================ ========================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.adaptive_tasks import adaptive_tasks, is_adaptive
from gapbench.analysis.frames import Folders, Runs, as_floats, group_codes, load_runs
from gapbench.analysis.model_frames import REQUEST_IN_CELL
from gapbench.analysis.sample_design import design_of
from gapbench.analysis.weighting import DESIGN_COLUMNS, AppliedWeights
from gapbench.stats import (
    intraclass_correlation,
    mean_over_tasks,
    pass_at_k,
    pass_hat_k,
    variance_components,
    weighted_mean,
)
from gapbench.store.json_records import records

K_VALUES = (1, 2, 3, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class PassAtK:
    """pass@k and partial credit by model and task.

    Attributes:
        frame: See the module's docstring. Empty if no task has hidden tests and nothing was asked twice.
        simulated: Whether any row is simulated.
        weights: What the shares count.
    """

    frame: pd.DataFrame
    simulated: bool
    weights: AppliedWeights = field(default_factory=AppliedWeights)

    @property
    def ks(self) -> list[int]:
        """Values of k that have columns, ascending."""
        return [k for k in K_VALUES if f"pass_at_{k}" in self.frame]

    @property
    def has_episodes(self) -> bool:
        """Whether any task consists of episodes, where pass^k is what a user relies on."""
        return bool(len(self.frame) and self.frame["episodes"].any())

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
    "turn",
]


def summarize_pass_at_k(runs: Runs | Folders) -> PassAtK:
    """Return pass@k of tasks that were run under a single load and were asked more than once or have hidden tests.

    Tasks under several loads are left out: they measure speed, the load determines how often each sample is asked,
    and answers under one load are not repeats of answers under another.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    rows: list[dict[str, Any]] = []
    for (model_id, category, task), part in _judged_parts(read_runs):
        if len(part["load"].unique()) > 1 or (part["partial"].isna().all() and part["repeat"].nunique() < 2):
            continue
        first = {name: (name, "first") for name in DESIGN_COLUMNS if name in part.columns}
        trials = part.groupby(["run_id", "sample_id"], observed=True, sort=False).agg(
            n=("right", "size"), correct=("right", "sum"), cluster=("cluster_id", "first"), **first
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
                "episodes": bool(part["turn"].notna().any()),
                "partial": _partial(part),
                **_at_each_k(trials.reset_index().assign(task=task)),
                **_noise(part),
            }
        )
    return PassAtK(pd.DataFrame(rows), read_runs.simulated, read_runs.applied_weights)


def _judged_parts(runs: Runs) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Yield model, category and task with the scored answers, in the order of their first answers."""
    tally = runs.tally
    by = ["model_id", "category", "task"]
    answers = tally[
        (
            tally["final"] & (tally["phase"] == "measure") & ~tally["outcome"].isin(["infra", "unscored"])
        ).to_numpy(bool)
    ]
    parts: dict[str, dict[tuple[str, ...], pd.DataFrame]] = {}
    several = _asked_under_several_loads(runs, answers)
    for model_id, category, task in answers[by].drop_duplicates().itertuples(index=False, name=None):
        if (model_id, category, task) in several:
            continue
        if model_id not in parts:
            frame = runs.model_frame(model_id, (*REQUEST_IN_CELL, "partial"))
            # Select columns first, since masking all columns would copy the table.
            needed = [*_NEEDED, *(name for name in DESIGN_COLUMNS if name in frame.columns)]
            judged = frame[needed][frame["scored"].to_numpy()]
            judged = judged.assign(
                right=judged["outcome"] == "correct",
                # An episode has assertions and no hidden tests; the table of episodes shows them.
                partial=judged["partial"].mask(judged["turn"].notna()),
            )
            grouped = judged.groupby(by, observed=True, sort=False)
            parts[model_id] = {tuple(map(str, key)): part for key, part in grouped}
        part = parts[model_id].pop((model_id, category, task), None)
        if part is not None:
            yield (model_id, category, task), part


def _asked_under_several_loads(runs: Runs, answers: pd.DataFrame) -> set[tuple[str, str, str]]:
    """Return model, category and task that several loads have scored answers of, by the tally alone."""
    is_scored = answers["low_score"].notna().to_numpy() & ~is_adaptive(
        answers, adaptive_tasks(runs.manifests)
    )
    scored = answers[is_scored]
    loads = scored.groupby(["model_id", "category", "task"], sort=False)["load"].nunique()
    return set(loads.index[(loads > 1).to_numpy()])


def _at_each_k(trials: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = {}
    judged, correct = trials["n"].to_numpy(np.int64), trials["correct"].to_numpy(np.int64)
    clusters, design = group_codes(trials, ["cluster"]), design_of(trials)
    for name, estimator, least in (("pass_at", pass_at_k, 1), ("pass_hat", pass_hat_k, 2)):
        for k in (k for k in K_VALUES if k >= least):
            mean = mean_over_tasks(estimator, judged, correct, k, clusters, design=design)
            if mean.value is None:
                break
            found |= {
                f"{name}_{k}": mean.value,
                f"{name}_{k}_low": mean.interval[0],
                f"{name}_{k}_high": mean.interval[1],
                f"{name}_{k}_samples": mean.tasks,
            }
    return found


def _partial(part: pd.DataFrame) -> float | None:
    """Return the mean share of hidden tests passed, over the answers that have some. None: there are none."""
    tested = part[part["partial"].notna()]
    return weighted_mean(as_floats(tested["partial"]), design_of(tested)) if len(tested) else None


def _noise(part: pd.DataFrame) -> dict[str, float | None]:
    """Return the noise floor and the intraclass correlation of one model's answers to a task."""
    right = part["right"].to_numpy(np.float64)
    design = design_of(part)
    items = group_codes(part, ["run_id", "sample_id"])
    parts = variance_components(right, items, None if design is None else design.weights)
    if parts is None:
        return {"noise_floor": None, "icc": None}
    return {
        "noise_floor": math.sqrt(parts.repeat_variance / (parts.items * parts.repeats)),
        "icc": intraclass_correlation(parts),
    }
