"""A cost scenario: a workload, three ways to serve it, and the monthly cost of each at any volume.

The three legs are a closed API, the open model from a provider, and the open model on owned or rented GPUs. Inputs are
quantities by name; :data:`UNITS` lists them. Functions with an argument ``values`` accept numbers or arrays by name, so
one call prices a whole grid of volumes and draws.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from gapbench.analysis.economics.demand import (
    MAX_PEAK_REPLICAS,
    Demand,
    Staircase,
    day_profile,
    replica_staircase,
)
from gapbench.analysis.economics.measured_cost import MeasuredCost
from gapbench.analysis.economics.model_memory import MemoryFit, memory_fit
from gapbench.analysis.economics.quantity import Quantity
from gapbench.analysis.economics.self_hosting_cost import (
    depreciation_usd_per_month,
    people_usd_per_month,
    power_usd_per_month,
    rent_usd_per_month,
    updates_usd_per_month,
)
from gapbench.analysis.economics.sizing import MTOK, SECONDS_PER_MONTH, Numbers
from gapbench.errors import InputError
from gapbench.stats import Floats

LEGS = ("closed", "hosted", "self")
API_LEGS = ("closed", "hosted")
UNITS: Mapping[str, str] = {
    "input_tokens": "tokens/request",
    "output_tokens": "tokens/request",
    "input_share": "share of tokens",
    "cached_share": "share of input",
    "batch_share": "share of requests",
    "attempts": "attempts/request",
    "closed_input_usd_per_mtok": "USD/Mtok",
    "closed_cached_usd_per_mtok": "USD/Mtok",
    "closed_output_usd_per_mtok": "USD/Mtok",
    "closed_batch_factor": "share of the price",
    "closed_cached_share": "share of input",
    "closed_billed_factor": "billed / list price",
    "closed_usd_per_mtok": "USD/Mtok",
    "hosted_input_usd_per_mtok": "USD/Mtok",
    "hosted_cached_usd_per_mtok": "USD/Mtok",
    "hosted_output_usd_per_mtok": "USD/Mtok",
    "hosted_batch_factor": "share of the price",
    "hosted_cached_share": "share of input",
    "hosted_billed_factor": "billed / list price",
    "hosted_usd_per_mtok": "USD/Mtok",
    "open_input_ratio": "open / closed input tokens",
    "open_output_ratio": "open / closed output tokens",
    "replica_requests_per_s": "requests/s",
    "headroom": "share of capacity",
    "peak_over_average": "ratio",
    "gpus_per_replica": "GPUs",
    "usd_per_gpu_hour": "USD/GPU-hour",
    "reserved_discount": "share of the price",
    "capex_usd_per_replica": "USD",
    "residual": "share of the price",
    "power_kw_per_replica": "kW",
    "pue": "ratio",
    "usd_per_kwh": "USD/kWh",
    "load_factor": "share of the power",
    "colo_usd_per_kw_month": "USD/kW/month",
    "overhead": "share of the servers",
    "engineers": "full-time engineers",
    "usd_per_engineer_year": "USD/year",
    "updates_per_year": "1/year",
    "days_per_update": "days",
    "usd_per_day": "USD/day",
    "storage_usd_per_month": "USD/month",
    "licence_usd_per_month": "USD/month",
    "egress_usd_per_mtok": "USD/Mtok",
}
"""Unit of every input by name.

The volume counts the tokens of the model in the closed leg. ``input_share`` is its mix: the input tokens of a request
over all its tokens; if given, it splits the sum of ``input_tokens`` and ``output_tokens``. ``open_input_ratio`` and
``open_output_ratio`` are the tokens that the open model needs for the same work. ``LEG_billed_factor`` is what a run
was billed over the list price of its tokens (retries, cache writes, long prompts). ``LEG_cached_share`` replaces
``cached_share`` for one leg. ``LEG_usd_per_mtok`` is a blended price; if given, the leg's prices by token class are not
used.
"""
_ABOVE_ZERO = ("replica_requests_per_s", "headroom", "gpus_per_replica", "attempts")
_AT_MOST_ONE = (
    "headroom", "input_share", "cached_share", "closed_cached_share", "hosted_cached_share", "batch_share",
    "residual", "reserved_discount",
)  # fmt: skip
Values = Mapping[str, Any]
GIVEN_BY_SET = "given by --set"
"""Source of an input that the command line gives."""


@dataclass(frozen=True)
class Scenario:
    """The inputs of a scenario.

    Attributes:
        inputs: Quantities by the names of :data:`UNITS`.
        demand: Demand over a month.
        owned: Whether the servers are bought and depreciated. Otherwise they are rented.
        months: Useful life of bought servers, in months.
        interest_per_month: Cost of capital of bought servers, 0 to 1.
        availability: Share of the time that one replica is up.
        availability_target: Share of the time that enough replicas are up. 0 means no spares.
        labels: Description of each leg.
        simulated: Whether a measured input comes from a simulated provider.
        notes: Caveats about the inputs.
        measured: What `bench cost` reports of the model in each leg, by leg; {} without a run.
        gpu: Name of the replica's GPUs. None if not known.
        weights: Name of the open model's weights. None if not known.
    """

    inputs: Mapping[str, Quantity]
    demand: Demand
    owned: bool = False
    months: float = 36.0
    interest_per_month: float = 0.0
    availability: float = 0.99
    availability_target: float = 0.999
    labels: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False
    notes: tuple[str, ...] = ()
    measured: Mapping[str, MeasuredCost] = field(default_factory=dict)
    gpu: str | None = None
    weights: str | None = None

    def __post_init__(self) -> None:
        """Reject inputs that the formulas cannot handle.

        Raises:
            InputError: An input is unknown, not finite, negative, or zero although something is divided by it.
        """
        for name, given in self.inputs.items():
            _check_input(name, given)
        sizes = [self.inputs[name] for name in ("input_tokens", "output_tokens")]
        if sum(size.value if size.low is None else size.low for size in sizes) <= 0:
            raise InputError("found requests without tokens; give input_tokens or output_tokens above 0")
        self._check_demand()

    def _check_demand(self) -> None:
        peak = self.inputs["peak_over_average"]
        if self.demand.shape == "day":
            # Only checks that the peak is valid. The profile is computed again for each peak of the range.
            day_profile(peak.value)
        elif peak.has_range or not np.isclose(peak.value, self.demand.peak_over_average):
            raise InputError(
                f"peak_over_average goes with the demand shape day; {self.demand.shape} has its own, "
                f"{self.demand.peak_over_average:.3g}"
            )
        if self.availability_target > 0 and (
            self.availability <= 0 or self.availability_target >= 1 > self.availability
        ):
            raise InputError(
                f"availability {self.availability:g} never gives {self.availability_target:g}; lower the target"
            )

    @property
    def can_self_host(self) -> bool:
        """Whether the capacity of a replica is known, without which self-hosting has no price."""
        return "replica_requests_per_s" in self.inputs

    @property
    def memory(self) -> MemoryFit | None:
        """Whether the weights fit the GPUs of a replica. None if a size is not known."""
        gpus = self.inputs.get("gpus_per_replica")
        return memory_fit(self.weights, self.gpu, None if gpus is None else gpus.value)

    def describe_leg(self, leg: str) -> str:
        """Return who is paid for what in a leg."""
        if leg != "self" or not self.can_self_host:
            label = self.labels.get(leg, "")
            is_set = any(
                name.startswith(f"{leg}_") and name.endswith("_usd_per_mtok") and given.source == GIVEN_BY_SET
                for name, given in self.inputs.items()
            )
            return f"{label}, changed by --set" if is_set else label
        point = self.point_values
        hourly = point.get("usd_per_gpu_hour")
        terms = "owned" if self.owned or hourly is None else f"at ${hourly:g} a GPU-hour"
        return f"replicas of {point['gpus_per_replica']:g} x {self.gpu or 'GPU'} {terms}"

    @property
    def point_values(self) -> dict[str, float]:
        """The values of the inputs by name, without their ranges."""
        return split_by_mix({name: given.value for name, given in self.inputs.items()})

    def draw(self, draws: int, seed: int) -> dict[str, Floats]:
        """Return draws of every input, each of shape (draws,); inputs are drawn independently."""
        rng = np.random.default_rng(seed)
        return split_by_mix({name: given.draw(draws, rng) for name, given in self.inputs.items()})

    def with_inputs(self, **changed: Quantity) -> Scenario:
        """Return the scenario with some inputs replaced."""
        return replace(self, inputs={**self.inputs, **changed})


def _check_input(name: str, given: Quantity) -> None:
    if name not in UNITS:
        near = difflib.get_close_matches(name, UNITS, 1) or [known for known in UNITS if name in known]
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(UNITS)}"
        raise InputError(f"there is no input {name!r}; {hint}")
    ends = [end for end in (given.value, given.low, given.high) if end is not None]
    if not all(np.isfinite(ends)) or min(ends) < 0 or (name in _ABOVE_ZERO and min(ends) <= 0):
        wanted = "above 0" if name in _ABOVE_ZERO else "0 or more"
        raise InputError(f"found {name} {given.value:g}; expected {wanted}, its range too")
    if name in _AT_MOST_ONE and max(given.value, given.high or 0) > 1:
        raise InputError(f"found {name} above 1; it is a share")


def split_by_mix(values: Values) -> dict[str, Any]:
    """Return the inputs with the tokens of a request split by ``input_share``, if it is given."""
    share = values.get("input_share")
    if share is None:
        return dict(values)
    tokens = values["input_tokens"] + values["output_tokens"]
    return {**values, "input_tokens": tokens * share, "output_tokens": tokens * (1 - share)}


def api_usd_per_mtok(leg: str, values: Values) -> Numbers | None:
    """Return the blended price of an API leg in USD per million tokens of the volume (A1 to A3, A5).

    None if the leg has no price. The hosted open model does the same work with its own number of tokens.
    """
    if f"{leg}_usd_per_mtok" in values:
        price: Numbers = values[f"{leg}_usd_per_mtok"]
        return price
    if f"{leg}_input_usd_per_mtok" not in values:
        return None
    input_tokens, output_tokens = values["input_tokens"], values["output_tokens"]
    tokens = input_tokens + output_tokens
    if leg == "hosted":
        input_tokens = input_tokens * values.get("open_input_ratio", 1.0)
        output_tokens = output_tokens * values.get("open_output_ratio", 1.0)
    plain, out = values[f"{leg}_input_usd_per_mtok"], values[f"{leg}_output_usd_per_mtok"]
    hit, batch = values.get("cached_share", 0.0), values.get("batch_share", 0.0)
    hit = values.get(f"{leg}_cached_share", hit)
    cached = values.get(f"{leg}_cached_usd_per_mtok", plain)
    usd = input_tokens * (1 - hit) * plain + input_tokens * hit * cached + output_tokens * out
    discount = 1 - batch + batch * values.get(f"{leg}_batch_factor", 1.0)
    factor = values.get("attempts", 1.0) * values.get(f"{leg}_billed_factor", 1.0)
    blended: Numbers = usd / tokens * discount * factor
    return blended


def mtok_per_replica_load(values: Values) -> Numbers:
    """Return the million tokens a month that one replica serves at full load, after headroom."""
    rate = values["replica_requests_per_s"] * values["headroom"]
    mtok: Numbers = rate * SECONDS_PER_MONTH * (values["input_tokens"] + values["output_tokens"]) / MTOK
    return mtok


def replica_usd_per_month(scenario: Scenario, values: Values) -> tuple[Numbers, Numbers]:
    """Return the monthly USD of one replica, overhead included: (fixed, additional if switched on all month)."""
    overhead = 1 + values["overhead"]
    if not scenario.owned:
        rent = rent_usd_per_month(
            values["gpus_per_replica"], values["usd_per_gpu_hour"], values.get("reserved_discount", 0.0)
        )
        return 0.0, rent * overhead
    fixed = depreciation_usd_per_month(
        values["capex_usd_per_replica"], scenario.months, values["residual"], scenario.interest_per_month
    )
    if "colo_usd_per_kw_month" in values:
        colo = values["power_kw_per_replica"] * values["colo_usd_per_kw_month"]
        return (fixed + colo) * overhead, 0.0
    power = power_usd_per_month(
        values["power_kw_per_replica"],
        values["pue"],
        values["usd_per_kwh"],
        values.get("load_factor", 1.0),
    )
    return fixed * overhead, power * overhead


def fixed_usd_per_month(values: Values) -> Numbers:
    """Return the monthly USD of everything but the servers: people, updates, storage, licence (C4 to C6)."""
    people = people_usd_per_month(values["engineers"], values["usd_per_engineer_year"])
    updates = updates_usd_per_month(
        values["updates_per_year"], values["days_per_update"], values["usd_per_day"]
    )
    fixed: Numbers = people + updates + values["storage_usd_per_month"] + values["licence_usd_per_month"]
    return fixed


@dataclass(frozen=True)
class Fleet:
    """Step functions of replicas, valid up to a load.

    Attributes:
        peak: Total replicas as a function of the peak load.
        up: Mean replicas switched on as a function of the mean load. None if all are always on.
    """

    peak: Staircase
    up: Staircase | None


def build_fleet(scenario: Scenario, top_peak: float, peak_over_average: float) -> Fleet:
    """Return the step functions up to a peak load of ``top_peak`` replicas.

    Raises:
        InputError: The peak load is above the limit.
    """
    if top_peak > MAX_PEAK_REPLICAS:
        raise InputError(
            f"the peak needs {top_peak:,.0f} replicas, more than the limit of {MAX_PEAK_REPLICAS:,}; lower the volume"
        )
    # Rounded up, so that similar loads share a cached table.
    top = float(2 ** np.ceil(np.log2(max(top_peak, 1.0))))
    return _cached_fleet(
        scenario.demand,
        scenario.availability,
        scenario.availability_target,
        min(top, float(MAX_PEAK_REPLICAS)),
        round(peak_over_average, 9),
    )


@lru_cache(maxsize=256)
def _cached_fleet(demand: Demand, availability: float, target: float, top: float, peak: float) -> Fleet:
    staircase = partial(
        replica_staircase, availability=availability, target=target, replicas_min=demand.replicas_min
    )
    total = staircase(np.array([1.0]), top)
    if not demand.autoscale:
        return Fleet(total, None)
    relative = day_profile(peak) if demand.shape == "day" else np.array(demand.relative)
    return Fleet(total, staircase(relative, top / float(relative.max())))


def self_usd_per_month(scenario: Scenario, values: Values, volume_mtok: Floats) -> tuple[Floats, Floats]:
    """Return (USD a month, total replicas) of self-hosting (S1 to S4, C1 to C7).

    Args:
        scenario: Scenario with demand and sizing.
        values: Inputs by name, in shapes that broadcast with ``volume_mtok``.
        volume_mtok: Million tokens a month, above 0.

    Raises:
        InputError: More replicas than the limit are needed.
    """
    load = np.asarray(volume_mtok / mtok_per_replica_load(values), dtype=np.float64)
    kappa = values["peak_over_average"]
    at_peak = load * kappa
    always, switched = replica_usd_per_month(scenario, values)
    replicas = build_fleet(scenario, float(at_peak.max(initial=0.0)), float(np.max(kappa))).peak(at_peak)
    up = _mean_replicas_on(scenario, load, kappa) if scenario.demand.autoscale else replicas
    servers = replicas * always + up * switched
    usd = servers + fixed_usd_per_month(values) + values["egress_usd_per_mtok"] * volume_mtok
    return np.asarray(usd, dtype=np.float64), replicas


def _mean_replicas_on(scenario: Scenario, load: Floats, kappa: Numbers) -> Floats:
    """Return the mean replicas switched on. If the peak varies, use day profiles of 33 different peaks."""
    low, high, top = float(np.min(kappa)), float(np.max(kappa)), float(load.max(initial=0.0))
    if low == high or scenario.demand.shape != "day":
        return _replicas_up(scenario, top * high, high)(load)
    levels = np.linspace(low, high, 33)
    place = np.broadcast_to(
        np.rint((np.asarray(kappa) - low) / (high - low) * 32).astype(np.int64), load.shape
    )
    found = np.empty(load.shape)
    for level in np.unique(place):
        mask = place == level
        found[mask] = _replicas_up(scenario, top * levels[level], float(levels[level]))(load[mask])
    return found


def _replicas_up(scenario: Scenario, top_peak: float, peak_over_average: float) -> Staircase:
    up = build_fleet(scenario, top_peak, peak_over_average).up
    assert up is not None, "the demand autoscales"
    return up


def legs_usd_per_month(scenario: Scenario, values: Values, volume_mtok: Floats) -> dict[str, Floats | None]:
    """Return USD a month by leg; None for a leg without a price."""
    found: dict[str, Floats | None] = {}
    for leg in API_LEGS:
        price = api_usd_per_mtok(leg, values)
        found[leg] = None if price is None else np.asarray(price * volume_mtok, dtype=np.float64)
    can_self_host = "replica_requests_per_s" in values
    found["self"] = self_usd_per_month(scenario, values, volume_mtok)[0] if can_self_host else None
    return found
