"""Reads a traffic table, which ``bench traffic import`` wrote: the one check of what it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gapbench.errors import ResultsError
from gapbench.store.table_file import TableError, iterate_frames, read_file_metadata
from gapbench.traffic.record import TRAFFIC_SCHEMA_VERSION

if TYPE_CHECKING:
    import pandas as pd


def iterate_table(path: Path, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Yield the rows of a traffic table, a few thousand at a time, with some of its columns.

    Args:
        path: The table.
        columns: Names of columns, in the order wanted; see :class:`gapbench.traffic.record.TrafficRecord`.

    Raises:
        ResultsError: The file is missing, is no traffic table, or is of a newer version.
    """
    if path.is_dir():
        raise ResultsError(f"{path} is a folder; name the tables in it, such as {path / 'traffic.parquet'}")
    if not path.is_file():
        raise ResultsError(f"{path}: no such file; write it with `bench traffic import LOG --out {path}`")
    try:
        version = read_file_metadata(path).get("traffic_schema")
        if version is None:
            raise ResultsError(f"{path} is not a traffic table; write one with `bench traffic import`")
        if not version.isdecimal() or int(version) > TRAFFIC_SCHEMA_VERSION:
            raise ResultsError(f"{path} was written by a newer version (schema {version}); update gapbench")
        yield from iterate_frames(path, columns)
    except TableError as exc:
        said = str(exc).partition(".")[0]
        raise ResultsError(
            f"{path} cannot be read as a traffic table ({said}); write one with `bench traffic import`"
        ) from exc
