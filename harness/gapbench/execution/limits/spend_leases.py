"""Dollars that are set aside before other machines spend them, so that ``--max-usd`` holds when a link is cut.

A machine may send a request only with a permit, and each permit has the most that one request can cost set aside. What
was spent and what is set aside never exceed the budget together, so machines that are cut off cannot spend more.
Near the end of the budget one request at a time may still go, as the run stops when the budget is reached and not before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from decimal import Decimal

from gapbench.execution.limits.budgets import SpendBudget
from gapbench.execution.limits.stop_signal import StopSignal

SLICE_SHARE = 0.01
"""Share of the budget that one worker may hold in advance."""


class SpendLeases:
    """The dollars set aside for one cell.

    Args:
        budget: The run's budget.
        bound_usd: The most that one request of the cell can cost. None: unknown; then it counts as the dearest one so far.
        model_id: The cell's model.
        stop_signal: Set when lost leases exhaust the budget.
        notify: Receives one line for the user.
    """

    def __init__(
        self,
        budget: SpendBudget,
        bound_usd: Decimal | None,
        model_id: str,
        stop_signal: StopSignal,
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._budget = budget
        self._bound_usd = bound_usd
        self._model_id = model_id
        self._stop_signal = stop_signal
        self._notify = notify
        self._held: deque[Decimal] = deque()
        self._changed = asyncio.Event()

    def prefetch(self, workers: int) -> int:
        """Return the requests that one of so many workers may hold in advance."""
        usd = self._request_usd
        if self._budget.max_usd is None or usd <= 0:
            return 0
        return int(self._budget.max_usd * Decimal(str(SLICE_SHARE)) / usd / max(1, workers))

    @property
    def _request_usd(self) -> Decimal:
        dearest = self._budget.dearest_usd(self._model_id)
        return dearest if self._bound_usd is None else max(self._bound_usd, dearest)

    async def reserve(self) -> bool:
        """Set aside the dollars of one request; waits while others may still be given back.

        Returns:
            Whether the request may be sent. False: the run stops.
        """
        while self._stop_signal.reason is None:
            budget, usd = self._budget, self._request_usd
            if budget.max_usd is None:
                return True
            left_usd = budget.max_usd - budget.spent_usd - budget.reserved_usd - budget.leased_usd
            if left_usd >= usd or (budget.leased_usd == 0 and left_usd > 0):
                budget.leased_usd += usd
                self._held.append(usd)
                return True
            if budget.leased_usd == 0:
                self._stop()
                return False
            self._changed.clear()
            await self._wait_for_change()
        return False

    async def _wait_for_change(self) -> None:
        changed = asyncio.ensure_future(self._changed.wait())
        # Another cell's requests may give back what this one waits for.
        poll = asyncio.ensure_future(self._stop_signal.sleep(0.1))
        try:
            await asyncio.wait((changed, poll), return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
            poll.cancel()

    def settle(self, count: int = 1) -> None:
        """Set nothing aside any more for requests whose rows were charged, or that were not sent."""
        for _ in range(min(count, len(self._held))):
            self._budget.leased_usd -= self._held.popleft()
        self._changed.set()

    def forfeit(self, count: int) -> None:
        """Count requests of a lost machine as sent and billed, since no one can know."""
        for _ in range(min(count, len(self._held))):
            usd = self._held.popleft()
            self._budget.leased_usd -= usd
            self._budget.assumed_usd += usd
        if self._budget.reason_to_stop() is not None:
            self._stop()
        self._changed.set()

    def _stop(self) -> None:
        reason = self._budget.reason_to_stop()
        if reason is not None and self._stop_signal.reason is None:
            self._stop_signal.set(reason)
            self._notify(f"stopping: {reason}; what is in flight or waits for its score is kept")
