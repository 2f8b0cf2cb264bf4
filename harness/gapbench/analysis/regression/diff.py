"""Compare two runs of one suite item by item: which answers flipped, how much is noise, and what changed.

A pair is the same sample, repeat and load of the same model in both runs. The change of accuracy is split by cause. The
cause of a pair is the first of these that applies:

``code``    our side changed: prompt, parameters sent, or the task's content
``model``   the provider's side changed: another model id was served, or another system fingerprint
``engine``  the server's facts or a client library changed
``noise``   nothing that is recorded changed

The cost of a task is split into price (the first run's tokens at the second run's prices) and usage.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.frames import Runs, as_floats, group_codes, load_of_cell, load_runs, shared_models
from gapbench.analysis.regression.setup_changes import setup_changes
from gapbench.stats import Floats, paired_difference
from gapbench.store import read_attempts
from gapbench.store.json_records import to_json_value
from gapbench.store.manifest import ModelEntry
from gapbench.store.trajectories import read_trajectories

CAUSES = ("code", "model", "engine", "noise")
_KEY = ["model_id", "task", "sample_id", "repeat", "load_kind", "load_value"]
_RESULT_COLUMNS = ["outcome", "score", "answer", "finish_reason"]
_CODE_COLUMNS = ["prompt_sha256", "params_sent", "task_sha256"]
_MODEL_COLUMNS = ["model_served", "system_fingerprint"]
FLIP_COLUMNS = (
    "model_id",
    "task",
    "sample_id",
    "repeat",
    "cause",
    *(
        f"{name}_{side}"
        for name in (*_RESULT_COLUMNS, "termination", *_CODE_COLUMNS, *_MODEL_COLUMNS)
        for side in ("a", "b")
    ),
)


@dataclass(frozen=True)
class RunDiff:
    """The differences between run A and run B.

    Attributes:
        a: Run ids of A.
        b: Run ids of B.
        models: One row for each model that both have: ``model_id``, ``n_pairs``, ``accuracy_a`` and
            ``accuracy_b`` (0 to 1), ``change_points`` (B minus A) with ``ci_low``, ``ci_high`` and
            ``p_value``, ``flips`` and ``flip_rate``, ``noise_flip_rate`` (the chance that two answers to one
            item within a run differ; null without repeats), ``drift_points`` and ``drift_pairs`` by cause,
            ``usd_per_task_a`` and ``_b``, ``usd_price`` and ``usd_usage`` (null: unknown), ``verdict``.
        flips: One row for each pair that was right in one run and not in the other: :data:`FLIP_COLUMNS`. ``termination``
            is how an episode ended; null for a single request.
        changes: Differences between the manifests: ``kind`` (``price``, ``model``, ``engine``, ``code``),
            ``what``, ``a``, ``b``. For mappings, ``a`` and ``b`` hold only the keys that differ.
        simulated: Whether any model is simulated.
        warnings: One sentence for each caveat that readers need to know.
    """

    a: list[str]
    b: list[str]
    models: list[dict[str, Any]]
    flips: pd.DataFrame
    changes: list[dict[str, Any]]
    simulated: bool
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench diff --json``."""
        flips = self.flips.to_dict(orient="records")
        return {
            "schema": 1,
            "a": self.a,
            "b": self.b,
            "models": self.models,
            "flips": [{str(key): to_json_value(value) for key, value in row.items()} for row in flips],
            "changes": self.changes,
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def diff_runs(first: Sequence[Path], second: Sequence[Path]) -> RunDiff:
    """Return the differences between two runs of a suite.

    Args:
        first: Run folders of A.
        second: Run folders of B.

    Raises:
        ResultsError: A folder is not a run, or the runs share no model.
    """
    (one, notes), (other, more) = (
        load_runs(side).without_weights("bench diff counts (bench compare does not)")
        for side in (first, second)
    )
    runs = one, other
    models = shared_models(*runs)
    tables = [_answers(folders) for folders in (first, second)]
    changes = list(setup_changes(*runs))
    both = tables[0].merge(tables[1], on=_KEY, how="inner", suffixes=("_a", "_b"))
    known = both[both["scored_a"] & both["scored_b"]].reset_index(drop=True)
    known = known.assign(cause=_causes(known, {row["what"] for row in changes if row["kind"] == "engine"}))
    right = [(known[f"outcome_{side}"] == "correct").to_numpy() for side in ("a", "b")]
    flips = known[right[0] != right[1]]
    usd = _usd(*runs, models)
    rows = []
    for name in models:
        mask = (known["model_id"] == name).to_numpy()
        noise = _noise_rate([table[table["model_id"] == name] for table in tables])
        rows.append(
            {"model_id": name, **_row(known[mask], right[0][mask], right[1][mask], noise), **usd[name]}
        )
    suites = [str(side.manifests[-1].suite) for side in runs]
    warnings = [*dict.fromkeys([*notes, *more]), *_unshared_models(*runs, models)]
    if suites[0] != suites[1]:
        warnings.append(f"the runs are of two suites: {suites[0]} and {suites[1]}")
    warnings += _unpaired_models(tables, models, set(both["model_id"]))
    unscored = len(both) - len(known)
    if unscored:
        warnings.append(f"{unscored} shared requests have no score on one side and are left out")
    return RunDiff(
        [str(manifest.run_id) for manifest in runs[0].manifests],
        [str(manifest.run_id) for manifest in runs[1].manifests],
        rows,
        flips.reindex(columns=list(FLIP_COLUMNS)).reset_index(drop=True),
        changes,
        runs[0].simulated or runs[1].simulated,
        warnings,
    )


def _answers(folders: Sequence[Path]) -> pd.DataFrame:
    """Return the final measured attempts; if several runs answered an item, only the last answer."""
    columns = [
        *_KEY,
        "cell_id",
        "cluster_id",
        "attempt",
        "final",
        "phase",
        *_RESULT_COLUMNS,
        *_CODE_COLUMNS,
        *_MODEL_COLUMNS,
    ]
    frame = read_attempts(folders, [*columns, "trajectory_id"])
    frame = frame[frame["final"] & (frame["phase"] == "measure")]
    frame = frame.assign(termination=_terminations(frame, folders))
    texts = [
        *_KEY[:3],
        "load_kind",
        "cell_id",
        "cluster_id",
        "outcome",
        "answer",
        "finish_reason",
        *_CODE_COLUMNS,
        *_MODEL_COLUMNS,
    ]
    # Plain strings, since categoricals of two runs are not comparable.
    frame = frame.astype(dict.fromkeys(texts, object))
    scored = ~frame["outcome"].isin(["infra", "unscored"]) & frame["score"].notna()
    return frame.assign(scored=scored).drop_duplicates(_KEY, keep="last").reset_index(drop=True)


def _terminations(frame: pd.DataFrame, folders: Sequence[Path]) -> pd.Series[Any]:
    """Return how each episode ended; None for a single request."""
    if frame["trajectory_id"].isna().all():
        return pd.Series([None] * len(frame), frame.index, dtype=object)
    ended = read_trajectories(folders, ["trajectory_id", "termination"])
    reasons = dict(zip(ended["trajectory_id"].astype(str), ended["termination"].astype(str), strict=True))
    return pd.Series([reasons.get(str(name)) for name in frame["trajectory_id"]], frame.index, dtype=object)


def _unshared_models(first: Runs, second: Runs, shared: Sequence[str]) -> list[str]:
    return [
        f"{name} is only in one of the two runs"
        for name in dict.fromkeys([*first.models, *second.models])
        if name not in shared
    ]


def _unpaired_models(
    tables: Sequence[pd.DataFrame], models: Sequence[str], paired: Collection[str]
) -> list[str]:
    return [
        f"{name}: {_no_pairs_reason(*(table[table['model_id'] == name] for table in tables))}"
        for name in models
        if name not in paired
    ]


def _no_pairs_reason(one: pd.DataFrame, other: pd.DataFrame) -> str:
    """Return why no request of a model is in both runs: the first part of the request key that has no common value."""
    if one.empty or other.empty:
        return f"run {'A' if one.empty else 'B'} has no measured request of it"
    sides = [side.assign(load=side["cell_id"].map(load_of_cell)) for side in (one, other)]
    for column, words in (
        ("task", "tasks"),
        ("load", "loads"),
        ("sample_id", "samples"),
        ("repeat", "repeats"),
    ):
        before, after = (list(dict.fromkeys(side[column].astype(str))) for side in sides)
        if not set(before) & set(after):
            return f"no request is in both runs: {words} {_join_first(before)} against {_join_first(after)}"
    return "no request is in both runs: none has the same task, load, sample and repeat"


def _join_first(names: Sequence[str], limit: int = 3) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def _causes(known: pd.DataFrame, engines: set[str]) -> list[str]:
    """Return the cause of each pair; see the module's docstring."""
    ours, theirs = _differs(known, _CODE_COLUMNS), _differs(known, _MODEL_COLUMNS)
    shared = "package" in engines
    engine = np.array([shared or str(name) in engines for name in known["model_id"]], dtype=bool)
    return [
        "code" if one else "model" if other else "engine" if changed else "noise"
        for one, other, changed in zip(ours, theirs, engine, strict=True)
    ]


def _differs(known: pd.DataFrame, names: Sequence[str]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    found = np.zeros(len(known), dtype=bool)
    for name in names:
        one, other = known[f"{name}_a"], known[f"{name}_b"]
        same = (one == other) | (one.isna() & other.isna())
        found |= ~same.to_numpy(dtype=bool)
    return found


def _row(known: pd.DataFrame, right_a: Any, right_b: Any, noise: float | None) -> dict[str, Any]:
    n = len(known)
    row: dict[str, Any] = {"n_pairs": n, "noise_flip_rate": noise}
    if not n:
        return {**row, "flips": 0, "flip_rate": None, "verdict": "no shared scored requests"}
    before, after = as_floats(known["score_a"]), as_floats(known["score_b"])
    difference = paired_difference(after, before, group_codes(known, ["task", "cluster_id_a"]))
    flips = int((right_a != right_b).sum())
    change = after - before
    cause = known["cause"].to_numpy()
    verdict = "not distinguishable"
    if difference.p_value < 0.05:
        verdict = "B is better" if difference.estimate > 0 else "B is worse"
    return {
        **row,
        "accuracy_a": float(before.mean()),
        "accuracy_b": float(after.mean()),
        "change_points": difference.estimate * 100,
        "ci_low": difference.low * 100,
        "ci_high": difference.high * 100,
        "p_value": difference.p_value,
        "flips": flips,
        "flip_rate": flips / n,
        "drift_points": {name: float(change[cause == name].sum()) / n * 100 for name in CAUSES},
        "drift_pairs": {name: int((cause == name).sum()) for name in CAUSES},
        "verdict": verdict,
    }


def _noise_rate(tables: Sequence[pd.DataFrame]) -> float | None:
    """Return the chance that of two answers to an item within a run only one is right. None without repeats."""
    differing = pairs = 0.0
    for table in tables:
        scored = table[table["scored"]]
        right = (scored["outcome"] == "correct").to_numpy().astype(np.float64)
        if not len(scored):
            continue
        item = group_codes(scored, ["task", "sample_id", "load_kind", "load_value"])
        n, yes = np.bincount(item), np.bincount(item, weights=right)
        differing += float((yes * (n - yes)).sum())
        pairs += float((n * (n - 1) / 2).sum())
    return differing / pairs if pairs else None


def _usd(first: Runs, second: Runs, models: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return dollars per task in both runs by model, and how much of the change is due to price and to usage."""
    repriced = replace(
        first,
        manifests=tuple(
            manifest.model_copy(update={"models": [_priced_as(model, second) for model in manifest.models]})
            for manifest in first.manifests
        ),
    )
    day = second.frame["started_at"].max()
    means = [_per_task(first), _per_task(repriced, day), _per_task(second)]
    found: dict[str, dict[str, Any]] = {}
    for name in models:
        before, between, after = (table.get(name) for table in means)
        found[name] = {
            "usd_per_task_a": before,
            "usd_per_task_b": after,
            "usd_price": None if before is None or between is None else between - before,
            "usd_usage": None if between is None or after is None else after - between,
        }
    return found


def _priced_as(model: ModelEntry, runs: Runs) -> ModelEntry:
    return model.model_copy(update={"cost": runs.model(model.id).cost}) if model.id in runs.models else model


def _per_task(runs: Runs, priced_at: datetime | None = None) -> dict[str, float]:
    """Return dollars per answered request by model, retries included. Models with unknown costs are left out.

    Args:
        runs: The runs.
        priced_at: Price all calls as at this instant. None: as when they were made.
    """
    usd: Floats = bill(runs, priced_at=priced_at).usd
    frame = runs.frame
    measured = (frame["phase"] == "measure").to_numpy()
    answered = measured & frame["final"].to_numpy() & (frame["outcome"] != "infra").to_numpy()
    found: dict[str, float] = {}
    for name in runs.models:
        mask = (frame["model_id"] == name).to_numpy()
        total, tasks = usd[mask & measured].sum(), int((mask & answered).sum())
        if tasks and not np.isnan(total):
            found[name] = float(total) / tasks
    return found
