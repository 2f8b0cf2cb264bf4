"""The plan of a fleet for a team's own traffic: the cheapest mix, its dollars with an interval, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from gapbench.analysis.economics.fleet.fleet_interval import Option, draw_months
from gapbench.analysis.economics.fleet.fleet_optimum import FleetOptimum, cheapest_fleet
from gapbench.analysis.economics.fleet.fleet_options import (
    Flows,
    api_option,
    flows,
    plan_option,
    self_option,
)
from gapbench.analysis.economics.fleet.fleet_problem import sent_parts
from gapbench.analysis.economics.fleet.fleet_terms import (
    ApiChoice,
    Change,
    FleetSettings,
    ReplicaTerms,
    build_problem,
    choose_apis,
    replica_terms,
    with_discount,
)
from gapbench.analysis.economics.fleet.hourly_traffic import HourlyTraffic, count_by_hour
from gapbench.analysis.economics.fleet.request_prices import Api, ApiPrices
from gapbench.analysis.economics.fleet.requests_to_plan import RequestsToPlan
from gapbench.analysis.economics.quantity import Quantity
from gapbench.analysis.economics.scenario import GIVEN_BY_SET, Scenario, api_usd_per_mtok
from gapbench.analysis.economics.sizing import HOURS_PER_MONTH
from gapbench.analysis.economics.volume import tokens_per_request
from gapbench.analysis.traffic.figures import MonthlyVolume
from gapbench.pricing import price_book_version
from gapbench.stats import Floats

Row = dict[str, Any]
_USED = (
    "replica_requests_per_s", "headroom", "gpus_per_replica", "usd_per_gpu_hour", "reserved_discount", "overhead",
    "capex_usd_per_replica", "engineers", "usd_per_engineer_year", "updates_per_year", "days_per_update", "usd_per_day",
    "storage_usd_per_month", "licence_usd_per_month", "egress_usd_per_mtok", "open_input_ratio", "open_output_ratio",
)  # fmt: skip
"""Inputs of ``bench tco`` that a plan uses; the traffic tables replace volume, sizes, cache and demand."""
_TIMES = {
    "usd_per_engineer_year": "engineers",
    "days_per_update": "updates_per_year",
    "usd_per_day": "updates_per_year",
}
"""Inputs that are multiplied with another."""
_OTHER_SIZE = 0.1
"""Relative difference of sizes from which on the scaling of capacity is worth a note."""


@dataclass(frozen=True)
class FleetPlan:
    """The cheapest fleet for a team's traffic.

    Attributes:
        scenario: The inputs of prices and capacity.
        settings: What was asked.
        choice: The APIs that answer what own replicas do not.
        wait_tier: Tier of the requests that wait. None: they are answered now, at the live price.
        found: The optimum; its replicas count in blocks of ``block``.
        block: Replicas that are planned as one.
        live_sent: Share of the open model's live requests that a router sends to own replicas, by hour of the week.
        wait_sent: The same of those that may wait.
        options: The plan, ``closed``, ``hosted`` and ``self``, with ``usd``, ``low`` and ``high`` a month, and what the plan
            saves against each with its interval.
        flows: Where the requests of a month go.
        requests_a_month: Requests a month by the audit's figure.
        waits: Which requests may wait, in words.
        whole_days: Days that the plan rests on.
        sensitivity: The plan under other growth, prices and capacity.
        capacity_per_h: Mean requests an hour of one replica, after headroom.
        simulated: Whether a simulated provider is behind the traffic or the capacity.
        notes: Assumptions, and what was left out.
    """

    scenario: Scenario
    settings: FleetSettings
    choice: ApiChoice
    wait_tier: str | None
    found: FleetOptimum
    block: int
    live_sent: Floats
    wait_sent: Floats
    options: list[Row]
    flows: Flows
    requests_a_month: MonthlyVolume
    waits: str
    whole_days: int
    sensitivity: list[Row]
    capacity_per_h: float
    simulated: bool
    notes: list[str] = field(default_factory=list)

    @property
    def reserved(self) -> int:
        """Replicas to reserve."""
        return self.found.reserved * self.block

    @property
    def rented(self) -> list[int]:
        """Replicas to rent on demand, by hour of the week from Monday 00:00 UTC."""
        return [int(count) * self.block for count in self.found.rented]

    @property
    def gpus_per_replica(self) -> float:
        """GPUs of a replica."""
        return self.scenario.inputs["gpus_per_replica"].value

    def option(self, name: str) -> Row | None:
        """Return an option by name. None: it has no price."""
        return next((row for row in self.options if row["name"] == name), None)

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench fleet --json``."""
        return {
            "schema": 1,
            "reserved_replicas": self.reserved,
            "rented_replicas": self.rented,
            "live_sent": self.live_sent.tolist(),
            "wait_sent": self.wait_sent.tolist(),
            "fits_probability": self.found.fits.tolist(),
            "gpus_per_replica": self.gpus_per_replica,
            "gpu": self.scenario.gpu,
            "options": self.options,
            "requests": asdict(self.flows),
            "requests_a_month": asdict(self.requests_a_month),
            "live_api": self.choice.live,
            "wait_api": self.choice.wait,
            "wait_tier": self.wait_tier,
            "capacity_per_replica_hour": self.capacity_per_h,
            "whole_days": self.whole_days,
            "sensitivity": self.sensitivity,
            "mip_gap": self.found.gap,
            "settings": asdict(self.settings),
            "inputs": {
                name: given.to_json() for name, given in self.scenario.inputs.items() if name in _USED
            },
            "price_book": price_book_version(),
            "notes": self.notes,
            "simulated": self.simulated,
        }


def plan_fleet(
    requests: RequestsToPlan,
    prices: Mapping[Api, ApiPrices],
    scenario: Scenario,
    settings: FleetSettings | None = None,
    notes: list[str] | None = None,
) -> FleetPlan:
    """Return the cheapest fleet for requests.

    Args:
        requests: The requests.
        prices: What each of them costs, by API; an API without a price is missing.
        scenario: Prices and capacity of own replicas, as ``bench tco`` has them.
        settings: What is asked. None: the defaults.
        notes: What the reading of prices found.

    Raises:
        InputError: No API has a price, or more replicas than the limit are needed.
        BenchError: The solver proved no optimum.
    """
    asked = settings or FleetSettings()
    given = with_discount(scenario)
    traffic = count_by_hour(requests, prices)
    choice = choose_apis(traffic, prices, asked)
    tokens = float(requests.tokens.mean())
    terms = replica_terms(given, given.point_values, tokens)
    problem, block = build_problem(traffic, choice, terms, given, asked)
    found = cheapest_fleet(problem)
    options = [plan_option(problem, block, found, traffic, choice, asked.open_share)]
    labels: dict[Api, str] = {"closed": "all closed", "hosted": "all hosted open"}
    options += [
        api_option(api, f"{labels[api]}: {prices[api].label}", traffic, asked.open_share)
        for api in labels
        if api in prices
    ]
    alone, _ = self_option(problem, block, "all self-hosted, no API", traffic, asked.open_share)
    options.append(alone)
    tier = prices[choice.wait].wait_tier
    live, wait = sent_parts(problem, found.share[:, None])
    return FleetPlan(
        scenario=given,
        settings=asked,
        choice=choice,
        wait_tier=tier,
        found=found,
        block=block,
        live_sent=live[:, 0],
        wait_sent=wait[:, 0],
        options=_with_intervals(options, traffic, given, terms, tokens, asked),
        flows=flows(problem, found, traffic, asked.open_share),
        requests_a_month=requests.a_month,
        waits=requests.waits,
        whole_days=len(requests.days),
        sensitivity=_sensitivity(traffic, choice, given, tokens, asked, prices, found.usd_per_h),
        capacity_per_h=float(terms.capacity),
        simulated=given.simulated or requests.simulated,
        notes=_notes(requests, given, traffic, asked, tokens, block, notes or []),
    )


def _with_intervals(
    options: list[Option],
    traffic: HourlyTraffic,
    scenario: Scenario,
    point: ReplicaTerms,
    tokens: float,
    settings: FleetSettings,
) -> list[Row]:
    """Return the options with the 95 % intervals of their dollars, and of what the plan saves against them."""
    values = _draw_inputs(scenario, settings)
    drawn = replica_terms(scenario, values, tokens)
    factors = {api: _price_factors(api, scenario, values, settings.draws) for api in ("closed", "hosted")}
    rng = np.random.default_rng(settings.seed)
    months = draw_months(options, traffic, point, drawn, factors, rng)
    rows = []
    for option, month in zip(options, months, strict=True):
        usd = option.usd(point)
        row: Row = {"name": option.name, "label": option.label, "usd": usd, **_interval("", month)}
        if option.name != "plan":
            saved = month - months[0]
            row |= {"saving_usd": usd - options[0].usd(point), **_interval("saving_", saved)}
            row["p_plan_cheaper"] = float((saved > 0).mean())
        rows.append(
            {**row, "reserved_replicas": option.reserved, "servers_usd": float(option.servers_usd(point))}
        )
    return rows


def _interval(prefix: str, values: Floats) -> Row:
    low, high = np.quantile(values, [0.025, 0.975])
    return {f"{prefix}low": float(low), f"{prefix}high": float(high)}


def _draw_inputs(scenario: Scenario, settings: FleetSettings) -> dict[str, Any]:
    """Return draws of the inputs that a plan uses, and the values of the others, whose ranges the traffic replaces."""
    drawn = scenario.draw(settings.draws, settings.seed)
    point = scenario.point_values
    used = {name for name in point if name in _USED or name.endswith("_usd_per_mtok")}
    used |= {
        name for name in point if name.startswith(("power_kw", "pue", "usd_per_kwh", "colo_usd", "residual"))
    }
    filled = {name: np.full(settings.draws, value) for name, value in point.items()}
    return {**filled, **{name: drawn[name] for name in used}}


def _price_factors(api: str, scenario: Scenario, values: Mapping[str, Any], draws: int) -> Floats:
    """Return drawn over expected prices of an API; 1 where prices have no range."""
    expected, drawn = api_usd_per_mtok(api, scenario.point_values), api_usd_per_mtok(api, values)
    if expected is None or drawn is None or float(np.max(expected)) <= 0:
        return np.ones(draws)
    return np.asarray(np.broadcast_to(drawn / expected, (draws,)), dtype=np.float64)


def _sensitivity(
    traffic: HourlyTraffic,
    choice: ApiChoice,
    scenario: Scenario,
    tokens: float,
    settings: FleetSettings,
    prices: Mapping[Api, ApiPrices],
    usd_per_h: float,
) -> list[Row]:
    """Return the plan of other growth, prices and capacity, each planned from scratch."""
    cases: list[tuple[str, Change, dict[str, Quantity]]] = [
        (f"{growth:g} x the requests", Change(growth=growth), {}) for growth in settings.growths
    ]
    cases += [
        (f"{factor:g} x the API prices", Change(api_price=factor), {}) for factor in settings.api_prices
    ]
    for name, words in (
        ("usd_per_gpu_hour", "a GPU-hour at ${:g}"),
        ("replica_requests_per_s", "{:.3g} requests/s a replica"),
    ):
        given = scenario.inputs.get(name)
        if given is not None and given.has_range:
            cases += [
                (words.format(end), Change(), {name: Quantity(end, given.unit)})
                for end in (given.low, given.high)
                if end is not None and end != given.value
            ]
    closed = None
    if "closed" in prices:
        closed = api_option("closed", "", traffic, settings.open_share).api_usd["closed"]
    rows = []
    for words, change, inputs in cases:
        changed = scenario.with_inputs(**inputs)
        terms = replica_terms(changed, changed.point_values, tokens)
        problem, block = build_problem(traffic, choice, terms, changed, settings, change)
        found = cheapest_fleet(problem)
        scale = change.growth * change.api_price
        usd = found.usd_per_h * HOURS_PER_MONTH
        rows.append(
            {
                "case": words,
                "reserved_replicas": found.reserved * block,
                "rented_replicas_most": int(found.rented.max(initial=0)) * block,
                "own_share": _own_share(problem.work, found),
                "usd": usd,
                "change_usd": usd - usd_per_h * HOURS_PER_MONTH,
                "closed_usd": None if closed is None else closed * scale,
                "mip_gap": found.gap,
            }
        )
    return rows


def _own_share(work: Floats, found: FleetOptimum) -> float:
    """Return the share of the open model's work that own replicas answer."""
    total = float(work.sum())
    return float(((found.share - found.overflow) * work).sum()) / total if total else 0.0


def _counts(name: str, scenario: Scenario) -> bool:
    """Return whether an input changes the dollars: it is not 0, and nor is what it is multiplied with."""
    point = scenario.point_values
    return all(point[one] > 0 for one in (name, _TIMES.get(name, name)))


def _notes(
    requests: RequestsToPlan,
    scenario: Scenario,
    traffic: HourlyTraffic,
    settings: FleetSettings,
    tokens: float,
    block: int,
    notes: list[str],
) -> list[str]:
    found = [*requests.notes, *notes]
    if traffic.is_pooled:
        found.append(
            f"{len(requests.days)} whole days: some weekdays were seen once, so Monday to Friday share their hours, and so "
            "does the weekend; two weeks or more give each weekday its own"
        )
    size = tokens_per_request(scenario)
    if abs(size / tokens - 1) > _OTHER_SIZE:
        found.append(
            f"capacity is of requests with {size:,.0f} tokens and scaled by tokens to your {tokens:,.0f}; a sweep of "
            "your own requests would be more accurate"
        )
    hourly = scenario.inputs.get("usd_per_gpu_hour")
    if hourly is not None and not scenario.owned:
        ends = f" ({hourly.low:g} to {hourly.high:g})" if hourly.has_range else ""
        gpus = scenario.inputs["gpus_per_replica"].value
        found.append(f"a replica is {gpus:g} x {scenario.gpu or 'GPU'} at ${hourly.value:g} a GPU-hour{ends}")
    if block > 1:
        found.append(f"so many replicas are planned in blocks of {block}")
    if settings.open_share == 1:
        found.append("the open model may answer every request; --open-share says otherwise")
    assumed = [
        f"{name} {given.value:g}" + (f" ({given.low:g} to {given.high:g})" if given.has_range else "")
        for name, given in scenario.inputs.items()
        if name in _USED and given.source.startswith("assumed") and _counts(name, scenario)
    ]
    if assumed:
        found.append(f"assumed, not given (set with --set NAME=VALUE): {', '.join(assumed)}")
    hidden: tuple[str, ...] = ("closed:", "hosted:")
    if scenario.inputs["replica_requests_per_s"].source == GIVEN_BY_SET:
        hidden = (*hidden, "capacity")
    found += [note for note in scenario.notes if not note.startswith(hidden)]
    if requests.simulated or scenario.simulated:
        found.append("a figure was measured on a simulated provider")
    return found
