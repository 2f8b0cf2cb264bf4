"""genai-prices, the catalogue below the book: pinned, its updater never started, the provider always passed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from gapbench.pricing.price_book import STANDARD_TIERS
from gapbench.pricing.rates import TokenRates, UnitPrices, Unpriced, to_decimal


def catalogue_price(
    provider: str, model: str, at: date, tier: str, *, allow_hourly: bool = False
) -> UnitPrices | Unpriced:
    """Return the price of a provider's model at an instant. See :func:`gapbench.pricing.resolve`.

    Args:
        provider: Such as ``openai``; never guessed.
        model: The resolved id.
        at: Day or instant of the request.
        tier: Service tier in lower case; "": standard.
        allow_hourly: Also take a price that depends on the hour of the day, which no provider has any more: to show it.
    """
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
    if (
        not allow_hourly
        and isinstance(info.prices, list)
        and any(hasattr(row.constraint, "start_time") for row in info.prices)
    ):
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
            return None if value is None else to_decimal(value)
        steps = [step.price for step in value.tiers if step.start <= tokens]
        return to_decimal(steps[-1] if steps else value.base)

    def rates(tokens: int) -> TokenRates:
        return TokenRates(**{name: at_prompt(value, tokens) for name, value in keys.items()})  # type: ignore[arg-type]

    above = tuple((int(start), rates(start)) for start in starts)
    return UnitPrices(rates(-1), above, source, f"{source}, {info.id}", provider, str(info.id), note)
