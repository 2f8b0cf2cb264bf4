"""Safe writing into a run folder: tables, damaged files, and error messages for a disk that is full or gone.

A run folder may come from a stranger. Nothing is written through a symbolic link in it, because the link could lead
anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gapbench.atomic_write import fsync_folder, replace_atomically, write_atomically
from gapbench.errors import DiskError, ResultsError
from gapbench.store.schema import SCHEMA_VERSION


@contextmanager
def translate_disk_errors(folder: Path) -> Iterator[None]:
    """Turn what the disk says while a run is written into :class:`DiskError`.

    Args:
        folder: The run folder.
    """
    try:
        yield
    except OSError as exc:
        msg = (
            f"cannot write to {folder}: {exc.strerror or exc}; what was finished before is kept, "
            f"make room and go on with --resume {folder.name}"
        )
        raise DiskError(msg) from exc


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as Parquet with a checksum on every page, so that a flipped bit is found when it is read.

    Raises:
        OSError: The disk is full or gone.
    """
    marked = table.replace_schema_metadata({"gapbench.schema": str(SCHEMA_VERSION)})
    with replace_atomically(path) as file:
        pq.write_table(marked, file, compression="zstd", write_page_checksum=True)


def ensure_folder(folder: Path) -> None:
    """Make a folder that survives a loss of power; one that is there is left as it is."""
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
                    "put what it points to in its place, or remove it"
                )
            if entry.is_dir():
                refuse_symlinks(Path(entry.path))


def quarantine(run: Path, name: str, data: bytes | None = None) -> Path:
    """Keep what is damaged in ``damaged/`` of its run, beside what lies there already, and return where it is.

    Args:
        run: The run folder.
        name: Of the file, within the run folder.
        data: Its damaged part, to be kept alone. None: the file itself is moved.

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
