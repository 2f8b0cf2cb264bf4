"""How late a replay was: against the log's times, apart for requests that wait for an answer, over several sessions."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gapbench.execution.replay_lateness import ReplayLateness
from gapbench.store.replay_entry import LatenessEntry, ReplayEntry
from gapbench.suite.plan import Cell
from gapbench.values import Params
from tests.makers import model
from tests.traffic_tables import logged, replay_of

START_S = 1_000.0


def cell_of(folder: Path) -> Cell:
    """Return a cell of four requests at 0, 1, 2 and 3 s, the first and the last of one session."""
    rows = [logged(0.0, session_hash="s"), logged(1.0), logged(2.0), logged(3.0, session_hash="s")]
    replay = replay_of(folder, rows)
    return Cell(model(), replay.task, replay.loads[0], Params(max_tokens=64), 1, 0)


def note(lateness: ReplayLateness, cell: Cell, number: int, sent_s: float | None, attempt: int = 1) -> None:
    """Take note of an attempt at a request, sent so many seconds after the start."""
    completed: Any = SimpleNamespace(
        planned=cell.requests[number],
        response=SimpleNamespace(timing=SimpleNamespace(sent_s=None if sent_s is None else START_S + sent_s)),
        context=SimpleNamespace(number=attempt),
    )
    lateness.note(completed)


def test_late_is_against_the_log(tmp_path: Path) -> None:
    """Sent at 0.1, 1.3 and 2.2 s, so 0.1, 0.3 and 0.2 s late; the later turn at 5.5 s, 2.5 s late. Retries do not count."""
    cell = cell_of(tmp_path)
    lateness = ReplayLateness(cell, [(number, 0) for number in range(4)], START_S)
    for number, sent_s in enumerate((0.1, 1.3, 2.2, 5.5)):
        note(lateness, cell, number, sent_s)
        note(lateness, cell, number, 90.0, attempt=2)
    entry = ReplayEntry(logged=4)
    lateness.add_to(entry)

    assert entry.arrivals is not None
    assert 3 == entry.arrivals.sent
    assert [0.2, 0.3] == pytest.approx([entry.arrivals.p50_s, entry.arrivals.max_s])
    assert LatenessEntry(sent=1, p50_s=2.5, p99_s=2.5, max_s=2.5) == entry.follow_ups


def test_a_resumed_cell_begins_with_the_rest_and_keeps_the_largest(tmp_path: Path) -> None:
    """The third request is due at once. 3 sent before, 0.3 s late at most; now two, at 0.05 and 1.4 s: the rest of a session waits for none."""
    cell = cell_of(tmp_path)
    entry = ReplayEntry(logged=4, arrivals=LatenessEntry(sent=3, p50_s=0.2, p99_s=0.3, max_s=0.3))
    lateness = ReplayLateness(cell, [(2, 0), (3, 0)], START_S)
    note(lateness, cell, 2, 0.05)
    note(lateness, cell, 3, 1.4)
    lateness.add_to(entry)

    assert entry.arrivals is not None
    assert 5 == entry.arrivals.sent
    assert [0.225, 0.4] == pytest.approx([entry.arrivals.p50_s, entry.arrivals.max_s])
    assert entry.follow_ups is None


def test_what_was_never_sent_is_not_late(tmp_path: Path) -> None:
    """A request that failed before its first byte has no time."""
    cell = cell_of(tmp_path)
    lateness = ReplayLateness(cell, [(0, 0)], START_S)
    note(lateness, cell, 0, None)
    entry = ReplayEntry(logged=4)
    lateness.add_to(entry)

    assert (None, None) == (entry.arrivals, entry.follow_ups)
