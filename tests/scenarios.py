"""A scenario of round numbers, for arithmetic by hand."""

from __future__ import annotations

from typing import Any

from gapbench.analysis.economics.demand import demand_of_shape
from gapbench.analysis.economics.quantity import Quantity
from gapbench.analysis.economics.scenario import UNITS, Scenario

PLAIN = {
    "input_tokens": 1000, "output_tokens": 1000, "headroom": 1, "overhead": 0.25, "engineers": 0.5,
    "usd_per_engineer_year": 300_000, "updates_per_year": 0, "days_per_update": 0, "usd_per_day": 0,
    "storage_usd_per_month": 0, "licence_usd_per_month": 0, "egress_usd_per_mtok": 0,
    "peak_over_average": 3, "gpus_per_replica": 8, "usd_per_gpu_hour": 3.5,
    "replica_requests_per_s": 13.016 / 2, "closed_usd_per_mtok": 10,
}  # fmt: skip


def plain(
    *, availability_target: float = 0.999, autoscale: bool = False, shape: str = "day", **changed: Any
) -> Scenario:
    """Return the notes' realistic re-run of R1 on 8 H200, with ``changed`` inputs."""
    values = {**PLAIN, **changed}
    inputs = {
        name: value if isinstance(value, Quantity) else Quantity(float(value), UNITS[name])
        for name, value in values.items()
        if value is not None
    }
    course = demand_of_shape(shape, inputs["peak_over_average"].value, autoscale=autoscale)
    return Scenario(inputs, course, availability_target=availability_target)
