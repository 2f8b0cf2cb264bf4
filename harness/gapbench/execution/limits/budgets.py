"""The spend budget of a run (``--max-usd``). Retry budgets are in :mod:`gapbench.execution.limits.retry`."""

from __future__ import annotations

from decimal import Decimal

from gapbench.values import Attempt
from gapbench.values.failure_kinds import failure_traits


class SpendBudget:
    """Adds up the US dollars of all attempts in all sessions of a run.

    A reply that broke off, or that came without token counts, may be billed anyway. It counts as much as the
    most expensive attempt of its model so far, so that the limit holds where the counts are unknown.

    Args:
        max_usd: US dollars at which the run stops. None: no limit.

    Attributes:
        known_usd: Dollars of attempts whose price is known.
        assumed_usd: Dollars of the others.
        reserved_usd: Dollars that are set aside for requests which other machines may send; see
            :mod:`gapbench.execution.limits.spend_leases`.
    """

    def __init__(self, max_usd: Decimal | None) -> None:
        self.max_usd = max_usd
        self.known_usd = Decimal(0)
        self.assumed_usd = Decimal(0)
        self.reserved_usd = Decimal(0)
        self._max_usd_by_model: dict[str, Decimal] = {}

    def charge(self, row: Attempt, usd: Decimal | None) -> str | None:
        """Count an attempt and return why the run must stop, or None if it may continue.

        Args:
            row: The attempt.
            usd: Its price. None: unknown, or not billed by the call.
        """
        if row.from_cache:
            return None
        if usd is not None:
            self.known_usd += usd
            self._max_usd_by_model[row.model_id] = max(usd, self._max_usd_by_model.get(row.model_id, usd))
        elif row.http_status == 200 and (
            row.failure_kind is None or failure_traits(row.failure_kind).may_be_billed
        ):
            self.assumed_usd += self.dearest_usd(row.model_id)
        return self.reason_to_stop()

    @property
    def spent_usd(self) -> Decimal:
        """US dollars that were spent, known and assumed."""
        return self.known_usd + self.assumed_usd

    def dearest_usd(self, model_id: str) -> Decimal:
        """Return the price of a model's most expensive attempt so far; 0 if none has a price."""
        return self._max_usd_by_model.get(model_id, Decimal(0))

    def reason_to_stop(self) -> str | None:
        """Return why the run must stop, or None if it may continue."""
        if self.max_usd is None or self.spent_usd < self.max_usd:
            return None
        assumed = (
            f", ${self.assumed_usd:.4f} of it assumed for replies without a count of tokens"
            if self.assumed_usd
            else ""
        )
        return f"--max-usd {self.max_usd} reached: ${self.spent_usd:.4f} spent{assumed}"
