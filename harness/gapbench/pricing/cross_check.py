"""Where sources of prices disagree: the book, genai-prices, and a price file in LiteLLM's format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from gapbench.errors import DocumentError
from gapbench.pricing.genai_prices_source import catalogue_price
from gapbench.pricing.price_book import book_price, load_price_book
from gapbench.pricing.rates import UnitPrices, to_decimal

LITELLM_KEYS: Mapping[str, str] = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached_input": "cache_read_input_token_cost",
    "cache_write_5m": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
}
"""Our token classes, and what LiteLLM's file calls them."""
MAX_SPREAD = Decimal("0.01")
_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "google": ("gemini", "vertex_ai"),
    "together": ("together_ai",),
    "openrouter": ("openrouter", "dashscope"),
}
_MAX_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One price on which sources differ by more than 1 %.

    Attributes:
        provider: Provider in the book.
        model: Model in the book.
        token_class: Of :data:`LITELLM_KEYS`.
        book: USD per million tokens in the book.
        catalogue: The same in genai-prices. None: it has none.
        other: The same in the file. None: it has none, or no file was named.
        spread: Largest over smallest, less one.
    """

    provider: str
    model: str
    token_class: str
    book: Decimal
    catalogue: Decimal | None
    other: Decimal | None
    spread: Decimal

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of a row of ``bench prices check --json``."""
        numbers = {name: getattr(self, name) for name in ("book", "catalogue", "other", "spread")}
        return {
            "provider": self.provider,
            "model": self.model,
            "token_class": self.token_class,
            **{name: None if value is None else float(value) for name, value in numbers.items()},
        }


def find_disagreements(day: date, litellm_file: Path | None = None) -> tuple[list[Disagreement], int]:
    """Return the prices of a day on which sources differ by over 1 %, and how many were compared.

    Args:
        day: Day of the prices.
        litellm_file: A price file in LiteLLM's format. None: the book and genai-prices alone.

    Raises:
        DocumentError: The file is not of that format.
    """
    others = {} if litellm_file is None else _read_litellm_file(litellm_file)
    found: list[Disagreement] = []
    compared = 0
    pairs = sorted({(row["provider"], row["model"]) for row in load_price_book()["prices"]})
    for provider, model in pairs:
        own = book_price(provider, model, day, "")
        if own is None:
            continue
        listed = catalogue_price(provider, model, day, "", allow_hourly=True)
        foreign = _find_litellm_entry(others, provider, model)
        for name, key in LITELLM_KEYS.items():
            ours = getattr(own.rates, name)
            theirs = getattr(listed.rates, name) if isinstance(listed, UnitPrices) else None
            third = _per_mtok(foreign, key)
            known = [value for value in (ours, theirs, third) if value is not None]
            if ours is None or len(known) < 2:
                continue
            compared += 1
            least, most = min(known), max(known)
            spread = most / least - 1 if least else (Decimal("Infinity") if most else Decimal(0))
            if spread > MAX_SPREAD:
                found.append(Disagreement(provider, model, name, ours, theirs, third, spread))
    return sorted(found, key=lambda row: -row.spread), compared


def _read_litellm_file(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_BYTES + 1)
        entries = json.loads(data) if len(data) <= _MAX_BYTES else None
    except (OSError, ValueError, RecursionError) as exc:
        raise DocumentError(f"cannot be read as JSON: {exc}; name a LiteLLM price file", file=file) from exc
    if not isinstance(entries, dict) or not any(
        isinstance(entry, dict) and "input_cost_per_token" in entry for entry in entries.values()
    ):
        raise DocumentError(
            "expected a mapping of model names to entries with input_cost_per_token, as in LiteLLM's "
            "model_prices_and_context_window.json",
            file=file,
        )
    return entries


def _find_litellm_entry(entries: Mapping[str, Any], provider: str, model: str) -> Mapping[str, Any]:
    prefixes = _PREFIXES.get(provider, (provider,))
    for name in (*(f"{prefix}/{model}" for prefix in prefixes), model):
        entry = entries.get(name)
        if isinstance(entry, Mapping):
            return entry
    return {}


def _per_mtok(entry: Mapping[str, Any], key: str) -> Decimal | None:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = to_decimal(value) * 1_000_000
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
