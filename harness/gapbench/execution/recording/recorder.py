"""Record attempts: write the row to disk, charge the budget, then notify the observer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from gapbench.execution.attempts.attempt_row import build_payload_row
from gapbench.execution.attempts.request_sender import CompletedAttempt
from gapbench.execution.earlier_sessions import RequestKey
from gapbench.execution.limits.budgets import SpendBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.recording.observer import AttemptPricer, RunObserver, UserObserver, WaitingObserver
from gapbench.store import RunWriter
from gapbench.store.first_call_entry import FirstCallEntry
from gapbench.suite.plan import Cell
from gapbench.values import Attempt, Payload, Score, Trajectory


class AttemptRecorder:
    """Records the rows of a run.

    The cost of an answer counts when the answer arrives, before a slow scorer has scored it. Otherwise a run would
    keep spending while its scorer is behind.

    Args:
        writer: The run folder, open for writing.
        price_attempt: Prices one attempt.
        max_usd: US dollars at which the run stops. None: no limit.
        observer: Notified of each row.
        stop_signal: Set when the budget is spent.

    Attributes:
        finished_by_cell: By cell id, the number of requests that have their final row.
        spend_budget: The spend of the run, and what is reserved for its batches.
        user_attempts: By cell id, sample and repeat, the attempts that the model that plays the user was asked, in all
            sessions.
        spend_budget: What the run may spend and has spent.
    """

    def __init__(
        self,
        writer: RunWriter,
        price_attempt: AttemptPricer,
        max_usd: Decimal | None,
        observer: RunObserver,
        stop_signal: StopSignal,
    ) -> None:
        self.finished_by_cell: Counter[str] = Counter()
        self.user_attempts: Counter[RequestKey] = Counter()
        self._writer = writer
        self._price_attempt = price_attempt
        self.spend_budget = SpendBudget(max_usd)
        self._observer = observer
        self._stop_signal = stop_signal
        self._catch_up_lock = asyncio.Lock()

    def charge(self, row: Attempt) -> Decimal | None:
        """Add the cost of an attempt, of this session or an earlier one, and stop the run at its limit.

        Returns:
            The cost in US dollars. None: unknown, or not billed by the call, as an answer from the cache.
        """
        usd = self._price(row)
        reason = self.spend_budget.charge(row, usd)
        if reason is not None and self._stop_signal.reason is None:
            self._stop_signal.set(reason)
            self._observer.notify(f"stopping: {reason}; what is in flight or waits for its score is kept")
        return usd

    def _price(self, row: Attempt) -> Decimal | None:
        return None if row.from_cache else self._price_attempt(row)

    def charge_first_calls(self, calls: Sequence[FirstCallEntry]) -> None:
        """Add the cost of the small calls before each session; it counts towards the limit with the next attempt."""
        self.spend_budget.known_usd += sum(
            (Decimal(str(call.usd)) for call in calls if call.usd is not None), Decimal(0)
        )

    def next_user_attempt(self, key: RequestKey) -> int:
        """Return the number of the next attempt at asking the user of a request."""
        self.user_attempts[key] += 1
        return self.user_attempts[key]

    async def record_user(self, cell: Cell, row: Attempt, payload: Payload) -> None:
        """Write one attempt at asking the model that plays a user to disk, and charge its cost.

        Args:
            cell: The cell whose user it plays.
            row: The attempt.
            payload: Its texts.

        Raises:
            DiskError: The disk is full or gone.
        """
        self._writer.add(row, payload)
        usd = self.charge(row)
        if isinstance(self._observer, UserObserver):
            self._observer.user_asked(cell, row, usd)
        await self._wait_for_disk()

    async def _wait_for_disk(self) -> None:
        """Make the sender of a row wait while the disk is behind."""
        if self._writer.is_behind:
            async with self._catch_up_lock:
                await asyncio.to_thread(self._writer.catch_up)

    async def add_pending(
        self, cell: Cell, row: Attempt, completed: CompletedAttempt, trajectory: Trajectory | None = None
    ) -> int:
        """Write an answer without its score to disk, and charge its cost.

        Returns:
            The number to pass to :meth:`record` as ``pending_number``.

        Raises:
            DiskError: The disk is full or gone.
        """
        pending = self._writer.pending
        payload = build_payload_row(row, cell, completed.planned, completed.response, None, completed.turn)
        number = pending.add(row, payload, trajectory)
        self.charge(row)
        if isinstance(self._observer, WaitingObserver):
            self._observer.answer_waiting(cell)
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
        trajectory: Trajectory | None = None,
    ) -> None:
        """Write one attempt to disk and report it; makes its sender wait while the disk is behind.

        Args:
            cell: The cell.
            row: The attempt.
            completed: Call, response and context of the attempt.
            score: The score. None: the attempt was not scored.
            pending_number: What :meth:`add_pending` returned. None: the attempt was not pending, so its cost is charged
                now.
            trajectory: The episode that the attempt ended. None: it ended none.

        Raises:
            DiskError: The disk is full or gone.
        """
        payload = build_payload_row(row, cell, completed.planned, completed.response, score, completed.turn)
        self._writer.add(row, payload, trajectory)
        self.finished_by_cell[cell.cell_id] += row.final
        if pending_number is None:
            usd = self.charge(row)
        else:
            self._writer.pending.remove(pending_number)
            usd = self._price(row)
        self._observer.attempt_done(cell, row, usd)
        await self._wait_for_disk()
