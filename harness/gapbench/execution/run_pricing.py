"""Prices for a run that is about to start or is running; the analysis prices finished runs."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import TYPE_CHECKING

from gapbench import pricing
from gapbench.execution.attempts.reply_price import quote_model, usage_pricer
from gapbench.execution.cost_bound import CostBound, estimate_cost_bounds
from gapbench.execution.earlier_sessions import RequestKey
from gapbench.execution.setup import RunSetup
from gapbench.pricing import GpuPrice, Quote, UnitPrices, Unpriced
from gapbench.suite.data_policy import is_third_party_api
from gapbench.values import Model, Usage

if TYPE_CHECKING:
    from gapbench.execution.recording.observer import AttemptPricer


def _price_of(setup: RunSetup, model: Model, served: str | None = None) -> Quote:
    return quote_model(setup.runners[model.id], model, served)


def model_quotes(setup: RunSetup) -> dict[str, Quote]:
    """Return the price of each model today, as the suite asks for it."""
    return {model.id: _price_of(setup, model) for model in setup.plan.models}


def unpriced_models(setup: RunSetup) -> dict[str, str]:
    """Return, by model id, why the price of a third-party API is unknown.

    A gateway without a key costs money too; closed weights without an address run on this machine.
    """
    runners, found = setup.runners, model_quotes(setup)
    return {
        model.id: quote.reason
        for model in setup.plan.models
        if isinstance(quote := found[model.id], Unpriced)
        and is_third_party_api(model, runners[model.id])
        and (runners[model.id].metered or model.base_url is not None)
    }


def attempt_pricer(setup: RunSetup) -> AttemptPricer:
    """Return a function that prices one attempt while the run is running."""
    models = {model.id: model for model in setup.plan.models}
    return pricing.make_attempt_pricer(lambda model_id, served: _price_of(setup, models[model_id], served))


def price_usage(setup: RunSetup, model: Model, usage: Usage, served: str | None) -> Decimal | None:
    """Return the US dollars of one call. None: unknown, or not billed by the call.

    Args:
        setup: The run.
        model: The model that was called.
        usage: The token counts of the reply.
        served: The model id that the reply names. None: it names none.
    """
    return usage_pricer(setup.runners[model.id], model)(usage, served)


def cost_bounds(setup: RunSetup, finished: Collection[RequestKey] = ()) -> list[CostBound]:
    """Return the most that each model can cost; a model priced by GPU hour is not billed per call.

    Args:
        setup: The run.
        finished: Requests that are not sent again.
    """
    metered = {model_id: runner.metered for model_id, runner in setup.runners.items()}
    if not any(metered.values()):
        return estimate_cost_bounds(setup.plan, metered, {}, finished)
    quotes = model_quotes(setup)
    metered = {key: billed and not isinstance(quotes[key], GpuPrice) for key, billed in metered.items()}
    units = {key: quote if isinstance(quote, UnitPrices) else None for key, quote in quotes.items()}
    return estimate_cost_bounds(setup.plan, metered, units, finished)
