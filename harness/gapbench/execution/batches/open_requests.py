"""The requests of a batched model that have no final row yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from gapbench.execution.attempts.request_sender import build_request
from gapbench.execution.earlier_sessions import EarlierSessions, RequestKey, request_key
from gapbench.runner import Runner
from gapbench.store.batch_journal import BatchAttempt, BatchJournal
from gapbench.suite.plan import Cell, PlannedRequest
from gapbench.values import Call


class OpenRequests:
    """The requests of one model that have no final row yet, and the attempts made at each.

    Args:
        model_id: The model.
        cells: Its cells.
        runner: Its open runner.
        journal: The journal of the run's batches.
        earlier: What earlier sessions left.
        sends_unsent: Whether requests that were never sent are submitted.
    """

    def __init__(
        self,
        model_id: str,
        cells: Sequence[Cell],
        runner: Runner,
        journal: BatchJournal,
        earlier: EarlierSessions,
        *,
        sends_unsent: bool,
    ) -> None:
        self.cells = cells
        self._model_id = model_id
        self._runner = runner
        self._journal = journal
        self._sends_unsent = sends_unsent
        self._places: dict[RequestKey, tuple[Cell, int]] = {}
        self._made: dict[RequestKey, int] = {}
        for cell in cells:
            self._places |= {request_key(cell, one): (cell, at) for at, one in enumerate(cell.requests)}
            for number, made in earlier.remaining(cell):
                self._made[request_key(cell, cell.requests[number])] = made
        self._held: set[RequestKey] = set()

    def count_of_cell(self, cell: Cell) -> int:
        """Return how many requests of a cell have no final row."""
        return sum(request_key(cell, planned) in self._made for planned in cell.requests)

    def to_submit(self) -> list[BatchAttempt]:
        """Return the next attempt at each request that is in no batch and may be sent, in sending order."""
        out = {
            attempt[:3]
            for record in self._journal.out_of(self._model_id)
            for attempt in record.attempts.values()
        }
        return [
            BatchAttempt(*key, made + 1)
            for key, made in self._made.items()
            if key not in out and key not in self._held and (made or self._sends_unsent)
        ]

    def is_planned(self, attempt: BatchAttempt) -> bool:
        """Return whether the plan has the request of an attempt."""
        return _key(attempt) in self._places

    def is_recorded(self, attempt: BatchAttempt) -> bool:
        """Return whether an attempt has its row."""
        made = self._made.get(_key(attempt))
        return made is None or made >= attempt.attempt

    def place(self, attempt: BatchAttempt) -> tuple[Cell, PlannedRequest]:
        """Return the cell and the request of an attempt."""
        cell, number = self._places[_key(attempt)]
        return cell, cell.requests[number]

    def prepare(self, attempt: BatchAttempt) -> Call:
        """Return the call of an attempt."""
        cell, planned = self.place(attempt)
        return self._runner.prepare(build_request(cell, planned, cell.messages(planned)))

    def note_row(self, attempt: BatchAttempt, *, final: bool) -> None:
        """Count the row of an attempt."""
        if final:
            self._made.pop(_key(attempt), None)
        else:
            self._made[_key(attempt)] = attempt.attempt

    def hold(self, attempt: BatchAttempt) -> None:
        """Do not send a request again in this session: the user had its batch cancelled."""
        self._held.add(_key(attempt))

    def by_cell(self, attempts: Sequence[BatchAttempt]) -> list[tuple[Cell, list[tuple[int, int]]]]:
        """Return the number of each attempt's request and the attempts already made at it, by cell."""
        found: dict[str, tuple[Cell, list[tuple[int, int]]]] = {}
        for attempt in attempts:
            cell, number = self._places[_key(attempt)]
            found.setdefault(cell.cell_id, (cell, []))[1].append((number, attempt.attempt - 1))
        return list(found.values())


def _key(attempt: BatchAttempt) -> RequestKey:
    return cast("RequestKey", tuple(attempt[:3]))
