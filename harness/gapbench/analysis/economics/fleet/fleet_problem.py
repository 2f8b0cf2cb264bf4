"""The numbers of a fleet problem, and what each number of replicas costs in each hour of the week.

A replica that is up serves ``capacity`` work an hour within the latency limits. In each hour a router sends a share of the
requests to the own replicas, the ones that need an answer now first, since they save the most. What arrives above the
capacity overflows to the API. The share is such that all of it fits with a set probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from gapbench.analysis.economics.demand import MAX_PEAK_REPLICAS
from gapbench.errors import InputError
from gapbench.stats import Floats, Ints, expected_excess, probability_at_most

SHARES = tuple(step / 20 for step in range(21))
"""Shares of the requests that a router may send to the own replicas."""
_SLACK = 1e-12
_CERTAIN = 1 - 1e-9
"""Replicas above those that hold everything with this probability are not considered even if they cost nothing."""


@dataclass(frozen=True)
class FleetProblem:
    """A fleet problem. Arrays have a value for each hour of the week, in order; the last hour is before the first.

    Attributes:
        live_work: Mean work of requests that need an answer now and that the own model may answer.
        wait_work: The same of those that may wait.
        unit: Variance of work over its mean, from chance; see ``HourlyTraffic.variation``.
        dispersion: Squared coefficient of variation of the rate.
        live_usd: Dollars of all the first at the API.
        wait_usd: Dollars of all the second at the API, at the tier that waits.
        other_usd: Dollars of the requests that only the closed API may answer.
        capacity: Work an hour of a replica that is up.
        availability: Share of the time that one replica is up; each fails for itself.
        probability: Probability with which the work sent to the own replicas must fit.
        reserved_usd_per_h: An hour of a reserved replica, which is paid in all hours.
        rented_usd_per_h: An hour of a replica on demand. None: there are none.
        startup_h: Hours that a replica on demand is paid for before it serves, at each start.
        fixed_usd_per_h: What own replicas cost beside the servers, if there are any: people and such.
        own_usd_per_work: What a unit of work that is sent to own replicas costs beside them, such as egress.
        shares: Shares that the router may send to the own replicas, ascending.
        is_alone: Whether there is no API: all work goes to the own replicas, and what does not fit waits.
    """

    live_work: Floats
    wait_work: Floats
    unit: Floats
    dispersion: Floats
    live_usd: Floats
    wait_usd: Floats
    other_usd: Floats
    capacity: float
    availability: float
    probability: float
    reserved_usd_per_h: float
    rented_usd_per_h: float | None
    startup_h: float
    fixed_usd_per_h: float
    own_usd_per_work: float = 0.0
    shares: tuple[float, ...] = SHARES
    is_alone: bool = False

    @property
    def hours(self) -> int:
        """The number of hours."""
        return len(self.live_work)

    @property
    def work(self) -> Floats:
        """Mean work of an hour that the own model may answer."""
        return self.live_work + self.wait_work


@dataclass(frozen=True)
class HourCosts:
    """The best share of each hour for each number of replicas, and what the hour then costs beside the servers.

    Attributes:
        usd: Shape (hours, replicas + 1), from 0 replicas on. Infinite: so few cannot hold the work.
        share: Share of the work that is sent to the own replicas, the same shape.
        overflow: Share of the work that is sent there and does not fit, the same shape.
        fits: Probability that all that is sent there fits.
    """

    usd: Floats
    share: Floats
    overflow: Floats
    fits: Floats


def hour_costs(problem: FleetProblem) -> HourCosts:
    """Return what each hour costs with each number of replicas.

    Raises:
        InputError: More replicas than the limit are needed.
    """
    replicas = np.arange(most_replicas(problem) + 1)
    shares = np.array((1.0,) if problem.is_alone else problem.shares)
    # Axes: hours, shares, replicas that are up or that are there.
    fits_up, over_up = own_load(problem, shares, replicas)
    chance = binom.pmf(replicas[None, :], replicas[:, None], problem.availability)
    fits, over = fits_up @ chance.T, over_up @ chance.T
    elsewhere, per_work = elsewhere_usd(problem, shares)
    sent = (problem.work[:, None] * shares)[:, :, None]
    usd = elsewhere[:, :, None] + over * per_work[:, :, None] + sent * problem.own_usd_per_work
    allowed = (fits >= problem.probability - _SLACK) | (sent <= 0)
    # In a quiet hour a small share fits no replicas at all, because mostly nothing arrives: that is nothing sent.
    allowed &= (replicas > 0) | (sent <= 0) | problem.is_alone
    usd = np.where(allowed, usd, np.inf) + problem.other_usd[:, None, None]
    best = usd.argmin(axis=1)

    def of_best(values: Floats) -> Floats:
        return np.asarray(np.take_along_axis(values, best[:, None, :], axis=1)[:, 0, :])

    work = np.maximum(problem.work, 1e-300)[:, None]
    return HourCosts(of_best(usd), shares[best], of_best(over) / work, of_best(fits))


def own_load(problem: FleetProblem, shares: Floats, up: Ints) -> tuple[Floats, Floats]:
    """Return the probability that the work of a share fits, and the mean work that does not.

    Args:
        problem: The problem.
        shares: Shares of the work.
        up: Numbers of replicas that are up.

    Returns:
        Two arrays of shape (hours, shares, numbers).
    """
    unit = problem.unit[:, None, None]
    limit = problem.capacity * up / unit
    mean = problem.work[:, None, None] * shares[:, None] / unit
    spread = problem.dispersion[:, None, None]
    return probability_at_most(limit, mean, spread), unit * expected_excess(limit, mean, spread)


def elsewhere_usd(problem: FleetProblem, shares: Floats) -> tuple[Floats, Floats]:
    """Return the dollars of the requests that are not sent to the own replicas, and those of a unit of work that overflows.

    Returns:
        Two arrays of shape (hours, shares); 0 where there is no API.
    """
    if problem.is_alone:
        nothing = np.zeros((problem.hours, len(shares)))
        return nothing, nothing
    live, wait = sent_parts(problem, shares)
    usd = (1 - live) * problem.live_usd[:, None] + (1 - wait) * problem.wait_usd[:, None]
    sent = live * problem.live_work[:, None] + wait * problem.wait_work[:, None]
    of_sent = live * problem.live_usd[:, None] + wait * problem.wait_usd[:, None]
    return usd, np.divide(of_sent, sent, out=np.zeros_like(of_sent), where=sent > 0)


def sent_parts(problem: FleetProblem, shares: Floats) -> tuple[Floats, Floats]:
    """Return which part of the live and of the waiting requests is sent to the own replicas: the live ones first.

    Returns:
        Two arrays of shape (hours, shares).
    """
    total = problem.work[:, None]
    sent = shares * total
    live_work, wait_work = problem.live_work[:, None], problem.wait_work[:, None]
    zero = np.zeros_like(sent)
    live = np.divide(np.minimum(sent, live_work), live_work, out=zero.copy(), where=live_work > 0)
    wait = np.divide(np.maximum(sent - live_work, 0), wait_work, out=zero.copy(), where=wait_work > 0)
    return live, np.minimum(wait, 1.0)


def most_replicas(problem: FleetProblem) -> int:
    """Return replicas above which no plan gains: one more would cost more than all overflow of any hour.

    Raises:
        InputError: They are more than the limit.
    """
    spread = np.sqrt(problem.unit * problem.work + problem.dispersion * problem.work**2)
    needed = (problem.work + 4 * spread) / (problem.capacity * max(problem.availability, 0.01))
    price = min(
        problem.reserved_usd_per_h,
        np.inf if problem.rented_usd_per_h is None else problem.rented_usd_per_h,
    )
    per_work = elsewhere_usd(problem, np.array([1.0]))[1]
    top = int(np.ceil(needed.max(initial=0.0))) + 4
    while True:
        if top > MAX_PEAK_REPLICAS:
            raise InputError(
                f"the busiest hour needs more than {MAX_PEAK_REPLICAS:,} replicas; give a larger capacity, or plan a part "
                "of the traffic"
            )
        up = np.arange(top + 1)
        fits_up, over_up = (both[:, 0, :] for both in own_load(problem, np.array([1.0]), up))
        chance = binom.pmf(up[None, :], up[:, None], problem.availability).T
        fits, lost = fits_up @ chance, (over_up @ chance) * per_work
        enough = (fits >= problem.probability) & ((lost < price) | (fits >= _CERTAIN) | problem.is_alone)
        enough |= (problem.work <= 0)[:, None]
        if enough[:, -1].all():
            return int(enough.argmax(axis=1).max(initial=0))
        top *= 2
