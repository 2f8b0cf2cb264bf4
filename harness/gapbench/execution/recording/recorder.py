"""Rows on their way: onto the disk, against the budget, and only then to the watcher."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from gapbench.execution.attempts.attempt_row import payload_row
from gapbench.execution.attempts.request_sender import Sent
from gapbench.execution.limits.budgets import Spending
from gapbench.execution.limits.stop_signal import Halt
from gapbench.execution.recording.observer import Watcher
from gapbench.execution.settings import Settings
from gapbench.store import RunWriter
from gapbench.suite.plan import Cell
from gapbench.values import Attempt, Score


class Keeper:
    """Keeps a run's rows.

    What an answer cost counts when it has come, before a slow scorer has looked at it: else a run would
    go on spending for as long as its scorer is behind.

    Args:
        writer: The run folder, open for writing.
        settings: What a row costs, and what the run may.
        watcher: Told of each row.
        halt: Set when the run has spent what it may.

    Attributes:
        finished: By cell, requests that have their final row.
    """

    def __init__(self, writer: RunWriter, settings: Settings, watcher: Watcher, halt: Halt) -> None:
        """Start with nothing kept and nothing spent."""
        self.finished: Counter[str] = Counter()
        self._writer = writer
        self._price = settings.price
        self._spending = Spending(settings.max_usd)
        self._watcher = watcher
        self._halt = halt
        self._catching_up = asyncio.Lock()

    def spend(self, row: Attempt) -> Decimal | None:
        """Count what an attempt cost, of this session or an earlier one, and stop at the limit; returns the cost."""
        usd = self._price(row)
        reason = self._spending.take(row, usd)
        if reason is not None and self._halt.reason is None:
            self._halt.now(reason)
            self._watcher.tell(f"stopping: {reason}; what is in flight or waits for its score is kept")
        return usd

    async def hold(self, cell: Cell, row: Attempt, sent: Sent) -> int:
        """Put an answer on disk that waits for its score, and count its cost; returns what :meth:`keep` wants.

        Raises:
            DiskError: The disk is full or gone.
        """
        waiting = self._writer.waiting
        number = waiting.hold(row, payload_row(row, cell, sent.planned, sent.response, None))
        self.spend(row)
        if waiting.is_behind:
            async with self._catching_up:
                await asyncio.to_thread(waiting.catch_up)
        return number

    async def keep(
        self, cell: Cell, row: Attempt, sent: Sent, score: Score | None, held: int | None = None
    ) -> None:
        """Put one attempt on disk and report it; holds its sender while the disk is behind.

        Args:
            cell: Its cell.
            row: The attempt.
            sent: What it was made of.
            score: What the scorer said. None: it was not asked.
            held: What :meth:`hold` gave. None: it did not wait, and its cost is still to be counted.

        Raises:
            DiskError: The disk is full or gone.
        """
        self._writer.add(row, payload_row(row, cell, sent.planned, sent.response, score))
        self.finished[cell.cell_id] += row.final
        if held is None:
            usd = self.spend(row)
        else:
            self._writer.waiting.release(held)
            usd = self._price(row)
        self._watcher.attempt_done(cell, row, usd)
        if self._writer.is_behind:
            async with self._catching_up:
                await asyncio.to_thread(self._writer.catch_up)


class Shelf:
    """Where the rows of one cell go.

    Args:
        keeper: The run's.
        cell: The cell.
        kept: Told of each row when it is on disk.
    """

    def __init__(self, keeper: Keeper, cell: Cell, kept: Callable[[Attempt], None] = lambda _: None) -> None:
        """Start empty."""
        self._keeper = keeper
        self._cell = cell
        self._kept = kept

    async def hold(self, row: Attempt, sent: Sent) -> int:
        """See :meth:`Keeper.hold`."""
        return await self._keeper.hold(self._cell, row, sent)

    async def keep(self, row: Attempt, sent: Sent, score: Score | None, held: int | None = None) -> None:
        """See :meth:`Keeper.keep`."""
        await self._keeper.keep(self._cell, row, sent, score, held)
        self._kept(row)
