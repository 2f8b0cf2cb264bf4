"""What tokens and GPU-hours cost: a dated price book above genai-prices; money is Decimal.

Order: the suite's own ``cost``, then ``harness/book/prices.yaml``, then genai-prices (pinned; its updater
is never started, the provider is always passed). What none of them knows is :class:`Unpriced` with a
reason, never 0. An alias such as ``mistral-large-latest`` is refused: it has no one price.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import yaml

from harness.values import Usage

PROVIDERS: Mapping[str, str] = {"openai": "openai", "anthropic": "anthropic", "google": "google"}
"""Whose prices a runner's calls are billed at, where they go to the vendor's own address."""
STANDARD_TIERS = frozenset({"", "auto", "default", "standard", "on_demand"})
_MTOK = Decimal(1_000_000)
_ALIAS = re.compile(r"(^|[-_.:/])latest$")
_DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens of each class. None: the class has no price of its own and counts as input."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write_5m: Decimal | None = None
    cache_write_1h: Decimal | None = None

    def usd(
        self,
        *,
        input_tokens: int,
        output_tokens: int,
        cached_input_tokens: int = 0,
        cache_write_tokens: int = 0,
        cache_write_1h_tokens: int = 0,
    ) -> Decimal:
        """Return USD of token counts; ``input_tokens`` includes cache reads and writes, see ``Usage``."""
        plain = input_tokens - cached_input_tokens - cache_write_tokens
        short = cache_write_tokens - cache_write_1h_tokens
        write_5m = self.input if self.cache_write_5m is None else self.cache_write_5m
        write_1h = write_5m if self.cache_write_1h is None else self.cache_write_1h
        read = self.input if self.cached_input is None else self.cached_input
        return (
            plain * self.input
            + cached_input_tokens * read
            + short * write_5m
            + cache_write_1h_tokens * write_1h
            + output_tokens * self.output
        ) / _MTOK


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
        note: What a reader must know, such as a service tier without a price of its own. None: nothing.
    """

    rates: Rates
    above: tuple[tuple[int, Rates], ...]
    source: str
    detail: str
    provider: str | None
    model: str
    note: str | None = None

    def rates_for(self, input_tokens: int) -> Rates:
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
    ) -> Decimal:
        """Return USD of one request."""
        return self.rates_for(input_tokens).usd(
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cached_input_tokens=cached_input_tokens,
            cache_write_tokens=cache_write_tokens,
            cache_write_1h_tokens=cache_write_1h_tokens,
        )


@dataclass(frozen=True, slots=True)
class GpuPrice:
    """GPUs that a model occupies and what an hour of one costs.

    Attributes:
        gpu: Name. None: not given.
        gpus: How many.
        usd_per_gpu_hour: Price of one.
        source: Where the price comes from.
    """

    gpu: str | None
    gpus: Decimal
    usd_per_gpu_hour: Decimal
    source: str

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


@dataclass(frozen=True, slots=True)
class Priced:
    """The cost of one request.

    Attributes:
        usd: What it cost.
        rates: The unit prices used.
        source: As in :class:`UnitPrices`.
    """

    usd: Decimal
    rates: Rates
    source: str


def price(usage: Usage, provider: str, model: str, at: date) -> Priced | None:
    """Return what one request costs; None when a price or a token count is unknown.

    Args:
        usage: Token counts.
        provider: Whose price, such as ``openai``.
        model: The resolved model id.
        at: Day (or instant) of the request.
    """
    found = lookup(provider, model, at)
    if isinstance(found, Unpriced) or usage.input_tokens is None or usage.output_tokens is None:
        return None
    usd = found.usd(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_input_tokens=usage.cached_input_tokens or 0,
        cache_write_tokens=usage.cache_write_tokens or 0,
        cache_write_1h_tokens=usage.cache_write_1h_tokens or 0,
    )
    return Priced(usd, found.rates_for(usage.input_tokens), found.source)


def model_price(
    *,
    runner: str,
    model: str,
    at: date,
    base_url: str | None = None,
    cost: Mapping[str, Any] | None = None,
    service_tier: str | None = None,
    simulated: bool = False,
) -> UnitPrices | GpuPrice | Unpriced:
    """Return how a model of a suite is priced.

    Args:
        runner: Its runner.
        model: The model id that was served, or asked where the reply did not say.
        at: Day of the request.
        base_url: Its endpoint. None: the vendor's own.
        cost: The suite's ``cost`` of the model.
        service_tier: The tier that the reply named.
        simulated: Whether a simulated provider answers; it has no list price.
    """
    if cost and ("gpus" in cost or "gpu" in cost or "usd_per_gpu_hour" in cost):
        return _gpu_price(cost)
    if cost and "input_usd_per_mtok" in cost:
        return _suite_price(cost, model)
    if cost and ("provider" in cost or "model" in cost):
        provider = cost.get("provider") or PROVIDERS.get(runner)
        if provider is None:
            return Unpriced(
                f"cost names the model {cost['model']!r} and no provider; add cost: {{provider: …}}"
            )
        return lookup(str(provider), str(cost.get("model") or model), at, service_tier)
    if simulated:
        return Unpriced("a simulated provider has no price; give the model a cost in the suite")
    if runner not in PROVIDERS or base_url is not None:
        where = base_url or f"the {runner} runner"
        return Unpriced(
            f"{where} has no list price; give the model cost: {{gpu, gpus, usd_per_gpu_hour}} in the suite "
            "where you host it, or cost: {provider, model} where you buy it"
        )
    return lookup(PROVIDERS[runner], model, at, service_tier)


def lookup(provider: str, model: str, at: date, service_tier: str | None = None) -> UnitPrices | Unpriced:
    """Return the price of a provider's model on a day: from the book, else from genai-prices.

    Args:
        provider: Such as ``openai``.
        model: The resolved model id; a trailing date is ignored where only the bare id is known.
        at: Day of the request, or its instant.
        service_tier: Such as ``batch`` or ``flex``. None: standard.
    """
    if _ALIAS.search(model):
        return Unpriced(
            f"{model!r} is an alias that changes its model and price; name the resolved id with "
            "cost: {provider, model} in the suite"
        )
    tier = (service_tier or "").lower()
    day = at.date() if isinstance(at, datetime) else at
    found = _from_book(provider, model, day, tier)
    return found if found is not None else _from_genai(provider, model, at, tier)


def _suite_price(cost: Mapping[str, Any], model: str) -> UnitPrices | Unpriced:
    if "output_usd_per_mtok" not in cost:
        return Unpriced("cost gives input_usd_per_mtok and no output_usd_per_mtok; give both")
    cached = cost.get("cached_input_usd_per_mtok")
    rates = Rates(
        _decimal(cost["input_usd_per_mtok"]),
        _decimal(cost["output_usd_per_mtok"]),
        None if cached is None else _decimal(cached),
    )
    return UnitPrices(rates, (), "suite", str(cost.get("source") or "the suite"), None, model)


def _gpu_price(cost: Mapping[str, Any]) -> GpuPrice | Unpriced:
    gpu = cost.get("gpu")
    gpus = _decimal(cost.get("gpus", 1))
    if "usd_per_gpu_hour" in cost:
        return GpuPrice(gpu, gpus, _decimal(cost["usd_per_gpu_hour"]), str(cost.get("source") or "the suite"))
    known = {row["gpu"]: row for row in _book()["gpus"]}
    row = known.get(gpu)
    if row is None:
        return Unpriced(
            f"no hourly price for GPU {gpu!r}; give usd_per_gpu_hour, or one of {', '.join(known)}"
        )
    source = f"{row['source']}; range {row['low']} to {row['high']}"
    return GpuPrice(gpu, gpus, _decimal(row["usd_per_gpu_hour"]), source)


def _from_book(provider: str, model: str, day: date, tier: str) -> UnitPrices | None:
    names = (model, _DATED.sub("", model))
    rows = [
        row
        for row in _book()["prices"]
        if row["provider"] == provider and row["model"] in names and row["valid_from"] <= day
    ]
    if not rows:
        return None
    row = max(rows, key=lambda row: (row["model"] == model, row["valid_from"]))
    if "valid_until" in row and day >= row["valid_until"]:
        return None
    priced, note = row, None
    if tier not in STANDARD_TIERS:
        if tier in row.get("tiers", {}):
            # A tier has the row's thresholds only where it lists its own.
            priced = row["tiers"][tier]
        else:
            note = f"no price for the {tier} tier of {model}; the standard price is used"
    above = tuple((int(step["input_tokens"]), _rates(step)) for step in priced.get("above", ()))
    return UnitPrices(_rates(priced), above, "book", str(row["source"]), provider, row["model"], note)


def _rates(row: Mapping[str, Any]) -> Rates:
    return Rates(**{field.name: _decimal(row[field.name]) for field in fields(Rates) if field.name in row})


def _from_genai(provider: str, model: str, at: date, tier: str) -> UnitPrices | Unpriced:
    # 1.6 MB of prices that a price in the book need not load.
    from genai_prices import data_snapshot  # noqa: PLC0415
    from genai_prices.types import TieredPrices  # noqa: PLC0415

    source = f"genai-prices {version('genai-prices')}"
    instant = at if isinstance(at, datetime) else datetime.combine(at, time(12), UTC)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    snapshot = data_snapshot.get_snapshot()
    if not any(known.id == provider for known in snapshot.providers):
        return Unpriced(f"neither the price book nor {source} knows a provider {provider!r}")
    try:
        _, info = snapshot.find_provider_model(model, None, provider, None)
    except LookupError:
        return Unpriced(
            f"neither the price book nor {source} knows {model!r} of {provider}; give it a cost in the suite"
        )
    if isinstance(info.prices, list) and any(hasattr(row.constraint, "start_time") for row in info.prices):
        return Unpriced(
            f"{source} prices {model!r} by the hour of the day, which no provider does any more; "
            "give it a cost in the suite"
        )
    standard = info.get_prices(instant)
    found, note = standard, None
    if tier not in STANDARD_TIERS:
        key = "processing" if tier == "batch" else "service_tier"
        found = info.get_prices(instant, {key: tier})
        if found == standard:
            note = f"no price for the {tier} tier of {model}; the standard price is used"
    keys = {
        "input": found.input_mtok,
        "output": found.output_mtok,
        "cached_input": found.cache_read_mtok,
        "cache_write_5m": found.cache_write_mtok,
        "cache_write_1h": found.cache_write_1h_mtok,
    }
    if found.requests_kcount is not None or found.output_reasoning_mtok is not None:
        return Unpriced(
            f"{model!r} is billed by more than input and output tokens; give it a cost in the suite"
        )
    if keys["input"] is None or keys["output"] is None:
        return Unpriced(
            f"{source} has no token price for {model!r} of {provider}; give it a cost in the suite"
        )
    tiered = [value for value in keys.values() if isinstance(value, TieredPrices)]
    starts = sorted({step.start for value in tiered for step in value.tiers})

    def at_prompt(value: Any, tokens: int) -> Decimal | None:
        if not isinstance(value, TieredPrices):
            return None if value is None else _decimal(value)
        steps = [step.price for step in value.tiers if step.start <= tokens]
        return _decimal(steps[-1] if steps else value.base)

    def rates(tokens: int) -> Rates:
        return Rates(**{name: at_prompt(value, tokens) for name, value in keys.items()})  # type: ignore[arg-type]

    above = tuple((int(start), rates(start)) for start in starts)
    return UnitPrices(rates(-1), above, source, f"{source}, {info.id}", provider, str(info.id), note)


def book_models() -> dict[str, str]:
    """Return ``provider/model`` of the book with today's newest price in words, for ``bench list models``."""
    said: dict[str, str] = {}
    for row in sorted(_book()["prices"], key=lambda row: (row["provider"], row["model"], row["valid_from"])):
        until = f" until {row['valid_until']}" if "valid_until" in row else ""
        said[f"{row['provider']}/{row['model']}"] = (
            f"${row['input']} in, ${row['output']} out per million tokens since {row['valid_from']}{until}"
        )
    return said


def book_version() -> str:
    """Return which price book this is, for reports: the day of its newest check."""
    return f"price book {max(row['checked_on'] for row in _book()['prices'])}"


@cache
def _book() -> dict[str, Any]:
    text = files("harness.book").joinpath("prices.yaml").read_text(encoding="utf-8")
    book: dict[str, Any] = yaml.safe_load(text)
    return book


def _decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))
