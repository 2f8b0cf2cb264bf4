"""The capacity of one replica that runs measure: within the limits of a service level, or at the load of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gapbench.analysis.cost.attempt_costs import Bill
from gapbench.analysis.cost.cost import CostTable
from gapbench.analysis.economics.replica_throughput import Throughput
from gapbench.analysis.frames import Runs, load_of_cell
from gapbench.analysis.performance.capacity import CapacityResult, SustainableRate, capacity
from gapbench.analysis.performance.client_limits import limited_categories
from gapbench.errors import ResultsError
from gapbench.formatting import OVERALL, format_seconds
from gapbench.store.json_records import records
from gapbench.suite.loads.load import CLOSED_LOOP_KINDS
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


def has_measured_rates(runs: Runs, model_id: str | None, task: str | None = None) -> bool:
    """Return whether requests of a model (None: of any) were sent at rates, and not by a number in flight."""
    frame = runs.frame
    mask = ~frame["load_kind"].isin(CLOSED_LOOP_KINDS) & (frame["phase"] == "measure")
    if model_id is not None:
        mask &= frame["model_id"] == model_id
    if task is not None:
        mask &= frame["task"] == task
    return bool(mask.any())


def pick_open_model(runs: Runs, model_id: str | None = None) -> str | None:
    """Return the requested model, or the only open one. None if there is no open model.

    Raises:
        ResultsError: There is no such model, or there are several open ones.
    """
    if model_id is not None:
        return runs.model(model_id).id
    known = [name for name in runs.models if runs.model(name).weights == "open"]
    if len(known) > 1:
        raise ResultsError(f"found the open models {', '.join(known)}; choose with --model")
    return next(iter(known), None)


def cheapest_closed(table: CostTable) -> str | None:
    """Return the closed model with the lowest measured price per million tokens, or the first one if none is priced.

    None if there is no closed model.
    """
    closed = [
        row
        for row in records(table.frame.groupby("model_id", sort=False).tail(1))
        if row["weights"] == "closed"
    ]
    priced = [row for row in closed if row["kind"] == "api" and row["usd_per_mtok"] is not None]
    best = min(priced, key=lambda row: float(row["usd_per_mtok"]), default=next(iter(closed), None))
    return None if best is None else str(best["model_id"])


def throughput_at_load(runs: Runs, account: Bill, model_id: str) -> Throughput | None:
    """Return the throughput of a self-hosted model at the load of its run: answers over reserved seconds.

    At this rate the GPU time of a task is what `bench cost` reports. Of several loads the one with the highest rate
    counts. A server that was not saturated can do more.

    Returns:
        None if the model was not self-hosted, or answered nothing.
    """
    frame = runs.frame
    is_measured = (frame["model_id"] == model_id) & frame["final"] & (frame["phase"] == "measure")
    # A reply from our own cache took no time of the server, and an episode with one less than a whole one.
    is_served = (frame["outcome"] != "infra") & ~frame["has_cached_reply"].astype(bool)
    answers = frame.loc[is_measured & is_served, "cell_id"].astype(str)
    counts = answers.map(load_of_cell).value_counts()
    if account.gpu.empty or counts.empty:
        return None
    cells = account.gpu[account.gpu["model_id"] == model_id]
    reserved_s = cells.groupby(cells["cell_id"].map(load_of_cell))["reserved_s"].sum()
    rates = (counts / reserved_s).dropna()
    if rates.empty:
        return None
    load = str(rates.idxmax())
    limited, _ = limited_categories(runs, OVERALL)
    late = "; this client was the limit, so it may do more" if (model_id, OVERALL, load) in limited else ""
    cost: Mapping[str, Any] = runs.model(model_id).cost or {}
    return Throughput(
        float(rates.max()),
        None,
        None,
        0.0,
        0.0,
        "measured",
        f"{model_id} at load {load}: {counts[load]:,} answers in {format_seconds(reserved_s[load])} of reserved time{late}; a "
        "sweep of rates would show what it can do within latency limits",
        None,
        cost.get("gpu"),
        float(cost.get("gpus") or 1),
        runs.model(model_id).simulated,
    )
