"""Run a plan block by block with all models open, and take a look after each block: ``bench run --until-sure``."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass

from gapbench.execution.earlier_sessions import EarlierSessions, read_earlier_rows
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.model_session import ModelSession
from gapbench.execution.recording.observer import RunObserver
from gapbench.execution.recording.recorder import AttemptRecorder
from gapbench.execution.until_sure import UntilSure
from gapbench.execution.watched_cells import WatchedCells
from gapbench.store import RunManifest, RunWriter
from gapbench.suite.plan import Plan
from gapbench.values import Model


@dataclass(frozen=True)
class BlockRun:
    """What a run by blocks needs.

    Attributes:
        plan: The plan.
        manifest: The run's manifest; it has an entry for the looks, which is updated and written.
        writer: The run folder, open for writing.
        observer: Receives progress and one line for each look.
        stop_signal: Stops new sends.
        earlier: What earlier sessions left.
        recorder: Counts the finished requests.
        cells: Sends a part of a cell.
        open_model: Opens a model for the duration of a block of code.
        note_failure: Records an error of a model.
        note_if_given_up: Records that a model was given up, and returns whether it was.
    """

    plan: Plan
    manifest: RunManifest
    writer: RunWriter
    observer: RunObserver
    stop_signal: StopSignal
    earlier: EarlierSessions
    recorder: AttemptRecorder
    cells: WatchedCells
    open_model: Callable[[Model], AbstractAsyncContextManager[ModelSession]]
    note_failure: Callable[[Model], AbstractContextManager[None]]
    note_if_given_up: Callable[[ModelSession], bool]

    async def run(self) -> None:
        """Ask all models block by block, until the run is sure, the plan ends, or a model fails."""
        rows, _ = read_earlier_rows(self.writer.folder, is_resumed=bool(self.earlier.finished))
        sure = UntilSure.of(self.plan, self.manifest, rows)
        for cell in self.plan.cells:
            self.observer.cell_started(cell, len(cell.requests), self.recorder.finished_by_cell[cell.cell_id])
        if not sure.is_done:
            await self._run_blocks(sure)
        for cell in self.plan.cells:
            self.observer.cell_ended(cell)
            if sure.entry.decision is not None:
                # The requests that were not sent leave the plan: there is nothing to resume.
                entry = self.manifest.cell(cell.cell_id)
                entry.cut_short = True
                entry.planned = self.recorder.finished_by_cell[cell.cell_id]

    async def _run_blocks(self, sure: UntilSure) -> None:
        async with contextlib.AsyncExitStack() as opened:
            sessions: list[ModelSession] = []
            for model in self.plan.models:
                with self.note_failure(model):
                    sessions.append(await opened.enter_async_context(self.open_model(model)))
            if len(sessions) < len(self.plan.models):
                return
            while not sure.is_done and await self._run_block(sure, sessions):
                self.observer.notify(sure.look())
                self.writer.write_manifest(self.manifest)

    async def _run_block(self, sure: UntilSure, sessions: Sequence[ModelSession]) -> bool:
        """Send what remains of the next block to each model in turn. Returns whether all of it was sent."""
        number = len(sure.entry.looks)
        for model_session in sessions:
            failures = len(self.manifest.failures)
            with self.note_failure(model_session.model):
                for cell in self.plan.cells_of(model_session.model):
                    entry = self.manifest.cell(cell.cell_id)
                    counters_before = entry.counters_before
                    todo = sure.requests_in_block(number, cell, self.earlier.remaining(cell))
                    if todo and self.stop_signal.reason is None:
                        await self.cells.run(cell, todo, model_session, self.stop_signal, sure.record)
                        entry.counters_before = counters_before or entry.counters_before
                self.note_if_given_up(model_session)
            if self.stop_signal.reason is not None or len(self.manifest.failures) > failures:
                return False
        return True
