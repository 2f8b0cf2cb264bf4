"""Prices for a run that is about to start or is running; the analysis prices finished runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import TYPE_CHECKING

from gapbench import pricing
from gapbench.execution.attempts.reply_price import quote_model, usage_pricer
from gapbench.execution.cost_bound import (
    CostBound,
    bound_attempt_usd,
    bound_request_usd,
    estimate_cost_bounds,
)
from gapbench.execution.earlier_sessions import RequestKey
from gapbench.execution.setup import RunSetup
from gapbench.execution.user_cost_bound import estimate_user_bounds
from gapbench.pricing import GpuPrice, Quote, UnitPrices, Unpriced
from gapbench.runner import BatchClient, Runner
from gapbench.suite.plan import Cell, PlannedRequest
from gapbench.values import Model, Usage

if TYPE_CHECKING:
    from gapbench.execution.recording.observer import AttemptPricer


def _price_of(setup: RunSetup, model: Model, tier: str | None = None, served: str | None = None) -> Quote:
    return quote_model(setup.runner_of(model.id), model, served, tier)


def model_quotes(setup: RunSetup) -> dict[str, Quote]:
    """Return the price of each model today, as the suite asks for it; those that play users too.

    A model that is asked in batches has the price of the batch tier.
    """
    return {
        model.id: _price_of(setup, model, BatchClient.tier if model.batch else None)
        for model in setup.asked_models.values()
    }


def paid_models(setup: RunSetup) -> frozenset[str]:
    """Return the ids of the models whose calls cost money, wherever they are served.

    A price by the token, from the suite or the price book, makes a model paid. Without a known price, a key does, and so
    do closed weights at an address: a gateway without a key costs money too. Closed weights without an address run on
    this machine. GPU hours are not billed by the call, and simulated providers are free.
    """
    found = model_quotes(setup)
    return frozenset(
        model_id
        for model_id, model in setup.asked_models.items()
        if _is_paid(model, setup.runner_of(model_id), found[model_id])
    )


def _is_paid(model: Model, runner: Runner, quote: Quote) -> bool:
    if runner.simulated or isinstance(quote, GpuPrice):
        return False
    if isinstance(quote, UnitPrices):
        return runner.metered or quote.usd(input_tokens=1_000_000, output_tokens=1_000_000) > 0
    return runner.metered or (model.weights == "closed" and model.base_url is not None)


def unpriced_models(setup: RunSetup) -> dict[str, str]:
    """Return, by model id, why the price of a paid model is unknown."""
    paid = paid_models(setup)
    return {
        model_id: quote.reason
        for model_id, quote in model_quotes(setup).items()
        if isinstance(quote, Unpriced) and model_id in paid
    }


def attempt_pricer(setup: RunSetup) -> AttemptPricer:
    """Return a function that prices one attempt while the run is running."""
    models = setup.asked_models
    return pricing.make_attempt_pricer(
        lambda model_id, tier, served: _price_of(setup, models[model_id], tier, served)
    )


def request_bounder(setup: RunSetup) -> Callable[[Cell, PlannedRequest], Decimal | None]:
    """Return what gives the most that one request can cost. None: its price is unknown, or it is not billed by the call."""
    quotes, paid = model_quotes(setup), paid_models(setup)

    def bound(cell: Cell, planned: PlannedRequest) -> Decimal | None:
        quote = quotes[cell.model.id]
        if cell.model.id not in paid or not isinstance(quote, UnitPrices):
            return None
        return bound_request_usd(setup.plan, cell, planned, quote)

    return bound


def attempt_bounder(setup: RunSetup) -> Callable[[Cell], Decimal | None]:
    """Return a function that gives the most that one attempt of a cell can cost. None: unknown, or not billed by the call."""

    def bound(cell: Cell) -> Decimal | None:
        quote = _price_of(setup, cell.model)
        return bound_attempt_usd(setup.plan, cell, quote) if isinstance(quote, UnitPrices) else None

    return bound


def price_usage(setup: RunSetup, model: Model, usage: Usage, served: str | None) -> Decimal | None:
    """Return the US dollars of one call. None: unknown, or not billed by the call.

    Args:
        setup: The run.
        model: The model that was called.
        usage: The token counts of the reply.
        served: The model id that the reply names. None: it names none.
    """
    return usage_pricer(setup.runner_of(model.id), model)(usage, served)


def cost_bounds(setup: RunSetup, finished: Collection[RequestKey] = ()) -> list[CostBound]:
    """Return the most that each model can cost, and that each can cost which plays users.

    A model priced by GPU hour is not billed per call.

    Args:
        setup: The run.
        finished: Requests that are not sent again.
    """
    quotes = model_quotes(setup)
    paid = paid_models(setup)
    units = {key: quote if isinstance(quote, UnitPrices) else None for key, quote in quotes.items()}
    metered = {model_id: model_id in paid for model_id in quotes}
    return [
        *estimate_cost_bounds(setup.plan, metered, units, finished),
        *estimate_user_bounds(setup.plan, metered, units, finished),
    ]
