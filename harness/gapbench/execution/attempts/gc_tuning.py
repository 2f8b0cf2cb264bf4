"""Keep the garbage collector from delaying reads while requests are in flight.

A full collection visits every live object: the plan, the vendors' clients, every reply in progress. At 1,000 streams
that took a seventh of a worker's time (docs/explanation/measurement.md), in pauses that make reads late.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

GC_THRESHOLDS = (50_000, 20, 50)
"""Thresholds for :func:`gc.set_threshold`; Python's own are (700, 10, 10). Replies contain no reference cycles, so
reference counting frees them and a collection finds little."""
STARTING_GC_THRESHOLDS = (300_000, 20, 50)
"""Thresholds while modules are imported and a plan is made: nearly all that is made stays alive, so that each collection
walks over all of it and finds nothing."""


@contextlib.contextmanager
def restore_thresholds() -> Iterator[None]:
    """Restore the GC thresholds after the block: a notebook continues in the same process."""
    thresholds = gc.get_threshold()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


@contextlib.contextmanager
def freeze_gc() -> Iterator[None]:
    """Freeze live objects and raise the GC thresholds for the duration of the block."""
    with restore_thresholds():
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        try:
            yield
        finally:
            gc.unfreeze()
