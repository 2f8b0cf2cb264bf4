"""Rows of the requests to a model that plays users; their cell id is that of the cell with ``|user``."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gapbench.execution.attempts.attempt_row import CellClock, build_attempt_row, build_payload_row
from gapbench.execution.attempts.request_sender import CompletedAttempt
from gapbench.execution.recording.recorder import AttemptRecorder
from gapbench.suite.plan import Cell
from gapbench.values.played_user import user_cell_id


@dataclass(frozen=True)
class UserRows:
    """Records what a model that plays the users of one cell was asked.

    Attributes:
        run_id: The run.
        suite: The suite's name and hash.
        cell: The cell whose users it plays.
        user_cell: The cell as which it is asked; see :func:`gapbench.execution.user_models.make_user_cell`.
        clock: The cell's clock.
        recorder: Receives each row.
        simulated: Whether the user's provider is simulated.
    """

    run_id: str
    suite: tuple[str, str]
    cell: Cell
    user_cell: Cell
    clock: CellClock
    recorder: AttemptRecorder
    simulated: bool

    async def record(self, completed: CompletedAttempt) -> None:
        """Record one attempt.

        Raises:
            DiskError: The disk is full or gone.
        """
        planned, cell_id = completed.planned, user_cell_id(self.cell.cell_id)
        row = build_attempt_row(
            self.run_id,
            self.suite,
            self.user_cell,
            planned,
            completed.call,
            completed.response,
            None,
            completed.context,
            self.clock,
            simulated=self.simulated,
        )
        number = self.recorder.next_user_attempt((cell_id, planned.sample.sample_id, planned.repeat))
        row = replace(row, cell_id=cell_id, attempt=number)
        payload = build_payload_row(row, self.user_cell, planned, completed.response, None, completed.turn)
        await self.recorder.record_user(self.cell, row, payload)
