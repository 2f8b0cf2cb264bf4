"""The cheapest fleet: as cheap as the cheapest of all plans, and worked by hand where that is possible."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gapbench.analysis.economics.fleet.fleet_optimum import cheapest_fleet
from gapbench.analysis.economics.fleet.fleet_problem import FleetProblem, hour_costs
from gapbench.analysis.economics.fleet.fleet_terms import MAX_BLOCKS, in_blocks
from gapbench.errors import BenchError, InputError
from tests.fleet_cases import brute_force_usd, make_problem


@pytest.mark.parametrize("seed", range(16))
def test_no_plan_is_cheaper(seed: int) -> None:
    """As cheap as the cheapest of all numbers of replicas and all shares; benchmarks/fleet_plan.py tries 200."""
    problem = make_problem(seed)

    assert brute_force_usd(problem) == pytest.approx(cheapest_fleet(problem).usd_per_h, rel=1e-9)


def day_and_night(**changed: Any) -> FleetProblem:
    """Return 12 hours with work of 100 and 12 without any, each work $1 at the API, and replicas for 1,000."""
    work = np.repeat([100.0, 0.0], 12)
    given: dict[str, Any] = {
        "reserved_usd_per_h": 10.0,
        "rented_usd_per_h": 15.0,
        "startup_h": 0.5,
        "fixed_usd_per_h": 1.0,
    } | changed
    return FleetProblem(
        live_work=work, wait_work=0 * work, unit=1 + 0 * work, dispersion=0 * work, live_usd=work, wait_usd=0 * work,
        other_usd=0 * work, capacity=1000.0, availability=1.0, probability=0.95, **given,
    )  # fmt: skip


def test_replicas_are_rented_for_the_day() -> None:
    """12 x 15 + one start of 0.5 x 15 is less than 24 x 10; with 24 x 1 fixed that is a mean of 8.8125 an hour."""
    found = cheapest_fleet(day_and_night())

    assert (0, [1] * 12 + [0] * 12, 1) == (found.reserved, found.rented.tolist(), found.starts)
    assert (12 * 15 + 0.5 * 15 + 24 * 1) / 24 == pytest.approx(found.usd_per_h)


def test_a_replica_is_reserved_if_that_is_cheaper() -> None:
    """24 x 7 is less than 12.5 x 15."""
    found = cheapest_fleet(day_and_night(reserved_usd_per_h=7.0))

    assert (1, 0) == (found.reserved, found.rented.sum())
    assert 7 + 1 == pytest.approx(found.usd_per_h)


def test_fixed_costs_decide_against_own_replicas() -> None:
    """The API takes 12 x 100 = 50 a mean hour; 45 fixed and the rent of 7.8125 are more, 40 are not."""
    all_api = cheapest_fleet(day_and_night(fixed_usd_per_h=45.0))
    own = cheapest_fleet(day_and_night(fixed_usd_per_h=40.0))

    assert all_api.usd_per_h == pytest.approx(50.0)
    assert not all_api.has_own
    assert own.has_own


def test_a_replica_that_fails_cannot_hold_more_often_than_it_is_up() -> None:
    """Up 90 % of the time, one replica holds nothing with 95 %; with 90 % it does, and 10 % of the work overflows."""
    one_each = replace(day_and_night(rented_usd_per_h=90.0, reserved_usd_per_h=30.0), availability=0.9)
    costs = hour_costs(one_each)
    looser = hour_costs(replace(one_each, probability=0.9))

    assert (0.0, 1.0) == (costs.share[0, 1], looser.share[0, 1])
    assert 10.0 == pytest.approx(looser.usd[0, 1])


def test_the_live_requests_go_to_own_replicas_first() -> None:
    """60 live and 40 waiting at $1 and $0.5: with half the work sent, 10 live and all waiting ones are paid."""
    problem = replace(
        day_and_night(), live_work=np.repeat([60.0, 0.0], 12), wait_work=np.repeat([40.0, 0.0], 12),
        live_usd=np.repeat([60.0, 0.0], 12), wait_usd=np.repeat([20.0, 0.0], 12), shares=(0.0, 0.5),
    )  # fmt: skip

    assert 10 * 1 + 40 * 0.5 == pytest.approx(hour_costs(problem).usd[0, 1])


def test_nothing_is_sent_to_no_replicas() -> None:
    """In a quiet hour a small share mostly has no request in it; without a replica all goes to the API, and nothing overflows."""
    rng = np.random.default_rng(5)
    live, usd = rng.uniform(0.1, 3, 24), rng.uniform(0.1, 3, 24)
    nothing = np.zeros(24)
    quiet = replace(
        day_and_night(), live_work=live, wait_work=nothing, live_usd=usd, wait_usd=nothing, other_usd=nothing
    )
    costs = hour_costs(quiet)

    assert nothing.tolist() == costs.share[:, 0].tolist() == costs.overflow[:, 0].tolist()
    assert usd.tolist() == costs.usd[:, 0].tolist()


def test_alone_everything_must_fit() -> None:
    """Without an API, work of 100 needs a replica of 150 in each hour with work, whatever it costs."""
    found = cheapest_fleet(replace(day_and_night(fixed_usd_per_h=900.0), capacity=150.0, is_alone=True))

    assert (12, 1.0) == (found.rented.sum(), found.share[0])


def test_many_replicas_are_planned_in_blocks() -> None:
    """About 1,000 replicas become at most MAX_BLOCKS blocks, each of the steady share that is up, at the price of its size."""
    work = np.full(24, 1_000_000.0)
    problem = replace(day_and_night(), live_work=work, live_usd=work, unit=np.ones(24), availability=0.9)
    block, size = in_blocks(problem)

    assert 1_003_000 / 1000 / MAX_BLOCKS < size < 1_003_000 / 1000 / MAX_BLOCKS + 1
    assert (900.0 * size, 10.0 * size, 1.0) == (block.capacity, block.reserved_usd_per_h, block.availability)


def test_more_replicas_than_the_limit_are_refused() -> None:
    """A capacity that a thousandth of a request needs is a mistake."""
    with pytest.raises(InputError, match="more than 20,000 replicas"):
        hour_costs(replace(day_and_night(), capacity=1e-3))


def test_a_solver_without_a_proof_is_no_plan() -> None:
    """Out of time is an error that says so, and not a plan that may not be the cheapest."""
    with pytest.raises(BenchError, match=r"proved no cheapest fleet.*[Tt]ime"):
        cheapest_fleet(make_problem(3), time_limit_s=0.0)
