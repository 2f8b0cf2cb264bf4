"""Paired differences: against scipy's bootstrap, coverage on drawn data, and arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, special
from scipy import stats as scipy_stats

from gapbench.stats import (
    ScoreTest,
    is_equivalent,
    is_non_inferior,
    items_needed,
    paired_difference,
    pairs_to_decide,
    shift,
)


def tango(gains: float, losses: float, n: int, confidence: float) -> tuple[float, float]:
    """Return Tango's score interval, solved by scipy from his formula (Stat. Med. 17 (1998) 891)."""
    z = float(special.ndtri(0.5 + confidence / 2))

    def score(gap: float) -> float:
        b = -(gains + losses) + (2 - gains + losses) * gap
        q = (math.sqrt(max(b * b + 8 * losses * gap * (1 - gap), 0.0)) - b) / 4
        variance = 2 * q + gap * (1 - gap)
        return (gains - losses - gap) * math.sqrt(n / max(variance, 1e-15))

    point, end = gains - losses, 1 - 1e-12
    low = optimize.brentq(lambda gap: score(gap) - z, -end, point, xtol=1e-13)
    high = optimize.brentq(lambda gap: score(gap) + z, point, end, xtol=1e-13)
    return float(low), float(high)


def test_pairs_that_all_agree_keep_a_width() -> None:
    """No discordant pair in a hundred: Tango's bound at Student's t = 1.984 is t^2 / (99 + t^2) = 3.8 points."""
    found = paired_difference(np.ones(100), np.ones(100), np.arange(100))
    t = float(special.stdtrit(99, 0.975))

    assert found.method == "score"
    assert found.estimate == 0
    assert found.high == pytest.approx(t**2 / (99 + t**2), abs=1e-6)
    assert found.low == pytest.approx(-found.high)
    assert found.p_value == 1.0


def test_a_difference_agrees_with_scipys_bootstrap() -> None:
    """With many discordant pairs the interval is scipy's, within the Monte Carlo error."""
    rng = np.random.default_rng(5)
    first, second = rng.random(400), rng.random(400) * 0.9
    found = paired_difference(first, second, np.arange(400))
    expected = scipy_stats.ttest_rel(first, second).confidence_interval()

    assert found.method == "bootstrap-t"
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.003)


def test_clusters_widen_a_difference() -> None:
    """The same pairs asked five times each are no more pairs."""
    rng = np.random.default_rng(6)
    first, second = (rng.random(100) < 0.8).astype(float), (rng.random(100) < 0.4).astype(float)
    once = paired_difference(first, second, np.arange(100))
    again = paired_difference(np.repeat(first, 5), np.repeat(second, 5), np.repeat(np.arange(100), 5))

    assert again.n_pairs == 500
    assert again.n_clusters == 100
    assert (again.low, again.high) == pytest.approx((once.low, once.high), abs=0.01)


@pytest.mark.parametrize(
    ("n", "clusters", "p1", "p2"), [(100, 100, 0.8, 0.7), (100, 20, 0.97, 0.97), (300, 100, 0.5, 0.5)]
)
def test_intervals_cover(n: int, clusters: int, p1: float, p2: float) -> None:
    """Nominal 95 % intervals hold the true gap in 91 to 99.5 % of 300 seeded trials (4 standard errors)."""
    rng = np.random.default_rng(n + clusters)
    codes = np.repeat(np.arange(clusters), n // clusters)
    normal = scipy_stats.norm
    held = 0
    for trial in range(300):
        shared = np.repeat(rng.normal(size=clusters), n // clusters)
        noise = rng.normal(size=(2, n))
        first = (0.6 * shared + 0.8 * noise[0] < normal.ppf(p1)).astype(float)
        second = (0.6 * shared + 0.8 * noise[1] < normal.ppf(p2)).astype(float)
        found = paired_difference(first, second, codes, resamples=600, seed=trial)
        held += found.low <= p1 - p2 <= found.high

    assert 0.91 <= held / 300 <= 0.995


def test_a_difference_of_nothing_is_refused() -> None:
    """No pair is an error of the caller, never an interval."""
    with pytest.raises(ValueError, match="at least one"):
        paired_difference(np.array([]), np.array([]), np.array([], dtype=np.int64))


def test_the_same_seed_gives_the_same_interval() -> None:
    """A report repeats to the last digit."""
    rng = np.random.default_rng(2)
    first, second, codes = rng.random(300), rng.random(300), np.arange(300)

    assert paired_difference(first, second, codes) == paired_difference(first, second, codes)


def test_equivalence_needs_the_inner_interval_inside() -> None:
    """No difference over 2,000 pairs is within 1.7 points; over 50 pairs it is not known."""
    large = paired_difference(np.ones(2000), np.ones(2000), np.arange(2000))
    small = paired_difference(np.ones(50), np.ones(50), np.arange(50))

    assert is_equivalent(large, 0.017)
    assert not is_equivalent(small, 0.017)


def test_a_shift_moves_interval_and_p_value() -> None:
    """A gap of two standard errors less two is no gap."""
    rng = np.random.default_rng(8)
    first, second = rng.random(500) * 0.9 + 0.1, rng.random(500)
    found = paired_difference(first, second, np.arange(500))
    moved = shift(found, -found.estimate)

    assert moved.estimate == pytest.approx(0)
    assert moved.high - moved.low == pytest.approx(found.high - found.low)
    assert moved.p_value > 0.8
    assert shift(found, 0) is found


def test_items_needed_by_hand() -> None:
    """A gap of one standard error at n = 100 needs 100 x (1.96 + 0.8416)^2 = 785 pairs."""
    assert items_needed(0.05, 0.05, 100) == 785
    assert items_needed(0.0, 0.05, 100) is None


@pytest.mark.parametrize("clusters", [5, 8, 20, 200])
@pytest.mark.parametrize("errors", [0.5, 1.0, 1.5])
def test_the_pairs_needed_have_the_power_that_was_asked_for(clusters: int, errors: float) -> None:
    """By the noncentral t over the clusters that there would be: 80 %, a rounding to whole clusters apart."""
    needed = items_needed(errors, 1.0, clusters * 6, n_clusters=clusters)
    assert needed is not None
    then = math.ceil(needed / 6)
    distance = errors * math.sqrt(then / clusters)
    power = scipy_stats.nct.sf(scipy_stats.t.isf(0.025, then - 1), then - 1, distance)
    assert 0.76 < power < 0.93


def test_no_number_is_said_that_nobody_knows() -> None:
    """Of four sources the spread is a guess; and where the pairs at hand should have done, the formula is not the test."""
    assert items_needed(0.05, 0.05, 100, n_clusters=4) is None
    assert items_needed(0.05, 0.01, 100) is None


def test_no_worse_asks_for_one_bound_alone() -> None:
    """The second ahead by 10 points is no worse, and not equivalent; two behind of 200 are neither."""
    ahead, behind = np.zeros(200), np.zeros(200)
    ahead[:20] = 1
    behind[:2] = 1
    zero, items = np.zeros(200), np.arange(200)

    assert is_non_inferior(paired_difference(zero, ahead, items), 0.017)
    assert not is_equivalent(paired_difference(zero, ahead, items), 0.017)
    assert not is_non_inferior(paired_difference(behind, zero, items), 0.017)


def test_unrelated_right_and_wrong_are_tested_by_mcnemars_score() -> None:
    """40 wins to 20: chi-squared is 20^2 / 60 = 6.67, by Student's t over 199 degrees times 199 / 200."""
    first, second = np.zeros(200), np.zeros(200)
    first[:40], second[40:60] = 1, 1
    found = paired_difference(first, second, np.arange(200))
    t = math.sqrt(20**2 / 60 * 199 / 200)

    assert (found.test, found.method) == ("score", "score")
    assert found.p_value == pytest.approx(2 * float(special.stdtr(199, -t)), abs=1e-9)


@pytest.mark.parametrize(
    ("gains", "losses", "n"), [(40, 20, 200), (6, 0, 40), (0, 0, 30), (30, 29, 1000), (3, 9, 12)]
)
def test_right_and_wrong_have_tangos_interval(gains: int, losses: int, n: int) -> None:
    """At Student's critical value times sqrt(n / (n - 1)): Tango's score equation, solved by scipy."""
    first, second = np.zeros(n), np.zeros(n)
    first[:gains], second[gains : gains + losses] = 1, 1
    found = paired_difference(first, second, np.arange(n))
    critical = float(special.stdtrit(n - 1, 0.975)) * math.sqrt(n / (n - 1))
    confidence = 2 * float(special.ndtr(critical)) - 1

    assert (found.low, found.high) == pytest.approx(tango(gains / n, losses / n, n, confidence), abs=1e-6)


def test_many_clusters_and_partial_credit_are_resampled() -> None:
    """The score test is for independent right and wrong answers, and for few differing clusters."""
    rng = np.random.default_rng(3)
    first, second = rng.random((2, 200)).round(1)

    assert paired_difference(first, second, np.arange(200)).test == "bootstrap-t"
    assert paired_difference(first.round(), second.round(), np.arange(200) // 2).test == "bootstrap-t"


def test_partial_credit_of_few_pairs_is_as_precise_as_students_t() -> None:
    """Thirty scores whose differences spread by 0.1: scipy's paired t, not the four times wider interval of 0/1 scores."""
    rng = np.random.default_rng(1)
    second = rng.uniform(0.3, 0.6, 30)
    first = second + rng.normal(0.03, 0.1, 30)
    found = paired_difference(first, second, np.arange(30))
    peer = scipy_stats.ttest_rel(first, second).confidence_interval()

    assert (found.low, found.high) == pytest.approx((peer.low, peer.high), abs=0.012)
    assert found.high - found.low >= peer.high - peer.low - 1e-9


def test_the_variance_of_partial_credit_is_the_empirical_likelihoods() -> None:
    """Maximise sum(log w) with mean 0.1 by scipy over six differences; the score test uses that variance."""
    difference = np.array([0.2, -0.1, 0.05, 0.3, 0.0, -0.3])
    test = ScoreTest(difference, difference, np.ones(6), float(difference.std(ddof=1)) / math.sqrt(6))
    mean = 0.1
    peer = optimize.minimize(
        lambda w: -np.log(w).sum(),
        np.full(6, 1 / 6),
        bounds=[(1e-9, 1)] * 6,
        constraints=[
            {"type": "eq", "fun": lambda w: w.sum() - 1},
            {"type": "eq", "fun": lambda w: w @ difference - mean},
        ],
        options={"ftol": 1e-14, "maxiter": 500},
    )

    assert test.variance_at(np.array([mean]))[0] == pytest.approx(
        float(peer.x @ (difference - mean) ** 2), rel=1e-3
    )


def test_an_unseen_loss_is_possible() -> None:
    """Ten pairs, two gains of 0.5: for a mean of -0.2 the missing weight lies at -0.5, and the variance follows by hand.

    With a share q at -0.5 and g at 0.5: the most likely q and g with -0.5 q + 0.5 g = -0.2 maximise 2 log g + 8 log(1 - q - g).
    """
    difference = np.array([0.5] * 2 + [0.0] * 8)
    test = ScoreTest(difference, difference, np.ones(10), 0.07)
    best = optimize.minimize_scalar(
        lambda g: -(2 * math.log(g) + 8 * math.log(1 - (g + 0.4) - g)), bounds=(1e-6, 0.29), method="bounded",
        options={"xatol": 1e-12},
    ).x  # fmt: skip
    shares = np.array([best, best + 0.4, 1 - 2 * best - 0.4])
    expected = float(shares @ (np.array([0.5, -0.5, 0.0]) + 0.2) ** 2)

    assert test.variance_at(np.array([-0.2]))[0] == pytest.approx(expected, rel=1e-4)


def test_pairs_to_settle_takes_the_shorter_way() -> None:
    """A gap of 0.2 points at 1,000 pairs is within 1.7 points long before it is resolved."""
    first = np.zeros(1000)
    second = np.zeros(1000)
    first[:31], second[31:60] = 1, 1
    found = paired_difference(first, second, np.arange(1000))

    resolve = pairs_to_decide(found)
    settle = pairs_to_decide(found, margin=0.017)
    assert resolve is not None
    assert settle is not None
    room = 0.017 - 0.002
    assert settle == pytest.approx(
        1000 * ((1.959964 + 0.841621) * found.standard_error / room) ** 2, rel=0.002
    )
    assert settle < resolve


def test_nothing_settles_a_gap_of_zero_without_a_margin() -> None:
    """There is no difference to resolve."""
    same = np.array([1.0, 0.0] * 50)

    assert pairs_to_decide(paired_difference(same, same, np.arange(100))) is None


def test_clusters_of_like_pairs_are_worth_one_each() -> None:
    """Twenty clusters of five like pairs: the design effect is 5 at any gap, so Tango's for 20 pairs.

    Its critical value is that of Student's t, with the squares taken at the gap: t = 2.093 over 19 degrees
    of freedom gives 2.093 x sqrt(20 / (19 + 2.093^2)) = 1.936, which a normal variable stays below in 94.71 %.
    """
    first, second = np.zeros(20), np.zeros(20)
    first[:4], second[4:5] = 1, 1
    found = paired_difference(np.repeat(first, 5), np.repeat(second, 5), np.repeat(np.arange(20), 5))

    assert found.method == "score"
    assert (found.low, found.high) == pytest.approx(tango(4 / 20, 1 / 20, 20, 0.94714), abs=1e-4)


def test_a_score_interval_over_clusters_is_where_its_statistic_is_critical() -> None:
    """Six clusters of two: at both bounds gap over Tango's error times the clusters' excess is Student's critical."""
    difference = np.array([1.0, 1, 1, 0, 0, 0, 0, 0, -1, 0, 0, 0])
    found = paired_difference(np.maximum(difference, 0), np.maximum(-difference, 0), np.arange(12) // 2)
    sums = difference.reshape(6, 2).sum(axis=1)
    t = scipy_stats.t.ppf(0.975, 5)

    for gap in (found.low, found.high):
        excess = ((sums - 2 * gap) ** 2).sum() / ((difference - gap) ** 2).sum()
        gains, losses, n = 3, 1, 12

        def minus_log_likelihood(loss: float, gap: float = gap) -> float:
            parts = ((3, loss + gap), (1, loss), (8, 1 - 2 * loss - gap))
            return -sum(count * math.log(max(share, 1e-300)) for count, share in parts)

        ends = (max(0.0, -gap) + 1e-12, (1 - gap) / 2 - 1e-12)
        loss = optimize.minimize_scalar(
            minus_log_likelihood, bounds=ends, method="bounded", options={"xatol": 1e-12}
        ).x
        score = (gains - losses - n * gap) / math.sqrt(n * (2 * loss + gap * (1 - gap)) * excess)

        assert abs(score) == pytest.approx(t * math.sqrt(6 / (5 + t * t)), rel=1e-3)


def test_clusters_whose_answers_cancel_keep_a_width() -> None:
    """Ten clusters, each one gain and one tie: no spread between them, yet no certainty."""
    found = paired_difference(np.tile([1.0, 1.0], 10), np.tile([0.0, 1.0], 10), np.arange(20) // 2)

    assert found.high - found.low > 0.2


def test_few_clusters_are_tested_by_students_t_of_their_sums() -> None:
    """Five clusters of four, each model right alone at most once a pair: scipy's one-sample t of the sums 3, 1, 2, 2, -1."""
    sums = [3, 1, 2, 2, -1]
    difference = np.concatenate([np.sign(total) * (np.arange(4) < abs(total)) for total in sums]).astype(
        float
    )
    found = paired_difference(np.maximum(difference, 0), np.maximum(-difference, 0), np.arange(20) // 4)

    assert found.test == "score"
    assert found.p_value == pytest.approx(float(scipy_stats.ttest_1samp(sums, 0).pvalue), abs=1e-9)


@pytest.mark.parametrize("losses", range(6))
def test_over_few_clusters_a_gap_is_significant_where_its_interval_leaves_zero_out(losses: int) -> None:
    """Six clusters of five; the first wins ten pairs, the second so many of the others."""
    first, second = np.zeros(30), np.zeros(30)
    first[[0, 1, 5, 6, 10, 11, 15, 16, 20, 25]] = 1
    second[[2, 3, 7, 12, 17, 22][:losses]] = 1
    found = paired_difference(first, second, np.arange(30) // 5)

    assert found.test == "score"
    assert (found.p_value < 0.05) == (found.low > 0)


def test_of_two_clusters_no_gap_is_called_ahead() -> None:
    """Two like sums may be chance: two coins fall alike in half of the throws."""
    found = paired_difference(np.ones(10), np.zeros(10), np.arange(10) // 5)

    assert found.test == "score"
    assert found.p_value == pytest.approx(0.5)


def test_three_sources_that_agree_by_the_item_tell_nothing() -> None:
    """Each won by one of three: no spread between them at all, and still only three."""
    first, second = np.ones(9), np.array([0.0, 1, 1] * 3)
    found = paired_difference(first, second, np.arange(3).repeat(3))

    assert found.low < 0 < found.high
    assert found.p_value > 0.2  # three coins fall alike in one of four throws


@pytest.mark.parametrize("clusters", [5, 7, 10])
def test_pairs_that_all_say_the_same_have_the_p_value_of_as_many_coins(clusters: int) -> None:
    """All sums alike: Student's t alone would be without bound."""
    first, second = np.ones(clusters * 2), np.zeros(clusters * 2)
    found = paired_difference(first, second, np.arange(clusters).repeat(2))

    assert 0.5**clusters == found.p_value


def test_alike_sums_of_unlike_pairs_leave_a_width() -> None:
    """Five sources of three, one won in each: the error is at least that of half as many unrelated pairs."""
    first, second = np.ones(15), np.array([0.0, 1, 1] * 5)
    found = paired_difference(first, second, np.arange(5).repeat(3))
    error = math.sqrt(0.5 * (1 / 3 * 2 / 3 * 15 / 14) / 15)
    t = float(special.stdtrit(4, 0.975))

    assert found.low <= 1 / 3 - t * error + 1e-12
    assert found.p_value >= 2 * float(special.stdtr(4, -(1 / 3) / error)) - 1e-12


def test_agreeing_pairs_have_a_number_that_settles_them() -> None:
    """40 pairs that all agree: t^2 (1 - m) / m + 1 pairs put the bound inside 1.7 points, and that many do."""
    needed = pairs_to_decide(paired_difference(np.ones(40), np.ones(40), np.arange(40)), margin=0.017)
    assert needed is not None
    t = float(special.stdtrit(needed - 1, 0.975))

    assert needed == pytest.approx(1 + t * t * (1 - 0.017) / 0.017, abs=1.5)
    assert is_equivalent(paired_difference(np.ones(needed), np.ones(needed), np.arange(needed)), 0.017)
    fewer = needed - 2
    assert not is_equivalent(paired_difference(np.ones(fewer), np.ones(fewer), np.arange(fewer)), 0.017)


@pytest.mark.parametrize("scores", [[1.5, 0.0], [-0.1, 1.0], [math.nan, 1.0]])
def test_scores_outside_0_to_1_are_refused(scores: list[float]) -> None:
    """A difference of more than 1 has no score test."""
    with pytest.raises(ValueError, match="scores are 0 to 1"):
        paired_difference(np.array(scores), np.zeros(2), np.arange(2))
