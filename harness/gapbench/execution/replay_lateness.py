"""How late the requests of a replay are sent, against the times of the log."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from gapbench.execution.attempts.request_sender import CompletedAttempt
from gapbench.store.replay_entry import LatenessEntry, ReplayEntry
from gapbench.suite.plan import Cell


class ReplayLateness:
    """Takes note of each first attempt of one session of a cell.

    Args:
        cell: The cell; it replays traffic.
        todo: Number of each remaining request, and the attempts already made at it.
        start_s: When the first of them is due, on :data:`gapbench.transport.now`.
    """

    def __init__(self, cell: Cell, todo: Sequence[tuple[int, int]], start_s: float) -> None:
        first = min((number for number, _ in todo), default=0)
        self._zero_s = start_s - ((cell.requests[first].due_s or 0.0) if todo else 0.0)
        self._answered: set[str] = set()  # sessions of the traffic with an answer
        self._arrivals, self._follow_ups = array("d"), array("d")

    def note(self, completed: CompletedAttempt) -> None:
        """Take note of an attempt. The requests of a session of the traffic come one after the other."""
        planned, sent_s = completed.planned, completed.response.timing.sent_s
        follows = planned.session is not None and planned.session in self._answered
        if planned.session is not None:
            self._answered.add(planned.session)
        if completed.context.number == 1 and sent_s is not None and planned.due_s is not None:
            late_s = sent_s - (self._zero_s + planned.due_s)
            (self._follow_ups if follows else self._arrivals).append(late_s)

    def add_to(self, entry: ReplayEntry) -> None:
        """Add what was noted to the cell's entry in ``run.json``."""
        entry.arrivals = _merged(entry.arrivals, self._arrivals)
        entry.follow_ups = _merged(entry.follow_ups, self._follow_ups)


def _merged(before: LatenessEntry | None, late_s: Sequence[float]) -> LatenessEntry | None:
    if not len(late_s):
        return before
    p50_s, p99_s, max_s = (round(float(value), 6) for value in np.quantile(late_s, (0.5, 0.99, 1.0)))
    if before is not None:
        p50_s, p99_s, max_s = (
            max(p50_s, before.p50_s), max(p99_s, before.p99_s), max(max_s, before.max_s),
        )  # fmt: skip
    sent = len(late_s) + (before.sent if before is not None else 0)
    return LatenessEntry(sent=sent, p50_s=p50_s, p99_s=p99_s, max_s=max_s)
