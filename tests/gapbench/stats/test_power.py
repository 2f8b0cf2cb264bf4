"""Sample sizes: the figures of the literature, the two directions agree, and one function serves every command."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from gapbench.stats import items_needed, paired_difference, pairs_to_decide
from gapbench.stats.paired import INNER, Difference
from gapbench.stats.power import (
    design_effect,
    detectable_change,
    detectable_gap,
    pairs_for_equivalence,
    required_pairs,
    round_up,
)


@pytest.mark.parametrize(("points", "pairs"), [(3.2, 1_533), (4.1, 934), (5.8, 467)])
def test_the_articles_claims(points: float, pairs: int) -> None:
    """(1.96 + .8416)^2 x .2 / gap^2: 7.849 x .2 / .032^2 = 1,533, and so on."""
    assert pairs == round_up(required_pairs(points / 100, 0.2))


@pytest.mark.parametrize(("pairs", "points"), [(160, 9.9), (126, 11.2), (230, 8.3), (552, 5.3), (60, 16.2)])
def test_the_gap_that_a_suite_detects(pairs: int, points: float) -> None:
    """2.8016 x sqrt(.2 / pairs), in points."""
    found = detectable_gap(pairs, 0.2)

    assert found is not None
    assert points == round(found * 100, 1)


def test_equivalence_within_the_default_margin() -> None:
    """(1.9600 + 1.2816)^2 x .2 / .017^2 = 7,272 pairs at a discordance of .2."""
    assert 7_272 == round_up(pairs_for_equivalence(0.017, 0.2))


@given(st.floats(0.005, 0.5), st.floats(0.01, 3.0), st.sampled_from([None, 1.0, 2.5, 12.0]))
def test_both_directions_agree(gap: float, variance: float, per_cluster: float | None) -> None:
    """The pairs that a gap needs detect that gap."""
    pairs = required_pairs(gap, variance, pairs_per_cluster=per_cluster)
    assert pairs is not None
    if per_cluster is not None and pairs / per_cluster < 5:
        assert detectable_gap(pairs, variance, pairs_per_cluster=per_cluster) is None
    else:
        assert gap == pytest.approx(detectable_gap(pairs, variance, pairs_per_cluster=per_cluster), rel=1e-6)


def test_the_power_is_what_was_asked_for() -> None:
    """20,000 simulated comparisons of 467 pairs at a gap of 5.8 points and a discordance of .2: 80 %."""
    rng = np.random.default_rng(5)
    wins = rng.binomial(467, (0.2 + 0.058) / 2, 20_000)
    losses = rng.binomial(467 - wins, (0.2 - 0.058) / 2 / (1 - (0.2 + 0.058) / 2))
    significant = np.abs(wins - losses) / np.sqrt(wins + losses) > 1.959964

    assert 0.785 < significant.mean() < 0.815


@pytest.mark.parametrize(
    ("sizes", "icc", "effect"), [([1] * 9, 0.2, 1.0), ([5] * 4, 0.2, 1.8), ([1, 9], 0.5, 4.6), ([], 0.2, 1.0)]
)
def test_the_design_effect(sizes: list[float], icc: float, effect: float) -> None:
    """1 + (m - 1) icc; for clusters of 1 and 9, m is (1 + 81) / 10 = 8.2."""
    assert effect == pytest.approx(design_effect(sizes, icc))


def test_nothing_to_detect_has_no_number() -> None:
    """No gap, no pairs, or four clusters of ten."""
    assert required_pairs(0.0, 0.2) is None
    assert detectable_gap(0, 0.2) is None
    assert detectable_gap(40, 0.2, pairs_per_cluster=10.0) is None
    assert detectable_gap(1, 0.2) is None


@given(st.integers(6, 40), st.integers(0, 5), st.integers(100, 400))
def test_the_gap_table_counts_by_the_same_function(gains: int, losses: int, pairs: int) -> None:
    """From the variance that was measured instead of a discordance that was assumed."""
    first, second = np.zeros(pairs), np.zeros(pairs)
    first[:gains] = 1
    second[gains : gains + losses] = 1
    found = paired_difference(first, second, np.arange(pairs))
    variance = found.standard_error**2 * pairs
    expected = round_up(required_pairs(found.estimate, variance))
    assert expected is not None
    shown = items_needed(found.estimate, found.standard_error, pairs)

    assert shown == (expected if expected > pairs else None)
    assert math.isclose(
        variance, ((gains + losses) / pairs - found.estimate**2) * pairs / (pairs - 1), rel_tol=1e-9
    )


def test_pairs_to_decide_uses_it_for_equivalence_too() -> None:
    """Models that agree on 900 of 1,000 pairs, 50 lost on either side."""
    first, second = np.zeros(1_000), np.zeros(1_000)
    first[:50], second[50:100] = 1, 1
    found = paired_difference(first, second, np.arange(1_000))

    assert pairs_to_decide(found, margin=0.017) == round_up(
        pairs_for_equivalence(0.017, found.standard_error**2 * 1_000)
    )


def test_a_gate_finds_what_it_tolerates_and_the_noise_of_both_errors() -> None:
    """2 points are tolerated; with many clusters the bound lies 1.645 standard errors of 1 point away: 2 + 1.645 + 0.842."""
    found = detectable_change(2.0, 1.645, 100_000, level=0.95)

    assert 2 + 1.645 + 0.842 == pytest.approx(found, abs=0.001)


def test_a_share_that_falls_adds_noise_of_its_own() -> None:
    """Without any noise in 100 pairs, items that break have a variance of d (100 - d) / 100 points."""
    found = detectable_change(0.0, 0.0, 100, level=0.95, seen=0.0)
    wanted = special.stdtrit(99, 0.95) + special.stdtrit(99, 0.8)

    assert found is not None
    assert wanted * (found * (100 - found) / 100) ** 0.5 == pytest.approx(found, abs=1e-6)
    assert 5 < found < 7


def test_the_gate_finds_the_fall_that_it_says_it_finds() -> None:
    """300 items, 30 of them coin flips: a fall of the stated size fails the rule in at least 80 % of 100 pairs of runs."""
    rng = np.random.default_rng(3)
    chance = np.repeat([1.0, 0.5, 0.0], [240, 30, 30])

    def pair(fall: float) -> Difference:
        """Return a run minus another; of the first, a share ``fall`` is broken."""
        base, new = ((rng.random(300) < chance).astype(float) for _ in range(2))
        new[rng.random(300) < fall / chance.mean()] = 0.0
        return paired_difference(new, base, np.arange(300))

    alike = pair(0.0)
    slack = 100 * (alike.inner_high - alike.estimate)
    found = detectable_change(2.0, slack, 300, level=(1 + INNER) / 2, seen=-100 * alike.estimate)
    assert found is not None
    failed = sum(100 * pair(found / 100).inner_high < -2 for _ in range(100))

    assert failed >= 72, "80 less two standard errors"
