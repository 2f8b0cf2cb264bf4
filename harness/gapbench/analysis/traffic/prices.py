"""The price book's dollars of each request, and why they differ from those that the log reports."""

from __future__ import annotations

import re
from collections.abc import Hashable
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from gapbench.pricing import TokenRates, UnitPrices, Unpriced, counts_are_possible, find_price, weights_at
from gapbench.stats import Floats

FAR_ABOVE = 20
"""If the log's dollars are so many times the price book's, they are probably cents: no provider charges so much more."""
SAME = Decimal("0.02")
"""Sums that differ by less are the same: logs round."""
_NOTHING = Decimal(0)
"""One object for all rows."""
_MAKERS = {
    "gpt-": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "claude": "anthropic",
    "gemini": "google",
}
"""Whose model it is by the start of its name, where the log names no provider."""
_NAMES = {"azure": "openai", "azure_openai": "openai", "vertex_ai": "google", "gcp.vertex_ai": "google",
          "gcp.gemini": "google", "gemini": "google", "aws.bedrock": "aws", "bedrock": "aws", "az.ai.openai": "openai"}  # fmt: skip
"""What logs call a provider, by its name in the price book."""
_OPEN_FAMILIES = re.compile(
    r"^(?:[a-z]{2,10}\.){0,2}(?:llama|codellama|gemma|gpt-oss|deepseek|mixtral|open-mi[sx]tral|mistral-(?:7b|small|nemo)|ministral|devstral|phi-?[234]"
    r"|qwen[-.\d]*(?!.*(?:max|plus|turbo))|qwq|glm-?[4-9]|kimi-k2|minimax-m[12]|olmo|granite|nemotron|command-[ra])",
    re.IGNORECASE,
)
"""Names of models whose weights can be downloaded (November 2026), by their start. Other models count as closed."""
_ROWS_AT_ONCE = 50_000
"""Requests that are priced at once: their numbers need much more memory meanwhile."""


def price_requests(frame: pd.DataFrame, cacheable: pd.Series[Any] | None = None) -> pd.DataFrame:
    """Return for each request its dollars by the price book, and the reason if there is no price.

    Columns: ``usd`` (Decimal), ``usd_uncached`` (as if nothing had come from a cache), ``usd_cache_saving`` (what it would
    cost less if all that could be read from a cache had been; null too where that is unknown), and ``reason`` (text). Null where a count or a
    price is unknown. A reply from a gateway's own cache costs nothing.

    Args:
        frame: Requests.
        cacheable: Input tokens of each that a cache could have read at most; NA where unknown. None: unknown for all.
    """
    if cacheable is None:
        cacheable = pd.Series(pd.NA, index=frame.index, dtype="Int64")
    quotes: dict[Hashable, UnitPrices | Unpriced] = {}
    parts = [
        _price_part(quotes, frame.iloc[at : at + _ROWS_AT_ONCE], cacheable.iloc[at : at + _ROWS_AT_ONCE])
        for at in range(0, max(1, len(frame)), _ROWS_AT_ONCE)
    ]
    return pd.concat(parts)


def _price_part(
    quotes: dict[Hashable, UnitPrices | Unpriced], frame: pd.DataFrame, cacheable: pd.Series[Any]
) -> pd.DataFrame:
    days = frame["time"].dt.date.where(frame["time"].notna(), None)
    rows = zip(
        frame["provider"], frame["model_served"], frame["model_asked"], frame["service_tier"], days,
        frame["input_tokens"].astype(object), frame["output_tokens"].astype(object),
        frame["cached_input_tokens"].astype(object), frame["cache_write_tokens"].astype(object),
        frame["cache_write_1h_tokens"].astype(object), cacheable.astype(object), frame["from_cache"], strict=True,
    )  # fmt: skip
    usd: list[Decimal | None] = []
    uncached: list[Decimal | None] = []
    savings: list[Decimal | None] = []
    reasons: list[str | None] = []
    for row in rows:
        booked, without_cache, saving, reason = _price(quotes, *row)
        usd.append(booked)
        uncached.append(without_cache)
        savings.append(saving)
        reasons.append(reason)
    columns = {"usd": usd, "usd_uncached": uncached, "usd_cache_saving": savings, "reason": reasons}
    return pd.DataFrame(columns, index=frame.index, dtype=object)


def _price(
    quotes: dict[Hashable, UnitPrices | Unpriced],
    provider: Any,
    served: Any,
    asked: Any,
    tier: Any,
    day: Any,
    given: Any,
    made: Any,
    read: Any,
    written: Any,
    lasting: Any,
    cacheable: Any,
    from_cache: Any,
) -> tuple[Decimal | None, Decimal | None, Decimal | None, str | None]:
    if from_cache is True:
        return _NOTHING, _NOTHING, _NOTHING, None
    if pd.isna(given) or pd.isna(made):
        return None, None, None, "no token counts"
    key = (provider, served, asked, tier, day)
    if key not in quotes:
        quotes[key] = _quote(provider, served, asked, tier, day)
    quote = quotes[key]
    if isinstance(quote, Unpriced):
        return None, None, None, quote.reason
    counts = {
        "input_tokens": int(given),
        "output_tokens": int(made),
        "cached_input_tokens": 0 if pd.isna(read) else int(read),
        "cache_write_tokens": 0 if pd.isna(written) else int(written),
        "cache_write_1h_tokens": 0 if pd.isna(lasting) else int(lasting),
    }
    if not counts_are_possible(**counts):
        return None, None, None, "impossible token counts"
    usd = quote.usd(**counts)
    saving = None if pd.isna(cacheable) else _saving(quote, counts, int(cacheable), usd)
    if not counts["cached_input_tokens"] and not counts["cache_write_tokens"]:
        return usd, usd, saving, None
    plain = quote.usd(input_tokens=counts["input_tokens"], output_tokens=counts["output_tokens"])
    return usd, plain, saving, None


def _saving(quote: UnitPrices, counts: dict[str, int], cacheable: int, usd: Decimal) -> Decimal:
    """Return what a request would cost less with ``cacheable`` tokens read from a cache; 0 if that is not cheaper.

    They take the place of new tokens, and then of those that were written to the cache.
    """
    cached = min(max(counts["cached_input_tokens"], cacheable), counts["input_tokens"])
    if cached == counts["cached_input_tokens"]:
        return _NOTHING
    written = min(counts["cache_write_tokens"], counts["input_tokens"] - cached)
    changed = {
        **counts,
        "cached_input_tokens": cached,
        "cache_write_tokens": written,
        "cache_write_1h_tokens": min(counts["cache_write_1h_tokens"], written),
    }
    return max(_NOTHING, usd - quote.usd(**changed))


def _quote(provider: Any, served: Any, asked: Any, tier: Any, day: Any) -> UnitPrices | Unpriced:
    """Return the price under the model that was served, else under the one that was asked."""
    is_known = isinstance(day, date) and not pd.isna(day)  # NaT is a date too
    when = day if is_known else date.today()  # noqa: DTZ011 - of a request without a time: today's price
    last: UnitPrices | Unpriced = Unpriced("no model is named")
    for model in (served, asked):
        if isinstance(model, str) and model:
            maker, bare = _place_model(provider, model)
            if maker is None:
                last = Unpriced(f"the provider of {model!r} is unknown")
                continue
            last = find_price(maker, bare, when, tier if isinstance(tier, str) else None)
            if isinstance(last, UnitPrices):
                return last
    return last


def is_open_model(provider: Any, model: Any) -> bool:
    """Return whether a model's weights can be downloaded, by the price book and by the names of the known families."""
    if not isinstance(model, str):
        return False
    maker, bare = _place_model(provider, model)
    if maker is not None and weights_at(maker, bare) is not None:
        return True
    return _OPEN_FAMILIES.match(model.rpartition("/")[2]) is not None


def _place_model(provider: Any, model: str) -> tuple[str | None, str]:
    """Return the provider's name in the price book, and the model without a gateway's prefix."""
    prefix, _, bare = model.rpartition("/")
    name = provider if isinstance(provider, str) else None
    if name is None and prefix:
        name = prefix.rpartition("/")[2]
    if name is None:
        name = next((maker for start, maker in _MAKERS.items() if bare.startswith(start)), None)
    if name is None:
        return None, model
    known = _NAMES.get(name, name)
    return known, bare if prefix and _NAMES.get(prefix, prefix) == known else model


def quote_requests(
    frame: pd.DataFrame, quote: UnitPrices, input_ratio: float = 1.0, output_ratio: float = 1.0
) -> Floats:
    """Return USD of each request at a price, as :meth:`UnitPrices.usd` has it.

    Args:
        frame: Requests with known token counts.
        quote: The price.
        input_ratio: Prompt tokens that the priced model needs for one of the log's.
        output_ratio: The same for generated tokens.
    """
    parts = [
        _quote_part(frame.iloc[at : at + _ROWS_AT_ONCE], quote, input_ratio, output_ratio)
        for at in range(0, max(1, len(frame)), _ROWS_AT_ONCE)
    ]
    return np.concatenate(parts)


def _quote_part(frame: pd.DataFrame, quote: UnitPrices, input_ratio: float, output_ratio: float) -> Floats:
    read, written, cached, stored, lasting = (
        frame[name].astype("Float64").fillna(0).to_numpy(np.float64) * ratio
        for name, ratio in (
            ("input_tokens", input_ratio),
            ("output_tokens", output_ratio),
            ("cached_input_tokens", input_ratio),
            ("cache_write_tokens", input_ratio),
            ("cache_write_1h_tokens", input_ratio),
        )
    )
    # Some gateways count cached tokens beside the prompt and not in it.
    cached = np.minimum(cached, read)
    stored = np.minimum(stored, read - cached)
    lasting = np.minimum(lasting, stored)
    bands = [quote.rates, *(rates for _, rates in quote.above)]
    band = np.searchsorted([threshold for threshold, _ in quote.above], read, side="left")
    table = np.array([_rates(rates) for rates in bands])[band]
    counts = np.column_stack([read - cached - stored, cached, stored - lasting, lasting, written])
    return np.asarray((counts * table).sum(axis=1) / 1e6)


def _rates(rates: TokenRates) -> tuple[float, ...]:
    read = rates.input if rates.cached_input is None else rates.cached_input
    short = rates.input if rates.cache_write_5m is None else rates.cache_write_5m
    lasting = short if rates.cache_write_1h is None else rates.cache_write_1h
    return tuple(map(float, (rates.input, read, short, lasting, rates.output)))


def explain_difference(reported: Decimal, booked: Decimal, uncached: Decimal) -> str:
    """Return in a few words why the reported dollars differ from the price book's, if one of the usual reasons fits.

    Args:
        reported: The log's sum over requests that have both.
        booked: The price book's sum over them.
        uncached: The same as if nothing had come from a cache.
    """
    if booked == 0:
        return "agree" if reported == 0 else "the price book has none of these dollars"
    candidates = (
        (booked, "agree"),
        (uncached, "the log prices cached tokens as new ones"),
        (booked / 2, "the log has half the list price: a batch or flex discount"),
        (booked * 100, "the log seems to be in cents"),
    )
    for expected, words in candidates:
        if expected and abs(reported / expected - 1) <= SAME:
            return words
    if reported == 0:
        return "the log reports no dollars: its gateway knows no price"
    if reported >= FAR_ABOVE * booked:
        return f"the log is {reported / booked:,.0f} times list price: is it in dollars?"
    share = reported / booked - 1
    return f"the log is {100 * abs(share):.0f} % {'above' if share > 0 else 'below'} list price: another rate, a markup or a discount"
