"""Whose price holds for a request, a model of a suite, or a provider's model on a day."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from gapbench.pricing.genai_prices_source import catalogue_price
from gapbench.pricing.price_book import BATCH_TIER, book_price, gpu_price
from gapbench.pricing.rates import (
    GpuPrice,
    RequestCost,
    TokenRates,
    UnitPrices,
    Unpriced,
    counts_are_possible,
    to_decimal,
)
from gapbench.values import Usage

_ALIAS = re.compile(r"(^|[-_.:/])latest$")


def request_price(usage: Usage, provider: str, model: str, at: date) -> RequestCost | None:
    """Return what one request costs; None when a price or a token count is unknown, or the counts are impossible.

    Args:
        usage: Token counts.
        provider: Whose price, such as ``openai``.
        model: The resolved model id.
        at: Day (or instant) of the request.
    """
    found = find_price(provider, model, at)
    if isinstance(found, Unpriced) or usage.input_tokens is None or usage.output_tokens is None:
        return None
    counts = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_input_tokens": usage.cached_input_tokens or 0,
        "cache_write_tokens": usage.cache_write_tokens or 0,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens or 0,
    }
    if not counts_are_possible(**counts):
        return None
    return RequestCost(found.usd(**counts), found.rates_for(usage.input_tokens), found.source)


def model_price(
    *,
    runner: str,
    provider: str | None,
    model: str,
    at: date,
    base_url: str | None = None,
    cost: Mapping[str, Any] | None = None,
    service_tier: str | None = None,
    simulated: bool = False,
) -> UnitPrices | GpuPrice | Unpriced:
    """Return how a model of a suite is priced.

    Args:
        runner: Its runner, for messages.
        provider: Provider whose list prices apply where calls go to the vendor's own address. None: none.
        model: The model id that was served, or asked where the reply did not say.
        at: Day of the request.
        base_url: Its endpoint. None: the vendor's own.
        cost: The suite's ``cost`` of the model.
        service_tier: The tier that the reply named.
        simulated: Whether a simulated provider answers; it has no list price.
    """
    if cost and ("gpus" in cost or "gpu" in cost or "usd_per_gpu_hour" in cost):
        return _suite_gpu_price(cost)
    if cost and (
        "input_usd_per_mtok" in cost or "output_usd_per_mtok" in cost or "cached_input_usd_per_mtok" in cost
    ):
        is_batch = (service_tier or "").lower() == BATCH_TIER and not cost.get("given_by")
        if is_batch and "batch" not in cost:
            return Unpriced(
                "cost gives no price of a batch; add batch: {input_usd_per_mtok: …, output_usd_per_mtok: …} to it"
            )
        stated = {**cost, "cached_input_usd_per_mtok": None, **cost["batch"]} if is_batch else cost
        return _suite_price(stated, model, _listed(cost, provider, model, at, service_tier))
    if cost and ("provider" in cost or "model" in cost):
        provider = cost.get("provider") or provider
        if provider is None:
            return Unpriced(
                f"cost names the model {cost['model']!r} and no provider; add cost: {{provider: …}}"
            )
        return find_price(str(provider), str(cost.get("model") or model), at, service_tier)
    if simulated:
        return Unpriced("a simulated provider has no price; give the model a cost in the suite")
    if provider is None or base_url is not None:
        where = base_url or f"the {runner} runner"
        return Unpriced(
            f"{where} has no list price; give the model cost: {{gpu, gpus, usd_per_gpu_hour}} in the suite "
            "where you host it, or cost: {provider, model} where you buy it"
        )
    return find_price(provider, model, at, service_tier)


def find_price(provider: str, model: str, at: date, service_tier: str | None = None) -> UnitPrices | Unpriced:
    """Return the price of a provider's model on a day: from the book, else from genai-prices.

    Args:
        provider: Such as ``openai``.
        model: The resolved model id; a trailing date is ignored where only the bare id is known.
        at: Day of the request, or its instant.
        service_tier: Such as ``batch`` or ``flex``. None: standard. A tier without a price has the standard one, with a note;
            only ``batch`` then has none.
    """
    if _ALIAS.search(model):
        return Unpriced(
            f"{model!r} is an alias that changes its model and price; name the resolved id with "
            "cost: {provider, model} in the suite"
        )
    tier = (service_tier or "").lower()
    day = at.date() if isinstance(at, datetime) else at
    found: UnitPrices | Unpriced | None = book_price(provider, model, day, tier)
    if found is None:
        found = catalogue_price(provider, model, at, tier)
    if tier == BATCH_TIER and isinstance(found, UnitPrices) and found.note is not None:
        return Unpriced(
            f"there is no price for the batch tier of {model}, and the standard price is not what a batch costs; give it cost: "
            "{input_usd_per_mtok, output_usd_per_mtok, batch: {input_usd_per_mtok, output_usd_per_mtok}} in the suite"
        )
    return found


def _listed(
    cost: Mapping[str, Any], provider: str | None, model: str, at: date, service_tier: str | None
) -> UnitPrices | None:
    """Return the list price that a cost with only some token prices changes. None if it gives them all, or there is none."""
    if {"input_usd_per_mtok", "output_usd_per_mtok"} <= cost.keys():
        return None
    seller = cost.get("provider") or provider
    if seller is None:
        return None
    found = find_price(str(seller), str(cost.get("model") or model), at, service_tier)
    return found if isinstance(found, UnitPrices) else None


def _suite_price(cost: Mapping[str, Any], model: str, listed: UnitPrices | None) -> UnitPrices | Unpriced:
    """Return the token prices of a suite or of the command line, over a list price if they are not all given."""
    given = {
        name: to_decimal(cost[key])
        for name, key in (
            ("input", "input_usd_per_mtok"),
            ("output", "output_usd_per_mtok"),
            ("cached_input", "cached_input_usd_per_mtok"),
        )
        if cost.get(key) is not None
    }
    source, detail = str(cost.get("given_by") or "suite"), str(cost.get("source") or "the suite")
    if listed is not None:
        above = tuple((threshold, replace(rates, **given)) for threshold, rates in listed.above)
        return replace(
            listed, rates=replace(listed.rates, **given), above=above, source=source,
            detail=f"{detail}; the rest: {listed.detail}",
        )  # fmt: skip
    if not {"input", "output"} <= given.keys():
        lacking = "output" if "input" in given else "input"
        return Unpriced(
            f"cost gives no {lacking}_usd_per_mtok and there is no list price; give input_usd_per_mtok and output_usd_per_mtok"
        )
    return UnitPrices(TokenRates(**given), (), source, detail, None, model)


def _suite_gpu_price(cost: Mapping[str, Any]) -> GpuPrice | Unpriced:
    gpu = cost.get("gpu")
    gpus = to_decimal(cost.get("gpus", 1))
    if "usd_per_gpu_hour" not in cost:
        return gpu_price(gpu, gpus)
    low, high, as_of = (cost.get(name) for name in ("usd_per_gpu_hour_low", "usd_per_gpu_hour_high", "as_of"))
    return GpuPrice(
        gpu,
        gpus,
        to_decimal(cost["usd_per_gpu_hour"]),
        str(cost.get("source") or "the suite"),
        None if low is None else to_decimal(low),
        None if high is None else to_decimal(high),
        date.fromisoformat(as_of) if isinstance(as_of, str) else as_of,
    )
