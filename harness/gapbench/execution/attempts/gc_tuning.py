"""The garbage collector kept out of the way while requests are in flight.

Python's full collections walk every object alive: the plan, the vendors' clients, every reply under way. At 1,000
streams that was a seventh of a worker's time (docs/measurement.md), in standstills that make reads late.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

GC_THRESHOLDS = (50_000, 20, 50)
"""New containers before the young are looked at, and how many of those looks before the older are; Python's own are
(700, 10, 10). Replies hold no cycles, so what the looks find is little and what they miss is freed by its count."""


@contextlib.contextmanager
def freeze_gc() -> Iterator[None]:
    """Take all that is alive now out of the collector's walks, and look seldom at what comes, until left."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
