"""Safe writing into a run folder: tables, folders and damaged files.

A run folder may come from a stranger. Nothing is written through a symbolic link in it, because the link could lead
anywhere.
"""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gapbench.atomic_write import fsync_folder, replace_atomically, write_atomically
from gapbench.errors import ResultsError
from gapbench.store.schema import SCHEMA_VERSION

_GROUP_ROWS = 20_000
"""Rows of a row group: who looks for few rows reads only the groups that can have them."""


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as Parquet with a checksum on every page, so that a flipped bit is found when it is read.

    Raises:
        OSError: The disk is full or gone.
    """
    marked = table.replace_schema_metadata({"gapbench.schema": str(SCHEMA_VERSION)})
    with replace_atomically(path) as file:
        pq.write_table(marked, file, compression="zstd", write_page_checksum=True, row_group_size=_GROUP_ROWS)


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
