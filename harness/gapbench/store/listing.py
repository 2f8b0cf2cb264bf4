"""Reading the files that a listing of a run names, while its writer closes journals and joins parts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

from gapbench.errors import PartGoneError

_LISTINGS = 3
"""Times that runs are listed at most, when files become others while they are read."""
Found = TypeVar("Found")


def list_again(read: Callable[[], Found]) -> Found:
    """Return what a function returns that lists the files of runs and reads them.

    A live run may close a journal as a part meanwhile, or join its parts; then everything is listed and read again.

    Args:
        read: The function. It has no other effect.

    Raises:
        PartGoneError: The runs change all the time.
    """
    for _ in range(_LISTINGS - 1):
        with contextlib.suppress(PartGoneError):
            return read()
    return read()
