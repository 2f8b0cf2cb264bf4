"""The measured replies of one model with those of each category, task and cell side by side, so that taking one copies nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gapbench.analysis.frames import as_floats, group_codes
from gapbench.analysis.quality.request_figures import RequestRows
from gapbench.analysis.row_groups import RowGroups
from gapbench.analysis.weighting import DESIGN_COLUMNS
from gapbench.stats import Ints

OUTCOMES = ("correct", "wrong", "unparsed", "truncated", "refused", "infra", "unscored")
_LABELS = ("category", "task", "load")
_FIGURES = (
    "score", "cached_input_tokens", "ttft_s", "response_s", "answer_ttft_s", "queue_s", "answer_chars_per_s",
    "input_tokens", "output_tokens", "reasoning_tokens", "complete_call_s",
)  # fmt: skip


class CellSpan(NamedTuple):
    """Where the replies of a category, a task or a cell are, and what is counted of all its attempts.

    Attributes:
        start: The first row.
        stop: The row after the last.
        done: Final attempts, warm-up included.
        retries: Measured attempts that were made again.
    """

    start: int
    stop: int
    done: int
    retries: int


@dataclass(frozen=True)
class CellRows:
    """The measured replies of one model, sorted by category, task and load.

    Attributes:
        rows: All of them: ``outcome`` (place in :data:`OUTCOMES`), ``cluster``, whether a reply is the ``measured`` final one of
            its request, and ``scored``, and the figures of attempts.
        spans: Those of each category, task and cell by its names; of all at ().
    """

    rows: RequestRows
    spans: Mapping[tuple[str, ...], CellSpan]

    def span(self, names: tuple[str, ...]) -> CellSpan:
        """Return where a category, a task or a cell is.

        Args:
            names: Category, task and load, as far as they are given. (): all.
        """
        return self.spans.get(names, CellSpan(0, 0, 0, 0))

    def of(self, names: tuple[str, ...]) -> RequestRows:
        """Return the replies of a category, a task or a cell; see :meth:`span`."""
        found = self.span(names)
        return self.rows.span(found.start, found.stop)


def sort_by_cell(frame: pd.DataFrame) -> CellRows:
    """Return the measured replies of one model sorted by cell.

    Args:
        frame: Rows of :meth:`gapbench.analysis.frames.Runs.model_frame`.
    """
    groups = RowGroups(group_codes(frame, _LABELS))
    final, is_measured = frame["final"].to_numpy(dtype=bool), (frame["phase"] == "measure").to_numpy()
    again = is_measured & frame["retried"].to_numpy(dtype=bool)
    timed = frame["timed"].to_numpy(dtype=bool)
    order: Ints = np.flatnonzero(timed)
    counts = [groups.counts(chosen) for chosen in (timed, final, again)]
    # A small number sorts in one pass.
    of_reply: Ints = groups.code.take(order).astype(np.int16 if groups.count < 2**15 else np.int64)
    if (of_reply[1:] < of_reply[:-1]).any():
        order = order.take(np.argsort(of_reply, kind="stable"))
    spans: dict[tuple[str, ...], CellSpan] = {}
    names = frame[list(_LABELS)].iloc[groups.rows].astype(str).itertuples(index=False, name=None)
    start = 0
    for cell, replies, done, retries in zip(names, *(count.tolist() for count in counts), strict=True):
        for depth in range(len(_LABELS) + 1):
            key = cell[:depth]
            so_far = spans.get(key, CellSpan(start, start, 0, 0))
            spans[key] = CellSpan(so_far.start, start + replies, so_far.done + done, so_far.retries + retries)
        start += replies
    columns: dict[str, np.ndarray[Any, Any]] = {
        **{name: as_floats(frame[name]) for name in _FIGURES},
        "cluster": group_codes(frame, ["task", "cluster_id"]),
        "outcome": _outcomes(frame["outcome"].astype("category")),
        "measured": final & is_measured,
        "scored": frame["scored"].to_numpy(dtype=bool),
    }
    if len(order) < len(frame) or (order[1:] < order[:-1]).any():
        columns = {name: values.take(order) for name, values in columns.items()}
    drawn = None
    if DESIGN_COLUMNS[0] in frame.columns:
        drawn = frame[["task", "sample_id", *DESIGN_COLUMNS]].iloc[order]
    requests = None
    if frame["turn"].notna().any():
        requests = group_codes(frame, ["run_id", "cell_id", "sample_id", "repeat"])[order]
    return CellRows(RequestRows(columns, slice(0, len(order)), drawn, requests), spans)


def _outcomes(labels: pd.Series[Any]) -> Ints:
    """Return the place of each outcome in :data:`OUTCOMES`; the number of these for any other."""
    known = {name: place for place, name in enumerate(OUTCOMES)}
    # The last one is for unknown labels, whose code is -1.
    places = np.array(
        [*(known.get(str(name), len(OUTCOMES)) for name in labels.cat.categories), len(OUTCOMES)], np.int8
    )
    found: Ints = places[labels.cat.codes.to_numpy()]
    return found
