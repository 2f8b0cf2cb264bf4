"""Quantiles and their differences: against scipy, and on shifts that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from gapbench.stats import quantile_difference, quantile_interval


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
