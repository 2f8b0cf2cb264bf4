"""Prices for a run that is about to start or under way; finished runs are priced by the analysis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness import prices
from harness.assembly import Assembly
from harness.prices import Quote, UnitPrices, model_price
from harness.values import Model

if TYPE_CHECKING:
    from harness.settings import Price


def _price_of(assembly: Assembly, model: Model, served: str | None = None) -> Quote:
    return model_price(
        runner=model.runner,
        model=served or model.name,
        at=datetime.now(UTC).date(),
        base_url=model.base_url,
        cost=model.cost,
        simulated=assembly.runners[model.id].simulated,
    )


def unit_prices(assembly: Assembly) -> dict[str, UnitPrices | None]:
    """Return the token prices of each model; None: it has none, or it is unknown."""
    found = {model.id: _price_of(assembly, model) for model in assembly.plan.models}
    return {model_id: price if isinstance(price, UnitPrices) else None for model_id, price in found.items()}


def attempt_price(assembly: Assembly) -> Price:
    """Return what prices one attempt while the run is under way."""
    models = {model.id: model for model in assembly.plan.models}
    return prices.attempt_price(lambda model_id, served: _price_of(assembly, models[model_id], served))
