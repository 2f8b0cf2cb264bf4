"""The offset of another clock is found within its bound, whatever the two ways take."""

from __future__ import annotations

import math
import random

import pytest

from gapbench.execution.machines.machine_clock import ASSUMED_DRIFT, MAX_EXCHANGES, MachineClock


def exchange(
    clock: MachineClock, at_s: float, offset_s: float, out_s: float, back_s: float, gain: float = 0.0
) -> None:
    """Ask at an instant a clock that is ``offset_s`` ahead at 0 and gains ``gain`` seconds a second."""
    other_s = at_s + out_s
    theirs = other_s + offset_s + gain * other_s
    clock.add(at_s, theirs, theirs, other_s + back_s)


def test_equal_ways_give_the_offset_itself() -> None:
    """1 ms there, 1 ms back, 40 s ahead: 40 s, and never more than 1 ms wrong."""
    clock = MachineClock()
    exchange(clock, 10.0, 40.0, 0.001, 0.001)
    found = clock.estimate(10.001)

    assert (40.0, 0.001) == pytest.approx((found.offset_s, found.bound_s))


def test_the_bound_holds_when_one_way_takes_all_the_time() -> None:
    """0 ms there, 10 ms back: 5 ms wrong, which is the bound, half of the round trip."""
    clock = MachineClock()
    exchange(clock, 10.0, 40.0, 0.0, 0.010)
    found = clock.estimate(10.005)

    assert abs(found.offset_s - 40.0) == pytest.approx(0.005)
    assert found.bound_s == pytest.approx(0.005)


def test_the_bound_grows_with_the_age_of_the_exchange() -> None:
    """100 s after an exchange of 2 ms: 1 ms and 100 x 2e-4."""
    clock = MachineClock()
    exchange(clock, 0.0, 0.0, 0.001, 0.001)

    assert 0.001 + 100 * ASSUMED_DRIFT == pytest.approx(clock.estimate(100.001).bound_s)


def test_the_shortest_round_trip_counts() -> None:
    """Nine of 50 ms that are all wrong, one of 1 ms."""
    clock = MachineClock()
    for k in range(9):
        exchange(clock, k * 0.1, 3.0, 0.050, 0.0)
    exchange(clock, 1.0, 3.0, 0.0005, 0.0005)

    assert 3.0 == pytest.approx(clock.estimate(1.1).offset_s, abs=1e-9)


@pytest.mark.parametrize("gain", [0.0, 3e-5, -8e-5, 1.9e-4])
@pytest.mark.parametrize("seed", range(8))
def test_a_clock_that_drifts_stays_within_the_bound(gain: float, seed: int) -> None:
    """Five minutes of exchanges every 2 s with ways of up to 20 ms; at 200 instants the truth is inside."""
    rng = random.Random(seed)
    clock = MachineClock()
    for k in range(150):
        exchange(clock, k * 2.0, -7.0, rng.expovariate(200), rng.expovariate(400), gain)
    for k in range(200):
        at_s = k * 1.49
        found = clock.estimate(at_s)
        assert abs(found.offset_s - (-7.0 + gain * at_s)) <= found.bound_s


def test_a_measured_drift_is_used() -> None:
    """50 millionths over ten minutes with 1 ms round trips: found within 2 millionths, and a tighter bound."""
    clock = MachineClock()
    for k in range(300):
        exchange(clock, k * 2.0, 1.0, 0.0005, 0.0005, 5e-5)
    gain, uncertain = clock.drift()

    assert 5e-5 == pytest.approx(gain, abs=2e-6)
    assert uncertain < ASSUMED_DRIFT / 10


def test_one_offset_for_a_whole_cell_has_the_drift_in_its_bound() -> None:
    """An offset of the cell's start, 100 s long, 50 millionths: at its end 5 ms wrong, and the bound says so."""
    clock = MachineClock()
    for k in range(50):
        exchange(clock, k * 2.0, 1.0, 0.0005, 0.0005, 5e-5)
    bound_s = clock.bound_over(1.0, 0.0, 98.0)

    assert 98 * 5e-5 <= bound_s < 98 * 5e-5 + 0.002


def test_times_that_cannot_be_are_left_out() -> None:
    """A machine that claims to have taken longer than the round trip, and one that answers before the question."""
    clock = MachineClock()
    clock.add(1.0, 5.0, 9.0, 1.1)
    clock.add(2.0, 5.0, 5.0, 1.9)

    assert [] == clock.exchanges


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("instant", [math.nan, math.inf, -math.inf])
def test_an_instant_that_is_not_finite_is_left_out(place: int, instant: float) -> None:
    """As any of the three instants that a machine sends: question, arrival, answer."""
    clock = MachineClock()
    sent_s, received_s, answered_s = (
        instant if k == place else sound for k, sound in enumerate((1.0, 5.0, 5.0))
    )
    clock.add(sent_s, received_s, answered_s, 1.1)

    assert [] == clock.exchanges


def test_instants_too_far_apart_to_subtract_are_left_out() -> None:
    """1e308 and -1e308: a round trip without end."""
    clock = MachineClock()
    clock.add(1.0, 1e308, -1e308, 1.1)

    assert [] == clock.exchanges


def test_the_exchanges_kept_are_bounded() -> None:
    """Of each two neighbours the better one stays."""
    clock = MachineClock()
    for k in range(5 * MAX_EXCHANGES):
        exchange(clock, k * 2.0, 1.0, 0.0005 if k % 2 else 0.1, 0.0005)

    assert len(clock.exchanges) <= MAX_EXCHANGES
    assert clock.least_rtt_s == pytest.approx(0.001)
