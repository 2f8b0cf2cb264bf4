"""Prices by tokens, applied to attempts.

An answer from our own response cache keeps the tokens of the reply that was bought once, and they have a price here: a task
costs as much without the cache. What a run spent leaves such answers out; see :mod:`gapbench.analysis.cost.price_lines`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.frames import as_floats
from gapbench.pricing import TokenRates, UnitPrices
from gapbench.stats import Floats, Ints

Bools = np.ndarray[Any, np.dtype[np.bool_]]

TOKENS = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "image_count",
)
"""Billed quantities. A provider that bills images as tokens has no price for ``image_count``."""
TOKEN_COLUMNS = (*TOKENS, "outcome")
"""Columns of attempts that their price by tokens depends on. One of :data:`TOKENS` that no attempt has may be left out."""


@dataclass(frozen=True, eq=False)
class BilledTokens:
    """What some attempts are billed for, or would be without our own response cache.

    Attributes:
        tokens: Billed quantities of each attempt, 0 where unknown. One that no attempt has is left out, except of input and
            output.
        prompt_tokens: Length of each prompt, billed or not; NaN: unknown.
        has_counts: Which attempts report their input and output.
        is_possible: For which the counts can be true; see :func:`gapbench.pricing.counts_are_possible`. Some gateways add
            cached tokens to the input instead of counting them in it, and some report negative counts.
        is_known: For which the cost is known: those with possible counts, and failed ones, which are not billed.
    """

    tokens: Mapping[str, Floats]
    prompt_tokens: Floats
    has_counts: Bools
    is_possible: Bools
    is_known: Bools

    def take(self, rows: Ints) -> BilledTokens:
        """Return some of the attempts by their places."""
        tokens = {name: values.take(rows) for name, values in self.tokens.items()}
        masks = (self.has_counts, self.is_possible, self.is_known)
        return BilledTokens(tokens, self.prompt_tokens.take(rows), *(mask.take(rows) for mask in masks))

    def bands(self, quote: UnitPrices) -> Ints:
        """Return the price band of each prompt: 0 is up to the first threshold, and an unknown length is in the last."""
        return _bands(quote, self.prompt_tokens)

    def usd(self, quote: UnitPrices, band: Ints) -> Floats:
        """Return what the attempts cost at a price, in USD. NaN: unknown.

        Args:
            quote: The price.
            band: The price band of each attempt.
        """
        usd = np.zeros(len(self.prompt_tokens))
        for number in np.unique(band) if quote.above else [0]:
            rates, mask = rates_of(quote, int(number)), band == number
            if mask.all():
                usd = _attempts_usd(rates, self.tokens)
            else:
                usd[mask] = _attempts_usd(rates, {name: values[mask] for name, values in self.tokens.items()})
        usd[~self.is_known] = np.nan
        return usd


def billed_tokens(frame: pd.DataFrame) -> BilledTokens:
    """Return what attempts are billed for, as if those from our own cache had been sent.

    Args:
        frame: Attempts with :data:`TOKEN_COLUMNS`.
    """
    read, written = as_floats(frame["input_tokens"]), as_floats(frame["output_tokens"])
    is_unknown = np.isnan(read)
    counted = {"input_tokens": _known_or_0(read), "output_tokens": _known_or_0(written)}
    for name in TOKENS[2:]:
        if name not in frame.columns:
            continue
        values = as_floats(frame[name])
        # Most providers never report some of them.
        if not np.isnan(values).all():
            counted[name] = _known_or_0(values)
    possible = _are_possible(read, counted)
    has_counts = ~(is_unknown | np.isnan(written))
    known = (has_counts | (frame["outcome"] == "infra").to_numpy(dtype=bool)) & possible
    for name, values in counted.items():
        # Failed attempts without token counts are not billed, and neither are their images or parts of their input.
        if name not in {"input_tokens", "output_tokens"}:
            values[is_unknown] = 0
    return BilledTokens(counted, read, has_counts, possible, known)


def _known_or_0(values: Floats) -> Floats:
    return np.where(np.isnan(values), 0.0, values)


def _are_possible(prompt_tokens: Floats, counted: Mapping[str, Floats]) -> Bools:
    """Return which token counts can be true."""
    possible: Bools = np.ones(len(prompt_tokens), dtype=bool)
    of_prompt = [counted[name] for name in ("cached_input_tokens", "cache_write_tokens") if name in counted]
    hour = counted.get("cache_write_1h_tokens")
    for count in (
        *of_prompt,
        counted["output_tokens"],
        counted["input_tokens"],
        *([] if hour is None else [hour]),
    ):
        possible &= count >= 0
    if hour is not None:
        possible &= hour <= counted.get("cache_write_tokens", 0.0)
    if of_prompt:
        # A comparison with an unknown length is no contradiction.
        possible &= ~(sum(of_prompt) > prompt_tokens)
    return possible


def price_tokens(frame: pd.DataFrame, quote: UnitPrices) -> Floats:
    """Return what attempts cost at their price by tokens, in USD. NaN if their tokens are unknown.

    Args:
        frame: Attempts with :data:`TOKEN_COLUMNS`.
        quote: The price.
    """
    billed = billed_tokens(frame)
    return billed.usd(quote, billed.bands(quote))


def price_attempts(frame: pd.DataFrame, quote: UnitPrices) -> Floats:
    """Return what each attempt would cost at another price, in USD. NaN if its tokens are unknown."""
    billed = billed_tokens(frame)
    return billed.usd(quote, _bands(quote, billed.tokens["input_tokens"]))


def rates_of(quote: UnitPrices, band: int) -> TokenRates:
    """Return the prices of a band of prompt lengths; 0 is up to the first threshold."""
    return quote.rates if band == 0 else quote.above[band - 1][1]


def _bands(quote: UnitPrices, input_tokens: Floats) -> Ints:
    """Return the price band of each prompt; 0 is up to the first threshold."""
    thresholds = np.array([threshold for threshold, _ in quote.above], dtype=np.float64)
    return np.minimum(np.searchsorted(thresholds, input_tokens, side="left"), len(thresholds))


def _attempts_usd(rates: TokenRates, tokens: Mapping[str, Floats]) -> Floats:
    """Return :meth:`TokenRates.usd` of many attempts at once. It is linear, so each token class has one weight."""
    zero = dict.fromkeys(TOKENS, 0)
    total = np.zeros(len(tokens["input_tokens"]))
    for name, values in tokens.items():
        usd = float(rates.usd(**{**zero, name: 1_000_000}) / 1_000_000)
        if usd:
            total += values * usd
    return total
