"""One attempt's price, for a run in progress; finished runs are priced by the analysis."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from gapbench.pricing.rates import Quote, UnitPrices, Unpriced, counts_are_possible
from gapbench.values import Attempt


def make_attempt_pricer(quote: Callable[[str, str | None], Quote]) -> Callable[[Attempt], Decimal | None]:
    """Return what prices an attempt; None: its price is unknown, or it is not billed by the call.

    Args:
        quote: The price of a model by its id, under the model id that was served. None: under the one asked.
    """
    known: dict[tuple[str, str | None], Quote] = {}

    def price(row: Attempt) -> Decimal | None:
        key = (row.model_id, row.model_served)
        if key not in known:
            known[key] = quote(*key)
            if isinstance(known[key], Unpriced):
                known[key] = quote(row.model_id, None)
        unit = known[key]
        if not isinstance(unit, UnitPrices) or row.input_tokens is None or row.output_tokens is None:
            return None
        counts = {
            "input_tokens": row.input_tokens,
            "output_tokens": row.output_tokens,
            "cached_input_tokens": row.cached_input_tokens or 0,
            "cache_write_tokens": row.cache_write_tokens or 0,
            "cache_write_1h_tokens": row.cache_write_1h_tokens or 0,
        }
        return unit.usd(**counts, image_count=row.image_count) if counts_are_possible(**counts) else None

    return price
