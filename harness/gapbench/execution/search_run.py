"""Run a search for the highest rate that keeps a service level: one try after another, resumable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from gapbench.execution.limits.stop_signal import StopSignal, follow_stop_signal
from gapbench.execution.model_session import ModelSession
from gapbench.execution.rate_search import RateBisection, TryTally
from gapbench.execution.recording import run_manifest
from gapbench.execution.recording.observer import RunObserver
from gapbench.execution.recording.recorder import AttemptRecorder
from gapbench.store import RunManifest, RunWriter
from gapbench.store.manifest import CellEntry, SearchEntry
from gapbench.suite.plan import Cell, PlannedSearch
from gapbench.values import Attempt

OUT_OF_REACH = "the target is out of reach"
"""The reason with which a try of a search is cut short."""

RunTry = Callable[[Cell, ModelSession, StopSignal, TryTally], Awaitable[None]]
"""Sends what remains of the cell of one try; the tally counts its rows."""


@dataclass(frozen=True)
class SearchRun:
    """What the searches of a run have in common.

    Attributes:
        manifest: The run's manifest; the search's entry is updated and written.
        writer: The run folder, open for writing.
        observer: Receives one line about the result.
        stop_signal: Stops new tries.
        recorder: Counts the finished requests.
        earlier_rows: By cell id, the rows that earlier sessions left.
        run_try: See :data:`RunTry`.
    """

    manifest: RunManifest
    writer: RunWriter
    observer: RunObserver
    stop_signal: StopSignal
    recorder: AttemptRecorder
    earlier_rows: Mapping[str, Sequence[Attempt]]
    run_try: RunTry

    def entry_of(self, planned: PlannedSearch) -> SearchEntry:
        """Return the entry of a search in ``run.json``."""
        return next(entry for entry in self.manifest.searches if entry.search_id == planned.search_id)

    async def run(self, planned: PlannedSearch, model_session: ModelSession) -> None:
        """Try one rate after another. A resumed search first counts the rows of its earlier tries."""
        search_entry = self.entry_of(planned)
        bisection = RateBisection(planned.search)
        while self.stop_signal.reason is None and (step := bisection.next_try()) is not None:
            cell = planned.cell_at(*step)
            measured_requests = sum(request.phase == "measure" for request in cell.requests)
            tally = TryTally(planned.search.slo, measured_requests)
            for row in self.earlier_rows.get(cell.cell_id, ()):
                tally.record(row)
            known = [entry for entry in self.manifest.cells if entry.cell_id == cell.cell_id]
            if not known:
                known = [run_manifest.cell_entry(cell)]
                self.manifest.cells += known
            if not known[0].cut_short:
                await self._run_try(cell, model_session, tally, known[0])
            if self.stop_signal.reason is not None and tally.sent < tally.total and not tally.is_out_of_reach:
                break
            bisection.record_try(step[0], tally.met, tally.sent)
            for name, value in bisection.result().items():
                setattr(search_entry, name, value)
            self.writer.write_manifest(self.manifest)
        if search_entry.is_done:
            self.observer.notify(f"{planned.search_id}: {search_entry.words} keeps {planned.search.slo}")

    async def _run_try(
        self, cell: Cell, model_session: ModelSession, tally: TryTally, entry: CellEntry
    ) -> None:
        """Run one try of a search until it is complete or its target is out of reach."""
        with follow_stop_signal(self.stop_signal) as stop_signal:
            await self.run_try(cell, model_session, stop_signal, tally)
        if stop_signal.reason == OUT_OF_REACH:
            # The requests that were not sent leave the plan: there is nothing to resume.
            entry.cut_short = True
            entry.planned = self.recorder.finished_by_cell[cell.cell_id]
            self.writer.write_manifest(self.manifest)
