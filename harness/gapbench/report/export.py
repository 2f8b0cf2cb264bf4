"""The summary as files that other programs read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gapbench.analysis.frames import Folders, Runs
from gapbench.analysis.quality.summary import summarize
from gapbench.errors import ResultsError
from gapbench.formatting import escape_csv_cell


def write_csv(runs: Runs | Folders, path: Path) -> Path:
    """Write the summary as CSV: unknown is empty, and no cell can act as a spreadsheet formula.

    Raises:
        ResultsError: A folder is no run, or the file cannot be written.
    """
    frame = summarize(runs).frame.map(escape_csv_cell)
    return _write(path, lambda: frame.to_csv(path, index=False))


def write_parquet(runs: Runs | Folders, path: Path) -> Path:
    """Write the summary as Parquet.

    Raises:
        ResultsError: A folder is no run, or the file cannot be written.
    """
    frame = _typed(summarize(runs).frame)
    return _write(path, lambda: frame.to_parquet(path, index=False))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with a column that is unknown throughout as numbers, so that it has a type."""
    return frame.convert_dtypes()


def _write(path: Path, write: object) -> Path:
    assert callable(write)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
    except OSError as exc:
        msg = f"cannot write {path}: {exc.strerror or exc}; choose another place"
        raise ResultsError(msg) from exc
    return path
