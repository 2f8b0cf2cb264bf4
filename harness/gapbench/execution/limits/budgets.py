"""The spend budget of a run (``--max-usd``). Retry budgets are in :mod:`gapbench.execution.limits.retry`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from gapbench.values import ATTEMPT_KEY_IN_RUN, Attempt
from gapbench.values.batches import BATCH_TRANSPORT
from gapbench.values.failure_kinds import failure_traits


class SpendBudget:
    """Adds up the US dollars of all attempts in all sessions of a run.

    A reply that broke off, or that came without token counts, may be billed anyway; so may a line of a batch, which has no
    HTTP status at most vendors. It counts as much as the most expensive attempt of its model so far, so that the limit holds
    where the counts are unknown. What a batch may
    cost is reserved before it is submitted, attempt by attempt; a charged attempt gives its reserve back.

    Args:
        max_usd: US dollars at which the run stops. None: no limit.

    Attributes:
        known_usd: Dollars of attempts whose price is known.
        assumed_usd: Dollars of the others.
        reserved_usd: Dollars that batches which are out may cost.
        leased_usd: Dollars that are set aside for requests which other machines may send now; see
            :mod:`gapbench.execution.limits.spend_leases`. They do not stop a run: most of them are given back.
    """

    def __init__(self, max_usd: Decimal | None) -> None:
        self.max_usd = max_usd
        self.known_usd = Decimal(0)
        self.assumed_usd = Decimal(0)
        self.reserved_usd = Decimal(0)
        self.leased_usd = Decimal(0)
        self._max_usd_by_model: dict[str, Decimal] = {}
        self._reserves: dict[tuple[object, ...], Decimal] = {}

    def may_spend(self, usd: Decimal) -> bool:
        """Return whether so many US dollars more, besides what is spent and set aside, are within the limit."""
        taken = self.spent_usd + self.reserved_usd + self.leased_usd
        return self.max_usd is None or taken + usd <= self.max_usd

    def reserve(self, attempts: Mapping[Any, Decimal | None]) -> None:
        """Reserve the most that attempts can cost.

        Args:
            attempts: By the attempt's key in the run. None: unknown, or not billed by the call.
        """
        for key, usd in attempts.items():
            self.release([key])
            self._reserves[key] = usd or Decimal(0)
            self.reserved_usd += self._reserves[key]

    def release(self, attempts: Iterable[tuple[object, ...]]) -> None:
        """Give back what is reserved for attempts; nothing for those without a reserve."""
        for key in attempts:
            self.reserved_usd -= self._reserves.pop(key, Decimal(0))

    def charge(self, row: Attempt, usd: Decimal | None) -> str | None:
        """Count an attempt and return why the run must stop, or None if it may continue.

        Args:
            row: The attempt.
            usd: Its price. None: unknown, or not billed by the call.
        """
        if self._reserves:
            self.release([tuple(getattr(row, name) for name in ATTEMPT_KEY_IN_RUN)])
        if row.from_cache:
            return None
        if usd is not None:
            self.known_usd += usd
            self._max_usd_by_model[row.model_id] = max(usd, self._max_usd_by_model.get(row.model_id, usd))
        elif _may_be_billed(row):
            self.assumed_usd += self.dearest_usd(row.model_id)
        return self.reason_to_stop()

    def assume(self, usd: Decimal | None) -> None:
        """Count what was paid for answers that are lost, such as those of a batch that cannot be read any more.

        Args:
            usd: The most that they can have cost. None: unknown, or not billed by the call.
        """
        self.assumed_usd += usd or Decimal(0)

    @property
    def spent_usd(self) -> Decimal:
        """US dollars that were spent, known and assumed."""
        return self.known_usd + self.assumed_usd

    def dearest_usd(self, model_id: str) -> Decimal:
        """Return the price of a model's most expensive attempt so far; 0 if none has a price."""
        return self._max_usd_by_model.get(model_id, Decimal(0))

    def reason_to_stop(self) -> str | None:
        """Return why the run must stop, or None if it may continue."""
        spent = self.spent_usd
        if self.max_usd is None or spent + self.reserved_usd < self.max_usd:
            return None
        if self.reserved_usd and spent < self.max_usd:
            return self.describe_reserved()
        assumed = (
            f", ${self.assumed_usd:.4f} of it assumed for replies without a count of tokens"
            if self.assumed_usd
            else ""
        )
        return f"--max-usd {self.max_usd} reached: ${spent:.4f} spent{assumed}"

    def describe_reserved(self) -> str:
        """Return why nothing more may be sent where reserves count."""
        return (
            f"--max-usd {self.max_usd} reached: ${self.spent_usd:.4f} spent, ${self.reserved_usd:.4f} reserved for batches "
            "that are out"
        )


def _may_be_billed(row: Attempt) -> bool:
    """Return whether a provider may charge for an attempt whose price is unknown."""
    traits = None if row.failure_kind is None else failure_traits(row.failure_kind)
    if row.transport == BATCH_TRANSPORT:
        # Anthropic, Google and broken lines tell no status of a request.
        return row.http_status in {None, 200} and (traits is None or traits.may_be_billed_in_batch)
    return row.http_status == 200 and (traits is None or traits.may_be_billed)
