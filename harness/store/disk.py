"""What a disk that gives out says, in words that help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import DiskError


@contextmanager
def on_disk(folder: Path) -> Iterator[None]:
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
