"""Quantiles and their differences: against scipy, and on shifts that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from gapbench.stats import paired_quantiles, quantile_difference, quantile_estimates, quantile_interval


def test_a_quantile_interval_lies_within_scipys_by_less_than_one_order_statistic() -> None:
    """Scipy's bounds are whole order statistics, which cover too much; these lie between them and the next ones."""
    values = np.random.default_rng(4).random(200)
    ordered = np.sort(values)
    for share in (0.5, 0.95):
        outer = scipy_stats.quantile_test(values, p=share).confidence_interval()
        low, high = quantile_interval(values, share)
        assert low is not None
        assert high is not None

        assert outer.low <= low < ordered[np.searchsorted(ordered, outer.low) + 1]
        assert ordered[np.searchsorted(ordered, outer.high) - 1] < high <= outer.high


def test_a_bound_between_order_statistics_by_hand() -> None:
    """Of ten values, 0 of 10 lie below the median in 0.1 % of samples, up to 1 in 1.07 %, up to 2 in 5.47 %.

    2.5 % lies 32.5 % of the way from 1.07 to 5.47, so the bound lies that far from the second to the third value.
    """
    low, high = quantile_interval(np.arange(10.0), 0.5)
    assert low is not None

    assert low == pytest.approx(1 + (0.025 - 11 / 1024) / (45 / 1024))
    assert high == pytest.approx(9 - low)


def test_a_high_quantile_of_few_has_no_upper_bound() -> None:
    """0.95^71 is above 2.5 % and 0.95^72 below it: the largest of 71 bounds no 95th percentile."""
    assert quantile_interval(np.arange(71.0), 0.95)[1] is None
    assert quantile_interval(np.arange(72.0), 0.95)[1] == pytest.approx(71.0, abs=0.1)


def test_values_of_single_clusters_are_independent() -> None:
    """Clusters of one value change nothing."""
    values = np.random.default_rng(4).random(80)

    assert quantile_interval(values, 0.5, clusters=np.arange(80)) == quantile_interval(values, 0.5)


def test_clusters_of_equal_values_count_once() -> None:
    """Thirty values, each five times: the interval is that of about thirty values, by Student's t with 29 degrees."""
    values = np.random.default_rng(4).random(30)
    low, high = quantile_interval(np.repeat(values, 5), 0.5, clusters=np.repeat(np.arange(30), 5))
    ordered = np.sort(values)
    alone = quantile_interval(values, 0.5)
    assert low is not None
    assert high is not None
    assert alone.low is not None
    assert alone.high is not None

    assert low <= alone.low
    assert high >= alone.high
    assert low >= ordered[np.searchsorted(ordered, alone.low) - 3]
    assert high <= ordered[np.searchsorted(ordered, alone.high) + 2]


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


def test_a_quantile_of_two_samples_is_that_of_each() -> None:
    """Of 1 to 2,001 and of twice that the medians are 1,001 and 2,002, and they differ by 1,001."""
    values = np.arange(1.0, 2002.0)
    found = paired_quantiles(values, 2 * values, np.arange(2001), 0.5)

    assert (found.first, found.second, found.difference.estimate) == (1001.0, 2002.0, -1001.0)


def test_several_quantiles_are_those_one_by_one() -> None:
    """Values, and bounds with clusters."""
    rng = np.random.default_rng(5)
    values, clusters = rng.lognormal(size=500), rng.integers(0, 80, 500)
    found = quantile_estimates(values, (0.5, 0.95), clusters)

    for share, estimate in zip((0.5, 0.95), found, strict=True):
        assert (estimate.low, estimate.high) == quantile_interval(values, share, clusters=clusters)
        assert estimate.value == np.quantile(values, share)
