"""What own replicas can do and cost, from the inputs of ``bench tco``, and the fleet problem that traffic makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from gapbench.analysis.economics.fleet.fleet_problem import FleetProblem
from gapbench.analysis.economics.fleet.hourly_traffic import HourlyTraffic
from gapbench.analysis.economics.fleet.request_prices import Api, ApiPrices
from gapbench.analysis.economics.quantity import Quantity
from gapbench.analysis.economics.scenario import UNITS, Scenario, fixed_usd_per_month, replica_usd_per_month
from gapbench.analysis.economics.sizing import HOURS_PER_MONTH, MTOK, Numbers
from gapbench.errors import InputError

MAX_BLOCKS = 40
"""More replicas than this are planned in blocks of several."""
RESERVED_DISCOUNT = Quantity(
    0.2, UNITS["reserved_discount"], 0.1, 0.3,
    "assumed: a year's contract for an H100 at $2.35 (SemiAnalysis index, March 2026) against $2.95 on demand",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FleetSettings:
    """What a user asks of a plan.

    Attributes:
        probability: Probability with which the requests sent to the own replicas must fit, in each hour.
        open_share: Share of the requests that the open model answers well enough. The closed API answers the rest.
        api: Which API answers the open model's requests that own replicas do not: one by name, or the ``cheapest``.
        startup_s: Seconds that a rented replica is paid for before it serves.
        growths: Factors on all requests for which a plan is also made.
        api_prices: Factors on the prices of APIs, the same.
        draws: Draws of an interval.
        seed: Seed of the draws.
    """

    probability: float = 0.95
    open_share: float = 1.0
    api: Literal["cheapest", "closed", "hosted"] = "cheapest"
    startup_s: float = 600.0
    growths: tuple[float, ...] = (0.5, 2.0, 4.0)
    api_prices: tuple[float, ...] = (0.5, 2.0)
    draws: int = 2_000
    seed: int = 1


@dataclass(frozen=True, slots=True)
class ReplicaTerms:
    """What one replica can do and costs: numbers, or arrays with a value for each draw.

    Attributes:
        capacity: Mean requests of the traffic an hour, within the latency limits and after headroom.
        reserved_usd_per_h: USD an hour, reserved.
        rented_usd_per_h: USD an hour on demand. None: the servers are bought.
        fixed_usd_per_h: USD an hour of everything but the servers.
        own_usd_per_work: USD of a mean request beside the servers.
    """

    capacity: Any
    reserved_usd_per_h: Any
    rented_usd_per_h: Any | None
    fixed_usd_per_h: Any
    own_usd_per_work: Any


def replica_terms(scenario: Scenario, values: Mapping[str, Any], request_tokens: float) -> ReplicaTerms:
    """Return the terms of a replica.

    Args:
        scenario: The scenario.
        values: Its inputs: values or draws.
        request_tokens: Mean tokens of a request of the traffic. Capacity is measured with requests of the scenario's size
            and scaled by tokens, as in ``bench tco``.
    """
    size: Numbers = values["input_tokens"] + values["output_tokens"]
    capacity = values["replica_requests_per_s"] * values["headroom"] * 3600 * size / request_tokens
    discount = values.get("reserved_discount", RESERVED_DISCOUNT.value)
    fixed = fixed_usd_per_month(values) / HOURS_PER_MONTH
    egress = values["egress_usd_per_mtok"] * request_tokens / MTOK
    if scenario.owned:
        always, switched = replica_usd_per_month(scenario, values)
        return ReplicaTerms(capacity, (always + switched) / HOURS_PER_MONTH, None, fixed, egress)
    rent = replica_usd_per_month(scenario, {**values, "reserved_discount": 0.0})[1] / HOURS_PER_MONTH
    return ReplicaTerms(capacity, rent * (1 - discount), rent, fixed, egress)


def with_discount(scenario: Scenario) -> Scenario:
    """Return the scenario with the assumed discount of a reservation, if it has none and servers are rented."""
    if scenario.owned or "reserved_discount" in scenario.inputs:
        return scenario
    return scenario.with_inputs(reserved_discount=RESERVED_DISCOUNT)


@dataclass(frozen=True, slots=True)
class ApiChoice:
    """The APIs of a plan.

    Attributes:
        live: That answers the open model's requests which need an answer now.
        wait: That answers those which may wait.
    """

    live: Api
    wait: Api


def choose_apis(
    traffic: HourlyTraffic, prices: Mapping[Api, ApiPrices], settings: FleetSettings
) -> ApiChoice:
    """Return the cheapest APIs that may be used.

    Raises:
        InputError: No API that may be used has a price.
    """
    wanted: tuple[Api, ...] = ("closed", "hosted") if settings.api == "cheapest" else (settings.api,)
    known = [api for api in wanted if api in prices]
    if not known:
        raise InputError(
            f"no price is known of {'any API' if settings.api == 'cheapest' else 'the ' + settings.api + ' API'}; name it "
            "with --closed or --hosted PROVIDER/MODEL, or give your own prices with --prices FILE"
        )
    if settings.open_share < 1 and "closed" not in prices:
        raise InputError(
            "--open-share leaves requests to the closed API, whose price is not known; name it with --closed PROVIDER/MODEL"
        )
    live, wait = (
        min(known, key=lambda api: float(traffic.usd[api, stream].sum())) for stream in ("live", "wait")
    )
    return ApiChoice(live, wait)


@dataclass(frozen=True, slots=True)
class Change:
    """How a problem differs from today's.

    Attributes:
        growth: Factor on all requests.
        api_price: Factor on the prices of all APIs.
    """

    growth: float = 1.0
    api_price: float = 1.0


def build_problem(
    traffic: HourlyTraffic,
    choice: ApiChoice,
    terms: ReplicaTerms,
    scenario: Scenario,
    settings: FleetSettings,
    change: Change | None = None,
) -> tuple[FleetProblem, int]:
    """Return the problem of a week, and the replicas that it counts as one.

    More replicas than :data:`MAX_BLOCKS` are planned in blocks. Of so many a steady share is up, so a block then has the
    capacity of that share and does not fail as a whole.
    """
    given = change or Change()
    part, priced = settings.open_share * given.growth, given.growth * given.api_price
    unit, dispersion = traffic.variation()
    other = np.zeros_like(unit)
    if settings.open_share < 1:
        closed = traffic.week(traffic.usd["closed", "live"]) + traffic.week(traffic.usd["closed", "wait"])
        other = (1 - settings.open_share) * priced * closed
    problem = FleetProblem(
        live_work=part * traffic.week(traffic.work["live"]),
        wait_work=part * traffic.week(traffic.work["wait"]),
        unit=unit,
        dispersion=dispersion,
        live_usd=settings.open_share * priced * traffic.week(traffic.usd[choice.live, "live"]),
        wait_usd=settings.open_share * priced * traffic.week(traffic.usd[choice.wait, "wait"]),
        other_usd=other,
        capacity=float(terms.capacity),
        availability=scenario.availability,
        probability=settings.probability,
        reserved_usd_per_h=float(terms.reserved_usd_per_h),
        rented_usd_per_h=None if terms.rented_usd_per_h is None else float(terms.rented_usd_per_h),
        startup_h=settings.startup_s / 3600,
        fixed_usd_per_h=float(terms.fixed_usd_per_h),
        own_usd_per_work=float(terms.own_usd_per_work),
    )
    return in_blocks(problem)


def in_blocks(problem: FleetProblem) -> tuple[FleetProblem, int]:
    """Return a problem of at most about :data:`MAX_BLOCKS` replicas, and the replicas that it counts as one."""
    spread = np.sqrt(problem.unit * problem.work + problem.dispersion * problem.work**2)
    size = math.ceil(float((problem.work + 3 * spread).max()) / problem.capacity / MAX_BLOCKS)
    if size <= 1:
        return problem, 1
    rented = problem.rented_usd_per_h
    block = replace(
        problem,
        capacity=problem.capacity * size * problem.availability,
        availability=1.0,
        reserved_usd_per_h=problem.reserved_usd_per_h * size,
        rented_usd_per_h=None if rented is None else rented * size,
    )
    return block, size
