"""Prices by tokens, applied to attempts."""

from __future__ import annotations

from collections.abc import Mapping
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
TOKEN_COLUMNS = (*TOKENS, "from_cache", "outcome")
"""Columns of attempts that their price by tokens depends on. A column of tokens that no attempt has may be left out."""


def price_tokens(frame: pd.DataFrame, quote: UnitPrices) -> Floats:
    """Return what attempts cost at their price by tokens, in USD. NaN if their tokens are unknown.

    Args:
        frame: Attempts with :data:`TOKEN_COLUMNS`.
        quote: The price.
    """
    tokens = _tokens(frame)
    # An unknown length of the prompt is in the last band, whose price is that of the answer's tokens.
    band = _bands(quote, as_floats(frame["input_tokens"])) if quote.above else np.zeros(len(frame), np.int8)
    return _priced(frame, quote, tokens, band)


def price_attempts(frame: pd.DataFrame, quote: UnitPrices) -> Floats:
    """Return what each attempt would cost at another price, in USD. NaN if its tokens are unknown."""
    tokens = _tokens(frame)
    return _priced(frame, quote, tokens, _bands(quote, tokens["input_tokens"]))


def _priced(frame: pd.DataFrame, quote: UnitPrices, tokens: Mapping[str, Floats], band: Ints) -> Floats:
    usd = np.empty(len(frame))
    for number in np.unique(band):
        rates = rates_of(quote, int(number))
        mask = band == number
        if mask.all():
            usd = _attempts_usd(rates, tokens)
        else:
            usd[mask] = _attempts_usd(rates, {name: values[mask] for name, values in tokens.items()})
    usd[~_has_known_cost(frame)] = np.nan
    return usd


def _tokens(frame: pd.DataFrame) -> dict[str, Floats]:
    """Return the billed quantities of attempts. Replies from our own cache are not billed."""
    cached = frame["from_cache"].to_numpy(dtype=bool)
    # Failed attempts without token counts are not billed, and neither are their images or parts of their input.
    unbilled = cached | np.isnan(as_floats(frame["input_tokens"]))
    tokens = {}
    for name in TOKENS:
        if name in frame.columns:
            free = cached if name in ("input_tokens", "output_tokens") else unbilled
            tokens[name] = np.where(free, 0.0, _known(frame, name)) if free.any() else _known(frame, name)
    return tokens


def _known(frame: pd.DataFrame, name: str) -> Floats:
    """Return counts, with 0 for those that are not known. Do not change them."""
    if name not in frame.columns:
        return np.zeros(len(frame))
    counts = as_floats(frame[name])
    unknown = np.isnan(counts)
    return np.where(unknown, 0.0, counts) if unknown.any() else counts


def has_possible_counts(frame: pd.DataFrame) -> Bools:
    """Return for which attempts the token counts can be true; see :func:`gapbench.pricing.counts_are_possible`.

    Some gateways add cached tokens to the input instead of counting them in it, and some report negative counts.
    """
    read: Floats = np.zeros(len(frame))
    possible = np.ones(len(frame), dtype=bool)
    # One column at a time: all of them together would take the most memory of all.
    for name in ("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "output_tokens"):
        if name not in frame.columns:
            continue
        count = _known(frame, name)
        possible &= count >= 0
        if name == "cache_write_1h_tokens":
            possible &= count <= _known(frame, "cache_write_tokens")
        elif name != "output_tokens":
            read = read + count
    total = as_floats(frame["input_tokens"])
    return np.asarray(possible & (np.isnan(total) | ((total >= 0) & (read <= total))))


def _has_known_cost(frame: pd.DataFrame) -> Bools:
    """Return for which attempts the cost is known: those with possible token counts, and those that are not billed."""
    both = ~(np.isnan(as_floats(frame["input_tokens"])) | np.isnan(as_floats(frame["output_tokens"])))
    failed = (frame["outcome"] == "infra").to_numpy()
    ours = frame["from_cache"].to_numpy(dtype=bool)
    return np.asarray((both | failed) & has_possible_counts(frame) | ours)


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
    for name, counts in tokens.items():
        each = float(rates.usd(**{**zero, name: 1_000_000}) / 1_000_000)
        if each:
            total += counts * each
    return total
