"""Numbers in, intervals out: against scipy, published worked examples, and arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar as peer_mcnemar
from statsmodels.stats.proportion import proportion_confint

from harness.stats import (
    cluster_sums,
    compare_quotients,
    dense,
    equivalent,
    holm,
    items_needed,
    mcnemar,
    mean_interval,
    paired_difference,
    pairs_to_settle,
    quantile_difference,
    quantile_interval,
    resample_sums,
    selection_bias,
    shifted,
    tango,
    variance_components,
    wilson,
)


@pytest.mark.parametrize(("right", "n"), [(0, 10), (7, 10), (10, 10), (81, 263), (1, 1000)])
def test_wilson_is_scipys(right: int, n: int) -> None:
    """Wilson's interval is scipy's."""
    expected = scipy_stats.binomtest(right, n).proportion_ci(method="wilson")

    assert wilson(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_of_the_published_example() -> None:
    """Newcombe, Stat. Med. 17 (1998) 857, table I, method 3: 81 of 263 is 0.2553 to 0.3662."""
    low, high = wilson(81 / 263, 263)

    assert (round(low or 0, 4), round(high or 0, 4)) == (0.2553, 0.3662)


def test_wilson_of_nothing_is_unknown() -> None:
    """No observation gives no bound."""
    assert wilson(0.0, 0) == (None, None)


def test_a_mean_of_scores_all_alike_keeps_a_width() -> None:
    """Ten of ten right is 0.722 to 1, not 1 to 1."""
    low, high = mean_interval(np.ones(10), np.arange(10))

    assert low == pytest.approx(0.7225, abs=1e-4)
    assert high == 1.0


def test_a_mean_without_clusters_is_wilsons() -> None:
    """With every item alone, the effective number is n up to the correction n / (n - 1)."""
    values = np.array([1.0] * 70 + [0.0] * 30)

    assert mean_interval(values, np.arange(100)) == pytest.approx(wilson(0.7, 99), abs=1e-9)


def test_items_that_share_a_source_widen_the_mean() -> None:
    """Twenty sources of five like items are worth about twenty items."""
    values = np.repeat(np.array([1.0] * 14 + [0.0] * 6), 5)
    low, high = mean_interval(values, np.repeat(np.arange(20), 5))
    alone = wilson(0.7, 19)

    assert (low, high) == pytest.approx(alone, abs=1e-9)


@pytest.mark.parametrize(("gains", "losses"), [(0, 0), (5, 0), (6, 2), (40, 21)])
def test_mcnemar_is_the_sign_test(gains: int, losses: int) -> None:
    """The exact test is a binomial test of the discordant pairs at one half."""
    expected = scipy_stats.binomtest(gains, gains + losses).pvalue if gains + losses else 1.0

    assert mcnemar(gains, losses) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_by_hand() -> None:
    """Five to nothing: 2 x 0.5^5 = 0.0625."""
    assert mcnemar(5, 0) == pytest.approx(0.0625)


@pytest.mark.parametrize(("gains", "losses", "n"), [(9, 3, 60), (1, 0, 44), (12, 2, 50), (3, 3, 1000)])
def test_tango_is_the_score_interval(gains: int, losses: int, n: int) -> None:
    """At a bound the score statistic is 1.96, with the constrained likelihood maximised by scipy."""
    for delta in tango(gains / n, losses / n, n):

        def minus_log_likelihood(loss: float, delta: float = delta) -> float:
            parts = ((gains, loss + delta), (losses, loss), (n - gains - losses, 1 - 2 * loss - delta))
            return -sum(count * math.log(max(share, 1e-300)) for count, share in parts if count)

        ends = (max(0.0, -delta) + 1e-12, (1 - delta) / 2 - 1e-12)
        loss = optimize.minimize_scalar(
            minus_log_likelihood, bounds=ends, method="bounded", options={"xatol": 1e-12}
        ).x
        score = (gains - losses - n * delta) / math.sqrt(n * (2 * loss + delta * (1 - delta)))

        assert abs(score) == pytest.approx(1.959964, rel=1e-3)


def test_pairs_that_all_agree_keep_a_width() -> None:
    """No discordant pair in a hundred: the gap may still be 3.7 points either way (Tango at 0, 0)."""
    found = paired_difference(np.ones(100), np.ones(100), np.arange(100))

    assert found.method == "score"
    assert found.estimate == 0
    assert found.high == pytest.approx(1.96**2 / (100 + 1.96**2), abs=1e-3)
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


def test_counted_and_gathered_draws_agree() -> None:
    """The short way through kinds and the long way through rows have the same mean and spread."""
    rng = np.random.default_rng(3)
    few = rng.integers(0, 3, size=2000).astype(float)
    many = few + np.arange(2000) * 1e-9
    short, long = (resample_sums(values[:, None], 4000) for values in (few, many))

    assert short.mean() == pytest.approx(long.mean(), rel=0.002)
    assert short.std() == pytest.approx(long.std(), rel=0.06)


def test_holm_by_hand() -> None:
    """0.01, 0.04, 0.03 of three: 3 x 0.01, then max(.03, 2 x 0.03), then max(.06, 0.04); unknown stays."""
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])


def test_equivalence_needs_the_inner_interval_inside() -> None:
    """No difference over 2,000 pairs is within 1.7 points; over 50 pairs it is not known."""
    large = paired_difference(np.ones(2000), np.ones(2000), np.arange(2000))
    small = paired_difference(np.ones(50), np.ones(50), np.arange(50))

    assert equivalent(large, 0.017)
    assert not equivalent(small, 0.017)


def test_a_shift_moves_interval_and_p_value() -> None:
    """A gap of two standard errors less two is no gap."""
    rng = np.random.default_rng(8)
    first, second = rng.random(500) + 0.05, rng.random(500)
    found = paired_difference(first, second, np.arange(500))
    moved = shifted(found, -found.estimate)

    assert moved.estimate == pytest.approx(0)
    assert moved.high - moved.low == pytest.approx(found.high - found.low)
    assert moved.p_value > 0.8
    assert shifted(found, 0) is found


def test_items_needed_by_hand() -> None:
    """A gap of one standard error at n = 100 needs 100 x (1.96 + 0.8416)^2 = 785 pairs."""
    assert items_needed(0.05, 0.05, 100) == 785
    assert items_needed(0.0, 0.05, 100) is None


def test_a_quantile_interval_is_scipys() -> None:
    """The order statistics are those of scipy's quantile test."""
    values = np.random.default_rng(4).random(200)
    for share in (0.5, 0.95):
        expected = scipy_stats.quantile_test(values, p=share).confidence_interval()
        low, high = quantile_interval(values, share)

        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_high_quantile_of_few_has_no_upper_bound() -> None:
    """0.95^71 is above 2.5 % and 0.95^72 below it: the largest of 71 bounds no 95th percentile."""
    assert quantile_interval(np.arange(71.0), 0.95)[1] is None
    assert quantile_interval(np.arange(72.0), 0.95)[1] == 71.0


@pytest.mark.parametrize("n", [400, 3000])
def test_a_quantile_difference_finds_a_shift(n: int) -> None:
    """A shift of 0.3 in lognormal times is found, resampled or by influence."""
    rng = np.random.default_rng(n)
    base = rng.lognormal(size=n)
    found = quantile_difference(base + 0.3 + rng.normal(0, 0.01, n), base, np.arange(n), 0.5)

    assert found.low < 0.3 < found.high
    assert found.p_value < 0.05


def test_both_ways_to_a_quantiles_spread_agree() -> None:
    """Just below and above the switch the standard errors are alike."""
    rng = np.random.default_rng(11)
    first, second = rng.lognormal(size=1600), rng.lognormal(size=1600)
    below = quantile_difference(first[:1499], second[:1499], np.arange(1499), 0.5)
    above = quantile_difference(first[:1501], second[:1501], np.arange(1501), 0.5)

    assert below.standard_error == pytest.approx(above.standard_error, rel=0.15)


def test_a_quantile_difference_that_never_varies_keeps_a_width() -> None:
    """Sixty pairs each exactly a second apart: the interval is as wide as the unpaired one."""
    times = 2 + np.arange(60.0) / 1000
    found = quantile_difference(times + 1, times, np.arange(60), 0.5)

    assert found.estimate == pytest.approx(1)
    assert found.low < 1 < found.high
    assert found.p_value < 1e-6


def test_quotients_by_hand() -> None:
    """$2 over 8 right against $1 over 5 right: 0.25 and 0.20, ratio 1.25."""
    usd, right = np.full(10, 0.2), np.array([1.0] * 8 + [0.0] * 2)
    found = compare_quotients(
        (usd, right), (np.full(10, 0.1), np.array([1.0] * 5 + [0.0] * 5)), np.arange(10)
    )

    assert (found.first, found.second) == pytest.approx((0.25, 0.20))
    assert found.ratio == pytest.approx(1.25)
    assert found.ratio_low is not None
    assert found.ratio_high is not None
    assert found.ratio_low < 1.25 < found.ratio_high


def test_a_quotient_over_nothing_is_unknown() -> None:
    """No correct task: no dollars per correct task."""
    found = compare_quotients((np.ones(5), np.zeros(5)), (np.ones(5), np.ones(5)), np.arange(5))

    assert found.first is None
    assert found.ratio is None


def test_the_best_of_equals_is_flattered() -> None:
    """The best of ten models of one skill looks better than it is by about 1.54 standard errors."""
    rng = np.random.default_rng(12)
    scores = (rng.random((400, 10)) < 0.7).astype(float)
    error = math.sqrt(0.7 * 0.3 / 400)

    assert 0.3 * error < selection_bias(scores, np.arange(400)) < 2.2 * error
    assert selection_bias(scores[:, :1], np.arange(400)) == 0


@pytest.mark.parametrize("codes", [[7, 3, 7, 5], [-2, 9, -2], [0, 10**12, 5], [4], []])
def test_dense_codes_are_the_inverse_of_unique(codes: list[int]) -> None:
    """Whether they are counted or sorted."""
    given = np.array(codes, dtype=np.int64)

    assert np.array_equal(dense(given), np.unique(given, return_inverse=True)[1])


def test_cluster_sums_skip_codes_that_are_not_there() -> None:
    """Codes need not be dense."""
    sums, sizes = cluster_sums(np.array([1.0, 2.0, 4.0]), np.array([7, 7, 3]))

    assert sums.tolist() == [4.0, 3.0]
    assert sizes.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(("gains", "losses"), [(0, 0), (5, 0), (3, 9), (40, 41), (700, 640)])
def test_mcnemar_is_statsmodels(gains: int, losses: int) -> None:
    """The exact test of statsmodels, to a millionth."""
    peer = peer_mcnemar([[10, gains], [losses, 10]], exact=True)

    assert mcnemar(gains, losses) == pytest.approx(min(1.0, float(peer.pvalue)), abs=1e-6)


@pytest.mark.parametrize(("right", "n"), [(0, 10), (3, 10), (81, 263), (999, 1000)])
def test_wilson_is_statsmodels(right: int, n: int) -> None:
    """A second opinion, to a millionth."""
    assert wilson(right / n, n) == pytest.approx(proportion_confint(right, n, method="wilson"), abs=1e-6)


def test_unrelated_right_and_wrong_are_tested_by_mcnemar() -> None:
    """60 pairs tell the two apart, 40 to 20: the p-value is the exact test's, the interval the bootstrap's."""
    first, second = np.zeros(200), np.zeros(200)
    first[:40], second[40:60] = 1, 1
    found = paired_difference(first, second, np.arange(200))

    assert (found.test, found.method) == ("McNemar", "bootstrap-t")
    assert found.p_value == pytest.approx(scipy_stats.binomtest(40, 60).pvalue, abs=1e-9)


def test_clusters_and_partial_credit_are_not_tested_by_mcnemar() -> None:
    """It takes pairs to be independent and scores to be 0 or 1."""
    rng = np.random.default_rng(3)
    first, second = rng.random((2, 200)).round(1)

    assert paired_difference(first, second, np.arange(200)).test == "bootstrap-t"
    binary = paired_difference(first.round(), second.round(), np.arange(200) // 2)
    assert binary.test == "bootstrap-t"


def test_variance_components_by_hand() -> None:
    """Items 0, 0 | 1, 1 | 0, 1: between 1.5, all 3, so within 0.5 / 3; item (0.25 - 0.1667) / 2 = 0.0417."""
    parts = variance_components(np.array([0.0, 0, 1, 1, 0, 1]), np.array([0, 0, 1, 1, 2, 2]))

    assert parts is not None
    assert parts.repeats == 2
    assert parts.repeat_variance == pytest.approx(0.5 / 3)
    assert parts.item_variance == pytest.approx((0.5 - 0.5 / 3) / 2)
    assert parts.repeat_sd == pytest.approx(math.sqrt(0.5 / 3 / 3))
    assert parts.share == pytest.approx((0.5 / 3 / 6) / (0.5 / 6))


def test_variance_components_are_found_again() -> None:
    """400 items of standard deviation 0.3, five answers each of 0.4: both within a tenth."""
    rng = np.random.default_rng(4)
    items = np.repeat(np.arange(400), 5)
    parts = variance_components(rng.normal(0, 0.3, 400)[items] + rng.normal(0, 0.4, 2000), items)

    assert parts is not None
    assert math.sqrt(parts.item_variance) == pytest.approx(0.3, rel=0.1)
    assert math.sqrt(parts.repeat_variance) == pytest.approx(0.4, rel=0.1)


def test_without_repeats_there_are_no_components() -> None:
    """One answer to each item cannot tell the two apart."""
    assert variance_components(np.array([0.0, 1, 1]), np.arange(3)) is None


def test_pairs_to_settle_takes_the_shorter_way() -> None:
    """A gap of 0.2 points at 1,000 pairs is within 1.7 points long before it is resolved."""
    first = np.zeros(1000)
    second = np.zeros(1000)
    first[:31], second[31:60] = 1, 1
    found = paired_difference(first, second, np.arange(1000))

    resolve = pairs_to_settle(found)
    settle = pairs_to_settle(found, margin=0.017)
    assert resolve is not None
    assert settle is not None
    room = 0.017 - 0.002
    assert settle == math.ceil(1000 * ((1.811911 + 0.841621) * found.standard_error / room) ** 2)
    assert settle < resolve


def test_nothing_settles_a_gap_of_zero_without_a_margin() -> None:
    """There is no difference to resolve."""
    same = np.array([1.0, 0.0] * 50)

    assert pairs_to_settle(paired_difference(same, same, np.arange(100))) is None


def test_sums_of_very_many_draws_keep_mean_and_spread() -> None:
    """From 20,000 rows the sums come from their limit: the same mean, spread and correlation as by gathering."""
    rng = np.random.default_rng(5)
    columns = rng.gamma(2.0, size=(20_000, 2))
    columns[:, 1] += columns[:, 0]
    drawn = resample_sums(columns, 4_000)
    expected = np.cov(columns.T) * 20_000

    assert drawn.mean(axis=0) == pytest.approx(columns.sum(axis=0), rel=2e-3)
    assert np.cov(drawn.T) == pytest.approx(expected, rel=0.1)


def test_a_few_expensive_draws_are_gathered() -> None:
    """Where a handful of rows carry the sum it is no normal: it stays on one side of its floor."""
    columns = np.random.default_rng(6).random((20_000, 1)) * 1e-6
    columns[:3] = 1.0

    assert resample_sums(columns, 500).min() >= 0
