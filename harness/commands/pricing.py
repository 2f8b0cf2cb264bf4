"""Prices for a run that is about to start or under way; finished runs are priced by the analysis."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from harness.assembly import Assembly
from harness.prices import GpuPrice, UnitPrices, Unpriced, model_price
from harness.values import Attempt, Model

if TYPE_CHECKING:
    from harness.settings import Price


def _price_of(
    assembly: Assembly, model: Model, served: str | None = None
) -> UnitPrices | GpuPrice | Unpriced:
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
    known: dict[tuple[str, str | None], UnitPrices | GpuPrice | Unpriced] = {}

    def price(row: Attempt) -> Decimal | None:
        key = (row.model_id, row.model_served)
        if key not in known:
            known[key] = _price_of(assembly, models[row.model_id], row.model_served)
            if isinstance(known[key], Unpriced):
                known[key] = _price_of(assembly, models[row.model_id])
        unit = known[key]
        if not isinstance(unit, UnitPrices) or row.input_tokens is None or row.output_tokens is None:
            return None
        return unit.usd(
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            cached_input_tokens=row.cached_input_tokens or 0,
            cache_write_tokens=row.cache_write_tokens or 0,
            cache_write_1h_tokens=row.cache_write_1h_tokens or 0,
            image_count=row.image_count,
        )

    return price
