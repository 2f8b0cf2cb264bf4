"""The files of a run folder that the app reads, and a fingerprint that changes when one of them does."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from gapbench.store.part_files import RowFiles, numbered_files

_ROWS = re.compile(
    r"(run\.json|(attempts|payload|trajectories|scores)-[0-9]+(-[0-9]+)?\.parquet|journal-[0-9]+\.jsonl)"
)


FileStamp = tuple[int, int]
"""Size and modification time of a file, in bytes and nanoseconds."""


def fingerprint(run: Path) -> str:
    """Return a short hash of the names, sizes and modification times of a run's files. "": the folder is gone."""
    found: list[tuple[str, int, int]] = []
    try:
        with os.scandir(run) as entries:
            for entry in entries:
                if _ROWS.fullmatch(entry.name):
                    stat = entry.stat()
                    found.append((entry.name, stat.st_size, stat.st_mtime_ns))
    except OSError:
        return ""
    return hashlib.sha256(repr(sorted(found)).encode()).hexdigest()[:20]


def file_stamp(path: Path) -> FileStamp:
    """Return size and modification time of a file; (-1, -1) if it is gone."""
    try:
        stat = path.stat()
    except OSError:
        return (-1, -1)
    return (stat.st_size, stat.st_mtime_ns)


def closed_parts(run: Path, kind: str, files: RowFiles) -> list[tuple[int, str]]:
    """Return the Parquet files of a run, as DuckDB takes them, each after the first number of its file of attempts.

    Args:
        run: The run folder.
        kind: ``attempts``, ``payload`` or ``trajectories``. A part without its attempts is not complete yet and is left out.
        files: The run's files of attempts.
    """
    closed = files.closed
    return [
        (held[0], sql_path(path))
        for number, path in (files.parts if kind == "attempts" else numbered_files(run, kind)).items()
        if (held := closed.range_of(number)) is not None
    ]


def sql_path(path: Path) -> str:
    """Return an absolute path in which DuckDB expands nothing."""
    return re.sub(r"([*?\[])", r"[\1]", str(path.absolute()))
