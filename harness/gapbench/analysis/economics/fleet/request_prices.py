"""What each request of a traffic table costs at an API: now, and where it may wait for a batch or flex tier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal

import numpy as np
import pandas as pd

from gapbench.analysis.economics.api_leg import DEFAULT_WEIGHTS, leg_price
from gapbench.analysis.economics.measured_legs import MeasuredLegs
from gapbench.analysis.economics.scenario import GIVEN_BY_SET, Scenario
from gapbench.analysis.traffic.prices import price_requests, quote_requests
from gapbench.errors import InputError
from gapbench.pricing import TokenRates, UnitPrices, find_price
from gapbench.pricing.rates import to_decimal
from gapbench.stats import Floats
from gapbench.suite.tco_fields import TcoDocument

Api = Literal["closed", "hosted"]
MAX_UNPRICED = 0.05
"""Share of requests without a price that may be taken to cost what the others do for a token."""
_CLASSES = {"input": "input", "cached": "cached_input", "output": "output"}


@dataclass(frozen=True)
class ApiPrices:
    """What each request costs at an API, in USD.

    Attributes:
        label: Whose prices.
        live_usd: Answered at once.
        wait_usd: Answered by the cheapest tier that waits; as ``live_usd`` if none has a price.
        wait_tier: ``batch`` or ``flex``. None: neither has a price.
    """

    label: str
    live_usd: Floats
    wait_usd: Floats
    wait_tier: str | None


def closed_prices(
    frame: pd.DataFrame, scenario: Scenario, block: TcoDocument, run: MeasuredLegs | None, notes: list[str]
) -> ApiPrices | None:
    """Return the prices of the closed API: as given, else of the run's model, else of the models that the log names."""
    is_given = block.closed is not None or _is_set("closed", scenario)
    if is_given or (run is not None and "closed" in run.quotes):
        return leg_prices("closed", frame, scenario, block, run, notes)
    return _prices_of_log(frame, notes)


def leg_prices(
    leg: Api,
    frame: pd.DataFrame,
    scenario: Scenario,
    block: TcoDocument,
    run: MeasuredLegs | None,
    notes: list[str],
) -> ApiPrices | None:
    """Return what the requests cost at the API of a leg of ``bench tco``. None: it has no price, or no model is named.

    The tokens of each request are priced, long prompts and cache writes included; the hosted open model needs its own
    number of tokens for them, as the run measured.

    Raises:
        InputError: The API was named, and has no price.
    """
    document = block.closed if leg == "closed" else block.hosted
    is_named = document is not None or block.weights is not None or _is_set(leg, scenario)
    if leg == "hosted" and run is None and not is_named:
        # The default of `bench tco` is a model that need not be the one of these GPUs.
        return None
    why: list[str] = []
    if document is None and run is not None:
        listed = run.quotes.get(leg)
    else:
        listed = leg_price(
            leg, document, block.weights or scenario.weights or DEFAULT_WEIGHTS, _today(), why
        )[0]
    if document is not None and why and not _is_set(leg, scenario):
        raise InputError(why[0])
    quote = _with_settings(leg, scenario, listed)
    if quote is None:
        return None
    ratios = (1.0, 1.0)
    if leg == "hosted":
        point = scenario.point_values
        ratios = (point.get("open_input_ratio", 1.0), point.get("open_output_ratio", 1.0))
    live = quote_requests(frame, quote, *ratios)
    waiting: dict[str, Floats] = {}
    for name in ("batch", "flex"):
        tier_quote = _tier_quote(leg, name, scenario, quote)
        factor = _tier_factor(leg, name, scenario, quote)
        if tier_quote is not None:
            waiting[name] = quote_requests(frame, tier_quote, *ratios)
        elif factor:
            waiting[name] = live * factor
    tier = min(waiting, key=lambda name: float(waiting[name].sum()), default=None)
    if tier is None or waiting[tier].sum() >= live.sum():
        notes.append(f"{leg}: neither a batch nor a flex price is known, so waiting saves nothing there")
        return ApiPrices(scenario.describe_leg(leg), live, live, None)
    return ApiPrices(scenario.describe_leg(leg), live, waiting[tier], tier)


def _with_settings(leg: Api, scenario: Scenario, quote: UnitPrices | None) -> UnitPrices | None:
    """Return a price with the inputs that ``--set`` or a ``tco:`` block gives in its place."""
    blended = scenario.inputs.get(f"{leg}_usd_per_mtok")
    if blended is not None:
        flat = to_decimal(blended.value)
        return UnitPrices(TokenRates(flat, flat), (), "given", blended.source, None, leg)
    inputs = {
        name: given
        for key, name in _CLASSES.items()
        if (given := scenario.inputs.get(f"{leg}_{key}_usd_per_mtok")) is not None
        and (quote is None or given.source == GIVEN_BY_SET)
    }
    changed = {name: to_decimal(given.value) for name, given in inputs.items()}
    if quote is None:
        known = {"input", "output"} <= changed.keys()
        return UnitPrices(TokenRates(**changed), (), "given", "given", None, leg) if known else None
    above = tuple((start, replace(step, **changed)) for start, step in quote.above)
    return replace(quote, rates=replace(quote.rates, **changed), above=above)


def _tier_quote(leg: Api, tier: str, scenario: Scenario, quote: UnitPrices) -> UnitPrices | None:
    """Return the listed price of a waiting tier, whose discount may differ by token class.

    None: it has none, or the standard price is not the listed one, so that only a factor on it can be taken.
    """
    given = scenario.inputs.get(f"{leg}_batch_factor")
    if quote.provider is None or (tier == "batch" and given is not None and given.kind != "published"):
        return None
    found, standard = (find_price(quote.provider, quote.model, _today(), name) for name in (tier, None))
    if not isinstance(found, UnitPrices) or not isinstance(standard, UnitPrices) or found.note is not None:
        return None
    is_listed = (quote.rates, quote.above) == (standard.rates, standard.above)
    return found if is_listed else None


def _tier_factor(leg: Api, tier: str, scenario: Scenario, quote: UnitPrices) -> float | None:
    """Return the price of a waiting tier over the standard one. None: it has none."""
    given = scenario.inputs.get(f"{leg}_batch_factor")
    if tier == "batch" and given is not None:
        return given.value
    if quote.provider is None or not quote.rates.input:
        return None
    found = find_price(quote.provider, quote.model, _today(), tier)
    if not isinstance(found, UnitPrices) or found.note is not None:
        return None
    standard = find_price(quote.provider, quote.model, _today())
    if not isinstance(standard, UnitPrices) or not standard.rates.input:
        return None
    return float(found.rates.input / standard.rates.input)


def _prices_of_log(frame: pd.DataFrame, notes: list[str]) -> ApiPrices | None:
    """Return today's list prices of the models that the log names; the log's own dollars where there is none."""
    now = frame.assign(time=pd.Timestamp(datetime.now(UTC)), service_tier=None, from_cache=None)
    priced = price_requests(now)
    booked = priced["usd"].astype(float).to_numpy()
    reported = frame["cost_usd"].astype(float).to_numpy()
    live: Floats = np.where(np.isnan(booked), reported, booked)
    tokens = (frame["input_tokens"] + frame["output_tokens"]).to_numpy(np.float64)
    unknown = np.isnan(live)
    if unknown.all():
        return None
    if unknown.any():
        reasons = priced["reason"][unknown].dropna()
        why = f": {reasons.mode().iloc[0]}" if len(reasons) else ""
        if unknown.mean() > MAX_UNPRICED:
            raise InputError(
                f"{int(unknown.sum()):,} of {len(live):,} requests have no price{why}; name the closed API with "
                "--closed PROVIDER/MODEL, or your own prices with --prices FILE"
            )
        notes.append(
            f"{int(unknown.sum()):,} requests without a price ({100 * MAX_UNPRICED:.0f} % at most){why}: they cost what the others "
            "do for a token"
        )
        rate = live[~unknown].sum() / tokens[~unknown].sum()
        live = np.where(unknown, rate * tokens, live)
    label = _models_of_log(frame)
    waiting: dict[str, Floats] = {
        tier: np.where(np.isnan(usd), live, usd)
        for tier in ("batch", "flex")
        if not np.isnan(
            usd := price_requests(now.assign(service_tier=tier))["usd"].astype(float).to_numpy()
        ).all()
    }
    tier = min(waiting, key=lambda name: waiting[name].sum(), default=None)
    if tier is None or waiting[tier].sum() >= live.sum():
        return ApiPrices(label, live, live, None)
    return ApiPrices(label, live, waiting[tier], tier)


def _models_of_log(frame: pd.DataFrame) -> str:
    served = frame["model_served"].where(frame["model_served"].notna(), frame["model_asked"])
    counts = served.dropna().astype(str).value_counts()
    if counts.empty:
        return "the log's own prices"
    more = f" and {len(counts) - 1} more" if len(counts) > 1 else ""
    return f"{counts.index[0]}{more}, as in the log"


def _is_set(leg: str, scenario: Scenario) -> bool:
    return any(
        name.startswith(f"{leg}_") and name.endswith("_usd_per_mtok") and given.source == GIVEN_BY_SET
        for name, given in scenario.inputs.items()
    )


def _today() -> date:
    return datetime.now(UTC).date()
