"""Rows in groups by a code: sums, smallest and largest values, and a row of each group.

Rows are stored cell by cell, so those of a group are mostly neighbours. A stretch of neighbours is summed at once, in less
than a tenth of the time that adding row by row takes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gapbench.stats import Floats, Ints

Bools = np.ndarray[Any, np.dtype[np.bool_]]
_LEAST_ROWS = 4
"""With fewer rows in a stretch, on average, each row is added by itself."""


class RowGroups:
    """Rows in groups.

    Args:
        code: Code of each row's group.
        count: Number of groups. None: one more than the largest code.

    Attributes:
        code: The same.
        count: Number of groups.
    """

    def __init__(self, code: Ints, count: int | None = None) -> None:
        self.code = code
        self.count = int(code.max(initial=-1)) + 1 if count is None else count
        is_first: Bools = np.ones(len(code), dtype=bool)
        np.not_equal(code[1:], code[:-1], out=is_first[1:])
        self._starts = np.flatnonzero(is_first)
        self._of_stretch = code.take(self._starts)
        self._is_scattered = len(self._starts) * _LEAST_ROWS > len(code)

    @property
    def rows(self) -> Ints:
        """A row of each group; 0 if it has none."""
        found: Ints = np.zeros(self.count, dtype=np.int64)
        found[self._of_stretch] = self._starts
        return found

    def sums(self, values: Floats) -> Floats:
        """Return the sum of the values of each group."""
        if self._is_scattered:
            return np.bincount(self.code, values, self.count).astype(np.float64, copy=False)
        of_stretch = np.add.reduceat(values, self._starts)
        return np.bincount(self._of_stretch, of_stretch, self.count).astype(np.float64, copy=False)

    def counts(self, chosen: Bools) -> Ints:
        """Return how many rows of each group are chosen."""
        if self._is_scattered:
            return np.bincount(self.code[chosen], minlength=self.count)
        of_stretch = np.add.reduceat(chosen, self._starts, dtype=np.int64)
        return np.bincount(self._of_stretch, of_stretch, self.count).astype(np.int64)

    def least(self, values: Floats) -> Floats:
        """Return the smallest value of each group; infinity for none."""
        return self._extreme(np.minimum, values, np.inf)

    def largest(self, values: Floats) -> Floats:
        """Return the largest value of each group; minus infinity for none."""
        return self._extreme(np.maximum, values, -np.inf)

    def _extreme(self, chosen: np.ufunc, values: Floats, nothing: float) -> Floats:
        found = np.full(self.count, nothing)
        if self._is_scattered:
            chosen.at(found, self.code, values)
        else:
            chosen.at(found, self._of_stretch, chosen.reduceat(values, self._starts))
        return found
