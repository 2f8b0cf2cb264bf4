"""The summary as files that other programs read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gapbench.errors import ResultsError
from gapbench.formatting import escape_csv_cell
from gapbench.report.results import Results, load_results


def write_csv(runs: Results, path: Path) -> Path:
    """Write the summary as CSV: unknown is empty, and no cell can act as a spreadsheet formula.

    Raises:
        ResultsError: A folder is not a run, or the file cannot be written.
    """
    frame = load_results(runs).summary.frame.map(escape_csv_cell)
    return _write(path, lambda: frame.to_csv(path, index=False))


def write_parquet(runs: Results, path: Path) -> Path:
    """Write the summary as Parquet.

    Raises:
        ResultsError: A folder is not a run, or the file cannot be written.
    """
    frame = _typed(load_results(runs).summary.frame)
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
