"""Prices of the two API legs of a scenario: of a run, of the ``tco:`` block, or of the price book."""

from __future__ import annotations

from datetime import date

from gapbench.analysis.economics.measured_legs import MeasuredLegs
from gapbench.analysis.economics.quantity import Quantity, parse_quantity
from gapbench.errors import InputError
from gapbench.pricing import UnitPrices, Unpriced, find_price, hosted_prices
from gapbench.suite.tco_fields import LegDocument, TcoDocument

DEFAULT_CLOSED = ("anthropic", "claude-opus-4-6")
DEFAULT_WEIGHTS = "meta-llama/Llama-3.3-70B-Instruct"


def add_api_leg(
    leg: str,
    document: LegDocument | None,
    given: TcoDocument,
    at: date,
    run: MeasuredLegs | None,
    inputs: dict[str, Quantity],
    notes: list[str],
) -> str:
    """Add the prices of an API leg to ``inputs`` and return its description.

    Args:
        leg: ``closed`` or ``hosted``.
        document: The block's description of the leg. None: the run's model or, without a run, the default.
        given: The block.
        at: Day of the prices.
        run: What a run measured. None without a run.
        inputs: Quantities by name; prices that the block replaces are removed.
        notes: Receives a sentence if the leg has no price, or if the block prices another model than the run.

    Raises:
        InputError: The block gives half of a price, or half of a model's name.
    """
    if document is None and run is not None:
        quote = run.quotes.get(leg)
        if quote is None:
            notes.append(f"{leg}: no price: {run.missing[leg]}")
            return "no price known"
        _add_batch_factor(leg, quote, at, inputs)
        return run.labels[leg]
    for name in ("input", "cached", "output"):
        inputs.pop(f"{leg}_{name}_usd_per_mtok", None)
    for name in ("cached_share", "billed_factor"):
        inputs.pop(f"{leg}_{name}", None)
    weights = given.weights or (run.weights if run and run.weights else DEFAULT_WEIGHTS)
    price, label = leg_price(leg, document, weights, at, notes)
    _add_leg_prices(leg, document, price, at, inputs)
    measured = run.labels.get(leg) if run is not None else None
    if measured is not None and measured != label:
        notes.append(f"{leg}: the tco: block prices {label}; the run measured {measured}")
    return label


def _add_leg_prices(
    leg: str, document: LegDocument | None, price: UnitPrices | None, at: date, inputs: dict[str, Quantity]
) -> None:
    """Add the prices of an API leg to ``inputs``."""
    if document is not None and document.input_usd_per_mtok is not None:
        for key, name in (("input", "input"), ("cached_input", "cached"), ("output", "output")):
            amount = getattr(document, f"{key}_usd_per_mtok")
            if amount is not None:
                inputs[f"{leg}_{name}_usd_per_mtok"] = parse_quantity(amount, "USD/Mtok")
            elif name == "output":
                raise InputError(f"tco.{leg} gives an input price and no output price; give both")
        if document.batch_factor is not None:
            inputs[f"{leg}_batch_factor"] = parse_quantity(document.batch_factor, "share of the price")
    if price is None:
        return
    rates = price.rates_for(int(inputs["input_tokens"].value))
    source = f"{price.source}: {price.detail}"
    classes = {"input": rates.input, "cached": rates.cached_input, "output": rates.output}
    for name, usd in classes.items():
        if usd is not None:
            inputs[f"{leg}_{name}_usd_per_mtok"] = Quantity(
                float(usd), "USD/Mtok", source=source, as_of=at, kind="published"
            )
    _add_batch_factor(leg, price, at, inputs)


def _add_batch_factor(leg: str, price: UnitPrices, at: date, inputs: dict[str, Quantity]) -> None:
    """Add the price of a batch over the standard one, if the price has one."""
    if price.provider is None:
        return
    batch = find_price(price.provider, price.model, at, "batch")
    if isinstance(batch, UnitPrices) and batch.note is None and price.rates.input:
        factor = float(batch.rates.input / price.rates.input)
        source = f"{price.source}: {price.detail}"
        inputs[f"{leg}_batch_factor"] = Quantity(
            factor, "share of the price", source=source, as_of=at, kind="published"
        )


def leg_price(
    leg: str, document: LegDocument | None, weights: str, at: date, notes: list[str]
) -> tuple[UnitPrices | None, str]:
    """Return the listed price of an API leg and its description. The price is None if the document gives it or none is known."""
    if document is not None and document.input_usd_per_mtok is not None:
        return None, document.model or "prices given"
    price = _lookup_price(leg, document, weights, at)
    if isinstance(price, Unpriced):
        notes.append(f"{leg}: no price: {price.reason}")
        return None, "no price known"
    return price, f"{price.model} at {price.provider}"


def _lookup_price(leg: str, document: LegDocument | None, weights: str, at: date) -> UnitPrices | Unpriced:
    if document is not None and document.provider is not None and document.model is not None:
        return find_price(document.provider, document.model, at)
    if document is not None and (document.provider is not None or document.model is not None):
        raise InputError(
            f"tco.{leg} names a provider or a model; give both, or input_usd_per_mtok and output_usd_per_mtok"
        )
    if leg == "closed":
        return find_price(*DEFAULT_CLOSED, at)
    offers = hosted_prices(weights, at)
    return (
        offers[0]
        if offers
        else Unpriced(
            f"the price book has no provider of {weights}; give tco.hosted a provider and model, or prices"
        )
    )
