"""Rows on their way: onto the disk, against the budget, and only then to the watcher."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from gapbench.execution.attempts.attempt_row import build_payload_row
from gapbench.execution.attempts.request_sender import CompletedAttempt
from gapbench.execution.limits.budgets import SpendBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.recording.observer import RunObserver
from gapbench.execution.settings import RunSettings
from gapbench.store import RunWriter
from gapbench.suite.plan import Cell
from gapbench.values import Attempt, Score


class AttemptRecorder:
    """Keeps a run's rows.

    What an answer cost counts when it has come, before a slow scorer has looked at it: else a run would
    go on spending for as long as its scorer is behind.

    Args:
        writer: The run folder, open for writing.
        settings: What a row costs, and what the run may.
        observer: Told of each row.
        stop_signal: Set when the run has spent what it may.

    Attributes:
        finished_by_cell: By cell, requests that have their final row.
    """

    def __init__(
        self, writer: RunWriter, settings: RunSettings, observer: RunObserver, stop_signal: StopSignal
    ) -> None:
        """Start with nothing kept and nothing spent."""
        self.finished_by_cell: Counter[str] = Counter()
        self._writer = writer
        self._price_attempt = settings.price_attempt
        self._spend_budget = SpendBudget(settings.max_usd)
        self._observer = observer
        self._stop_signal = stop_signal
        self._catch_up_lock = asyncio.Lock()

    def charge(self, row: Attempt) -> Decimal | None:
        """Count what an attempt cost, of this session or an earlier one, and stop at the limit; returns the cost."""
        usd = self._price_attempt(row)
        reason = self._spend_budget.charge(row, usd)
        if reason is not None and self._stop_signal.reason is None:
            self._stop_signal.set(reason)
            self._observer.notify(f"stopping: {reason}; what is in flight or waits for its score is kept")
        return usd

    async def add_pending(self, cell: Cell, row: Attempt, completed: CompletedAttempt) -> int:
        """Put an answer on disk that waits for its score, and count its cost; returns what :meth:`record` wants.

        Raises:
            DiskError: The disk is full or gone.
        """
        pending = self._writer.pending
        number = pending.add(row, build_payload_row(row, cell, completed.planned, completed.response, None))
        self.charge(row)
        if pending.is_behind:
            async with self._catch_up_lock:
                await asyncio.to_thread(pending.catch_up)
        return number

    async def record(
        self,
        cell: Cell,
        row: Attempt,
        completed: CompletedAttempt,
        score: Score | None,
        pending_number: int | None = None,
    ) -> None:
        """Put one attempt on disk and report it; holds its sender while the disk is behind.

        Args:
            cell: Its cell.
            row: The attempt.
            completed: What it was made of.
            score: What the scorer said. None: it was not asked.
            pending_number: What :meth:`add_pending` gave. None: it did not wait, and its cost is still to be counted.

        Raises:
            DiskError: The disk is full or gone.
        """
        self._writer.add(row, build_payload_row(row, cell, completed.planned, completed.response, score))
        self.finished_by_cell[cell.cell_id] += row.final
        if pending_number is None:
            usd = self.charge(row)
        else:
            self._writer.pending.remove(pending_number)
            usd = self._price_attempt(row)
        self._observer.attempt_done(cell, row, usd)
        if self._writer.is_behind:
            async with self._catch_up_lock:
                await asyncio.to_thread(self._writer.catch_up)


class CellRecorder:
    """Where the rows of one cell go.

    Args:
        recorder: The run's.
        cell: The cell.
        on_recorded: Told of each row when it is on disk.
    """

    def __init__(
        self, recorder: AttemptRecorder, cell: Cell, on_recorded: Callable[[Attempt], None] = lambda _: None
    ) -> None:
        """Start empty."""
        self._recorder = recorder
        self._cell = cell
        self._on_recorded = on_recorded

    async def add_pending(self, row: Attempt, completed: CompletedAttempt) -> int:
        """See :meth:`AttemptRecorder.add_pending`."""
        return await self._recorder.add_pending(self._cell, row, completed)

    async def record(
        self,
        row: Attempt,
        completed: CompletedAttempt,
        score: Score | None,
        pending_number: int | None = None,
    ) -> None:
        """See :meth:`AttemptRecorder.record`."""
        await self._recorder.record(self._cell, row, completed, score, pending_number)
        self._on_recorded(row)
