"""Stopping rules: valid at every look, consistent with their own conclusions, and worth their while."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from gapbench.stats.sequential import StoppingRule, cluster_totals, conclude, describe
from gapbench.stats.sequential_evidence import bets, confidence_sequence, evidence_path
from gapbench.stats.sequential_looks import look_levels, repeated_interval, spent_alpha

FIFTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
SUMS = st.lists(st.sampled_from([-1.0, -0.3, 0.0, 0.0, 0.5, 1.0]), min_size=2, max_size=80)


def binary(trials: int, pairs: int, gap: float, discordance: float, seed: int) -> np.ndarray:
    """Return differences of 0/1 scores with a true gap."""
    draw = np.random.default_rng(seed).random((trials, pairs))
    return np.where(draw < (discordance + gap) / 2, 1.0, np.where(draw < discordance, -1.0, 0.0))


def test_five_looks_have_the_boundaries_of_the_literature() -> None:
    """GsDesign 3.6, gsDesign(k=5, test.type=2, alpha=.025, sfu=sfLDOF): 4.8769, 3.3569, 2.6803, 2.2898, 2.0310."""
    bounds = [float(-special.ndtri(level / 2)) for level in look_levels(FIFTHS)]

    assert [4.877, 3.357, 2.680, 2.290, 2.031] == [round(bound, 3) for bound in bounds]


def test_one_look_is_the_fixed_test() -> None:
    """All of the error is spent at once."""
    assert look_levels((1.0,)) == pytest.approx((0.05,), abs=1e-9)


def test_spending_rises_from_nothing_to_all() -> None:
    """And not beyond, should more be collected than planned."""
    shares = [spent_alpha(share, 0.05) for share in (0.0, 0.1, 0.5, 1.0, 1.5)]

    assert shares == sorted(shares)
    assert [0.0, 0.05, 0.05] == pytest.approx([shares[0], *shares[3:]])


def test_shares_that_do_not_rise_are_refused() -> None:
    """Two looks at one time are one look."""
    with pytest.raises(ValueError, match="must rise"):
        look_levels((0.5, 0.5))


def test_the_capital_is_one_and_no_bet_can_lose_more() -> None:
    """So the evidence starts at 1 and never becomes negative."""
    shares, capital = bets()

    assert math.isclose(1.0, capital.sum())
    assert 0 < shares.min() < shares.max() < 1


@given(st.floats(-0.9, 0.9), st.floats(0.01, 1.0), st.integers(1, 9))
def test_a_fair_cluster_multiplies_no_bet_by_more_than_one(gap: float, spread: float, size: int) -> None:
    """The mean factor of every bet is 1 when the mean gap is the hypothesized one: the root of the guarantee.

    Two outcomes around the gap, drawn so that their mean is exactly the gap.
    """
    low, high = gap - spread * (1 + gap), gap + spread * (1 - gap)
    weight = (gap - low) / (high - low)
    paths = [
        np.exp(evidence_path(np.array([value * size]), np.array([float(size)]), gap, size)[0])
        for value in (low, high)
    ]

    assert (1 - weight) * paths[0] + weight * paths[1] == pytest.approx(1.0, abs=1e-9)


@given(SUMS)
def test_the_interval_is_where_neither_side_is_rejected(sums: list[float]) -> None:
    """Ahead beside an interval that holds zero is impossible, and the other way round."""
    values, sizes = np.array(sums), np.ones(len(sums))
    low, high = confidence_sequence(values, sizes, 1)
    up, down = (evidence_path(sign * values, sizes, 0.0, 1)[-1] for sign in (1, -1))

    assert (up >= math.log(40)) == (low > 0)
    assert (down >= math.log(40)) == (high < 0)
    assert -1 <= low <= values.mean() <= high <= 1


@given(SUMS, st.randoms(use_true_random=False))
def test_the_order_of_clusters_does_not_matter(sums: list[float], shuffler: object) -> None:
    """A resumed run comes to the same interval whatever came back first."""
    values, sizes = np.array(sums), np.ones(len(sums))

    assert confidence_sequence(values, sizes, 1) == pytest.approx(
        confidence_sequence(values[::-1].copy(), sizes, 1), abs=1e-9
    )


def test_a_cluster_larger_than_planned_is_refused() -> None:
    """The bets are bounded by the largest cluster, which must be known before the first look."""
    with pytest.raises(ValueError, match="more than the 2 planned"):
        confidence_sequence(np.array([3.0]), np.array([3.0]), 2)


@pytest.mark.parametrize("discordance", [0.2, 0.4])
def test_looking_after_every_item_errs_in_at_most_5_percent(discordance: float) -> None:
    """500 runs of 400 items without a gap; an uncorrected test errs in over 20 % of them."""
    sums = binary(500, 400, 0.0, discordance, seed=1)
    sizes = np.ones((50, 400))
    wrong = 0
    for start in range(0, 500, 50):
        part = sums[start : start + 50]
        paths = [evidence_path(sign * part, sizes, 0.0, 1).max(axis=1) for sign in (1, -1)]
        wrong += int((np.maximum(*paths) >= math.log(40)).sum())

    assert wrong / 500 <= 0.05


def test_a_skewed_null_errs_in_at_most_5_percent() -> None:
    """Nine in ten items lose .1 and one gains .9: the mean is zero, and 20 losses in a row are common."""
    draw = np.random.default_rng(2).random((300, 200))
    sums = np.where(draw < 0.1, 0.9, -0.1)
    paths = [
        evidence_path(sign * sums[start : start + 50], np.ones((50, 200)), 0.0, 1).max(axis=1)
        for start in range(0, 300, 50)
        for sign in (1, -1)
    ]

    assert sum(int((path >= math.log(40)).sum()) for path in paths) / 300 <= 0.05


def test_a_gap_of_8_points_needs_less_than_half_of_1000_pairs() -> None:
    """200 runs at a discordance of .228: at least 95 % conclude, and at least half of the pairs are saved."""
    stops = []
    for start in range(0, 200, 50):
        sums = binary(50, 1_000, 0.08, 0.228, seed=3 + start)
        hit = evidence_path(sums, np.ones((50, 1_000)), 0.0, 1) >= math.log(40)
        stops += [int(row.argmax()) + 1 if row.any() else 1_001 for row in hit]

    assert sum(stop <= 1_000 for stop in stops) / 200 >= 0.95
    assert sum(min(stop, 1_000) for stop in stops) / 200 <= 500


def test_five_looks_err_in_at_most_5_percent_or_so() -> None:
    """1,000 runs of 300 pairs without a gap: 5 % and three standard errors of the simulation."""
    levels = look_levels(FIFTHS)
    wrong = 0
    for sums in binary(1_000, 300, 0.0, 0.2, seed=4):
        intervals = [
            repeated_interval(sums[:last], np.ones(last), level)
            for last, level in zip((60, 120, 180, 240, 300), levels, strict=True)
        ]
        wrong += any(low > 0 or high < 0 for low, high in intervals)

    assert wrong / 1_000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1_000)


def test_models_that_agree_are_not_equivalent_at_once() -> None:
    """20 pairs without a difference say little about a margin of 1.7 points; 2,000 say enough."""
    few = repeated_interval(np.zeros(20), np.ones(20), 0.05)
    many = repeated_interval(np.zeros(20_000), np.ones(20_000), 0.05)

    assert conclude(*few, 0.017) is None
    assert "equivalent" == conclude(*many, 0.017)
    assert conclude(*confidence_sequence(np.zeros(100), np.ones(100), 1), 0.017) is None
    assert "equivalent" == conclude(*confidence_sequence(np.zeros(2_000), np.ones(2_000), 1), 0.017)


@pytest.mark.parametrize(
    ("low", "high", "conclusion", "words"),
    [
        (0.01, 0.2, "closed ahead", "closed ahead"),
        (-0.2, -0.01, "open ahead", "open ahead"),
        (-0.01, 0.01, "equivalent", "equivalent within 1.7 points"),
        (0.001, 0.01, "equivalent", "equivalent within 1.7 points"),
        (-0.1, 0.01, "no worse", "open no worse by 1.7 points"),
        (-0.1, 0.1, None, "not distinguishable"),
        (-1.0, 1.0, None, "not distinguishable"),
    ],
)
def test_the_strongest_conclusion_of_an_interval(
    low: float, high: float, conclusion: str | None, words: str
) -> None:
    """At a margin of 1.7 points; gaps are closed minus open."""
    found = conclude(low, high, 0.017)

    assert (conclusion, words) == (found, describe(found, 1.7))


def test_clusters_are_added_up() -> None:
    """Codes need not be dense."""
    sums, sizes = cluster_totals([1.0, -1.0, 0.5, 0.25], [4, 4, 0, 4])

    assert ([0.5, 0.25], [1.0, 3.0]) == (list(sums), list(sizes))


def test_several_comparisons_share_the_error() -> None:
    """Four pairs of models at 1.25 % each: wider intervals."""
    sums, sizes = np.repeat([1.0, 0.0, -1.0], [60, 200, 20]), np.ones(280)
    one, four = (StoppingRule(1, comparisons=count).interval(sums, sizes, 1) for count in (1, 4))

    assert four[0] < one[0] < one[1] < four[1]


def test_nothing_is_concluded_before_the_first_of_a_fixed_number_of_looks() -> None:
    """However clear the data."""
    assert (-1.0, 1.0) == StoppingRule(1, FIFTHS).interval(np.ones(50), np.ones(50), 0)
