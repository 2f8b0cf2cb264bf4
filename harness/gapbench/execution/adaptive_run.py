"""Run an adaptive cell: ask a few questions, pick the next by the answers, until the threshold is known."""

from __future__ import annotations

from dataclasses import dataclass

from gapbench.execution.adaptive_cell import AdaptiveCell
from gapbench.execution.earlier_sessions import EarlierSessions
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.model_session import ModelSession
from gapbench.execution.recording.observer import RunObserver
from gapbench.execution.recording.recorder import AttemptRecorder
from gapbench.execution.watched_cells import WatchedCells
from gapbench.store import RunManifest, RunWriter
from gapbench.suite.plan import Cell


@dataclass(frozen=True)
class AdaptiveRun:
    """What the adaptive cells of a run have in common.

    Attributes:
        manifest: The run's manifest; the cell's entry is updated and written.
        writer: The run folder, open for writing.
        observer: Receives the start and the end of each cell.
        earlier: What earlier sessions left.
        recorder: Counts the finished requests.
        cells: Sends a part of a cell.
    """

    manifest: RunManifest
    writer: RunWriter
    observer: RunObserver
    earlier: EarlierSessions
    recorder: AttemptRecorder
    cells: WatchedCells

    async def run(self, cell: Cell, model_session: ModelSession, stop_signal: StopSignal) -> None:
        """Ask the questions of a cell. A resumed cell first counts the rows of earlier sessions."""
        entry = self.manifest.cell(cell.cell_id)
        state = AdaptiveCell.of(cell, self.earlier.ladder_rows.get(cell.cell_id, ()))
        self.observer.cell_started(cell, cell.most_requests, state.asked)
        counters_before = entry.counters_before
        breaker = model_session.admission.breaker
        remaining = self.earlier.remaining(cell)
        while not state.is_done and stop_signal.reason is None and breaker.state != "given_up":
            asked = state.asked
            await self.cells.run(
                cell, state.next_requests(remaining), model_session, stop_signal, state.record
            )
            entry.counters_before = counters_before = counters_before or entry.counters_before
            if state.asked == asked:  # the task was stopped because its answers cannot be used
                break
        if state.is_done:
            # The requests that were not sent leave the plan: there is nothing to resume.
            entry.cut_short = True
            entry.planned = self.recorder.finished_by_cell[cell.cell_id]
            self.writer.write_manifest(self.manifest)
        self.observer.cell_ended(cell)
