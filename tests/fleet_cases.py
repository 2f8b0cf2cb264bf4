"""Fleet problems that are small enough to try every plan, made-up traffic, and a replay that knows no formula of the planner."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom, nbinom, poisson

from gapbench.analysis.economics.fleet.fleet_problem import FleetProblem

MONDAY = pd.Timestamp("2026-06-01", tz="UTC")


def make_problem(seed: int) -> FleetProblem:
    """Return a problem of three hours, with every feature that a problem may have in some seed."""
    rng = np.random.default_rng(seed)
    hours = 3
    live, wait = rng.uniform(0, 12, hours), rng.uniform(0, 4, hours) * rng.integers(0, 2)
    if seed % 7 == 0:
        live[0] = wait[0] = 0.0
    usd = rng.uniform(0.2, 2.0)
    return FleetProblem(
        live_work=live,
        wait_work=wait,
        unit=np.full(hours, rng.choice([1.0, 1.7, 2.5])),
        dispersion=np.full(hours, rng.choice([0.0, 0.05, 0.3])),
        live_usd=live * usd * rng.uniform(0.8, 1.2, hours),
        wait_usd=wait * usd / 2,
        other_usd=rng.uniform(0, 1, hours) * rng.integers(0, 2),
        capacity=float(rng.uniform(4, 14)),
        availability=float(rng.choice([1.0, 0.99, 0.9])),
        probability=float(rng.choice([0.8, 0.95, 0.99])),
        reserved_usd_per_h=float(rng.uniform(1, 4)),
        rented_usd_per_h=None if seed % 9 == 0 else float(rng.uniform(2, 6)),
        startup_h=float(rng.choice([0.0, 0.2, 0.5])),
        fixed_usd_per_h=float(rng.uniform(0, 2)) * int(rng.integers(0, 2)),
        own_usd_per_work=float(rng.choice([0.0, 0.05])),
        shares=(0.0, 0.3, 0.6, 0.8, 1.0),
    )


def brute_force_usd(problem: FleetProblem, replicas_max: int = 6, rented_max: int = 6) -> float:
    """Return the dollars of a mean hour of the cheapest plan, by trying all: reserved, rented by hour, share by hour."""
    best = np.inf
    rented_range = [0] if problem.rented_usd_per_h is None else range(rented_max + 1)
    of_hour = [
        [
            min(_hour_usd(problem, hour, replicas, share) for share in problem.shares)
            for replicas in range(replicas_max + rented_max + 1)
        ]
        for hour in range(problem.hours)
    ]
    for reserved in range(replicas_max + 1):
        for rented in itertools.product(rented_range, repeat=problem.hours):
            usd = sum(of_hour[hour][reserved + count] for hour, count in enumerate(rented))
            usd += problem.hours * reserved * problem.reserved_usd_per_h
            if problem.rented_usd_per_h is not None:
                starts = sum(max(0, rented[hour] - rented[hour - 1]) for hour in range(problem.hours))
                usd += problem.rented_usd_per_h * (sum(rented) + problem.startup_h * starts)
            if reserved or any(rented):
                usd += problem.hours * problem.fixed_usd_per_h
            best = min(best, usd)
    return best / problem.hours


def _hour_usd(problem: FleetProblem, hour: int, replicas: int, share: float) -> float:
    """Return what an hour costs beside servers, by sums over counts and replicas that are up. Infinite: not allowed."""
    live, wait = float(problem.live_work[hour]), float(problem.wait_work[hour])
    sent = share * (live + wait)
    sent_live = min(sent, live)
    live_part = sent_live / live if live else 0.0
    wait_part = (sent - sent_live) / wait if wait else 0.0
    usd = (1 - live_part) * problem.live_usd[hour] + (1 - wait_part) * problem.wait_usd[hour]
    usd += problem.other_usd[hour] + sent * problem.own_usd_per_work
    if sent <= 0:
        return float(usd)
    unit, spread = float(problem.unit[hour]), float(problem.dispersion[hour])
    mean = sent / unit
    counts = np.arange(400)
    if spread == 0:
        chances = poisson.pmf(counts, mean)
    else:
        chances = nbinom.pmf(counts, 1 / spread, 1 / (1 + spread * mean))
    over, fits = 0.0, 0.0
    for up in range(replicas + 1):
        is_up = float(binom.pmf(up, replicas, problem.availability))
        work = counts * unit
        fits += is_up * float(chances[work <= up * problem.capacity * (1 + 1e-12)].sum())
        over += is_up * float((np.maximum(work - up * problem.capacity, 0) * chances).sum())
    if fits < problem.probability:
        return np.inf
    of_sent = live_part * problem.live_usd[hour] + wait_part * problem.wait_usd[hour]
    return float(usd + over * of_sent / sent)


@dataclass(frozen=True)
class Truth:
    """How traffic really arises: the mean requests of each hour of the week, and how much a day differs.

    Attributes:
        week: Mean requests of each hour of the week.
        day_spread: Standard deviation of a day's factor.
        hour_spread: Standard deviation of an hour's factor.
        wait_share: Share of requests of the route that may wait.
    """

    week: np.ndarray[Any, np.dtype[np.float64]]
    day_spread: float = 0.08
    hour_spread: float = 0.12
    wait_share: float = 0.25

    def draw(self, days: int, rng: np.random.Generator) -> pd.DataFrame:
        """Return the requests of some days from a Monday on: time, tokens and route, in order of time."""
        factor = np.repeat(_gamma(rng, self.day_spread, days), 24) * _gamma(rng, self.hour_spread, days * 24)
        mean = np.resize(self.week, days * 24) * factor
        counts = rng.poisson(mean)
        hour = np.repeat(np.arange(days * 24), counts)
        seconds = hour * 3600 + rng.uniform(0, 3600, len(hour))
        is_late = rng.random(len(hour)) < self.wait_share
        read = np.rint(rng.lognormal(6.6, 0.7, len(hour))).astype(np.int64) + 1
        written = np.rint(rng.lognormal(5.2, 0.6, len(hour))).astype(np.int64) + 1
        order = np.argsort(seconds, kind="stable")
        return traffic_frame(
            seconds[order], read[order], written[order], np.where(is_late, "nightly", "chat")[order]
        )


def _gamma(rng: np.random.Generator, spread: float, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.ones(count) if spread == 0 else rng.gamma(1 / spread**2, spread**2, count)


def office_week(mean_per_hour: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return 168 hours of a week with busy afternoons and quiet weekends, with a mean."""
    hour = np.arange(168)
    shape = (1 + 0.85 * np.sin(2 * np.pi * (hour % 24 - 8) / 24)) * np.where(hour < 120, 1.0, 0.35)
    return np.asarray(mean_per_hour * shape / shape.mean())


@dataclass(frozen=True)
class ReplayTerms:
    """What a replayed fleet can do and costs.

    Attributes:
        capacity_tokens: Tokens an hour of one replica that is up.
        availability: Share of the time that a replica is up.
        outage_h: Mean hours of an outage.
        reserved_usd: An hour of a reserved replica.
        rented_usd: An hour of one on demand.
        startup_h: Hours that it is paid for before it serves.
    """

    capacity_tokens: float
    availability: float
    outage_h: float
    reserved_usd: float
    rented_usd: float
    startup_h: float


def replay_usd(
    frame: pd.DataFrame,
    usd: Any,
    may_wait: Any,
    plan: dict[str, Any],
    terms: ReplayTerms,
    rng: np.random.Generator,
) -> float:
    """Return the dollars of a month of a plan, from requests of whole weeks that arrive one by one.

    Each request is routed by chance, served while its replicas have room in the hour, and else paid by its own tokens.

    Args:
        frame: The requests in order of time, from a Monday on.
        usd: What each costs at the API that it would go to.
        may_wait: Which of them may wait.
        plan: The output of ``bench fleet --json``.
        terms: What the fleet can do and costs.
        rng: Source of routing and outages.
    """
    hour = ((frame["time"] - MONDAY).dt.total_seconds() // 3600).astype(int).tolist()
    hours = -(-(hour[-1] + 1) // 168) * 168
    on = [plan["reserved_replicas"] + plan["rented_replicas"][at % 168] for at in range(hours)]
    up = _replicas_up(on, terms, rng)
    tokens = (frame["input_tokens"] + frame["output_tokens"]).astype(float).tolist()
    chance = rng.random(len(hour)).tolist()
    paid, left, now = 0.0, 0.0, -1
    for at, size, dollars, waits, luck in zip(
        hour, tokens, usd.tolist(), may_wait.tolist(), chance, strict=True
    ):
        if at != now:
            now, left = at, up[at] * terms.capacity_tokens
        is_sent = luck < plan["wait_sent" if waits else "live_sent"][at % 168]
        if is_sent and size <= left:
            left -= size
        else:
            paid += dollars
    before = plan["rented_replicas"][-1]
    for at in range(hours):
        rented = plan["rented_replicas"][at % 168]
        started = max(0, rented - before)
        paid += plan["reserved_replicas"] * terms.reserved_usd
        paid += (rented + started * terms.startup_h) * terms.rented_usd
        before = rented
    return paid * 730.5 / hours


def _replicas_up(on: list[int], terms: ReplayTerms, rng: np.random.Generator) -> list[int]:
    """Return how many of the replicas that are on are up in each hour; each goes down and comes back by chance."""
    back = 1 / terms.outage_h
    fail = back * (1 - terms.availability) / terms.availability
    is_up = rng.random(max(on, default=0)) < terms.availability
    found = []
    for count in on:
        change = rng.random(len(is_up))
        is_up = np.where(is_up, change >= fail, change < back)
        found.append(int(is_up[:count].sum()))
    return found


def traffic_frame(seconds: Any, read: Any, written: Any, routes: Any, **more: Any) -> pd.DataFrame:
    """Return requests as :func:`gapbench.analysis.traffic.read_requests` gives them.

    Args:
        seconds: Seconds after :data:`MONDAY`.
        read: Prompt tokens.
        written: Generated tokens.
        routes: Routes.
        more: Other columns.
    """
    count = len(seconds)
    frame = pd.DataFrame(
        {
            "time": MONDAY + pd.to_timedelta(np.asarray(seconds), unit="s"),
            "route": np.asarray(routes, dtype=object),
            "provider": "openai",
            "model_asked": "gpt-5.2",
            "model_served": "gpt-5.2",
            "endpoint": "chat",
            "service_tier": None,
            "input_tokens": pd.array(np.asarray(read), dtype="Int64"),
            "cached_input_tokens": pd.array([0] * count, dtype="Int64"),
            "cache_write_tokens": pd.array([0] * count, dtype="Int64"),
            "cache_write_1h_tokens": pd.array([0] * count, dtype="Int64"),
            "output_tokens": pd.array(np.asarray(written), dtype="Int64"),
            "cost_usd": np.full(count, np.nan),
            "from_cache": None,
            "is_error": False,
            "simulated": False,
        }
    )
    return frame.assign(**more)
