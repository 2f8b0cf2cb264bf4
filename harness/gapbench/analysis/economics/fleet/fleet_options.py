"""The plan and what it is compared with, as options with their dollars."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import binom

from gapbench.analysis.economics.fleet.fleet_interval import Option
from gapbench.analysis.economics.fleet.fleet_optimum import FleetOptimum, cheapest_fleet
from gapbench.analysis.economics.fleet.fleet_problem import (
    FleetProblem,
    elsewhere_usd,
    own_load,
    sent_parts,
)
from gapbench.analysis.economics.fleet.fleet_terms import ApiChoice
from gapbench.analysis.economics.fleet.hourly_traffic import HOURS_A_WEEK, HourlyTraffic
from gapbench.analysis.economics.fleet.request_prices import Api
from gapbench.analysis.economics.sizing import HOURS_PER_MONTH
from gapbench.stats import Floats

WEEKS_PER_MONTH = HOURS_PER_MONTH / HOURS_A_WEEK
OUTAGE_H = 2.0
"""Hours that a failed replica is away on average: an assumption. Longer ones make months differ more."""
_CAPACITIES = np.array([0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.35, 1.6])


@dataclass(frozen=True)
class Flows:
    """Where the requests of a month go. Requests; the parts add up to all.

    Attributes:
        own: To own replicas, and answered there.
        overflow: To own replicas, full at the time, and then to the API.
        live: To the API at once.
        wait: To a batch or flex tier.
        closed_only: Only the closed API may answer them.
    """

    own: float
    overflow: float
    live: float
    wait: float
    closed_only: float

    @property
    def total(self) -> float:
        """All requests."""
        return self.own + self.overflow + self.live + self.wait + self.closed_only


def plan_option(
    problem: FleetProblem,
    block: int,
    found: FleetOptimum,
    traffic: HourlyTraffic,
    choice: ApiChoice,
    open_share: float,
) -> Option:
    """Return the dollars of a planned fleet.

    Args:
        problem: The problem of today's traffic.
        block: Replicas that the problem counts as one.
        found: Its cheapest fleet.
        traffic: The traffic.
        choice: The APIs.
        open_share: Share of the requests that the open model may answer.
    """
    live, wait = _sent(problem, found)
    per_work = elsewhere_usd(problem, found.share[:, None])[1][:, 0]
    by_capacity = np.array(
        [float((_overflow(problem, found, factor) * per_work).sum()) for factor in _CAPACITIES]
    )
    api = {
        choice.live: float(((1 - live) * problem.live_usd).sum()) + float(by_capacity[_CAPACITIES == 1.0][0]),
    }
    api[choice.wait] = api.get(choice.wait, 0.0) + float(((1 - wait) * problem.wait_usd).sum())
    api["closed"] = api.get("closed", 0.0) + float(problem.other_usd.sum())
    day = _day_usd(problem, found, traffic, choice, open_share)
    return Option(
        "plan",
        "the plan",
        {name: usd * WEEKS_PER_MONTH for name, usd in api.items()},
        day,
        _variance(problem, found, traffic, choice, open_share, per_work),
        found.reserved * block,
        (float(found.rented.sum()) + problem.startup_h * found.starts) * block * WEEKS_PER_MONTH,
        float((found.share * problem.work).sum()) * WEEKS_PER_MONTH,
        by_capacity * WEEKS_PER_MONTH,
        _CAPACITIES,
    )


def api_option(name: Api, label: str, traffic: HourlyTraffic, open_share: float) -> Option:
    """Return the dollars of sending everything to one API; what only the closed one may answer goes there."""
    parts: dict[Api, float] = {name: open_share if name == "hosted" else 1.0}
    if name == "hosted" and open_share < 1:
        parts["closed"] = 1 - open_share
    usd, day = {}, np.zeros(len(traffic.day_group))
    for api, part in parts.items():
        both = traffic.usd[api, "live"] + traffic.usd[api, "wait"]
        usd[str(api)] = float(part * traffic.week(both).sum()) * WEEKS_PER_MONTH
        day = day + part * both.sum(axis=1)
    return Option(name, label, usd, day)


def self_option(
    problem: FleetProblem, block: int, label: str, traffic: HourlyTraffic, open_share: float
) -> tuple[Option, FleetOptimum]:
    """Return the dollars of own replicas alone, with so many that everything fits with the set probability."""
    found = cheapest_fleet(replace(problem, is_alone=True))
    other, day = 0.0, np.zeros(len(traffic.day_group))
    if open_share < 1:
        both = traffic.usd["closed", "live"] + traffic.usd["closed", "wait"]
        other = float(problem.other_usd.sum()) * WEEKS_PER_MONTH
        day = (1 - open_share) * both.sum(axis=1)
    rented = float(found.rented.sum()) + problem.startup_h * found.starts
    option = Option(
        "self", label, {"closed": other}, day, 0.0, found.reserved * block, rented * block * WEEKS_PER_MONTH,
        float(problem.work.sum()) * WEEKS_PER_MONTH,
    )  # fmt: skip
    return option, found


def flows(problem: FleetProblem, found: FleetOptimum, traffic: HourlyTraffic, open_share: float) -> Flows:
    """Return where the requests of a month go."""
    live, wait = _sent(problem, found)
    asked = {stream: open_share * traffic.week(traffic.requests[stream]) for stream in ("live", "wait")}
    sent = live * asked["live"] + wait * asked["wait"]
    lost = np.divide(found.overflow, found.share, out=np.zeros_like(found.share), where=found.share > 0)
    every = traffic.week(traffic.requests["live"]) + traffic.week(traffic.requests["wait"])
    parts = (
        (sent * (1 - lost)).sum(),
        (sent * lost).sum(),
        ((1 - live) * asked["live"]).sum(),
        ((1 - wait) * asked["wait"]).sum(),
        (1 - open_share) * every.sum(),
    )
    return Flows(*(float(part) * WEEKS_PER_MONTH for part in parts))


def _sent(problem: FleetProblem, found: FleetOptimum) -> tuple[Floats, Floats]:
    live, wait = sent_parts(problem, found.share[:, None])
    return live[:, 0], wait[:, 0]


def _overflow(problem: FleetProblem, found: FleetOptimum, factor: float) -> Floats:
    """Return the mean work of each hour that does not fit if a replica has ``factor`` times its capacity."""
    over, chance = _overflow_by_up(replace(problem, capacity=problem.capacity * factor), found)
    return np.asarray((over * chance).sum(axis=1))


def _overflow_by_up(problem: FleetProblem, found: FleetOptimum) -> tuple[Floats, Floats]:
    """Return the mean work that does not fit with each number of replicas up, and the chance of that number.

    Returns:
        Two arrays of shape (hours, numbers).
    """
    used = found.reserved + found.rented
    up = np.arange(int(used.max(initial=0)) + 1)
    sent = replace(
        problem, live_work=problem.live_work * found.share, wait_work=problem.wait_work * found.share
    )
    over = own_load(sent, np.array([1.0]), up)[1][:, 0, :]
    return over, np.asarray(binom.pmf(up[None, :], used[:, None], problem.availability))


def _day_usd(
    problem: FleetProblem, found: FleetOptimum, traffic: HourlyTraffic, choice: ApiChoice, open_share: float
) -> Floats:
    """Return the dollars at APIs that the plan would have cost on each day of the log."""
    weekday_groups = np.asarray(traffic.groups)
    live, wait = (part.reshape(7, 24) for part in _sent(problem, found))
    used = (found.reserved + found.rented).reshape(7, 24)
    per_work = elsewhere_usd(problem, found.share[:, None])[1].reshape(7, 24)
    usd = np.zeros(len(traffic.day_group))
    # The plan of a group of weekdays: of hours that share their means it is taken from each weekday in turn.
    for weekday in range(7):
        rows = traffic.day_group == weekday_groups[weekday]
        part = 1 / int((weekday_groups == weekday_groups[weekday]).sum())
        sent = open_share * (
            live[weekday] * traffic.work["live"][rows] + wait[weekday] * traffic.work["wait"][rows]
        )
        up = np.arange(int(used.max(initial=0)) + 1)
        chance = binom.pmf(up, used[weekday][:, None], problem.availability)
        over = np.maximum(sent[:, :, None] - problem.capacity * up, 0.0)
        lost = (over * chance).sum(axis=2)
        day = lost * per_work[weekday]
        day = day + open_share * (1 - live[weekday]) * traffic.usd[choice.live, "live"][rows]
        day = day + open_share * (1 - wait[weekday]) * traffic.usd[choice.wait, "wait"][rows]
        if open_share < 1:
            closed = traffic.usd["closed", "live"][rows] + traffic.usd["closed", "wait"][rows]
            day = day + (1 - open_share) * closed
        usd[rows] += part * day.sum(axis=1)
    return usd


def _variance(
    problem: FleetProblem,
    found: FleetOptimum,
    traffic: HourlyTraffic,
    choice: ApiChoice,
    open_share: float,
    per_work: Floats,
) -> float:
    """Return the variance of a month's dollars from the routing of single requests and from failures of replicas."""
    live, wait = _sent(problem, found)
    routed = 0.0
    for part, api, stream in ((live, choice.live, "live"), (wait, choice.wait, "wait")):
        chance = open_share * part
        routed += float((chance * (1 - chance) * traffic.week(traffic.usd_squares[api, stream])).sum())
    over, chance_up = _overflow_by_up(problem, found)
    mean = (over * chance_up).sum(axis=1)
    each = ((over - mean[:, None]) ** 2 * chance_up).sum(axis=1) * per_work**2
    # A failure lasts: the hours of a replica that goes down and up at random are correlated by 1 - (1 / OUTAGE_H) / a.
    kept = max(0.0, 1 - 1 / OUTAGE_H / max(problem.availability, 1e-9))
    return (routed + float(each.sum()) * (1 + kept) / (1 - kept)) * WEEKS_PER_MONTH
