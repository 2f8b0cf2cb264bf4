"""What a price is: per token class, with tiers by prompt size; or per GPU-hour. Money is Decimal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

_MTOK = Decimal(1_000_000)


def counts_are_possible(
    input_tokens: int,
    output_tokens: int,
    cached_input_tokens: int = 0,
    cache_write_tokens: int = 0,
    cache_write_1h_tokens: int = 0,
) -> bool:
    """Return whether token counts of one request can be true.

    ``input_tokens`` includes cache reads and writes. Some gateways count them separately, so that the parts
    exceed the whole, and some report negative counts. A price of such counts would be wrong, and even below zero.
    """
    counts = (input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, cache_write_1h_tokens)
    return (
        min(counts) >= 0
        and cached_input_tokens + cache_write_tokens <= input_tokens
        and cache_write_1h_tokens <= cache_write_tokens
    )


@dataclass(frozen=True, slots=True)
class TokenRates:
    """USD per million tokens of each class. None: the class has no separate price and counts as input."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None
    image: Decimal | None = None
    """USD per image. None: images are billed by the tokens that they count as, or not at all."""

    def usd(
        self,
        *,
        input_tokens: int,
        output_tokens: int,
        cached_input_tokens: int = 0,
        cache_write_tokens: int = 0,
        cache_write_1h_tokens: int = 0,
        image_count: int = 0,
    ) -> Decimal:
        """Return USD of token counts; ``input_tokens`` includes cache reads and writes, see ``Usage``."""
        plain = input_tokens - cached_input_tokens - cache_write_tokens
        short = cache_write_tokens - cache_write_1h_tokens
        write_5m = self.input if self.cache_write_5m is None else self.cache_write_5m
        write_1h = write_5m if self.cache_write_1h is None else self.cache_write_1h
        read = self.input if self.cached_input is None else self.cached_input
        tokens = (
            plain * self.input
            + cached_input_tokens * read
            + short * write_5m
            + cache_write_1h_tokens * write_1h
            + output_tokens * self.output
        ) / _MTOK
        return tokens if self.image is None else tokens + image_count * self.image


@dataclass(frozen=True, slots=True)
class UnitPrices:
    """The price of one model on one day.

    Attributes:
        rates: For prompts up to the first threshold.
        above: (threshold, rates), ascending: a prompt of more tokens is priced at these, all of it.
        source: ``suite``, ``book`` or ``genai-prices VERSION``.
        detail: Where the figure comes from.
        provider: Whose price. None: the suite's own.
        model: The model id that was found.
        note: What a reader must know, such as a service tier without a separate price. None: nothing.
    """

    rates: TokenRates
    above: tuple[tuple[int, TokenRates], ...]
    source: str
    detail: str
    provider: str | None
    model: str
    note: str | None = None

    def rates_for(self, input_tokens: int) -> TokenRates:
        """Return the rates of a request with a prompt of ``input_tokens``."""
        reached = [rates for threshold, rates in self.above if input_tokens > threshold]
        return reached[-1] if reached else self.rates

    def usd(
        self,
        *,
        input_tokens: int,
        output_tokens: int,
        cached_input_tokens: int = 0,
        cache_write_tokens: int = 0,
        cache_write_1h_tokens: int = 0,
        image_count: int = 0,
    ) -> Decimal:
        """Return USD of one request."""
        return self.rates_for(input_tokens).usd(
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cached_input_tokens=cached_input_tokens,
            cache_write_tokens=cache_write_tokens,
            cache_write_1h_tokens=cache_write_1h_tokens,
            image_count=image_count,
        )


@dataclass(frozen=True, slots=True)
class GpuPrice:
    """GPUs that a model occupies and what an hour of one costs.

    Attributes:
        gpu: Name. None: not given.
        gpus: How many.
        usd_per_gpu_hour: Price of one.
        source: Where the price comes from.
        low: Lower end of the price's range. None: no range is given.
        high: Upper end.
        as_of: Day of the price. None: not given.
    """

    gpu: str | None
    gpus: Decimal
    usd_per_gpu_hour: Decimal
    source: str
    low: Decimal | None = None
    high: Decimal | None = None
    as_of: date | None = None

    @property
    def usd_per_s(self) -> Decimal:
        """USD for a second of all the GPUs."""
        return self.gpus * self.usd_per_gpu_hour / 3600


@dataclass(frozen=True, slots=True)
class Unpriced:
    """No price is known.

    Attributes:
        reason: Why, and what would do.
    """

    reason: str


Quote = UnitPrices | GpuPrice | Unpriced
"""How a model is priced."""


@dataclass(frozen=True, slots=True)
class RequestCost:
    """The cost of one request.

    Attributes:
        usd: What it cost.
        rates: The unit prices used.
        source: As in :class:`UnitPrices`.
    """

    usd: Decimal
    rates: TokenRates
    source: str


def to_decimal(value: Any) -> Decimal:
    """Return a number of YAML or of a library as the decimal that it is written as."""
    return value if isinstance(value, Decimal) else Decimal(str(value))
