"""What an observer of a run is told: attempts, cells and prices."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from gapbench.suite.plan import Cell
from gapbench.values import Attempt, Model

AttemptPricer = Callable[[Attempt], Decimal | None]
"""US dollars that one attempt cost; None: unknown, or not billed by the call."""


class RunObserver(Protocol):
    """Told of progress as it happens; must return at once."""

    def model_opening(self, model: Model) -> None:
        """A model's server or client is being made ready."""

    def cell_started(self, cell: Cell, total: int, already_done: int) -> None:
        """A cell begins; ``already_done`` of its requests were finished in an earlier session."""

    def attempt_done(self, cell: Cell, row: Attempt, usd: Decimal | None) -> None:
        """An attempt is on disk."""

    def cell_ended(self, cell: Cell) -> None:
        """A cell has its last row."""

    def notify(self, line: str) -> None:
        """One line for the user."""
