"""Builds a scenario from a suite's ``tco:`` block, measured inputs, the price book and assumptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from gapbench.analysis.economics.api_leg import add_api_leg
from gapbench.analysis.economics.demand import SHAPES, Demand, demand_from_csv, demand_of_shape
from gapbench.analysis.economics.measured_legs import MeasuredLegs
from gapbench.analysis.economics.quantity import Quantity, parse_quantity
from gapbench.analysis.economics.replica_throughput import (
    Throughput,
    published_throughput,
    published_throughput_of,
)
from gapbench.analysis.economics.scenario import UNITS, Scenario, split_by_mix
from gapbench.errors import InputError
from gapbench.pricing import GpuPrice, Unpriced, gpu_price
from gapbench.suite.tco_fields import DemandDocument, OwnDocument, TcoDocument

DEFAULT_THROUGHPUT = "llama-3.3-70b-2xh100"
_MIX = ("input_tokens", "output_tokens", "input_share")
_ASSUMED: Mapping[str, tuple[float, float | None, float | None, str]] = {
    "input_tokens": (1500, None, None, "no run named"),
    "output_tokens": (500, None, None, "no run named"),
    "input_share": (0.75, 0.5, 0.91, "3:1, the mix of `bench article`; from 1:1 to 10:1"),
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
    run: MeasuredLegs | None = None,
    folder: Path = Path(),
) -> Scenario:
    """Return the scenario of a ``tco:`` block.

    With a run, nothing is taken from the packaged defaults but the assumptions: a leg that neither the run nor the
    block prices has no price, and a note says what is missing.

    Args:
        document: The block. None means only published and assumed inputs.
        at: Day of the prices.
        throughput: Measured throughput of a replica. The block's ``capacity`` takes precedence.
        run: What a run measured. The block's inputs take precedence.
        folder: Folder that a demand's CSV file is relative to.

    Raises:
        InputError: A value is impossible, or a name is unknown.
    """
    given = document or TcoDocument()
    found: dict[str, Quantity] = dict(run.inputs) if run else {}
    names: dict[str, str] = {}
    notes: list[str] = list(run.notes) if run else []
    base, why = _throughput(given, throughput, run)
    _add_sizes(given, throughput, found)
    _add_given_or_assumed(given, found)
    demand = _demand(given.demand, folder)
    found["peak_over_average"] = _peak(given.demand, demand)
    for leg, document_leg in (("closed", given.closed), ("hosted", given.hosted)):
        names[leg] = add_api_leg(leg, document_leg, given, at, run, found, notes)
    weights = given.weights or (run.weights if run else base.weights if base else None)
    if base is None or (run is not None and base is not run.throughput):
        _drop_servers(found)
    if base is None:
        names["self"] = "no price known"
        notes.append(f"self: no price: {why}")
    else:
        _add_capacity(given, base, found, notes)
        _add_servers(given, base, found)
    scenario = Scenario(
        found,
        demand,
        owned=given.own is not None,
        availability=float(given.availability),
        availability_target=float(given.availability_target),
        labels=names,
        simulated=(base is not None and base.simulated) or (run is not None and run.simulated),
        notes=tuple(notes),
        measured=dict(run.costs) if run else {},
        gpu=None if base is None else given.gpu or base.gpu,
        weights=weights,
    )
    if given.own is None:
        return scenario
    return replace(
        scenario, months=float(given.own.months), interest_per_month=float(given.own.interest_per_month)
    )


def _add_sizes(given: TcoDocument, throughput: Throughput | None, inputs: dict[str, Quantity]) -> None:
    """Add the size of a request and its mix: given, else of the run, else of the sweep, else assumed."""
    sizes = ("input_tokens", "output_tokens")
    if throughput is not None and sizes[0] not in inputs:
        for name in sizes:
            inputs[name] = Quantity(
                getattr(throughput, name), UNITS[name], source=throughput.source, kind=throughput.kind
            )
    elif sizes[0] not in inputs:
        inputs.setdefault("input_share", assumption("input_share"))
    if any(getattr(given, name) is not None for name in sizes):
        # The tokens that are given say the mix.
        inputs.pop("input_share", None)
    if given.input_share is not None:
        inputs["input_share"] = parse_quantity(given.input_share, UNITS["input_share"])


def _add_given_or_assumed(given: TcoDocument, inputs: dict[str, Quantity]) -> None:
    """Add inputs from the document; those it lacks stay as measured or become the assumptions."""
    for name in _ASSUMED:
        if name not in {"peak_over_average", "input_share"}:
            default = inputs.get(name) or assumption(name)
            inputs[name] = parse_quantity(getattr(given, name), UNITS[name], default)
    if given.cached_share is not None:
        for leg in ("closed", "hosted"):
            inputs.pop(f"{leg}_cached_share", None)


def _throughput(
    given: TcoDocument, throughput: Throughput | None, run: MeasuredLegs | None
) -> tuple[Throughput | None, str]:
    """Return the throughput of one replica, or None and what is missing.

    The block's comes first, then the measured one, then a published one: of the run's own weights, or the default
    without a run.
    """
    asked = given.capacity
    if asked is not None and asked.published is not None:
        return published_throughput(
            asked.published, None if asked.derate is None else float(asked.derate)
        ), ""
    if throughput is not None:
        return throughput, ""
    if run is None:
        return published_throughput(DEFAULT_THROUGHPUT), ""
    if run.throughput is not None:
        return run.throughput, ""
    if asked is not None and (given.gpu or given.usd_per_gpu_hour or given.own):
        gpus = parse_quantity(given.gpus, UNITS["gpus_per_replica"], Quantity(1.0, "GPUs")).value
        return Throughput(0.0, None, None, 0.0, 0.0, "assumed", "given", None, given.gpu, gpus), ""
    name = published_throughput_of(run.weights)
    if name is not None:
        return published_throughput(name), ""
    return None, run.missing.get("self", "no open model in these runs")


def _drop_servers(inputs: dict[str, Quantity]) -> None:
    """Remove the inputs of servers whose capacity is not known."""
    for name in ("gpus_per_replica", "usd_per_gpu_hour"):
        inputs.pop(name, None)


def _add_capacity(
    given: TcoDocument, base: Throughput, inputs: dict[str, Quantity], notes: list[str]
) -> None:
    asked, name = given.capacity, "replica_requests_per_s"
    point = split_by_mix({size: inputs[size].value for size in _MIX if size in inputs})
    read, written = point["input_tokens"], point["output_tokens"]
    if asked is not None and asked.requests_per_s is not None:
        inputs[name] = parse_quantity(asked.requests_per_s, UNITS[name])
    elif asked is not None and asked.output_tokens_per_s is not None:
        if written <= 0:
            raise InputError("capacity.output_tokens_per_s needs output_tokens above 0; give requests_per_s")
        rate = parse_quantity(asked.output_tokens_per_s, "tokens/s")
        scale = (1.0 if asked.derate is None else float(asked.derate)) / written
        low, high = (None if end is None else end * scale for end in (rate.low, rate.high))
        inputs[name] = Quantity(
            rate.value * scale, UNITS[name], low, high, rate.source, rate.as_of, rate.kind
        )
    else:
        inputs[name] = base.for_request_size(read, written)
        if not np.allclose((read, written), (base.input_tokens, base.output_tokens)):
            notes.append(
                f"capacity is {base.kind} at {base.input_tokens:g} input and {base.output_tokens:g} output tokens a request "
                f"and scaled by tokens to {read:g} and {written:g}; a sweep of your own requests would be more accurate"
            )
    if inputs[name].kind == "measured":
        notes.append(f"capacity: {inputs[name].source}")
    else:
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
    peak = given.peak_over_average
    value = assumption("peak_over_average").value if peak is None else parse_quantity(peak, "ratio").value
    return demand_of_shape(given.shape, value, autoscale=autoscale, replicas_min=least)


def _peak(given: DemandDocument, demand: Demand) -> Quantity:
    name = "peak_over_average"
    if given.shape != "day":
        return Quantity(
            demand.peak_over_average, UNITS[name], source=f"demand {demand.shape}", kind="assumed"
        )
    return parse_quantity(given.peak_over_average, UNITS[name], assumption(name))


def _add_servers(given: TcoDocument, base: Throughput, inputs: dict[str, Quantity]) -> None:
    """Add GPUs and their price, or bought servers, to ``inputs``."""
    gpus = inputs.get("gpus_per_replica") or Quantity(
        base.gpus or 1, UNITS["gpus_per_replica"], source=base.source, kind=base.kind
    )
    inputs["gpus_per_replica"] = parse_quantity(given.gpus, UNITS["gpus_per_replica"], gpus)
    if given.reserved_discount is not None:
        inputs["reserved_discount"] = parse_quantity(given.reserved_discount, UNITS["reserved_discount"])
    if given.own is not None:
        _add_owned_servers(given.own, inputs)
        return
    gpu = given.gpu or base.gpu
    if given.gpu is not None and given.gpu != base.gpu:
        # The price of the run is of other GPUs.
        inputs.pop("usd_per_gpu_hour", None)
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
    inputs["usd_per_gpu_hour"] = parse_quantity(given.usd_per_gpu_hour, UNITS["usd_per_gpu_hour"], default)


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
            inputs[name] = parse_quantity(amount, UNITS[name])
