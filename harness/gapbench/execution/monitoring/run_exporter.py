"""Count the events of a running run for Prometheus and forward them to another observer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from gapbench.execution.limits.budgets import SpendBudget
from gapbench.execution.monitoring.counters import RunCounts
from gapbench.execution.recording.observer import RunObserver, SpendObserver, UserObserver, WaitingObserver
from gapbench.suite.plan import Cell
from gapbench.values import Attempt, Model


class MetricsObserver:
    """Observer that counts and forwards every event.

    Args:
        inner: The observer to forward to, such as the live view.
        suite: Name of the suite.
        run: Name of the run's folder.
    """

    def __init__(self, inner: RunObserver, suite: str, run: str) -> None:
        self._inner = inner
        self.counts = RunCounts(run, suite)

    def run_counts(self) -> list[RunCounts]:
        """Return the counts of the run, as a list of one."""
        return [self.counts]

    def model_opening(self, model: Model) -> None:
        """Forward."""
        self._inner.model_opening(model)

    def cell_started(self, cell: Cell, total: int, already_done: int) -> None:
        """Set the number of planned requests, and of those that an earlier session finished."""
        self.counts.set_total(cell.cell_id, cell.model.id, cell.task.name, total)
        self.counts.set_already_done(cell.cell_id, cell.model.id, cell.task.name, already_done)
        self._inner.cell_started(cell, total, already_done)

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        """Count an attempt."""
        self.counts.record(row, usd)
        self._inner.attempt_done(cell, row, usd)

    def answer_waiting(self, cell: Cell) -> None:
        """Forward to an observer that shows it."""
        if isinstance(self._inner, WaitingObserver):
            self._inner.answer_waiting(cell)

    def spending_counted(self, budget: SpendBudget, usd_by_cell: Mapping[str, Decimal]) -> None:
        """Forward to an observer that shows it."""
        if isinstance(self._inner, SpendObserver):
            self._inner.spending_counted(budget, usd_by_cell)

    def user_asked(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        """Count what the user's model was asked, and forward to an observer that shows it."""
        self.counts.record(row, usd)
        if isinstance(self._inner, UserObserver):
            self._inner.user_asked(cell, row, usd)

    def cell_ended(self, cell: Cell) -> None:
        """Forward."""
        self._inner.cell_ended(cell)

    def notify(self, line: str) -> None:
        """Forward."""
        self._inner.notify(line)
