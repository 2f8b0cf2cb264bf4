"""The attempts of one model with those of each category, task and cell side by side, so that taking one copies nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import as_floats, group_codes
from gapbench.analysis.quality.request_figures import RequestRows
from gapbench.analysis.weighting import DESIGN_COLUMNS
from gapbench.stats import Ints

OUTCOMES = ("correct", "wrong", "unparsed", "truncated", "refused", "infra", "unscored")
_LABELS = ("category", "task", "load")
_FIGURES = (
    "score", "cached_input_tokens", "ttft_s", "response_s", "answer_ttft_s", "queue_s", "answer_chars_per_s",
    "input_tokens", "output_tokens", "reasoning_tokens", "complete_call_s",
)  # fmt: skip


@dataclass(frozen=True)
class CellRows:
    """The attempts of one model, sorted by category, task and load.

    Attributes:
        rows: All of them: ``outcome`` (place in :data:`OUTCOMES`), ``cluster``, whether an attempt is ``final``, ``measured``,
            ``scored``, ``timed`` or was made ``again``, and the figures of attempts.
        spans: The first row and the row after the last of a category, a task or a cell, by its names.
    """

    rows: RequestRows
    spans: dict[tuple[str, ...], tuple[int, int]]

    def of(self, names: tuple[str, ...]) -> RequestRows:
        """Return the attempts of a category, a task or a cell.

        Args:
            names: Category, task and load, as far as they are given. (): all attempts.
        """
        start, stop = self.spans.get(names, (0, 0)) if names else (0, len(self.rows))
        return self.rows.span(start, stop)


def sort_by_cell(frame: pd.DataFrame) -> CellRows:
    """Return the attempts of one model sorted by cell.

    Args:
        frame: Rows of :meth:`gapbench.analysis.frames.Runs.model_frame`.
    """
    codes = [group_codes(frame, _LABELS[: depth + 1]) for depth in range(len(_LABELS))]
    _, first = np.unique(codes[-1], return_index=True)
    # Few cells: they are sorted, and each row has the place of its cell, a small number that sorts in one pass.
    in_order = np.lexsort([code[first] for code in reversed(codes)])
    place: Ints = np.empty(len(first), dtype=np.int16 if len(first) < 2**15 else np.int64)
    place[in_order] = np.arange(len(first))
    places: Ints = place[codes[-1]]
    order: Ints | slice = slice(0, len(frame))
    if (places[1:] < places[:-1]).any():
        order = np.argsort(places, kind="stable")
    stops = np.cumsum(np.bincount(places, minlength=len(first))).tolist()
    spans: dict[tuple[str, ...], tuple[int, int]] = {}
    names = frame[list(_LABELS)].iloc[first[in_order]].astype(str).itertuples(index=False, name=None)
    for start, stop, cell in zip([0, *stops], stops, names, strict=False):
        for depth in range(1, len(_LABELS) + 1):
            key = cell[:depth]
            spans[key] = (spans.get(key, (start, stop))[0], stop)
    is_measured = (frame["phase"] == "measure").to_numpy()
    final, again = frame["final"].to_numpy(dtype=bool), frame["retried"].to_numpy(dtype=bool)
    columns: dict[str, np.ndarray[Any, Any]] = {
        **{name: as_floats(frame[name]) for name in _FIGURES},
        "cluster": group_codes(frame, ["task", "cluster_id"]),
        "outcome": _outcomes(frame["outcome"].astype("category")),
        "final": final,
        "measured": final & is_measured,
        "scored": frame["scored"].to_numpy(dtype=bool),
        "timed": frame["timed"].to_numpy(dtype=bool),
        "again": again & is_measured,
    }
    columns = {
        name: values[order] if isinstance(order, slice) else values.take(order)
        for name, values in columns.items()
    }
    drawn = None
    if DESIGN_COLUMNS[0] in frame.columns:
        drawn = frame[["task", "sample_id", *DESIGN_COLUMNS]].iloc[order]
    requests = None
    if frame["turn"].notna().any():
        requests = group_codes(frame, ["run_id", "cell_id", "sample_id", "repeat"])[order]
    return CellRows(RequestRows(columns, slice(0, len(frame)), drawn, requests), spans)


def _outcomes(labels: pd.Series[Any]) -> Ints:
    """Return the place of each outcome in :data:`OUTCOMES`; the number of these for any other."""
    known = {name: place for place, name in enumerate(OUTCOMES)}
    # The last one is for unknown labels, whose code is -1.
    places = np.array(
        [*(known.get(str(name), len(OUTCOMES)) for name in labels.cat.categories), len(OUTCOMES)], np.int8
    )
    found: Ints = places[labels.cat.codes.to_numpy()]
    return found
