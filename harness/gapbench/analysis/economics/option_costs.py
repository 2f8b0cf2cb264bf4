"""What each option costs in a month, with the prices and measurements behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from gapbench.analysis.economics.measured_cost import MeasuredCost
from gapbench.analysis.economics.scenario import mtok_per_replica_load
from gapbench.analysis.economics.self_hosting_cost import rent_usd_per_month
from gapbench.analysis.economics.sizing import peak_replicas
from gapbench.analysis.economics.tco import Tco
from gapbench.formatting import format_short_usd, format_usd, format_usd_per_1000
from gapbench.pricing import GpuPrice, dedicated_price
from gapbench.store.json_records import records


@dataclass(frozen=True, slots=True)
class OptionCost:
    """The cost of one option.

    Attributes:
        leg: ``closed``, ``hosted``, ``self``, or ``tier`` for an open tier before the closed API.
        usd: USD a month at the volume: the median if inputs have ranges. None if unknown.
        low: 5th percentile. None if nothing was drawn.
        high: 95th percentile.
        usd_per_mtok: USD per million tokens of the volume.
        usd_per_gpu_hour: Price of one GPU. None for an API.
        measured: What `bench cost` reports of the option. None if it was not measured.
        label: Who is paid for what, with the prices.
        missing: Why it has no price; "" if it has one.
        usd_per_task: USD per request of the volume. None if unknown.
    """

    leg: str
    usd: float | None
    low: float | None
    high: float | None
    usd_per_mtok: float | None
    usd_per_gpu_hour: float | None
    measured: MeasuredCost | None
    label: str
    missing: str = ""
    usd_per_task: float | None = None

    @property
    def words(self) -> str:
        """The monthly cost with its range."""
        if self.low is None or self.high is None:
            return format_short_usd(self.usd)
        usd, low, high = map(format_short_usd, (self.usd, self.low, self.high))
        return usd if usd == low == high else f"{usd} ({low} to {high})"

    def to_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return asdict(self)


def option_costs(tco: Tco, *, is_tuned: bool = False) -> dict[str, OptionCost]:
    """Return the cost of each option by leg.

    Args:
        tco: Total cost at the volume.
        is_tuned: Whether the open model's weights are fine-tuned; the host then reserves GPUs for them.
    """
    found = {str(row["leg"]): _option_cost(tco, row) for row in records(tco.legs)}
    if is_tuned:
        found["hosted"] = _dedicated_endpoint(tco)
    return {leg: with_usd_per_task(cost, tco) for leg, cost in found.items()}


def with_usd_per_task(cost: OptionCost, tco: Tco) -> OptionCost:
    """Return an option's cost with its dollars per request of the volume."""
    return cost if cost.usd is None else replace(cost, usd_per_task=cost.usd / tco.requests)


def _option_cost(tco: Tco, row: Mapping[str, Any]) -> OptionCost:
    leg = str(row["leg"])
    usd, point = tco.monthly_usd(leg), tco.scenario.point_values
    missing = ""
    if usd is None:
        prefix = f"{leg}: no price: "
        notes = [note.removeprefix(prefix) for note in tco.warnings if note.startswith(prefix)]
        missing = next(iter(notes), "no price known")
    return OptionCost(
        leg,
        usd,
        row["usd_p05"],
        row["usd_p95"],
        None if usd is None else usd / tco.volume_mtok,
        point.get("usd_per_gpu_hour") if leg == "self" else None,
        tco.scenario.measured.get(leg),
        "" if usd is None else _label(tco, leg, usd),
        missing,
    )


def _label(tco: Tco, leg: str, usd: float) -> str:
    point = tco.scenario.point_values
    prices = [
        f"{format_usd(point[name])} {way}"
        for way, name in (
            ("in", f"{leg}_input_usd_per_mtok"),
            ("out", f"{leg}_output_usd_per_mtok"),
        )
        if name in point
    ]
    listed = f", {', '.join(prices)} per million tokens" if prices else ""
    label = f"{tco.scenario.describe_leg(leg) or 'prices as given'}{listed}; {format_usd(usd / tco.volume_mtok)} per million tokens at this volume"
    measured = tco.scenario.measured.get(leg)
    if measured is not None and measured.usd_per_task is not None and measured.usd_per_mtok is not None:
        label += f"; measured: {format_usd_per_1000(measured.usd_per_task)} per 1,000 tasks, {format_usd(measured.usd_per_mtok)} per million of its own tokens"
    return label


def _dedicated_endpoint(tco: Tco) -> OptionCost:
    """Return the hosted option as GPUs that a provider reserves for your weights: you pay no staff, overhead or spares."""
    scenario, point = tco.scenario, tco.scenario.point_values
    honest = "serverless cannot serve your fine-tuned weights"
    if not scenario.can_self_host:
        return OptionCost(
            "hosted", None, None, None, None, None, None, "",
            f"{honest}, and the size of a dedicated endpoint is not known: give tco.capacity, tco.gpu and tco.gpus",
        )  # fmt: skip
    price = dedicated_price(scenario.gpu)
    if not isinstance(price, GpuPrice):
        return OptionCost("hosted", None, None, None, None, None, None, "", f"{honest}, and {price.reason}")
    load = tco.volume_mtok / mtok_per_replica_load(point) * point["peak_over_average"]
    replicas = max(1.0, float(np.max(peak_replicas(load, 1.0, 1.0))))
    gpus = point["gpus_per_replica"] * replicas
    usd = float(rent_usd_per_month(gpus, float(price.usd_per_gpu_hour)))
    low, high = (
        None if end is None else float(rent_usd_per_month(gpus, float(end)))
        for end in (price.low, price.high)
    )
    label = (
        f"dedicated endpoint for your own weights, {gpus:g} x {price.gpu} at {format_usd(price.usd_per_gpu_hour)} a GPU-hour "
        f"({price.source}); {format_usd(usd / tco.volume_mtok)} per million tokens at this volume"
    )
    return OptionCost(
        "hosted", usd, low, high, usd / tco.volume_mtok, float(price.usd_per_gpu_hour), None, label
    )
