"""Reads the trajectory table of runs: one row for each episode that counts, with later scores applied."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gapbench.store.reader import check_is_run, read_table
from gapbench.store.schema import TRAJECTORY_SCHEMA
from gapbench.values import Trajectory

if TYPE_CHECKING:
    import pandas as pd


def read_trajectories(
    runs: Sequence[Path], columns: Sequence[str] | None = None, sample_ids: Collection[str] | None = None
) -> pd.DataFrame:
    """Return the episodes of ``runs``, one row each, in the columns of the trajectory row.

    An episode whose request was sent again after it ended without an answer is not among them.

    Args:
        runs: Run folders. One that is still being written is read as far as it has got.
        columns: Columns to read; None: all.
        sample_ids: Only these samples' rows, and the columns must have ``sample_id``. None: all.

    Raises:
        ResultsError: A folder is not a run, or was written with a newer schema.
    """
    for run in runs:
        check_is_run(run)
    frame: pd.DataFrame = read_table(runs, "trajectories", TRAJECTORY_SCHEMA, columns, sample_ids).to_pandas()
    return frame


def read_trajectory_values(run: Path) -> list[Trajectory]:
    """Return every episode of a run as a value, in the order written; ``run.json`` is not read."""
    table = read_table([run], "trajectories", TRAJECTORY_SCHEMA, None)
    return [Trajectory(**row) for row in table.to_pylist()]
