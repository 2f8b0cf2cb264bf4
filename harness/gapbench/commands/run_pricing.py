"""Prices for a run that is about to start or under way; finished runs are priced by the analysis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gapbench import pricing
from gapbench.execution.setup import Assembly
from gapbench.pricing import Quote, Unpriced, model_price
from gapbench.suite.data_policy import is_anothers
from gapbench.values import Model

if TYPE_CHECKING:
    from gapbench.execution.recording.observer import Price


def _price_of(assembly: Assembly, model: Model, served: str | None = None) -> Quote:
    return model_price(
        runner=model.runner,
        model=served or model.name,
        at=datetime.now(UTC).date(),
        base_url=model.base_url,
        cost=model.cost,
        simulated=assembly.runners[model.id].simulated,
    )


def quotes(assembly: Assembly) -> dict[str, Quote]:
    """Return the price of each model today, as the suite asks for it."""
    return {model.id: _price_of(assembly, model) for model in assembly.plan.models}


def unpriced(assembly: Assembly) -> dict[str, str]:
    """Return why the price of a model is unknown that is somebody's API, by model id.

    A gateway that asks for no key has its bill all the same; closed weights without an address run on this machine.
    """
    runners, found = assembly.runners, quotes(assembly)
    return {
        model.id: quote.reason
        for model in assembly.plan.models
        if isinstance(quote := found[model.id], Unpriced)
        and is_anothers(model, runners[model.id])
        and (runners[model.id].metered or model.base_url is not None)
    }


def attempt_price(assembly: Assembly) -> Price:
    """Return what prices one attempt while the run is under way."""
    models = {model.id: model for model in assembly.plan.models}
    return pricing.attempt_price(lambda model_id, served: _price_of(assembly, models[model_id], served))
