"""The observer interface: what a run reports while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol, runtime_checkable

from gapbench.execution.limits.budgets import SpendBudget
from gapbench.suite.plan import Cell
from gapbench.values import Attempt, Model

AttemptPricer = Callable[[Attempt], Decimal | None]
"""Returns the US dollars that one attempt cost. None: unknown, or not billed by the call."""


class RunObserver(Protocol):
    """Receives progress while a run runs; every method must return at once."""

    def model_opening(self, model: Model) -> None:
        """A model's server or client is being opened."""

    def cell_started(self, cell: Cell, total: int, already_done: int) -> None:
        """A cell starts; ``already_done`` of its ``total`` requests were finished in earlier sessions."""

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        """An attempt is on disk; ``usd`` is its price, or None if unknown or not billed by the call."""

    def cell_ended(self, cell: Cell) -> None:
        """All rows of a cell are on disk, or the cell was stopped."""

    def notify(self, line: str) -> None:
        """Show one line to the user."""


@runtime_checkable
class WaitingObserver(Protocol):
    """An observer that is also told of answers whose score comes later."""

    def answer_waiting(self, cell: Cell) -> None:
        """An answer is on disk and waits for its score; :meth:`RunObserver.attempt_done` follows."""


@runtime_checkable
class SpendObserver(Protocol):
    """An observer that also shows what the run has spent."""

    def spending_counted(self, budget: SpendBudget, usd_by_cell: Mapping[str, Decimal]) -> None:
        """A session starts: ``budget`` counts the dollars of all sessions, and ``usd_by_cell`` has those of earlier ones."""


@runtime_checkable
class UserObserver(Protocol):
    """An observer that is also told of the requests to a model that plays users."""

    def user_asked(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        """An attempt at asking the user of one of the cell's episodes is on disk; ``usd`` is its price, as above."""
