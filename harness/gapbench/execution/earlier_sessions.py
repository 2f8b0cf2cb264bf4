"""What earlier sessions of a run left in its folder: finished requests, attempts made, answers without a score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from gapbench.execution.recording import run_manifest
from gapbench.execution.recording.observer import RunObserver
from gapbench.store import RunManifest, RunWriter, read_attempt_values, read_pending_answers
from gapbench.store.pending_scores import PendingAnswer
from gapbench.suite.plan import Cell, PlannedRequest
from gapbench.values import Attempt
from gapbench.values.failure_kinds import is_asked_again_on_resume

RequestKey = tuple[str, str, int]
"""Identifies a planned request: cell_id, sample_id, repeat."""


@dataclass(frozen=True)
class EarlierSessions:
    """The state of a run folder when a session starts.

    Only earlier sessions are held here. The running session keeps counts alone, so that memory does not grow with it.

    Attributes:
        pending_answers: Answers that a killed session received and did not score.
        finished: Requests that have their final row.
        search_rows: By cell id, the rows that a search's tries left.
        ladder_rows: By cell id, the final rows with a rung.
    """

    pending_answers: Sequence[PendingAnswer] = ()
    finished: set[RequestKey] = field(default_factory=set)
    search_rows: dict[str, list[Attempt]] = field(default_factory=dict)
    ladder_rows: dict[str, list[Attempt]] = field(default_factory=dict)
    _attempts_made: dict[RequestKey, int] = field(default_factory=dict)

    @classmethod
    def from_rows(cls, rows: Sequence[Attempt], pending: Sequence[PendingAnswer]) -> Self:
        """Return the state that a folder's rows and pending answers describe.

        Args:
            rows: All rows, including those of ``pending``.
            pending: Answers without a score.
        """
        state = cls(pending)
        for row in rows:
            if row.load_kind == "search":
                state.search_rows.setdefault(row.cell_id, []).append(row)
            key = (row.cell_id, row.sample_id, row.repeat)
            state._attempts_made[key] = max(state._attempts_made.get(key, 0), row.attempt)
            if row.final:
                state.finished.add(key)
                if row.rung is not None:
                    state.ladder_rows.setdefault(row.cell_id, []).append(row)
        return state

    def remaining(self, cell: Cell) -> list[tuple[int, int]]:
        """Return the number of each request of a cell that is not finished, and the attempts made at it."""
        return [
            (number, self._attempts_made.get(request_key(cell, planned), 0))
            for number, planned in enumerate(cell.requests)
            if request_key(cell, planned) not in self.finished
        ]

    def is_finished(self, cell: Cell) -> bool:
        """Return whether every request of a cell has its final row."""
        return all(request_key(cell, planned) in self.finished for planned in cell.requests)


def read_earlier_rows(folder: Path, *, is_resumed: bool) -> tuple[list[Attempt], list[PendingAnswer]]:
    """Return the rows of a run folder including those of answers without a score, and these answers again."""
    rows = read_attempt_values(folder) if is_resumed else []
    pending = read_pending_answers(folder, rows)
    return rows + [answer.attempt for answer in pending], pending


def requests_to_repeat(rows: Sequence[Attempt]) -> list[Attempt]:
    """Return the final rows of requests that ended without an answer and that a resumed run sends again.

    See :func:`gapbench.values.failure_kinds.is_asked_again_on_resume`. A search counts its failures as results, so its
    requests are not repeated.
    """
    return [
        row
        for row in rows
        if row.final and row.load_kind != "search" and is_asked_again_on_resume(row.failure_kind)
    ]


def request_key(cell: Cell, planned: PlannedRequest) -> RequestKey:
    """Return the key of a request in a run."""
    return (cell.cell_id, planned.sample.sample_id, planned.repeat)


def add_stretches_of_killed_sessions(manifest: RunManifest, rows: Sequence[Attempt]) -> None:
    """Add the time of sessions that were killed to the manifest's cells.

    Each row says when its session started the cell and when the attempt was done.
    """
    entries = {cell.cell_id: cell for cell in manifest.cells}
    ends: dict[tuple[str, datetime], float] = {}
    for row in rows:
        if row.done_s is not None and not row.from_cache:
            stretch = (row.cell_id, row.started_at)
            ends[stretch] = max(ends.get(stretch, 0.0), row.done_s)
    for (cell_id, started_at), end_s in ends.items():
        if cell_id in entries:
            run_manifest.add_stretch(entries[cell_id], started_at, end_s, is_complete=False)


def reopen_failed_requests(
    rows: Sequence[Attempt], writer: RunWriter, observer: RunObserver
) -> list[Attempt]:
    """Return the rows of earlier sessions, with requests that ended in a curable failure marked as not finished.

    The rows in the folder are marked too, before any request is sent, so that a request never has two final rows.
    """
    reopened = {id(row) for row in requests_to_repeat(rows)}
    if not reopened:
        return list(rows)
    failed = [row for row in rows if id(row) in reopened]
    writer.mark_not_final(failed)
    kinds = Counter(str(row.failure_kind) for row in failed)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    noun = "request" if len(failed) == 1 else "requests"
    observer.notify(f"sending {len(failed)} {noun} again that ended without an answer ({counts})")
    return [replace(row, final=False) if id(row) in reopened else row for row in rows]
