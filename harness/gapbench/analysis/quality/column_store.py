"""Named arrays that are held in memory up to a limit, and in a temporary folder beyond it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

Array = np.ndarray[tuple[int], np.dtype[Any]]


class ColumnStore:
    """Arrays by name.

    Args:
        max_bytes: Bytes to hold in memory. What comes later is in files, mapped when it is asked for.
    """

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._held: dict[str, Array] = {}
        self._files: dict[str, tuple[Path, np.dtype[Any]]] = {}
        self._folder: Path | None = None
        self._written = 0
        self._lock = Lock()

    def put(self, name: str, array: Array) -> None:
        """Store an array; its name must be new."""
        with self._lock:
            if array.nbytes <= self._left:
                self._left -= array.nbytes
                self._held[name] = array
                return
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="gapbench-"))
                # Also at the end of the process.
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            path = self._folder / str(self._written)
            self._written += 1
        array.tofile(path)
        self._files[name] = path, array.dtype

    def get(self, name: str) -> Array:
        """Return an array, which must not be changed."""
        held = self._held.get(name)
        if held is not None:
            return held
        path, kind = self._files[name]
        return _mapped(path, kind)

    def take(self, name: str) -> Array:
        """Return an array that is not asked for again."""
        held = self._held.pop(name, None)
        if held is not None:
            with self._lock:
                self._left += held.nbytes
            return held
        path, kind = self._files.pop(name)
        found = _mapped(path, kind)
        path.unlink()
        return found


def _mapped(path: Path, kind: np.dtype[Any]) -> Array:
    """Return an array of a file, which is not copied: the memory for a copy would have to be cleared first."""
    return np.asarray(np.memmap(path, kind, "r")) if path.stat().st_size else np.empty(0, kind)
