"""Codes of keys that come in several lots, in the order in which the keys were first seen."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gapbench.stats import Ints

Keys = np.ndarray[tuple[int], np.dtype[np.uint64]]


class FirstSeen:
    """Keys of 64 bits, such as the hashes of samples, in lots such as those of one model.

    Two of a million different keys share their 64 bits with a chance of 3 in 100 million.
    """

    def __init__(self) -> None:
        self._lots: dict[str, tuple[Keys, np.ndarray[Any, np.dtype[np.int64]]]] = {}

    def add(self, lot: str, keys: Keys, numbers: Ints, within: Ints | None = None) -> Ints:
        """Return a code of each key, which :meth:`ranks` leads on from.

        Args:
            lot: Name of the lot, which must be new.
            keys: The keys.
            numbers: When each was seen: the smallest number of a key counts.
            within: Codes without gaps of which each nearly always has one key, which saves most of the work. None: not known.
        """
        codes, found = _factorize(keys) if within is None else _factorize_within(keys, within)
        first = np.full(len(found), np.iinfo(np.int64).max)
        np.minimum.at(first, codes, numbers)
        self._lots[lot] = found, first
        return codes

    def keys(self, lot: str) -> Keys:
        """Return the key of each code of a lot."""
        return self._lots[lot][0]

    def ranks(self, lot: str) -> Ints:
        """Return for each code of a lot the place of its key among those of all lots, by when they were first seen."""
        return self._ranks[lot]

    def __len__(self) -> int:
        """Return the number of different keys of all lots."""
        return 1 + max((int(ranks.max(initial=-1)) for ranks in self._ranks.values()), default=-1)

    @cached_property
    def _ranks(self) -> dict[str, Ints]:
        if not self._lots:
            return {}
        codes, found = _factorize(np.concatenate([keys for keys, _ in self._lots.values()]))
        first = np.full(len(found), np.iinfo(np.int64).max)
        np.minimum.at(first, codes, np.concatenate([first for _, first in self._lots.values()]))
        places = np.empty(len(found), dtype=np.int32)
        places[np.argsort(first, kind="stable")] = np.arange(len(found), dtype=np.int32)
        stops = np.cumsum([len(keys) for keys, _ in self._lots.values()])
        return dict(zip(self._lots, np.split(places[codes], stops[:-1]), strict=True))


def _factorize(keys: Keys) -> tuple[Ints, Keys]:
    """Return a code of each key, and the key of each code."""
    codes, found = pd.factorize(keys)
    return codes.astype(np.int32), np.asarray(found, dtype=np.uint64)


def _factorize_within(keys: Keys, within: Ints) -> tuple[Ints, Keys]:
    """Return the same as :func:`_factorize`, by looking up one key for each code of ``within`` where that is all there are."""
    one = np.zeros(int(within.max(initial=-1)) + 1, dtype=np.uint64)
    one[within] = keys
    if not (one[within] == keys).all():
        return _factorize(keys)
    codes, found = _factorize(one)
    return codes[within], found
