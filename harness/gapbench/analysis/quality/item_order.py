"""The order of a model's requests by item, and codes of requests that have several attempts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from gapbench.stats import Ints

_SPARSE = 8
"""A table of all codes is worth its memory if there are at most so many for each row."""
_MAX_FLAGS = 2**27
"""Codes, at most, of which a table of a byte each is made."""


def request_codes(cell: Ints, sample: Ints, repeat: Ints, final: Any, repeats: int) -> Ints:
    """Return a code for each request. Few requests have several attempts, so only those are looked up."""
    found = np.arange(len(cell), dtype=np.int64)
    if final.all():
        return found
    key = (cell * (int(sample.max()) + 1) + sample) * repeats + repeat
    shared = np.unique(key[~final])
    reach = int(key.max()) + 1
    if reach <= max(_SPARSE * len(key), _MAX_FLAGS):
        is_shared = np.zeros(reach, dtype=bool)
        is_shared[shared] = True
        again = np.flatnonzero(is_shared[key])
    else:
        again = np.flatnonzero(np.isin(key, shared))
    found[again] = len(cell) + np.searchsorted(shared, key[again])
    return found


def sorted_items(item: Ints, run: Ints, numbers: Callable[[], Ints], span: int) -> tuple[Ints | slice, Ints]:
    """Return the order of items, and their ascending codes: a further answer to an item gets a code of a new repeat.

    Args:
        item: Code of each request's item, below ``span``.
        run: Place of each request's run; requests of a later run were written later.
        numbers: Returns what orders the requests as they were written, which is seldom needed.
        span: Codes of one repeat more than any is away.
    """
    if len(item) < 2 or (item[1:] > item[:-1]).all():
        return slice(None), item
    runs = int(run.max()) + 1
    reach = runs * span
    if reach <= _SPARSE * len(item):
        # A run asks for an item once, so that there is one place for each run and item.
        kind = np.int32 if reach < 2**31 else np.int64
        place: Ints = item.astype(kind)
        of_run: Ints = run.astype(kind)
        place += of_run * span
        table = np.full(reach, -1, dtype=np.int32)
        table[place] = np.arange(len(item), dtype=np.int32)
        at: Ints = table[table >= 0].astype(np.intp)
        if len(at) == len(item):
            return _without_gaps(at, place[at], span)
    order = np.lexsort((numbers(), item))
    found = item[order].astype(np.int64)
    first = np.ones(len(found), dtype=bool)
    first[1:] = found[1:] != found[:-1]
    places = np.arange(len(found))
    found = found + (places - np.maximum.accumulate(np.where(first, places, 0))) * span
    again = np.argsort(found, kind="stable")
    return order[again], found[again]


def _without_gaps(order: Ints, places: Ints, span: int) -> tuple[Ints, Ints]:
    """Return the order, and codes that count the answers to an item from 0 where an earlier run lacks it.

    Args:
        order: Order of the requests.
        places: Their ascending codes: that of the item, plus ``span`` for each run before theirs.
        span: See :func:`sorted_items`.
    """
    starts = np.searchsorted(places, span * np.arange(int(places[-1]) // span + 2))
    if len(starts) == 2:
        return order, places
    answers: Ints = np.zeros(span, dtype=places.dtype)
    for number, (start, stop) in enumerate(pairwise(starts.tolist())):
        of_run = places[start:stop] - number * span
        earlier = answers[of_run]
        answers[of_run] = earlier + 1
        places[start:stop] = of_run + earlier * span
    if (places[1:] > places[:-1]).all():
        return order, places
    again = np.argsort(places, kind="stable")
    return order[again], places[again]
