"""Tasks that were asked adaptively: their answers count in rungs of a ladder, never in percent.

An adaptive run picks harder questions for a model that answers more of them, so its share of right answers is near one
half whatever the model can do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gapbench.store.manifest import RunManifest

ADAPTIVE_SOURCES = ("run_id", "task")
"""Columns that :func:`is_adaptive` uses."""


def adaptive_tasks(manifests: Sequence[RunManifest]) -> Mapping[str, frozenset[str]]:
    """Return the names of the adaptive tasks of each run that has any, by run id."""
    found = {
        manifest.run_id: frozenset(task.name for task in manifest.tasks if task.adaptive is not None)
        for manifest in manifests
    }
    return {run_id: names for run_id, names in found.items() if names}


def is_adaptive(
    frame: pd.DataFrame, tasks: Mapping[str, frozenset[str]]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return whether each row is of an adaptive task.

    Args:
        frame: Rows with the columns :data:`ADAPTIVE_SOURCES`.
        tasks: As :func:`adaptive_tasks` returns them.
    """
    found = np.zeros(len(frame), dtype=bool)
    for run_id, names in tasks.items():
        found |= ((frame["run_id"] == run_id) & frame["task"].isin(names)).to_numpy()
    return found
