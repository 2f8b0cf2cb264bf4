"""The packaged price book: ``harness/load_price_book/prices.yaml``, dated and with a source on every row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from gapbench.pricing.rates import GpuPrice, TokenRates, UnitPrices, Unpriced, to_decimal

STANDARD_TIERS = frozenset({"", "auto", "default", "standard", "on_demand"})
_DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")


@cache
def load_price_book() -> dict[str, Any]:
    """Return the book as it is written; treat it as read-only."""
    text = files("gapbench.pricing.data").joinpath("prices.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def price_book_version() -> str:
    """Return which price book this is, for reports: the day of its newest check."""
    return f"price book {price_book_date()}"


def price_book_date() -> date:
    """Return the day of the book's newest check."""
    day: date = max(row["checked_on"] for row in load_price_book()["prices"])
    return day


def price_book_models() -> dict[str, str]:
    """Return ``provider/model`` of the book with today's newest price in words, for ``bench list models``."""
    said: dict[str, str] = {}
    for row in sorted(
        load_price_book()["prices"], key=lambda row: (row["provider"], row["model"], row["valid_from"])
    ):
        until = f" until {row['valid_until']}" if "valid_until" in row else ""
        said[f"{row['provider']}/{row['model']}"] = (
            f"${row['input']} in, ${row['output']} out per million tokens since {row['valid_from']}{until}"
        )
    return said


def hosted_prices(weights: str, day: date) -> list[UnitPrices]:
    """Return the prices at which providers host open weights, cheapest at 3:1 first.

    Args:
        weights: The model on Hugging Face, such as ``meta-llama/Llama-3.3-70B-Instruct``.
        day: Day of the price.
    """
    named = {
        (row["provider"], row["model"])
        for row in load_price_book()["prices"]
        if str(row.get("weights", "")).lower() == weights.lower()
    }
    found = [price for pair in sorted(named) if (price := book_price(*pair, day, "")) is not None]
    return sorted(found, key=lambda price: 3 * price.rates.input + price.rates.output)


def book_price(provider: str, model: str, day: date, tier: str) -> UnitPrices | None:
    """Return the price of a provider's model on a day. None: the book has none.

    Args:
        provider: Such as ``openai``.
        model: The resolved id; a trailing date is ignored where only the bare id is there.
        day: Day of the request.
        tier: Service tier in lower case; "": standard.
    """
    names = (model, _DATED.sub("", model))
    rows = [
        row
        for row in load_price_book()["prices"]
        if row["provider"] == provider and row["model"] in names and row["valid_from"] <= day
    ]
    if not rows:
        return None
    row = max(rows, key=lambda row: (row["model"] == model, row["valid_from"]))
    if "valid_until" in row and day >= row["valid_until"]:
        return None
    return row_price(row, tier)


def row_price(row: Mapping[str, Any], tier: str) -> UnitPrices:
    """Return the price that one row of the book gives at a service tier."""
    priced, note = row, None
    if tier not in STANDARD_TIERS:
        if tier in row.get("tiers", {}):
            # A tier has the row's thresholds only where it lists its own.
            priced = row["tiers"][tier]
        else:
            note = f"no price for the {tier} tier of {row['model']}; the standard price is used"
    currency = row.get("currency", "USD")
    rate = Decimal(1) if currency == "USD" else to_decimal(row["usd_per_unit"])
    source = str(row["source"])
    if currency != "USD":
        source += f"; {currency} at {rate} USD"
    above = tuple((int(step["input_tokens"]), _row_rates(step, rate)) for step in priced.get("above", ()))
    return UnitPrices(_row_rates(priced, rate), above, "book", source, row["provider"], row["model"], note)


def _row_rates(row: Mapping[str, Any], usd_per_unit: Decimal) -> TokenRates:
    return TokenRates(
        **{
            field.name: to_decimal(row[field.name]) * usd_per_unit
            for field in fields(TokenRates)
            if field.name in row
        }
    )


def weights_at(provider: str, model: str) -> str | None:
    """Return the open weights on Hugging Face that a provider's model serves. None: the book does not say."""
    for row in load_price_book()["prices"]:
        if (row["provider"], row["model"]) == (provider, model) and "weights" in row:
            return str(row["weights"])
    return None


def dedicated_price(gpu: str | None, gpus: Decimal | int = 1) -> GpuPrice | Unpriced:
    """Return the book's price of a provider's dedicated endpoint on GPUs by name, which can serve your own weights."""
    known = {row["gpu"]: row for row in load_price_book()["dedicated"]}
    if gpu not in known:
        return Unpriced(f"no price of a dedicated endpoint on GPU {gpu!r}; the book has {', '.join(known)}")
    return _listed_gpu_price(known[gpu], gpus)


def gpu_price(gpu: str | None, gpus: Decimal | int = 1) -> GpuPrice | Unpriced:
    """Return the book's price of GPUs by name, with its range and day."""
    known = {row["gpu"]: row for row in load_price_book()["gpus"]}
    if gpu not in known:
        return Unpriced(
            f"no hourly price for GPU {gpu!r}; give usd_per_gpu_hour, or one of {', '.join(known)}"
        )
    return _listed_gpu_price(known[gpu], gpus)


def _listed_gpu_price(row: Mapping[str, Any], gpus: Decimal | int) -> GpuPrice:
    source = f"{row['source']}; range {row['low']} to {row['high']}"
    return GpuPrice(
        row["gpu"],
        to_decimal(gpus),
        to_decimal(row["usd_per_gpu_hour"]),
        source,
        to_decimal(row["low"]),
        to_decimal(row["high"]),
        row["as_of"],
    )
