"""The data of the sample browser: every measured request with the answers of all models.

This and the examples of failures are the only analyses that read the payload (texts); all others use the attempt table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gapbench.analysis.episode_turns import ENDING_COLUMNS, TURN_COLUMNS, TURN_TEXTS
from gapbench.analysis.frames import Folders, Runs, load_runs
from gapbench.store import read_attempts, read_payload, read_trajectories
from gapbench.store.attempt_frame import read_frame
from gapbench.values import ATTEMPT_KEY

_KEY = list(ATTEMPT_KEY)
_TEXTS = ["messages", "reply", "reasoning", "target", "reason", "error", "calls", "state_changes"]
_TURN_ONLY = [name for name in TURN_COLUMNS if name not in _KEY]
_OF_ITEM = ["task", "category", "sample_id", "repeat", "load", "messages", "target"]
_OF_ANSWER = list(
    dict.fromkeys(
        [
            "item", "model_id", "outcome", "failure_kind", "finish_reason", "score", "answer", "input_tokens",
            "output_tokens", "ttft_s", "response_s", "prompt_sha256", *_TEXTS, "run_id", *_TURN_ONLY,
        ]
    )
)  # fmt: skip
_STORED = [name for name in dict.fromkeys([*_KEY, *_OF_ITEM, *_OF_ANSWER]) if name not in {*_TEXTS, "item"}]
MAX_ITEMS = 20_000
# An item is known by a hash, so that many of them take little memory.
_NEWEST = """
SELECT * FROM (
  WITH newest AS MATERIALIZED (
    SELECT hash(task, sample_id, repeat, load_kind, load_value) AS item, max(ord) AS ord FROM attempts
    WHERE final AND phase = 'measure' AND (NOT $without_probes OR load_kind IS DISTINCT FROM 'search')
    GROUP BY item, model_id
  ), firsts AS (SELECT item, min(ord) AS first FROM newest GROUP BY item ORDER BY first LIMIT $items)
  SELECT n.ord, f.first, (SELECT count(DISTINCT item) FROM newest) AS total
  FROM newest n JOIN firsts f USING (item) ORDER BY f.first, n.ord
)
"""
"""The newest answer of each model to the first requests, and how many requests there are in all."""


@dataclass(frozen=True)
class Samples:
    """Requests and the answer of each model.

    Attributes:
        items: One row for each request, indexed by ``item``: ``task``, ``category``, ``sample_id``, ``repeat``,
            ``load`` (``c16`` in flight, ``r4`` per second), ``messages`` and ``target`` (JSON; those of the first model).
        answers: One row for each final measured attempt, sorted by ``item``: ``item``, ``model_id``, ``outcome``,
            ``failure_kind``, ``finish_reason``, ``score``, ``answer``, ``input_tokens``, ``output_tokens``, ``ttft_s``,
            ``response_s``, ``prompt_sha256``, ``messages``, ``reply``, ``reasoning``, ``target``, ``reason``, ``error``,
            and what :func:`gapbench.analysis.episode_turns.describe_episode` reads of a turn.
        turns: One row for each attempt of the episodes, in the same columns as far as a turn has them, and ``run_id``.
        endings: Their rows of the trajectory table.
        models: Model ids, in the order of the suites.
        total: Number of requests in the runs; more than ``len(items)`` if the table was cut.
    """

    items: pd.DataFrame
    answers: pd.DataFrame
    turns: pd.DataFrame
    endings: pd.DataFrame
    models: tuple[str, ...]
    total: int


def collect_samples(runs: Runs | Folders, max_items: int = MAX_ITEMS) -> Samples:
    """Return the first ``max_items`` requests of runs with every model's answer.

    If a model was measured in several runs, its newest answer to a request is used.

    Args:
        runs: Run folders, or runs already loaded.
        max_items: Requests to keep, in the order in which they were first answered.

    Raises:
        ResultsError: A folder is not a run.
    """
    read_runs = load_runs(runs)
    newest, total = _newest_answers(read_runs, max_items)
    frame = read_frame(
        read_runs.attempts.near(newest.index.to_numpy(np.int64)),
        ["ord", *_STORED],
        where="a.ord IN (SELECT unnest($rows))",
        values={"rows": newest.index.to_list()},
    )
    frame = frame.assign(item=newest["item"].reindex(frame["ord"]).to_numpy())
    shown = set(frame["sample_id"].astype(str)) if total > max_items else None
    texts = read_payload(read_runs.folders, [*_KEY, *_TEXTS], shown)
    joined = _string_keys(frame).merge(_string_keys(texts), on=_KEY, how="left")
    joined = joined.sort_values("item", kind="stable").reset_index(drop=True)
    items = joined.groupby("item", sort=True)[_OF_ITEM].first()
    turns, endings = _read_turns(read_runs.folders, joined)
    present = set(joined["model_id"].astype(str))
    models = tuple(name for name in read_runs.models if name in present)
    return Samples(items, joined[_OF_ANSWER], turns, endings, models, total)


def _newest_answers(runs: Runs, max_items: int) -> tuple[pd.DataFrame, int]:
    """Return the number of each answer's item, indexed by the answer's ``ord``, and how many items there are in all."""
    found = runs.attempts.table(
        _NEWEST,
        ["task", "sample_id", "repeat", "load_kind", "load_value", "model_id", "final", "phase"],
        values={"items": max_items, "without_probes": runs.has_probes_beside_others},
    ).to_pandas()
    items, _ = pd.factorize(found["first"])
    total = int(found["total"].iloc[0]) if len(found) else 0
    return pd.DataFrame({"item": items.astype(np.int64)}, index=found["ord"]), total


def _read_turns(folders: Sequence[Path], answers: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return all attempts of the episodes that ended with some answers, and their rows of the trajectory table."""
    ended = answers[answers["trajectory_id"].notna()]
    if ended.empty:
        return pd.DataFrame(columns=[*_KEY, *_TURN_ONLY, *TURN_TEXTS]), pd.DataFrame(
            columns=[*ENDING_COLUMNS]
        )
    names, samples = set(ended["trajectory_id"]), set(ended["sample_id"].astype(str))
    rows = read_attempts(folders, [*_KEY, *_TURN_ONLY], sample_ids=samples)
    rows = _string_keys(rows[rows["trajectory_id"].isin(names)])
    texts = _string_keys(read_payload(folders, [*_KEY, *TURN_TEXTS], samples))
    endings = read_trajectories(folders, ["sample_id", *ENDING_COLUMNS], samples)
    return rows.merge(texts, on=_KEY, how="left"), endings[endings["trajectory_id"].isin(names)]


def _string_keys(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with plain strings as keys, since categoricals of two tables do not join."""
    return frame.astype({"run_id": str, "cell_id": str})
