"""Counts what a run under way tells, and tells the live view on."""

from __future__ import annotations

from decimal import Decimal

from gapbench.execution.monitoring.counters import RunCounts
from gapbench.execution.recording.observer import Watcher
from gapbench.suite.plan import Cell
from gapbench.values import Attempt, Model


class MetricsWatcher:
    """A watcher between the run and its live view.

    Args:
        inner: The live view.
        suite: Name of the suite.
        run: Name of the run's folder.
    """

    def __init__(self, inner: Watcher, suite: str, run: str) -> None:
        """Start with nothing counted."""
        self._inner = inner
        self.counts = RunCounts(run, suite)

    def runs(self) -> list[RunCounts]:
        """Return the one run that is counted."""
        return [self.counts]

    def model_opening(self, model: Model) -> None:
        """Tell on."""
        self._inner.model_opening(model)

    def cell_started(self, cell: Cell, planned: int, kept: int) -> None:
        """Set what is planned, and what an earlier session has done of it."""
        self.counts.plan(cell.cell_id, cell.model.id, cell.task.name, planned)
        self.counts.keep(cell.cell_id, cell.model.id, cell.task.name, kept)
        self._inner.cell_started(cell, planned, kept)

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        """Count an attempt."""
        self.counts.take(row, usd)
        self._inner.attempt_done(cell, row, usd)

    def cell_ended(self, cell: Cell) -> None:
        """Tell on."""
        self._inner.cell_ended(cell)

    def tell(self, line: str) -> None:
        """Tell on."""
        self._inner.tell(line)
