"""When requests are due: rates, ramps, gamma gaps, replays, and the levels of a search."""

from __future__ import annotations

import random
import statistics
from itertools import pairwise

import pytest

from gapbench.suite.loads.load import Load, RateSearch
from gapbench.suite.loads.trace import Arrival
from gapbench.values.slo import Slo


def dues(load: Load, seed: int = 1) -> list[float]:
    return list(load.due_times_s(random.Random(seed)))


def gaps(load: Load) -> list[float]:
    return [after - before for before, after in pairwise(dues(load))]


@pytest.mark.parametrize("cv", [0.5, 1.0, 2.0])
def test_gamma_gaps_have_the_mean_and_the_spread_asked_for(cv: float) -> None:
    """10,000 s at 2 a second: a mean of 0.5 s within 5 %, and the coefficient of variation within 5 %."""
    found = gaps(Load("rate", 2.0, "gamma", duration_s=10_000.0, cv=cv))
    mean = statistics.fmean(found)

    assert 0.5 == pytest.approx(mean, rel=0.05)
    assert cv == pytest.approx(statistics.stdev(found) / mean, rel=0.05)


def test_a_ramp_sends_the_area_under_its_rate() -> None:
    """From 1 to 3 a second over 10 s: 20 requests, 7.5 of them in the first half (5 x (1 + 2) / 2)."""
    found = dues(Load("ramp", 2.0, "constant", duration_s=10.0, from_rps=1.0, to_rps=3.0))

    assert 20 == len(found)
    assert 8 == sum(due_s < 5.0 for due_s in found)


def test_a_falling_ramp_ends() -> None:
    """From 3 down to 1 a second over 10 s: 20 requests too, most of them early."""
    found = dues(Load("ramp", 2.0, "constant", duration_s=10.0, from_rps=3.0, to_rps=1.0))

    assert 20 == len(found)
    assert 13 == sum(due_s < 5.0 for due_s in found)


def test_a_ramps_instantaneous_rate_is_its_rate() -> None:
    """Constant spacing: the gap around t is one over the rate there, 0.5 s at the start and 0.1 s at the end."""
    found = gaps(Load("ramp", 6.0, "constant", duration_s=100.0, from_rps=2.0, to_rps=10.0))

    assert (0.5, 0.1) == pytest.approx((found[0], found[-1]), rel=0.02)


def test_a_replay_keeps_the_traces_times() -> None:
    """At twice the speed, in half the time."""
    trace = (Arrival(0.0), Arrival(0.5), Arrival(3.0))

    assert [0.0, 0.25, 1.5] == dues(Load("replay", 1.0, trace=trace, speed=2.0))
    assert [0.0, 0.5] == dues(Load("replay", 1.0, trace=trace, duration_s=3.0))
    assert [0.0] == dues(Load("replay", 1.0, trace=trace, max_requests=1))


@pytest.mark.parametrize(
    ("load", "label"),
    [
        (Load("adaptive", 64), "a64"),
        (Load("ramp", 10.5, from_rps=1, to_rps=20), "ramp1-20"),
        (Load("search", 8.25, repetition=2), "s8.25#2"),
        (Load("rate", 4, name="bursty", repetition=1), "bursty#1"),
    ],
)
def test_labels(load: Load, label: str) -> None:
    """What stands in the cell's id."""
    assert label == load.label


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (Load("concurrency", 16), "concurrency 16"),
        (Load("rate", 40), "rate 40"),
        (Load("rate", 40, arrivals="gamma", name="bursts"), "rate 40 (bursts)"),
        (Load("ramp", 10.5, from_rps=1, to_rps=20), "ramp 1-20"),
    ],
)
def test_loads_in_words(load: Load, words: str) -> None:
    """A name tells two loads of one rate apart."""
    assert words == load.description


@pytest.mark.parametrize(
    ("load", "peak"),
    [
        (Load("concurrency", 8), None),
        (Load("rate", 8), 8.0),
        (Load("ramp", 10.5, from_rps=1, to_rps=20), 20.0),
        (Load("replay", 1, trace=(Arrival(0), Arrival(0.2), Arrival(5))), 2.0),
    ],
)
def test_the_peak_rate(load: Load, peak: float | None) -> None:
    """The busiest second of a trace; concurrency has none."""
    assert peak == load.peak_rps


def test_a_searchs_levels_are_within_the_tolerance_of_each_other() -> None:
    """From 1 to 64 in steps of at most 5 % and a rounding to four digits: 87 levels, both ends among them."""
    search = RateSearch(Slo(ttft_s=1), 1.0, 64.0, 0.05, 3, Load("search", 1.0))
    levels = search.rates_rps

    assert (1.0, 64.0) == (levels[0], levels[-1])
    assert all(after / before <= 1.051 for before, after in pairwise(levels))
    assert 7 * 3 == search.max_tries
