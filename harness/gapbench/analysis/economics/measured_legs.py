"""What runs measured of a closed and an open model, as inputs of a scenario.

The volume counts tokens of the closed model. The open model does the same work with its own number of tokens, so the
two are compared on equal work and not on equal tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gapbench.analysis.cost.attempt_costs import Bill
from gapbench.analysis.cost.cost import CostTable
from gapbench.analysis.cost.deployment_options import hosted_offer, model_weights
from gapbench.analysis.cost.weighted_costs import traffic_totals
from gapbench.analysis.economics.measured_cost import MeasuredCost
from gapbench.analysis.economics.quantity import Quantity
from gapbench.analysis.economics.replica_throughput import Throughput
from gapbench.analysis.economics.scenario import UNITS
from gapbench.analysis.frames import Runs, as_floats, group_codes
from gapbench.analysis.sample_design import design_of_attempts
from gapbench.pricing import GpuPrice, Quote, UnitPrices, Unpriced
from gapbench.stats import ratio_interval
from gapbench.store.json_records import records

_RATES = {"input": "input", "cached": "cached_input", "output": "output"}


@dataclass(frozen=True)
class MeasuredLegs:
    """Inputs of a scenario that runs measured.

    Attributes:
        closed_model: Id of the closed model. None if the runs have none.
        open_model: Id of the open model. None if the runs have none.
        inputs: Quantities by the names of :data:`UNITS`.
        quotes: The price that each leg was priced at, by leg.
        labels: Who is paid for what, by leg.
        costs: What `bench cost` reports, by leg.
        missing: Why a leg has no price, by leg.
        throughput: Of one replica. None if the open model was not self-hosted.
        weights: Name of the open model's weights. None without an open model.
        simulated: Whether a model is simulated.
        notes: Sentences about the runs and the capacity that readers need to know.
    """

    closed_model: str | None
    open_model: str | None
    inputs: dict[str, Quantity] = field(default_factory=dict)
    quotes: dict[str, UnitPrices] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    costs: dict[str, MeasuredCost] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    throughput: Throughput | None = None
    weights: str | None = None
    simulated: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Mean tokens of an answered task, retries and all turns of an episode included.

    Attributes:
        input: Prompt tokens.
        output: Generated tokens.
        cached_share: Share of the prompt tokens that were read from a cache.
        prompt: Prompt tokens of one reply, which decide the price band; of a task with one reply the same as ``input``.
    """

    input: float
    output: float
    cached_share: float
    prompt: float

    @property
    def total(self) -> float:
        return self.input + self.output


def measured_legs(
    runs: Runs,
    table: CostTable,
    account: Bill,
    *,
    closed_model: str | None,
    open_model: str | None,
    throughput: Throughput | None = None,
) -> MeasuredLegs:
    """Return the inputs that runs measured of two models.

    Args:
        runs: The runs.
        table: Result of :func:`gapbench.analysis.cost.cost.cost`.
        account: Result of :func:`gapbench.analysis.cost.attempt_costs.bill`.
        closed_model: Id of the closed model. None if there is none.
        open_model: Id of the open model. None if there is none.
        throughput: Of one replica of the open model.
    """
    # The last row of a model covers all its categories.
    rows = {str(row["model_id"]): row for row in records(table.frame)}
    closed_sizes, open_sizes = (
        _sizes(runs, rows[name]) if name in rows else None for name in (closed_model, open_model)
    )
    volume = closed_sizes or open_sizes
    made = MeasuredLegs(
        closed_model,
        open_model,
        simulated=any(runs.model(name).simulated for name in (closed_model, open_model) if name is not None),
    )
    if volume is not None:
        counted = closed_model if closed_sizes else open_model
        assert counted is not None
        _add_sizes(made, runs, counted, volume)
        if closed_sizes and open_sizes:
            for name, ratio in (
                ("open_input_ratio", _ratio(open_sizes.input, closed_sizes.input)),
                ("open_output_ratio", _ratio(open_sizes.output, closed_sizes.output)),
            ):
                made.inputs[name] = Quantity(ratio, UNITS[name], source="measured", kind="measured")
    if closed_model is None:
        made.missing["closed"] = "no closed model in these runs"
    else:
        row, quote = rows[closed_model], account.quotes.get(closed_model)
        made.costs["closed"] = _measured_cost(row)
        if isinstance(quote, UnitPrices):
            made.labels["closed"] = f"{closed_model} at {_origin(quote)}"
            _add_prices(made, "closed", quote, row["usd_per_mtok"], closed_sizes)
        else:
            made.missing["closed"] = f"{closed_model}: {_why_unpriced(quote)}"
    if open_model is None:
        made.missing.update(dict.fromkeys(("hosted", "self"), "no open model in these runs"))
        return made
    return _add_open_legs(made, runs, table, account, open_model, open_sizes, throughput)


def _add_open_legs(
    made: MeasuredLegs,
    runs: Runs,
    table: CostTable,
    account: Bill,
    open_model: str,
    sizes: _Sizes | None,
    throughput: Throughput | None,
) -> MeasuredLegs:
    """Return the legs with those of the open model: as it was bought, or as it was self-hosted."""
    quote, model = account.quotes.get(open_model), runs.model(open_model)
    row = next(row for row in reversed(records(table.frame)) if row["model_id"] == open_model)
    weights = model_weights(model, quote)
    if isinstance(quote, UnitPrices):
        made.costs["hosted"] = _measured_cost(row)
        made.labels["hosted"] = f"{open_model} at {_origin(quote)}"
        _add_prices(made, "hosted", quote, row["usd_per_mtok"], sizes)
        made.missing["self"] = (
            f"{open_model} was bought by the token, so its capacity on your GPUs is not known; run it on them, "
            "or give tco.capacity, tco.gpu and tco.gpus in a suite"
        )
        return _replace(made, weights=weights, throughput=None)
    offer = hosted_offer(runs, weights)
    if offer is None:
        made.missing["hosted"] = (
            f"the price book has no provider of {weights}; set cost: {{weights: …}} of {open_model}, or give "
            "tco.hosted a provider and model, or prices"
        )
    else:
        leg = next(
            leg for leg in records(table.legs) if leg["leg"] == "hosted" and leg["model_id"] == open_model
        )
        made.labels["hosted"] = offer[1]
        prices = {name: leg[name] for name in ("usd_per_task", "usd_per_mtok")}
        made.costs["hosted"] = replace(_measured_cost({**row, **prices}), was_run=False)
        _add_prices(made, "hosted", offer[0], prices["usd_per_mtok"], sizes)
    if isinstance(quote, GpuPrice):
        made.costs["self"] = _measured_cost(row)
        made.inputs["gpus_per_replica"] = Quantity(
            float(quote.gpus), UNITS["gpus_per_replica"], source=quote.source, kind="measured"
        )
        low, high = (None if end is None else float(end) for end in (quote.low, quote.high))
        made.inputs["usd_per_gpu_hour"] = Quantity(
            float(quote.usd_per_gpu_hour), UNITS["usd_per_gpu_hour"], low if high is not None else None,
            high if low is not None else None, quote.source, quote.as_of, "published",
        )  # fmt: skip
        if throughput is None:
            made.missing["self"] = f"{open_model} answered no request, so its capacity is not known"
    else:
        throughput = None
        made.missing["self"] = f"{open_model}: {_why_unpriced(quote)}"
    return _replace(made, weights=weights, throughput=throughput)


def _replace(made: MeasuredLegs, *, weights: str, throughput: Throughput | None) -> MeasuredLegs:
    size = [made.inputs.get(name) for name in ("input_tokens", "output_tokens")]
    if throughput is not None and size[0] is not None and size[1] is not None:
        # The rate is of the open model's own requests; each is one request of the volume.
        throughput = replace(throughput, input_tokens=size[0].value, output_tokens=size[1].value)
    return replace(made, weights=weights, throughput=throughput)


def _sizes(runs: Runs, row: Mapping[str, Any]) -> _Sizes | None:
    if not row["tokens_per_task"]:
        return None
    # The totals of the cost table are those of the file; a request of the traffic needs weights.
    totals = traffic_totals(runs, str(row["model_id"])) or row
    read, written, tasks = totals["input_tokens"], totals["output_tokens"], totals["tasks"]
    cached = float(totals["cached_input_tokens"] or 0)
    return _Sizes(read / tasks, written / tasks, cached / read if read else 0.0, read / totals["replies"])


def _add_sizes(made: MeasuredLegs, runs: Runs, model_id: str, sizes: _Sizes) -> None:
    """Add the size of a request and its mix, with the interval of the mix over the tasks."""
    source = f"measured: {model_id}, mean of its answered tasks"
    made.inputs["input_tokens"] = Quantity(sizes.input, UNITS["input_tokens"], source=source, kind="measured")
    made.inputs["output_tokens"] = Quantity(
        sizes.output, UNITS["output_tokens"], source=source, kind="measured"
    )
    frame = runs.frame
    part = frame[((frame["model_id"] == model_id) & (frame["phase"] == "measure")).to_numpy()]
    read, written = (np.nan_to_num(as_floats(part[name])) for name in ("input_tokens", "output_tokens"))
    share = sizes.input / sizes.total
    clusters, design = group_codes(part, ["task", "cluster_id"]), design_of_attempts(part)
    low, high = ratio_interval(read, read + written, clusters, design=design)
    if low is not None and high is not None:
        low, high = min(low, share), max(share, min(high, 1.0))
    made.inputs["input_share"] = Quantity(share, UNITS["input_share"], low, high, source, None, "measured")


def _add_prices(
    made: MeasuredLegs, leg: str, quote: UnitPrices, usd_per_mtok: float | None, sizes: _Sizes | None
) -> None:
    """Add the prices of a leg by token class, and what the run was billed over them."""
    made.quotes[leg] = quote
    if sizes is None and "input_tokens" in made.inputs:
        made.labels[leg] += ", for requests of the other model's size: its own are not known"
    rates = quote.rates_for(int(sizes.prompt)) if sizes else quote.rates
    prices = {name: getattr(rates, key) for name, key in _RATES.items()}
    source = f"{quote.source}: {quote.detail}"
    for name, usd in prices.items():
        if usd is not None:
            key = f"{leg}_{name}_usd_per_mtok"
            made.inputs[key] = Quantity(float(usd), UNITS[key], source=source, kind="published")
    if sizes is None or usd_per_mtok is None:
        return
    hit = sizes.cached_share
    key = f"{leg}_cached_share"
    made.inputs[key] = Quantity(hit, UNITS[key], source="measured", kind="measured")
    plain, out = float(rates.input), float(rates.output)
    cached = plain if rates.cached_input is None else float(rates.cached_input)
    listed = (sizes.input * ((1 - hit) * plain + hit * cached) + sizes.output * out) / sizes.total
    if listed > 0:
        key = f"{leg}_billed_factor"
        source = "measured: retries, failed requests, cache writes, long prompts"
        made.inputs[key] = Quantity(usd_per_mtok / listed, UNITS[key], source=source, kind="measured")


def _measured_cost(row: Mapping[str, Any]) -> MeasuredCost:
    return MeasuredCost(
        str(row["model_id"]),
        row["usd_per_task"],
        row["usd_per_mtok"],
        row["tokens_per_task"],
        int(row["tasks"]),
        int(row["requests"]),
    )


def _ratio(above: float, below: float) -> float:
    return above / below if below else 1.0


def _origin(quote: UnitPrices) -> str:
    return (
        "the suite's price"
        if quote.provider is None and quote.source == "suite"
        else f"the price given by {quote.source}"
        if quote.provider is None
        else f"the price of {quote.model} at {quote.provider}"
    )


def _why_unpriced(quote: Quote | None) -> str:
    return quote.reason if isinstance(quote, Unpriced) else "it is paid by the GPU-hour"
