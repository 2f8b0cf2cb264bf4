"""The dollars of a coming month of each option, as draws: days as they were, and the ranges of prices and capacity.

A draw is the expected month at drawn prices and capacity, plus how far a month can be from it: the mean of resampled days
stands for what the log cannot tell of the true mean, the mean of four resampled weeks for the coming month itself. With
eight whole weeks or more, weeks are resampled in place of days, since the days of a week may go together. All options share
the days, prices and capacity of a draw, so that their differences are those of one month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gapbench.analysis.economics.fleet.fleet_terms import ReplicaTerms
from gapbench.analysis.economics.fleet.hourly_traffic import HourlyTraffic
from gapbench.analysis.economics.sizing import HOURS_PER_MONTH
from gapbench.analysis.traffic.figures import DAYS_A_MONTH
from gapbench.stats import Floats

WEEKS_MIN = 8
"""Whole weeks from which on weeks are resampled."""
MONTH_WEEKS = 4


@dataclass(frozen=True)
class Option:
    """One way to serve the traffic.

    Attributes:
        name: ``plan``, ``closed``, ``hosted`` or ``self``.
        label: What it is.
        api_usd: Expected dollars a month by API.
        day_usd: Dollars at APIs of each day of the log.
        variance: Variance of a month's dollars from the routing of single requests and from failures of replicas.
        reserved: Reserved replicas.
        rented_hours: Hours of replicas on demand a month, starts included.
        own_work: Work a month that is sent to own replicas.
        overflow_usd: Dollars a month of what overflows, at the capacities of ``overflow_at``.
        overflow_at: Capacities over the expected one, ascending.
    """

    name: str
    label: str
    api_usd: Mapping[str, float]
    day_usd: Floats
    variance: float = 0.0
    reserved: int = 0
    rented_hours: float = 0.0
    own_work: float = 0.0
    overflow_usd: Floats | None = None
    overflow_at: Floats | None = None

    @property
    def has_own(self) -> bool:
        """Whether it has own replicas."""
        return self.reserved > 0 or self.rented_hours > 0

    def servers_usd(self, terms: ReplicaTerms) -> Floats:
        """Return what own replicas cost a month, people and such included."""
        if not self.has_own:
            return np.zeros_like(np.asarray(terms.fixed_usd_per_h, dtype=np.float64))
        hourly = self.reserved * terms.reserved_usd_per_h + terms.fixed_usd_per_h
        rented = 0.0 if terms.rented_usd_per_h is None else self.rented_hours * terms.rented_usd_per_h
        return np.asarray(hourly * HOURS_PER_MONTH + rented + self.own_work * terms.own_usd_per_work)

    def usd(self, terms: ReplicaTerms) -> float:
        """Return the expected dollars a month."""
        return float(sum(self.api_usd.values()) + self.servers_usd(terms))


def draw_months(
    options: Sequence[Option],
    traffic: HourlyTraffic,
    point: ReplicaTerms,
    drawn: ReplicaTerms,
    price_factors: Mapping[str, Floats],
    rng: np.random.Generator,
) -> Floats:
    """Return draws of the dollars of a coming month, shape (options, draws).

    Args:
        options: The options.
        traffic: The traffic.
        point: Terms of a replica at the inputs' values.
        drawn: The same at drawn inputs: arrays of shape (draws,).
        price_factors: Drawn over expected prices by API.
        rng: Source of the draws.
    """
    draws = len(next(iter(price_factors.values())))
    away = _months_away(np.stack([option.day_usd for option in options]), traffic, draws, rng)
    # Options share their luck with the requests, but not with routing and failures.
    own = rng.standard_normal((len(options), draws)) * np.sqrt([[option.variance] for option in options])
    found = away + own
    for place, option in enumerate(options):
        for api, usd in option.api_usd.items():
            found[place] += usd * price_factors[api]
        found[place] += option.servers_usd(drawn)
        if option.overflow_usd is not None and option.overflow_at is not None:
            at = np.broadcast_to(np.asarray(drawn.capacity / point.capacity), (draws,))
            found[place] += np.interp(at, option.overflow_at, option.overflow_usd)
            found[place] -= np.interp(1.0, option.overflow_at, option.overflow_usd)
    return np.maximum(found, 0.0)


def _months_away(day_usd: Floats, traffic: HourlyTraffic, draws: int, rng: np.random.Generator) -> Floats:
    """Return how far drawn months are from the expected one, shape (options, draws)."""
    days = day_usd.shape[1]
    weeks = days // 7
    if weeks >= WEEKS_MIN:
        whole = day_usd[:, days - 7 * weeks :].reshape(len(day_usd), weeks, 7).sum(axis=2)
        groups, months, weights = [whole], [MONTH_WEEKS], [DAYS_A_MONTH / 7]
    else:
        numbers = range(int(traffic.groups.max()) + 1)
        groups = [day_usd[:, traffic.day_group == group] for group in numbers]
        sizes = [int((traffic.groups == group).sum()) for group in numbers]
        months = [MONTH_WEEKS * size for size in sizes]
        weights = [DAYS_A_MONTH / 7 * size for size in sizes]
    away = np.zeros((len(day_usd), draws))
    freedom = 0
    for values, month, weight in zip(groups, months, weights, strict=True):
        count = values.shape[1]
        centred = (values - values.mean(axis=1, keepdims=True)) * np.sqrt(count / (count - 1))
        for size in (count, month):
            drawn = rng.integers(0, count, (draws, size))
            away += weight * centred[:, drawn].mean(axis=2)
        freedom += count - 1
    # A spread that few days tell is itself uncertain: Student's, not the normal distribution.
    return away * np.sqrt(freedom / rng.chisquare(freedom, draws))
