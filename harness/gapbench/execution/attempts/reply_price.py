"""Price the calls of an open model while its run is running."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from gapbench.pricing import Quote, UsagePricer, make_usage_pricer, model_price
from gapbench.runner import Runner
from gapbench.values import Model


def quote_model(
    runner: Runner, model: Model, served: str | None = None, service_tier: str | None = None
) -> Quote:
    """Return the price of a model today, as the suite asks for it.

    Args:
        runner: Its runner.
        model: The model.
        served: The model id that a reply names. None: the one asked.
        service_tier: The tier that a reply names. None: standard.
    """
    return model_price(
        runner=model.runner,
        provider=runner.info.price_provider,
        model=served or model.name,
        at=datetime.now(UTC).date(),
        base_url=model.base_url,
        cost=model.cost,
        service_tier=service_tier,
        simulated=runner.simulated,
    )


def usage_pricer(runner: Runner, model: Model) -> UsagePricer:
    """Return what prices the calls to a model."""
    return make_usage_pricer(partial(quote_model, runner, model))
