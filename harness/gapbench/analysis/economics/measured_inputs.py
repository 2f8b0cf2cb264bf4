"""Inputs of the total cost that runs measure: capacity within limits, request sizes, the closed API's price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gapbench.analysis.cost.cost import CostTable
from gapbench.analysis.economics.quantity import Quantity
from gapbench.analysis.economics.replica_throughput import Throughput
from gapbench.analysis.frames import Runs
from gapbench.analysis.performance.capacity import CapacityResult, SustainableRate, capacity
from gapbench.errors import ResultsError
from gapbench.store.json_records import records
from gapbench.values.slo import Slo


def measured_throughput(
    runs: Runs, slo: Slo, *, model_id: str | None = None, task: str | None = None
) -> Throughput:
    """Return the throughput of one replica within a service level, from a sweep of rates.

    Args:
        runs: The sweep.
        slo: The limits.
        model_id: The model. None means the only one that was measured at rates.
        task: The task. None means the only one.

    Raises:
        ResultsError: No rate was measured, several were and the choice is ambiguous, or none met the limits.
    """
    found = capacity(runs, slo)
    rate = _choose_rate(found, model_id, task)
    levels = found.frame[
        (found.frame["model_id"] == rate.model_id)
        & (found.frame["task"] == rate.task)
        & found.frame["offered_rps"].notna()
    ]
    if rate.rate_rps is None and rate.low_rps is None:
        advice = (
            "send more requests at each rate (a longer duration_s), or sweep higher rates"
            if levels["passed"].all()
            else "sweep lower rates, or loosen the limits"
        )
        raise ResultsError(f"{rate.model_id} on {rate.task}: {rate.words} within {slo}; {advice}")
    tokens = levels[["input_tokens", "output_tokens"]].mean()
    if tokens.isna().any():
        raise ResultsError(f"{rate.model_id} reported no token counts; capacity in tokens is not known")
    model = runs.model(rate.model_id)
    cost: Mapping[str, Any] = model.cost or {}
    at = rate.rate_rps if rate.rate_rps is not None else rate.low_rps
    assert at is not None
    low = rate.low_rps if rate.low_rps is not None and rate.low_rps < at else None
    return Throughput(
        at,
        low,
        None if low is None else at,
        float(tokens["input_tokens"]),
        float(tokens["output_tokens"]),
        "measured",
        f"{rate.model_id} on {rate.task}: {rate.words} within {slo}",
        None,
        cost.get("gpu"),
        None if cost.get("gpus") is None else float(cost["gpus"]),
        found.simulated,
    )


def _choose_rate(found: CapacityResult, model_id: str | None, task: str | None) -> SustainableRate:
    rates = [rate for rate in found.rates if model_id in {None, rate.model_id} and task in {None, rate.task}]
    if not rates:
        raise ResultsError(
            "no rate was measured in these runs; give the suite loads with rate_rps, or a sweep"
        )
    if len(rates) > 1:
        measured = ", ".join(f"{rate.model_id} on {rate.task}" for rate in rates)
        raise ResultsError(f"rates were measured for {measured}; choose with --model and --task")
    return rates[0]


def slo_of(runs: Runs) -> Slo | None:
    """Return the service level of the first load search in the runs, or None if there was no search."""
    for manifest in runs.manifests:
        for search in manifest.searches:
            return Slo.from_json(search.slo)
    return None


def gpu_price_of(runs: Runs, model_id: str | None) -> Quantity | None:
    """Return the hourly price of a model's GPUs from the suite, with its range, or None if the suite has none."""
    for name in runs.models if model_id is None else [model_id]:
        cost: Mapping[str, Any] = runs.model(name).cost or {}
        if "usd_per_gpu_hour" in cost:
            low, high = cost.get("usd_per_gpu_hour_low"), cost.get("usd_per_gpu_hour_high")
            return Quantity(
                float(cost["usd_per_gpu_hour"]),
                "USD/GPU-hour",
                None if low is None or high is None else float(low),
                None if low is None or high is None else float(high),
                str(cost.get("source") or "the suite"),
            )
    return None


def closed_price(table: CostTable) -> tuple[Quantity, str] | None:
    """Return the blended price of the cheapest closed model over its measured rows (with retries), and its id.

    None if no closed model has a known price.
    """
    known = [
        row
        for row in records(table.frame.groupby("model_id", sort=False).tail(1))
        if row["weights"] == "closed" and row["kind"] == "api" and row["usd_per_mtok"] is not None
    ]
    if not known:
        return None
    row = min(known, key=lambda row: float(row["usd_per_mtok"]))
    price = Quantity(
        float(row["usd_per_mtok"]),
        "USD/Mtok",
        row["usd_per_mtok_low"],
        row["usd_per_mtok_high"],
        f"measured over {row['attempts']} attempts at {row['price']} ({row['price_source']})",
        None,
        "measured",
    )
    return price, str(row["model_id"])
