"""Writing files whole, and what is advised where that fails."""

from __future__ import annotations

import errno

import pytest

from gapbench.atomic_write import write_advice


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free up disk space"),
        (errno.EDQUOT, "free up disk space"),
        (errno.EROFS, "make it writable"),
        (errno.EACCES, "make it writable"),
        (errno.EIO, "check the disk"),
    ],
)
def test_the_advice_follows_from_the_error(number: int, advice: str) -> None:
    """Free space is of no help on a file system that is mounted read-only."""
    assert advice == write_advice(OSError(number, "why"))
