"""Score and record the results of one batch: each attempt becomes one row, and none becomes two."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from gapbench import transport
from gapbench.execution.attempts.attempt_row import AttemptContext, CellClock
from gapbench.execution.attempts.request_sender import CompletedAttempt
from gapbench.execution.cell_run import CellRun
from gapbench.execution.recording.scoring_queue import ScoringQueue
from gapbench.store.provenance import format_utc
from gapbench.suite.plan import Cell, PlannedRequest
from gapbench.values import Call, Response


@dataclass
class BatchRows:
    """The rows of one batch. Use :meth:`deliver` for each result, then :meth:`finish`.

    Attributes:
        cells: What the cells of the run have in common.
        submitted_at: When the provider accepted the batch: the day whose prices hold.
        simulated: Whether a simulated provider answers.
    """

    cells: CellRun
    submitted_at: datetime
    simulated: bool
    _queues: dict[str, ScoringQueue] = field(default_factory=dict)

    async def deliver(
        self, cell: Cell, planned: PlannedRequest, call: Call, response: Response, number: int, *, final: bool
    ) -> None:
        """Score an attempt and record its row.

        Args:
            cell: The cell.
            planned: The request.
            call: What was submitted.
            response: What came back.
            number: Number of the attempt, from 1.
            final: Whether it is the last attempt at its request.

        Raises:
            DiskError: The disk is full or gone.
        """
        for message in planned.sample.messages:
            for medium in message.media:
                self.cells.writer.add_media(medium.sha256, medium.data)
        context = AttemptContext(number, final, 0.0, None, 0)
        await self._queue_of(cell).submit(CompletedAttempt(planned, call, response, context))

    def _queue_of(self, cell: Cell) -> ScoringQueue:
        if cell.cell_id not in self._queues:
            run = self.cells
            entry = run.manifest.cell(cell.cell_id)
            entry.started_at = entry.started_at or format_utc(self.submitted_at)
            self._queues[cell.cell_id] = ScoringQueue(
                run.manifest.run_id,
                (run.plan.suite, run.plan.suite_sha256),
                cell,
                CellClock(transport.now(), self.submitted_at),
                run.scoring_executors,
                run.recorder,
                scorer=run.settings.make_scorer(cell, run.writer.folder),
                simulated=self.simulated,
            )
        return self._queues[cell.cell_id]

    def leave_held(self) -> None:
        """Leave the answers whose scoring was held back to the next session; they are on disk."""
        for queue in self._queues.values():
            queue.leave_held()

    def cancel(self) -> None:
        """Leave unscored answers to the next session; they are on disk."""
        for queue in self._queues.values():
            queue.cancel()

    async def finish(self) -> None:
        """Wait for all scores, until every row is on the disk.

        Raises:
            DiskError: The disk is full or gone.
        """
        for queue in self._queues.values():
            await queue.wait_until_scored()
        await asyncio.to_thread(self.cells.writer.sync)
