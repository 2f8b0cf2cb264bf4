"""The exact cost of calls that are paid by tokens: their token counts summed by price, and each sum priced once."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd

from gapbench.analysis.cost.quotes import Quotes
from gapbench.analysis.cost.token_prices import TOKENS, BilledTokens, rates_of
from gapbench.analysis.frames import group_codes
from gapbench.analysis.row_groups import RowGroups
from gapbench.stats import Ints, dense_codes


class PriceLine(NamedTuple):
    """Some attempts of a model at one price.

    Attributes:
        category: Their category.
        phase: Their phase.
        retried: Whether they failed and were made again.
        from_cache: Whether our own response cache answered them, so that no vendor was paid.
        attempts: Number of them.
        usd: What they cost, or would without the cache. None: the counts of some are missing or impossible.
    """

    category: str
    phase: str
    retried: bool
    from_cache: bool
    attempts: int
    usd: Decimal | None


def price_lines(frame: pd.DataFrame, billed: BilledTokens, place: Ints, prices: Quotes) -> list[PriceLine]:
    """Return the cost of a model's attempts by category, phase, whether they were made again or came from the cache, and price.

    Args:
        frame: The attempts.
        billed: Their tokens.
        place: The price of each among the units of ``prices``; -1: it is not paid by tokens.
        prices: The prices.
    """
    band = np.zeros(len(frame), dtype=np.int8)
    for number, quote in enumerate(prices.units):
        if quote.above and (place == number).any():
            band = np.where(place == number, billed.bands(quote), band).astype(np.int8)
    retried, cached = (frame[name].to_numpy(dtype=bool) for name in ("retried", "from_cache"))
    code = group_codes(frame, ["category", "phase"])
    for values, kinds in (
        (retried, 2),
        (cached, 2),
        (billed.is_known, 2),
        (place + 1, len(prices.units) + 1),
        (band, 128),
    ):
        if values.any():
            code = dense_codes(code * np.int32(kinds) + values)
    groups = RowGroups(code)
    row_of = groups.rows
    # Whole numbers up to 2**53 are summed exactly.
    sums = {name: groups.sums(values) for name, values in billed.tokens.items()}
    found: list[PriceLine] = []
    attempts = np.bincount(code)
    labels = frame[["category", "phase"]].iloc[row_of].itertuples(index=False, name=None)
    for number, (row, (category, phase)) in enumerate(zip(row_of.tolist(), labels, strict=True)):
        if place[row] < 0:
            continue
        usd = None
        if billed.is_known[row]:
            tokens = dict.fromkeys(TOKENS, 0) | {name: int(values[number]) for name, values in sums.items()}
            usd = rates_of(prices.units[place[row]], int(band[row])).usd(**tokens)
        made_again, ours = bool(retried[row]), bool(cached[row])
        found.append(PriceLine(str(category), str(phase), made_again, ours, int(attempts[number]), usd))
    return found
