"""Reads runs that another process may be writing: it closes journals as parts, and joins parts, after they were listed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from gapbench.errors import FileGoneError

LISTINGS = 5
"""Times that a run is listed at most. A part is closed every few thousand rows, so a second time nearly always does."""
_Found = TypeVar("_Found")


def read_listed(read: Callable[[], _Found]) -> _Found:
    """Return what ``read`` returns, which lists files and reads them; it is called again where one of them is gone.

    Raises:
        FileGoneError: The run changes all the time.
    """
    for _ in range(LISTINGS - 1):
        with suppress(FileGoneError):
            return read()
    return read()
