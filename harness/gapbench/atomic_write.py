"""Atomic replacement of a file: after a crash there is the old content or the new one, never a part."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def replace_atomically(
    path: Path, *, temporary_suffix: str = ".tmp", durable: bool = True
) -> Iterator[IO[bytes]]:
    """Yield a file to write that replaces ``path`` when the block ends; on an error ``path`` stays as it was.

    Args:
        path: The file to replace.
        temporary_suffix: Added to the name while the file is written. Processes that may write the same path at the
            same time each need their own.
        durable: Whether the file survives a loss of power once the block has ended; False saves two waits for the
            disk.

    Raises:
        OSError: The disk is full or gone.
    """
    partial = path.with_name(path.name + temporary_suffix)
    partial.unlink(missing_ok=True)
    try:
        # Mode "x" creates the file: an existing link or pipe of that name is never written to.
        with partial.open("xb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    if durable:
        fsync_folder(path.parent)


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file by ``data``; it survives a loss of power once this returns.

    Raises:
        OSError: The disk is full or gone.
    """
    with replace_atomically(path) as file:
        file.write(data)


def fsync_folder(folder: Path) -> None:
    """Put a folder's names on the disk: a file that was made or renamed survives a loss of power only then."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as exc:
        # Some network file systems have no such thing.
        if exc.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def write_advice(exc: OSError) -> str:
    """Return what to do about an error of writing, as the start of a clause."""
    if exc.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return "free up disk space"
    if exc.errno in {errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}:
        return "check the path"
    return "make it writable" if exc.errno in {errno.EACCES, errno.EPERM, errno.EROFS} else "check the disk"
