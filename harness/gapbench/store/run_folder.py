"""Safe writing into a run folder: tables, folders and damaged files.

A run folder may come from a stranger. Nothing is written through a symbolic link in it, because the link could lead
anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gapbench.atomic_write import fsync_folder, replace_atomically, write_atomically
from gapbench.errors import ResultsError
from gapbench.store.schema import SCHEMA_VERSION

GROUP_ROWS = 5 * 2_048
"""Rows of a row group, whole vectors of DuckDB: who looks for few rows reads only the groups that can have them."""


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as Parquet; see :func:`write_tables`."""
    write_tables(path, [table])


def write_tables(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write tables of one schema, one after the other, as one Parquet file; few of their rows are in memory at once.

    Every page has a checksum, so that a flipped bit is found when it is read.

    Raises:
        OSError: The disk is full or gone.
    """
    with ExitStack() as stack:
        file = stack.enter_context(replace_atomically(path))
        writer: pq.ParquetWriter | None = None
        rest: list[pa.Table] = []
        for table in tables:
            if writer is None:
                schema = table.schema.with_metadata({"gapbench.schema": str(SCHEMA_VERSION)})
                writer = pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True)
                stack.enter_context(writer)
            rest.append(table.replace_schema_metadata(schema.metadata))
            rows = sum(map(len, rest))
            if rows >= GROUP_ROWS:
                waiting = _joined(rest)
                whole = rows - rows % GROUP_ROWS
                writer.write_table(waiting.slice(0, whole), row_group_size=GROUP_ROWS)
                rest = [waiting.slice(whole)]
        assert writer is not None, "at least one table"
        writer.write_table(_joined(rest), row_group_size=GROUP_ROWS)


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    # Parquet gives up a dictionary that changes within a row group.
    return pa.concat_tables(tables).unify_dictionaries()


def ensure_folder(folder: Path) -> None:
    """Create a folder that survives a loss of power; an existing one is left as it is."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        fsync_folder(folder.parent)


def refuse_symlinks(folder: Path) -> None:
    """Refuse a run folder that holds a symbolic link.

    Raises:
        ResultsError: It holds one.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                raise ResultsError(
                    f"{entry.path} is a symbolic link, and a run is not written through one; "
                    "replace it by what it points to, or remove it"
                )
            if entry.is_dir():
                refuse_symlinks(Path(entry.path))


def quarantine(run: Path, name: str, data: bytes | None = None) -> Path:
    """Keep a damaged file in ``damaged/`` of its run under a new name, and return its path.

    Args:
        run: The run folder.
        name: Name of the file within the run folder.
        data: Its damaged part, if only that is kept. None: the file itself is moved.

    Raises:
        OSError: It cannot be moved or written.
    """
    folder = run / "damaged"
    ensure_folder(folder)
    kept = folder / Path(name).name
    number = 1
    while kept.exists():
        number += 1
        kept = folder / f"{Path(name).name}.{number}"
    if data is None:
        (run / name).replace(kept)
        fsync_folder(run)
        fsync_folder(folder)
    else:
        write_atomically(kept, data)
    return kept
