"""Builds a scenario from a suite's ``tco:`` block, measured inputs, the price book and assumptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from gapbench.analysis.economics.demand import SHAPES, Demand, demand_from_csv, demand_of_shape
from gapbench.analysis.economics.quantity import Quantity, parse_quantity
from gapbench.analysis.economics.replica_throughput import Throughput, published_throughput
from gapbench.analysis.economics.scenario import UNITS, Scenario
from gapbench.errors import InputError
from gapbench.pricing import GpuPrice, Quote, UnitPrices, Unpriced, find_price, gpu_price, hosted_prices
from gapbench.suite.tco_fields import DemandDocument, LegDocument, OwnDocument, TcoDocument

DEFAULT_THROUGHPUT = "llama-3.3-70b-2xh100"
DEFAULT_CLOSED = ("anthropic", "claude-opus-4-6")
DEFAULT_WEIGHTS = "meta-llama/Llama-3.3-70B-Instruct"
_ASSUMED: Mapping[str, tuple[float, float | None, float | None, str]] = {
    "input_tokens": (1000, None, None, "no run named"),
    "output_tokens": (1000, None, None, "no run named"),
    "cached_share": (0.0, None, None, "no cache hits"),
    "batch_share": (0.0, None, None, "nothing can wait"),
    "headroom": (0.8, 0.7, 0.9, "room for bursts within the hour"),
    "peak_over_average": (3.0, 2.0, 5.0, "daytime traffic; DeepSeek's fleet has 1.23, office hours 4.2"),
    "overhead": (0.25, 0.2, 0.3, "network, storage, monitoring, spares"),
    "engineers": (0.5, 0.25, 1.0, "half an engineer runs it"),
    "usd_per_engineer_year": (300_000.0, 200_000.0, 400_000.0, "loaded cost of one"),
    "updates_per_year": (4.0, 2.0, 6.0, "new weights are evaluated and rolled out"),
    "days_per_update": (5.0, 3.0, 10.0, "evaluation, roll-out, prompt changes"),
    "usd_per_day": (1_200.0, 800.0, 1_600.0, "one engineer's day"),
    "storage_usd_per_month": (100.0, 50.0, 300.0, "weights and logs"),
    "licence_usd_per_month": (0.0, None, None, "weights under a free licence"),
    "egress_usd_per_mtok": (0.0, None, None, "text is small"),
}
"""(value, low, high, reason) of inputs that are not given."""


def assumption(name: str) -> Quantity:
    """Return the assumption for an input that is not given."""
    value, low, high, why = _ASSUMED[name]
    return Quantity(value, UNITS[name], low, high, f"assumed: {why}")


def build_scenario(
    document: TcoDocument | None = None,
    *,
    at: date,
    throughput: Throughput | None = None,
    measured: Mapping[str, Quantity] | None = None,
    labels: Mapping[str, str] | None = None,
    closed: tuple[str, Quote] | None = None,
    folder: Path = Path(),
) -> Scenario:
    """Return the scenario of a ``tco:`` block.

    Args:
        document: The block. None means only published and assumed inputs.
        at: Day of the prices.
        throughput: Measured throughput of a replica. The block's ``capacity`` takes precedence.
        measured: Inputs measured by a run, such as ``closed_usd_per_mtok``. The block's inputs take precedence.
        labels: Descriptions of the measured legs, by leg.
        closed: Id and price of the measured closed model. The block's ``closed`` takes precedence.
        folder: Folder that a demand's CSV file is relative to.

    Raises:
        InputError: A value is impossible, or a name is unknown.
    """
    given = document or TcoDocument()
    found: dict[str, Quantity] = dict(measured or {})
    names: dict[str, str] = dict(labels or {})
    notes: list[str] = []
    _add_given_or_assumed(given, found)
    base = _throughput(given, throughput)
    if throughput is not None and given.input_tokens is None and given.output_tokens is None:
        for name in ("input_tokens", "output_tokens"):
            found[name] = Quantity(getattr(base, name), UNITS[name], source=base.source, kind=base.kind)
    _add_capacity(given, base, found, notes)
    demand = _demand(given.demand, folder)
    found["peak_over_average"] = _peak(given.demand, demand)
    for leg, document_leg in (("closed", given.closed), ("hosted", given.hosted)):
        # A blended price that was measured is used unless the block describes the leg.
        if document_leg is None and f"{leg}_usd_per_mtok" in found:
            continue
        found.pop(f"{leg}_usd_per_mtok", None)
        price, names[leg] = _leg_price(leg, document_leg, given.weights or DEFAULT_WEIGHTS, at, closed, notes)
        _add_leg_prices(leg, document_leg, price, at, found)
    _add_servers(given, base, found)
    names["self"] = _describe_self_hosting(base, found, owned=given.own is not None)
    scenario = Scenario(
        found,
        demand,
        owned=given.own is not None,
        availability=float(given.availability),
        availability_target=float(given.availability_target),
        labels=names,
        simulated=base.simulated,
        notes=tuple(notes),
    )
    if given.own is None:
        return scenario
    return replace(
        scenario, months=float(given.own.months), interest_per_month=float(given.own.interest_per_month)
    )


def _add_given_or_assumed(given: TcoDocument, inputs: dict[str, Quantity]) -> None:
    """Add inputs from the document; those it lacks stay as measured or become the assumptions."""
    for name in _ASSUMED:
        if name != "peak_over_average":
            default = inputs.get(name) or assumption(name)
            inputs[name] = parse_quantity(_amount(getattr(given, name)), UNITS[name], default)


def _amount(given: Any) -> Any:
    """Return an amount of a document as a number or a mapping, or None."""
    return given.model_dump() if hasattr(given, "model_dump") else given


def _throughput(given: TcoDocument, throughput: Throughput | None) -> Throughput:
    asked = given.capacity
    if asked is not None and asked.published is not None:
        return published_throughput(asked.published, None if asked.derate is None else float(asked.derate))
    return throughput or published_throughput(DEFAULT_THROUGHPUT)


def _add_capacity(
    given: TcoDocument, base: Throughput, inputs: dict[str, Quantity], notes: list[str]
) -> None:
    asked, name = given.capacity, "replica_requests_per_s"
    read, written = inputs["input_tokens"].value, inputs["output_tokens"].value
    if asked is not None and asked.requests_per_s is not None:
        inputs[name] = parse_quantity(_amount(asked.requests_per_s), UNITS[name])
    elif asked is not None and asked.output_tokens_per_s is not None:
        if written <= 0:
            raise InputError("capacity.output_tokens_per_s needs output_tokens above 0; give requests_per_s")
        rate = parse_quantity(_amount(asked.output_tokens_per_s), "tokens/s")
        scale = (1.0 if asked.derate is None else float(asked.derate)) / written
        low, high = (None if end is None else end * scale for end in (rate.low, rate.high))
        inputs[name] = Quantity(
            rate.value * scale, UNITS[name], low, high, rate.source, rate.as_of, rate.kind
        )
    else:
        inputs[name] = base.for_request_size(read, written)
        if (read, written) != (base.input_tokens, base.output_tokens):
            notes.append(
                f"capacity is {base.kind} at {base.input_tokens:g} input and {base.output_tokens:g} output tokens a request "
                f"and scaled by tokens to {read:g} and {written:g}; a sweep of your own requests would be more accurate"
            )
    if inputs[name].kind != "measured":
        notes.append(
            "capacity is not measured: `bench tco --run SWEEP` takes it from a sweep of your own server"
        )


def _demand(given: DemandDocument, folder: Path) -> Demand:
    autoscale, least = given.autoscale, given.replicas_min
    if given.shape not in SHAPES:
        if not given.shape.endswith(".csv"):
            raise InputError(
                f"found demand shape {given.shape!r}; expected {', '.join(SHAPES)}, or a CSV file"
            )
        return demand_from_csv(folder / given.shape, autoscale=autoscale, replicas_min=least)
    peak = _amount(given.peak_over_average)
    value = assumption("peak_over_average").value if peak is None else parse_quantity(peak, "ratio").value
    return demand_of_shape(given.shape, value, autoscale=autoscale, replicas_min=least)


def _peak(given: DemandDocument, demand: Demand) -> Quantity:
    name = "peak_over_average"
    if given.shape != "day":
        return Quantity(
            demand.peak_over_average, UNITS[name], source=f"demand {demand.shape}", kind="assumed"
        )
    return parse_quantity(_amount(given.peak_over_average), UNITS[name], assumption(name))


def _add_leg_prices(
    leg: str, document: LegDocument | None, price: UnitPrices | None, at: date, inputs: dict[str, Quantity]
) -> None:
    """Add the prices of an API leg to ``inputs``."""
    if document is not None and document.input_usd_per_mtok is not None:
        for key, name in (("input", "input"), ("cached_input", "cached"), ("output", "output")):
            amount = _amount(getattr(document, f"{key}_usd_per_mtok"))
            if amount is not None:
                inputs[f"{leg}_{name}_usd_per_mtok"] = parse_quantity(amount, "USD/Mtok")
            elif name == "output":
                raise InputError(f"tco.{leg} gives an input price and no output price; give both")
        if document.batch_factor is not None:
            inputs[f"{leg}_batch_factor"] = parse_quantity(
                _amount(document.batch_factor), "share of the price"
            )
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
    if price.provider is not None:
        batch = find_price(price.provider, price.model, at, "batch")
        if isinstance(batch, UnitPrices) and batch.note is None and price.rates.input:
            factor = float(batch.rates.input / price.rates.input)
            inputs[f"{leg}_batch_factor"] = Quantity(
                factor, "share of the price", source=source, as_of=at, kind="published"
            )


def _leg_price(
    leg: str,
    document: LegDocument | None,
    weights: str,
    at: date,
    closed: tuple[str, Quote] | None,
    notes: list[str],
) -> tuple[UnitPrices | None, str]:
    """Return the listed price of an API leg and its description. The price is None if the document gives it or none is known."""
    if document is not None and document.input_usd_per_mtok is not None:
        return None, document.model or "prices given"
    if leg == "closed" and document is None and closed is not None:
        model_id, quote = closed
        if isinstance(quote, UnitPrices):
            origin = (
                "the suite's price"
                if quote.provider is None
                else f"the price of {quote.model} at {quote.provider}"
            )
            return quote, f"{model_id} at {origin}"
        why = quote.reason if isinstance(quote, Unpriced) else "it is paid by the GPU-hour"
        notes.append(f"{model_id} was measured; the dollars are of {DEFAULT_CLOSED[1]} (default): {why}")
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


def _add_servers(given: TcoDocument, base: Throughput, inputs: dict[str, Quantity]) -> None:
    """Add GPUs and their price, or bought servers, to ``inputs``."""
    gpus = Quantity(base.gpus or 1, UNITS["gpus_per_replica"], source=base.source, kind=base.kind)
    inputs["gpus_per_replica"] = parse_quantity(_amount(given.gpus), UNITS["gpus_per_replica"], gpus)
    if given.reserved_discount is not None:
        inputs["reserved_discount"] = parse_quantity(
            _amount(given.reserved_discount), UNITS["reserved_discount"]
        )
    if given.own is not None:
        _add_owned_servers(given.own, inputs)
        return
    gpu = given.gpu or base.gpu
    listed = gpu_price(gpu) if gpu else Unpriced("")
    default = inputs.get("usd_per_gpu_hour")
    if default is None and isinstance(listed, GpuPrice):
        low, high = (None if end is None else float(end) for end in (listed.low, listed.high))
        default = Quantity(
            float(listed.usd_per_gpu_hour),
            UNITS["usd_per_gpu_hour"],
            low,
            high,
            f"price book: {listed.gpu}, {listed.source}",
            listed.as_of,
            "published",
        )
    if default is None and given.usd_per_gpu_hour is None:
        raise InputError(
            f"no hourly price for GPU {gpu!r}; give tco.usd_per_gpu_hour, or tco.gpu with a name in the price book"
        )
    inputs["usd_per_gpu_hour"] = parse_quantity(
        _amount(given.usd_per_gpu_hour), UNITS["usd_per_gpu_hour"], default
    )


def _add_owned_servers(document: OwnDocument, inputs: dict[str, Quantity]) -> None:
    for name, amount in (
        ("capex_usd_per_replica", document.capex_usd),
        ("residual", document.residual),
        ("power_kw_per_replica", document.power_kw),
        ("pue", document.pue),
        ("usd_per_kwh", document.usd_per_kwh),
        ("load_factor", document.load_factor),
        ("colo_usd_per_kw_month", document.colo_usd_per_kw_month),
    ):
        if amount is not None:
            inputs[name] = parse_quantity(_amount(amount), UNITS[name])


def _describe_self_hosting(base: Throughput, inputs: Mapping[str, Quantity], *, owned: bool) -> str:
    gpus = inputs["gpus_per_replica"].value
    terms = "owned" if owned else f"at ${inputs['usd_per_gpu_hour'].value:g} a GPU-hour"
    return f"replicas of {gpus:g} x {base.gpu or 'GPU'} {terms}"
