"""Estimates of samples with weights, strata and clusters: against arithmetic by hand and the unweighted estimates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from gapbench.stats import (
    Design,
    compare_quotients,
    mean_interval,
    paired_difference,
    quantile_difference,
    quantile_interval,
    ratio_interval,
    selection_bias,
)

ONE_STRATUM = np.zeros(4, dtype=np.int64)


def equal_design(items: int) -> Design:
    """Return a design in which every item counts the same, in one stratum."""
    return Design(np.full(items, 3.0), np.zeros(items, dtype=np.int64))


def test_a_weighted_mean_is_the_sum_of_weighted_values_over_the_weights() -> None:
    """One of 90 requests right, and three items of 2, 4 and 4 wrong: 90 / 100."""
    design = Design(np.array([90.0, 2.0, 4.0, 4.0]), ONE_STRATUM)

    assert design.mean(np.array([1.0, 0.0, 0.0, 0.0])) == pytest.approx(0.9)


def test_the_error_of_a_stratified_mean_is_that_of_its_strata() -> None:
    """W1² s1² / n1 + W2² s2² / n2 with strata of 75 and 25 % of the requests (Cochran 1977, equation 5.12)."""
    values = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    design = Design(np.array([25.0, 25.0, 25.0, 25 / 3, 25 / 3, 25 / 3]), np.array([0, 0, 0, 1, 1, 1]))
    variance = 0.75**2 * (1 / 3) / 3 + 0.25**2 * (1 / 3) / 3

    found = design.estimate(values, np.arange(6))

    assert found.mean == pytest.approx(0.75 * 2 / 3 + 0.25 * 1 / 3)
    assert found.standard_error == pytest.approx(math.sqrt(variance))


def test_the_degrees_of_freedom_are_satterthwaites() -> None:
    """(V1 + V2)² / (V1² / 2 + V2² / 2) with V1 = 0.5625 / 9 and V2 = 0.0625 / 9 (Cochran 1977, equation 5.16)."""
    values = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    design = Design(np.array([25.0, 25.0, 25.0, 25 / 3, 25 / 3, 25 / 3]), np.array([0, 0, 0, 1, 1, 1]))
    first, second = 0.5625, 0.0625

    found = design.estimate(values, np.arange(6))

    assert found.degrees == pytest.approx((first + second) ** 2 / (first**2 / 2 + second**2 / 2))


def test_differences_between_strata_are_no_error() -> None:
    """A stratum all right and one all wrong: the sample's share of each was fixed, so nothing varies."""
    design = Design(np.array([1.0, 1.0, 9.0, 9.0]), np.array([0, 0, 1, 1]))

    assert design.estimate(np.array([0.0, 0.0, 1.0, 1.0]), np.arange(4)).standard_error == 0


def test_items_of_one_cluster_count_as_one() -> None:
    """Four items in two clusters of equal answers have the error of two items: sqrt(0.5² · 2 / 2² · 2 / 1)."""
    values, clusters = np.array([1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 1, 1])

    found = Design(np.ones(4), ONE_STRATUM).estimate(values, clusters)

    assert found.standard_error == pytest.approx(math.sqrt(2 * 1.0**2 / 4**2 * 2))


def test_a_cluster_may_reach_over_strata() -> None:
    """The two items of a cluster add up before they are squared: errors of one source do not cancel as strangers' do."""
    values = np.array([1.0, 0.0, 1.0, 0.0])
    design = Design(np.ones(4), np.array([0, 0, 1, 1]))

    together = design.estimate(values, np.array([0, 1, 0, 1])).standard_error
    apart = design.estimate(values, np.arange(4)).standard_error

    assert together > apart


def test_strata_of_one_cluster_are_collapsed() -> None:
    """Two strata of one item each show their spread together: as one stratum of two."""
    values, weights = np.array([1.0, 0.0, 1.0, 0.0]), np.ones(4)

    collapsed = Design(weights, np.array([0, 0, 1, 2])).estimate(values, np.arange(4))
    together = Design(weights, np.array([0, 0, 1, 1])).estimate(values, np.arange(4))

    assert collapsed.standard_error == pytest.approx(together.standard_error)


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_only_the_proportions_of_the_weights_matter(scale: float) -> None:
    """Weights in requests and in millions of requests give one interval."""
    values, weights = np.array([1.0, 0.0, 1.0, 1.0]), np.array([1.0, 2.0, 3.0, 4.0])
    interval = mean_interval(values, np.arange(4), design=Design(weights, ONE_STRATUM))

    assert mean_interval(values, np.arange(4), design=Design(weights * scale, ONE_STRATUM)) == pytest.approx(
        interval
    )


def test_equal_weights_give_the_interval_without_weights() -> None:
    """60 of 100 independent items right: the same interval, by another way."""
    values = np.repeat([1.0, 0.0], [60, 40])

    weighted = mean_interval(values, np.arange(100), design=equal_design(100))

    assert weighted == pytest.approx(mean_interval(values, np.arange(100)), abs=1e-9)


def test_a_weighted_mean_of_scores_all_alike_keeps_a_width() -> None:
    """Four right answers of which one has nearly all the weight say hardly more than one."""
    design = Design(np.array([1000.0, 1.0, 1.0, 1.0]), ONE_STRATUM)

    low, high = mean_interval(np.ones(4), np.arange(4), design=design)

    assert low is not None
    assert low < 0.25
    assert high == 1.0


def test_answers_to_one_item_share_its_weight() -> None:
    """Three answers to an item of weight 6 have 2 each; another item keeps its 5."""
    design = Design(np.array([6.0, 6.0, 6.0, 5.0]), ONE_STRATUM).shared_by(np.array([7, 7, 7, 9]))

    assert design.weights.tolist() == [2.0, 2.0, 2.0, 5.0]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.95, 1.0])
def test_a_quantile_of_equal_weights_is_numpys(share: float) -> None:
    """The same interpolation."""
    values = np.array([3.0, 1.0, 4.0, 1.5, 9.0])

    assert equal_design(5).quantile(values, share) == pytest.approx(np.quantile(values, share))


def test_a_quantile_follows_the_weights() -> None:
    """Nine of ten requests take one second, so that is the median, though half of the items take nine."""
    design = Design(np.repeat([9.0, 1.0], 50), np.zeros(100, dtype=np.int64))

    assert design.quantile(np.repeat([1.0, 9.0], 50), 0.5) == 1.0


def test_a_weighted_paired_difference_is_the_traffics() -> None:
    """Route A, 90 % of the requests, has no gap; route B has one of 100 points: 10 points, not the file's 50."""
    first = np.ones(40)
    second = np.repeat([1.0, 0.0], [20, 20])
    weights = np.repeat([9.0, 1.0], [20, 20])

    found = paired_difference(first, second, np.arange(40), Design(weights, np.repeat([0, 1], [20, 20])))

    assert found.estimate == pytest.approx(0.1)
    assert paired_difference(first, second, np.arange(40)).estimate == pytest.approx(0.5)


def test_no_discordant_pair_of_a_weighted_sample_is_no_proof_of_equality() -> None:
    """All pairs agree, but one has nearly all the weight: the interval is as wide as for about one pair."""
    weights = np.concatenate([[1e6], np.ones(49)])

    low, high = paired_difference(
        np.ones(50), np.ones(50), np.arange(50), Design(weights, np.zeros(50, dtype=np.int64))
    ).interval()

    assert low < -0.5
    assert high > 0.5


def test_the_p_value_of_a_weighted_difference_agrees_with_its_interval() -> None:
    """The p-value at an end of the 95 % interval is 5 %."""
    rng = np.random.default_rng(3)
    first, second = (rng.random((2, 200)) < [[0.8], [0.6]]).astype(float)
    design = Design(rng.uniform(1, 20, 200), rng.integers(0, 4, 200))

    found = paired_difference(first, second, np.arange(200), design)
    low, high = found.interval()

    assert found.evidence.p_value(low) == pytest.approx(0.05, abs=1e-3)
    assert found.evidence.p_value(high) == pytest.approx(0.05, abs=1e-3)


def test_partial_credit_with_weights_is_students_t() -> None:
    """Estimate ± t times the standard error, with the degrees of freedom of the design."""
    rng = np.random.default_rng(4)
    first, second = rng.random(100), rng.random(100)
    design = Design(rng.uniform(1, 3, 100), np.repeat([0, 1], 50))
    known = design.estimate(first - second, np.arange(100))
    half = scipy_stats.t.ppf(0.975, known.degrees) * known.standard_error

    found = paired_difference(first, second, np.arange(100), design)

    assert found.interval() == pytest.approx((known.mean - half, known.mean + half), rel=1e-6)


def test_a_ratio_of_equal_weights_is_the_one_without_weights() -> None:
    """Dollars per task of independent items."""
    rng = np.random.default_rng(5)
    dollars, ones = rng.lognormal(size=80), np.ones(80)

    weighted = ratio_interval(dollars, ones, np.arange(80), design=equal_design(80))

    assert weighted == pytest.approx(ratio_interval(dollars, ones, np.arange(80)))


def test_weighted_quotients_are_those_of_the_weighted_totals() -> None:
    """(9 · 1 + 1 · 11) / (9 + 1) = 2 dollars a task against (9 · 2 + 1 · 2) / 10 = 2."""
    usd = np.repeat([1.0, 11.0], 5), np.full(10, 2.0)
    design = Design(np.repeat([9.0, 1.0], 5), np.repeat([0, 1], 5))

    found = compare_quotients((usd[0], np.ones(10)), (usd[1], np.ones(10)), np.arange(10), design)

    assert (found.first, found.second) == pytest.approx((2.0, 2.0))


def test_a_weighted_quantile_interval_holds_the_weighted_quantile() -> None:
    """The median of the traffic, one second, is inside; the file's median, nine seconds, is not."""
    values = np.concatenate([np.linspace(0.9, 1.1, 50), np.linspace(8, 10, 150)])
    design = Design(np.repeat([90.0, 1.0], [50, 150]), np.repeat([0, 1], [50, 150]))

    low, high = quantile_interval(values, 0.5, clusters=np.arange(200), design=design)

    assert low is not None
    assert high is not None
    assert low < design.quantile(values, 0.5) < high < 2


def test_a_weighted_quantile_difference_is_that_of_the_weighted_quantiles() -> None:
    """Twice as slow everywhere: the difference is the quantile itself."""
    values = np.linspace(1, 2, 60)
    design = Design(np.linspace(1, 5, 60), np.zeros(60, dtype=np.int64))

    found = quantile_difference(2 * values, values, np.arange(60), 0.5, design)

    assert found.estimate == pytest.approx(design.quantile(values, 0.5))
    assert found.low < found.estimate < found.high


def test_the_selection_bias_of_equal_weights_is_the_one_without() -> None:
    """Two models of the same skill: choosing the better one flatters it by as much."""
    scores = (np.random.default_rng(6).random((120, 2)) < 0.5).astype(float)

    weighted = selection_bias(scores, np.arange(120), design=equal_design(120))

    assert weighted == pytest.approx(selection_bias(scores, np.arange(120)), abs=1e-9)


def test_few_heavy_clusters_leave_few_degrees_of_freedom() -> None:
    """Five of 400 items hold 99.96 % of the weight: Kish's number is 5.004, so there are 4.004 degrees of freedom, not 399."""
    weights = np.concatenate([np.full(5, 1e6), np.full(395, 5.0)])
    effective = weights.sum() ** 2 / (weights @ weights)
    values = np.arange(400) % 7 / 10

    found = Design(weights, np.zeros(400, dtype=np.int64)).estimate(values, np.arange(400))

    assert found.degrees == pytest.approx(effective - 1)
    assert found.degrees == pytest.approx(4, abs=0.01)


def test_the_error_of_few_heavy_clusters_is_that_of_so_many_items() -> None:
    """Beside five items of equal weight, 395 of next to none change nothing: the error is s / sqrt(5)."""
    heavy = np.array([0.1, 0.5, 0.2, 0.9, 0.4])
    values, weights = (
        np.concatenate([heavy, np.full(395, 0.3)]),
        np.concatenate([np.ones(5), np.full(395, 1e-9)]),
    )

    found = Design(weights, np.zeros(400, dtype=np.int64)).estimate(values, np.arange(400))

    assert found.standard_error == pytest.approx(heavy.std(ddof=1) / math.sqrt(5), rel=1e-5)


def test_a_ratio_of_few_heavy_items_has_the_interval_of_so_many() -> None:
    """Five dear and cheap requests that hold all the weight say what five say alone, though the file has 395 more."""
    usd, ones = np.array([1.0, 1.3, 0.8, 1.1, 0.9]), np.ones(5)
    alone = ratio_interval(usd, ones, np.arange(5), design=equal_design(5))
    weights = np.concatenate([np.ones(5), np.full(395, 1e-9)])

    among = ratio_interval(
        np.concatenate([usd, np.ones(395)]), np.ones(400), np.arange(400),
        design=Design(weights, np.zeros(400, dtype=np.int64)),
    )  # fmt: skip

    assert among == pytest.approx(alone, rel=0.05)


def test_an_error_of_few_heavy_items_is_not_trusted_for_a_share() -> None:
    """All five that hold 95 % are right and 80 of 395 others wrong: the interval is that of about 5.5 items, from Wilson."""
    weights = np.concatenate([np.full(5, 395 * 0.95 / 0.05 / 5), np.ones(395)])
    values = np.concatenate([np.ones(5), np.zeros(80), np.ones(315)])

    low, high = mean_interval(values, np.arange(400), design=Design(weights, np.zeros(400, dtype=np.int64)))

    assert low is not None
    assert high is not None
    assert low < 0.6


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_weighted_quantile_is_that_of_repeated_values(share: float, seed: int) -> None:
    """Each value as often as its weight, the lightest once."""
    rng = np.random.default_rng(seed)
    values, weights = rng.random(9), np.append(rng.integers(1, 5, 8), 1)

    found = Design(weights.astype(np.float64), np.zeros(9, dtype=np.int64)).quantile(values, share)

    assert found == pytest.approx(np.quantile(np.repeat(values, weights), share))


def test_a_gap_of_few_heavy_items_that_agree_by_chance_keeps_the_error_of_so_many() -> None:
    """Five items with 95 % of the weight have no gap, the others gaps of 0.4 and 0.6: Kish's 5.5 items decide, not 400."""
    weights = np.concatenate([np.full(5, 395 * 0.95 / 0.05 / 5), np.ones(395)])
    first = np.concatenate([np.full(5, 0.5), np.tile([0.4, 0.6], 198)[:395]])
    second = np.concatenate([np.full(5, 0.5), np.zeros(395)])
    effective = weights.sum() ** 2 / (weights @ weights)
    gap = weights @ (first - second) / weights.sum()
    spread = weights @ (first - second - gap) ** 2 / weights.sum()

    found = paired_difference(first, second, np.arange(400), Design(weights, np.zeros(400, dtype=np.int64)))

    assert found.standard_error == pytest.approx(math.sqrt(spread / effective))


def test_few_clusters_of_nearly_equal_weight_are_not_uneven() -> None:
    """20 clusters say what 20 do; 5 of 400 with nearly all the weight say no more than 5."""
    twenty = Design(np.tile([1.0, 1.2], 20), np.zeros(40, dtype=np.int64))
    heavy = Design(np.concatenate([np.full(5, 1_000.0), np.ones(395)]), np.zeros(400, dtype=np.int64))

    assert not twenty.estimate(np.arange(40) % 3 / 2, np.arange(40) // 2).is_uneven
    assert heavy.estimate(np.arange(400) % 3 / 2, np.arange(400)).is_uneven
