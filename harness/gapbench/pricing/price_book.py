"""The price book: the packaged ``pricing/data/prices.yaml``, dated and with a source on every row, and your own prices.

Your own files (see :mod:`gapbench.pricing.price_file`) come first: the one in the configuration folder, and before it those
of :func:`price_files`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from gapbench.pricing.price_file import read_price_file, user_price_file
from gapbench.pricing.rates import GpuPrice, TokenRates, UnitPrices, Unpriced, to_decimal

BATCH_TIER = "batch"
"""The tier of answers from a batch API. Without a price of its own such an answer has none: half of it may be charged."""
STANDARD_TIERS = frozenset({"", "auto", "default", "standard", "on_demand"})
_DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})$")


_named_files: list[Path] = []
"""Those of :func:`price_files`, the most important last."""


@contextmanager
def price_files(named: Sequence[Path]) -> Iterator[None]:
    """Put the prices of files above all others while the context is open, in this process.

    Raises:
        DocumentError: A file cannot be read, or a value in it is wrong.
    """
    for file in named:
        read_price_file(file)
    before = list(_named_files)
    _named_files.extend(named)
    try:
        yield
    finally:
        _named_files[:] = before


def named_price_files() -> tuple[Path, ...]:
    """Return the files of :func:`price_files`."""
    return tuple(_named_files)


def load_price_book() -> dict[str, Any]:
    """Return the packaged book below your own prices; treat it as read-only.

    Raises:
        DocumentError: One of your files cannot be read, or a value in it is wrong.
    """
    book = _packaged_book()
    for layer, file in enumerate(_own_files(), 1):
        own = read_price_file(file)
        gpus = {row["gpu"] for row in own["gpus"]}
        book = {
            **book,
            "prices": [*book["prices"], *({**row, "layer": layer} for row in own["prices"])],
            "gpus": [*(row for row in book["gpus"] if row["gpu"] not in gpus), *own["gpus"]],
        }
    return book


def _own_files() -> list[Path]:
    default = user_price_file()
    return [*([] if default is None else [default]), *_named_files]


@cache
def _packaged_book() -> dict[str, Any]:
    text = files("gapbench.pricing.data").joinpath("prices.yaml").read_text(encoding="utf-8")
    # libyaml's loader, where PyYAML was built with it, takes a fifteenth of the time.
    found: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader
    return found


def price_book_version() -> str:
    """Return which prices are used, for reports: the day of the book's newest check, and your own files."""
    own = []
    for file in _own_files():
        rows = read_price_file(file)
        count = len(rows["prices"]) + len(rows["gpus"])
        own.append(f"your {count} {'price' if count == 1 else 'prices'} ({file.name})")
    return ", ".join([f"price book {price_book_date()}", *own])


@cache
def price_book_date() -> date:
    """Return the day of the packaged book's newest check."""
    day: date = max(row["checked_on"] for row in _packaged_book()["prices"])
    return day


def price_book_models() -> dict[str, str]:
    """Return ``provider/model`` of the book with today's newest price in words, for ``bench list models``."""
    said: dict[str, str] = {}
    for row in sorted(
        load_price_book()["prices"],
        key=lambda row: (row["provider"], row["model"], row.get("layer", 0), row["valid_from"]),
    ):
        until = f" until {row['valid_until']}" if "valid_until" in row else ""
        said[f"{row['provider']}/{row['model']}"] = (
            f"${row['input']} in, ${row['output']} out per million tokens{_since(row)}{until}"
        )
    return said


def _since(row: Mapping[str, Any]) -> str:
    return "" if row["valid_from"] == date.min else f" since {row['valid_from']}"


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
    row = max(rows, key=lambda row: (row.get("layer", 0), row["model"] == model, row["valid_from"]))
    if "valid_until" in row and day >= row["valid_until"]:
        return None
    return row_price(row, tier)


def row_price(row: Mapping[str, Any], tier: str) -> UnitPrices:
    """Return the price that one row of the book gives at a service tier: without one of its own, the standard price."""
    priced, note = row, None
    if tier not in STANDARD_TIERS:
        if tier in row.get("tiers", {}):
            # A tier has the row's thresholds only where it lists its own.
            priced = row["tiers"][tier]
        else:
            note = f"no price for the {tier} tier of {row['model']}; the standard price is used"
    source_name = "your prices" if row.get("is_own") else "book"
    currency = row.get("currency", "USD")
    rate = Decimal(1) if currency == "USD" else to_decimal(row["usd_per_unit"])
    source = str(row["source"])
    if currency != "USD":
        source += f"; {currency} at {rate} USD"
    above = tuple((int(step["input_tokens"]), _row_rates(step, rate)) for step in priced.get("above", ()))
    return UnitPrices(
        _row_rates(priced, rate), above, source_name, source, row["provider"], row["model"], note
    )


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
    low, high = (None if row.get(end) is None else to_decimal(row[end]) for end in ("low", "high"))
    has_range = low is not None and high is not None
    source = f"{row['source']}; range {low} to {high}" if has_range else str(row["source"])
    return GpuPrice(
        row["gpu"],
        to_decimal(gpus),
        to_decimal(row["usd_per_gpu_hour"]),
        source,
        low if has_range else None,
        high if has_range else None,
        row.get("as_of"),
    )
