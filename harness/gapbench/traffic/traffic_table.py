"""Reads a traffic table, which ``bench traffic import`` wrote: the one check of what it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gapbench.errors import InputError, ResultsError
from gapbench.store.table_file import TableError, iterate_frames, read_file_metadata
from gapbench.traffic.record import TRAFFIC_SCHEMA_VERSION

if TYPE_CHECKING:
    import pandas as pd


def check_tables(tables: Sequence[Path], outputs: Sequence[Path | None] = ()) -> None:
    """Check that no table is read twice or written over.

    Args:
        tables: The tables to read.
        outputs: The files to write; None: one that is not asked for.

    Raises:
        InputError: A table is given twice, also by another path, or is among the files to write.
    """
    seen: set[Path] = set()
    for table in tables:
        place = table.resolve()
        if place in seen:
            raise InputError(
                f"{table} is given twice, and each of its requests would count twice; name it once"
            )
        seen.add(place)
    for output in outputs:
        if output is not None and output.resolve() in seen:
            raise InputError(
                f"{output} is the traffic table itself, and would be lost; name another file to write"
            )


def iterate_table(path: Path, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Yield the rows of a traffic table, a few thousand at a time, with some of its columns.

    Args:
        path: The table.
        columns: Names of columns, in the order wanted; see :class:`gapbench.traffic.record.TrafficRecord`.

    Raises:
        ResultsError: The file is missing, is no traffic table, or is of a newer version.
    """
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
