"""Scores of the same requests over many nights, and the level of each night on what they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gapbench.analysis.answer_keys import KEY_COLUMNS, answer_keys
from gapbench.analysis.frames import as_floats, group_codes, load_runs, without_search_probes
from gapbench.stats import Floats, Ints
from gapbench.stats.change_points import night_levels

MIN_SHARED = 0.5
"""Share of the smaller night's requests that it must have in common with the night before."""
_REQUEST = ["task", "load", "sample_id", "repeat", "prompt_sha256"]
_COLUMNS = (
    *KEY_COLUMNS,
    *_REQUEST,
    "cluster_id",
    "load_kind",
    "scored",
    "score",
    "final",
    "outcome",
    "model_id",
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Nights in a row whose questions are mostly the same.

    Attributes:
        runs: Run ids, oldest first.
        levels: Accuracy of each on common requests, 0 to 1.
        error: Least standard error to assume of one night; see :func:`gapbench.stats.change_points.night_levels`.
    """

    runs: tuple[str, ...]
    levels: Floats
    error: float


@dataclass(frozen=True)
class NightScores:
    """The scored requests of several runs.

    Attributes:
        frame: ``run_id``, ``model_id``, ``score``, and codes of the ``request`` and its ``cluster``. Two requests have one
            code if task, load, sample, repeat, prompt, and what they are judged by are the same.
        runs: Run ids, oldest first.
    """

    frame: pd.DataFrame
    runs: tuple[str, ...]

    @classmethod
    def read(cls, folders: Sequence[Path]) -> NightScores:
        """Read the scores of runs, oldest first."""
        runs = load_runs(folders, columns=_COLUMNS)
        keys = answer_keys(runs, np.arange(len(runs.frame), dtype=np.int32))
        frame = runs.frame.assign(**{f"by {name}": codes for name, codes in keys.items()})
        frame = without_search_probes(frame)
        frame = frame[frame["scored"]]
        request = group_codes(frame, [*_REQUEST, *(f"by {name}" for name in keys)])
        table = pd.DataFrame(
            {
                "run_id": frame["run_id"].astype(str).to_numpy(),
                "model_id": frame["model_id"].astype(str).to_numpy(),
                "score": as_floats(frame["score"]),
                "request": request,
                "cluster": group_codes(frame, ["task", "cluster_id"]),
            }
        )
        return cls(table, tuple(str(manifest.run_id) for manifest in runs.manifests))

    def stretches(self, model_id: str) -> list[Stretch]:
        """Return a model's nights, divided where most questions changed. Nights without a score are left out."""
        own = self.frame[self.frame["model_id"] == model_id]
        by_run = {str(run): part for run, part in own.groupby("run_id", sort=False)}
        groups: list[list[str]] = []
        seen: set[int] = set()
        for run in self.runs:
            if run not in by_run:
                continue
            requests = set(by_run[run]["request"].tolist())
            if not groups or len(requests & seen) < MIN_SHARED * min(len(requests), len(seen)):
                groups.append([])
            groups[-1].append(run)
            seen = requests
        return [_levels([by_run[run] for run in group], group) for group in groups]


def _levels(parts: Sequence[pd.DataFrame], runs: Sequence[str]) -> Stretch:
    every = pd.concat(parts, ignore_index=True)
    codes, requests = pd.factorize(every["request"])
    scores = np.full((len(requests), len(runs)), np.nan)
    nights = np.repeat(np.arange(len(runs)), [len(part) for part in parts])
    scores[codes, nights] = every["score"]
    clusters: Ints = np.zeros(len(requests), dtype=np.int64)
    clusters[codes] = every["cluster"]
    return Stretch(tuple(runs), *night_levels(scores, clusters))
