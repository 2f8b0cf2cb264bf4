"""Every price known of one model, provider by provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gapbench.pricing.price_book import hosted_prices, load_price_book
from gapbench.pricing.rates import UnitPrices
from gapbench.pricing.resolve import find_price


@dataclass(frozen=True, slots=True)
class ProviderPrice:
    """The price of one provider.

    Attributes:
        price: The price.
        batch_factor: Batch input price over the standard one. None: no batch price is known.
    """

    price: UnitPrices
    batch_factor: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of a row of ``bench prices show --json``; USD per million tokens."""
        rates = self.price.rates
        names = ("input", "output", "cached_input", "cache_write_5m", "cache_write_1h", "image")
        known = {name: getattr(rates, name) for name in names}
        return {
            "provider": self.price.provider,
            "model": self.price.model,
            **{name: None if usd is None else float(usd) for name, usd in known.items()},
            "above": [
                {"input_tokens": threshold, "input": float(step.input), "output": float(step.output)}
                for threshold, step in self.price.above
            ],
            "batch_factor": self.batch_factor,
            "price_source": self.price.source,
            "detail": self.price.detail,
        }


def list_prices(model: str, at: datetime) -> list[ProviderPrice]:
    """Return the prices of a model on a day: of each provider that sells it, and of those that host its weights.

    Args:
        model: A provider's model id, ``provider/model``, or open weights on Hugging Face.
        at: The day.
    """
    provider, _, name = model.partition("/")
    known = list(dict.fromkeys(row["provider"] for row in load_price_book()["prices"]))
    candidates = [(provider, name)] if provider in known and name else []
    candidates += [(seller, model) for seller in known]
    found = [price for pair in candidates if isinstance(price := find_price(*pair, at), UnitPrices)]
    found += hosted_prices(model, at.date())
    once = {(price.provider, price.model): price for price in found}
    return [ProviderPrice(price, _batch_factor(price, at.date())) for price in once.values()]


def _batch_factor(price: UnitPrices, day: date) -> float | None:
    if price.provider is None or not price.rates.input:
        return None
    batch = find_price(price.provider, price.model, day, "batch")
    if not isinstance(batch, UnitPrices) or batch.note:
        return None
    return float(batch.rates.input / price.rates.input)
