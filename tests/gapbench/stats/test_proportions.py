"""Shares, their intervals and tests: against scipy, statsmodels, published worked examples, and arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import proportion_confint

from gapbench.stats import cluster_sums, dense_codes, holm, holm_levels, mean_interval, wilson


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


def at_students_t(share: float, n: int, degrees: int) -> tuple[float, float]:
    """Return Wilson's interval at Student's critical value."""
    confidence = 2 * float(special.ndtr(special.stdtrit(degrees, 0.975))) - 1
    low, high = wilson(share, n, confidence)
    assert low is not None
    assert high is not None
    return low, high


def test_a_mean_without_clusters_is_wilsons() -> None:
    """The effective number is n up to the correction n / (n - 1); the critical value is Student's."""
    low, high = mean_interval(np.array([1.0] * 70 + [0.0] * 30), np.arange(100))

    assert (low, high) == pytest.approx(at_students_t(0.7, 99, 99), abs=1e-9)


def test_partial_credit_that_varies_little_is_known_well() -> None:
    """A hundred scores of 0.6 and 0.8: spread 0.1, so 0.7 to within t x 0.01005, not the 9 points of right and wrong."""
    low, high = mean_interval(np.array([0.6, 0.8] * 50), np.arange(100))

    assert (low, high) == pytest.approx((0.68, 0.72), abs=0.001)


def test_a_mean_of_scores_outside_0_to_1_is_refused() -> None:
    """The root of a negative number is no interval."""
    with pytest.raises(ValueError, match="scores are 0 to 1; found 0 to 3"):
        mean_interval(np.array([0.0, 3.0]), np.arange(2))


def test_items_that_share_a_source_widen_the_mean() -> None:
    """Twenty sources of five like items are worth about twenty items."""
    values = np.repeat(np.array([1.0] * 14 + [0.0] * 6), 5)
    low, high = mean_interval(values, np.repeat(np.arange(20), 5))
    alone = at_students_t(0.7, 19, 19)

    assert (low, high) == pytest.approx(alone, abs=1e-9)


def test_holm_by_hand() -> None:
    """0.01, 0.04, 0.03 of three: 3 x 0.01, then max(.03, 2 x 0.03), then max(.06, 0.04); unknown stays."""
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])


def test_holms_levels_by_hand() -> None:
    """0.01 is below 0.05 / 3 and is rejected; 0.03 is not below 0.05 / 2, so all that follow have that level."""
    assert holm_levels([0.01, None, 0.04, 0.03]) == pytest.approx([0.05 / 3, None, 0.025, 0.025])
    assert holm_levels([0.001, 0.01, 0.04]) == pytest.approx([0.05 / 3, 0.025, 0.05])


def test_a_p_value_is_below_its_level_exactly_if_the_corrected_one_is_below_5_percent() -> None:
    """A thousand families of one to nine p-values."""
    rng = np.random.default_rng(1)
    for _ in range(1_000):
        p_values = (rng.random(rng.integers(1, 10)) ** 3).tolist()
        for p, corrected, level in zip(p_values, holm(p_values), holm_levels(p_values), strict=True):
            assert corrected is not None
            assert level is not None
            assert (corrected < 0.05) == (p < level)


@pytest.mark.parametrize("codes", [[7, 3, 7, 5], [-2, 9, -2], [0, 10**12, 5], [4], []])
def test_dense_codes_are_the_inverse_of_unique(codes: list[int]) -> None:
    """Whether they are counted or sorted."""
    given = np.array(codes, dtype=np.int64)

    assert np.array_equal(dense_codes(given), np.unique(given, return_inverse=True)[1])


def test_cluster_sums_skip_codes_that_are_not_there() -> None:
    """Codes need not be dense."""
    sums, sizes = cluster_sums(np.array([1.0, 2.0, 4.0]), np.array([7, 7, 3]))

    assert sums.tolist() == [4.0, 3.0]
    assert sizes.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(("right", "n"), [(0, 10), (3, 10), (81, 263), (999, 1000)])
def test_wilson_is_statsmodels(right: int, n: int) -> None:
    """A second opinion, to a millionth."""
    assert wilson(right / n, n) == pytest.approx(proportion_confint(right, n, method="wilson"), abs=1e-6)
