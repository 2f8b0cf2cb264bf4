"""The attempts of single models as frames: only the columns that tables over many rows need.

What counts alone can answer comes from the tally, and no table needs the names of clusters: they are categories of hashes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from threading import Lock
from weakref import WeakValueDictionary

import numpy as np
import pandas as pd

from gapbench.errors import ResultsError
from gapbench.store.attempt_frame import read_frame
from gapbench.store.attempt_relation import AttemptRelation

MODEL_COLUMNS = (
    "run_id", "cell_id", "task", "category", "cluster_id", "attempt", "final", "phase", "model_id", "runner", "model_asked",
    "model_served", "image_count", "load_kind", "worker", "service_tier", "started_at", "scheduled_s", "first_token_s",
    "last_token_s", "done_s", "input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens",
    "output_tokens", "reasoning_tokens", "outcome", "from_cache", "score", "turn", "queue_s", "ttft_s", "answer_ttft_s",
    "response_s", "answer_chars_per_s", "complete_call_s", "timed", "retried", "load", "scored", "ord",
)  # fmt: skip
"""Columns of every frame. Where items have weights, or requests several replies, it has :data:`REQUEST_IN_CELL` too."""
REQUEST_IN_CELL = ("sample_id", "repeat")
"""What tells the requests of a cell apart, which few tables need."""
MAX_KEPT_ROWS = 2_000_000
"""Rows of the frames that are kept besides those in use."""


class ModelFrames:
    """Reads the frames of models, and keeps those of the last ones, so that tables over many rows need no memory for all.

    Keep a reference to a frame for as long as you need it: then it is not read again.
    """

    def __init__(self) -> None:
        self._kept: dict[str, pd.DataFrame] = {}
        self._in_use: WeakValueDictionary[str, pd.DataFrame] = WeakValueDictionary()
        self._lock = Lock()

    def read(self, attempts: AttemptRelation, model_id: str, further: Collection[str]) -> pd.DataFrame:
        """Return the attempts of a model in the order written.

        Args:
            attempts: All attempts, the same at each call.
            model_id: The model.
            further: Stored columns besides :data:`MODEL_COLUMNS`.

        Raises:
            ResultsError: A part cannot be read, or rows were added while they were read.
        """
        with self._lock:
            frame = self._kept.pop(model_id, None)
            if frame is None:
                frame = self._in_use.get(model_id)
        if frame is None:
            frame = _read(attempts, model_id, list(dict.fromkeys([*MODEL_COLUMNS, *further])))
        elif missing := [name for name in further if name not in frame.columns]:
            found = _read(attempts, model_id, ["ord", *missing])
            if not np.array_equal(frame["ord"], found["ord"]):
                raise ResultsError(f"{model_id}: its rows changed while they were read; read the runs again")
            frame = frame.assign(**{name: found[name] for name in missing})
        with self._lock:
            while self._kept and sum(map(len, self._kept.values())) + len(frame) > MAX_KEPT_ROWS:
                self._kept.pop(next(iter(self._kept)))
            if len(frame) <= MAX_KEPT_ROWS:
                self._kept[model_id] = frame
            self._in_use[model_id] = frame
        return frame


def _read(attempts: AttemptRelation, model_id: str, columns: Sequence[str]) -> pd.DataFrame:
    return read_frame(attempts, columns, ["sample_id"], hashed=["cluster_id"], model_id=model_id)
