"""Reads a traffic table, which ``bench traffic import`` wrote: the one check of what it is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from gapbench.errors import InputError, ResultsError
from gapbench.formatting import count_of
from gapbench.store.table_file import TableError, iterate_frames, read_file_metadata
from gapbench.traffic.record import TRAFFIC_SCHEMA_VERSION

_SAME = ("request_id", "time", "model_asked", "model_served", "input_tokens", "output_tokens")
"""Columns that tell whether two rows are the same request."""


def check_tables(tables: Sequence[Path], outputs: Sequence[Path | None] = ()) -> None:
    """Check that no table is read twice or written over.

    Args:
        tables: The tables to read.
        outputs: The files to write; None: one that is not asked for.

    Raises:
        InputError: A table is given twice, also by another path, or is among the files to write.
    """
    seen: set[str] = set()
    for table in tables:
        place = os.path.realpath(table)  # Also of a link to itself, which Path.resolve refuses.
        if place in seen:
            raise InputError(
                f"{table} is given twice, and each of its requests would count twice; name it once"
            )
        seen.add(place)
    for output in outputs:
        if output is not None and os.path.realpath(output) in seen:
            raise InputError(
                f"{output} is the traffic table itself, and would be lost; name another file to write"
            )


def check_no_overlap(tables: Sequence[Path]) -> None:
    """Check that no request is in two tables, such as those of logs that overlap by a day: it would count twice.

    It is the same request if id, time, model and token counts are; one without id or time is not compared.

    Raises:
        InputError: Some requests are in two tables.
        ResultsError: A table cannot be read.
    """
    if len(tables) < 2:
        return
    before = np.empty(0, np.uint64)
    for path in tables:
        parts = [
            # With an unknown count in it a column has floats, which have other hashes.
            pd.util.hash_pandas_object(
                rows.dropna(subset=["request_id", "time"]).astype(dict.fromkeys(_SAME[-2:], "float64")),
                index=False,
            ).to_numpy()
            for rows in iterate_table(path, _SAME)
        ]
        found = np.unique(np.concatenate([np.empty(0, np.uint64), *parts]))
        twice = len(np.intersect1d(before, found, assume_unique=True))
        if twice:
            raise InputError(
                f"{path}: {count_of(twice, 'request')} of it would count twice, being in another of these tables too; import "
                "the logs of both in one command, which keeps each request once"
            )
        before = np.union1d(before, found)


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
