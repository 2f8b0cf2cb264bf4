"""One attempt's price, for a run in progress; finished runs are priced by the analysis."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Protocol

from gapbench.pricing.rates import Quote, UnitPrices, Unpriced, counts_are_possible
from gapbench.values import Attempt, Usage


class UsagePricer(Protocol):
    """Prices one call to a model. None: its price is unknown, or it is not billed by the call."""

    def __call__(self, usage: Usage, served: str | None, image_count: int = 0) -> Decimal | None:
        """Return the US dollars of a call.

        Args:
            usage: The token counts of the reply.
            served: The model id that the reply names. None: it names none.
            image_count: Images in the prompt.
        """


def make_usage_pricer(quote: Callable[[str | None], Quote]) -> UsagePricer:
    """Return what prices the calls to one model.

    Args:
        quote: The price under the model id that was served. None: under the one asked.
    """
    known: dict[str | None, Quote] = {}

    def price(usage: Usage, served: str | None, image_count: int = 0) -> Decimal | None:
        if served not in known:
            known[served] = quote(served)
            if isinstance(known[served], Unpriced):
                known[served] = quote(None)
        unit = known[served]
        if not isinstance(unit, UnitPrices) or usage.input_tokens is None or usage.output_tokens is None:
            return None
        counts = {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cached_input_tokens": usage.cached_input_tokens or 0,
            "cache_write_tokens": usage.cache_write_tokens or 0,
            "cache_write_1h_tokens": usage.cache_write_1h_tokens or 0,
        }
        return unit.usd(**counts, image_count=image_count) if counts_are_possible(**counts) else None

    return price


def make_attempt_pricer(
    quote: Callable[[str, str | None, str | None], Quote],
) -> Callable[[Attempt], Decimal | None]:
    """Return what prices an attempt; None: its price is unknown, or it is not billed by the call.

    Args:
        quote: The price of a model by its id, at the service tier that the reply named (None: standard), under the model
            id that was served (None: under the one asked).
    """
    pricers: dict[tuple[str, str | None], UsagePricer] = {}

    def price(row: Attempt) -> Decimal | None:
        key = (row.model_id, row.service_tier)
        if key not in pricers:
            pricers[key] = make_usage_pricer(partial(quote, *key))
        usage = Usage(
            row.input_tokens,
            row.cached_input_tokens,
            row.cache_write_tokens,
            row.cache_write_1h_tokens,
            row.output_tokens,
        )
        return pricers[key](usage, row.model_served, row.image_count)

    return price
