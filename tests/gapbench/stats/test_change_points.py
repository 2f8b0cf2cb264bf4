"""Change points: where they are, which rate of false alarms the limits give, and nights on common items."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gapbench.stats.change_points import (
    FALSE_ALARM,
    FIRST,
    HAZARD,
    HORIZON,
    LIMITS,
    Method,
    find_changes,
    mean_statistics,
    night_levels,
    rank_statistics,
)


def test_a_step_is_found_where_it_is() -> None:
    """Ten nights at 80, five at 70, noise of at most 1: the second part begins with the eleventh night."""
    series = [80, 81, 79, 80, 81, 80, 79, 80, 81, 79, 70, 71, 69, 70, 70]
    (found,) = find_changes(series, "mean")

    assert (10, 80.0, 70.0) == (found.split, found.before, found.after)
    assert found.low is not None
    assert found.high is not None
    assert found.low < -10 < found.high < -8


def test_two_changes_are_two() -> None:
    """Down after ten nights, and back after twenty: the search starts again behind a change."""
    noise = [0.0, 1.0, -1.0, 0.5, -0.5] * 2
    series = [*(80 + x for x in noise), *(70 + x for x in noise), *(80 + x for x in noise)]

    assert [(0, 10, 20), (10, 20, 30)] == [
        (found.start, found.split, found.end) for found in find_changes(series, "mean")
    ]


@pytest.mark.parametrize("method", ["mean", "rank"])
def test_equal_nights_have_no_change(method: Method) -> None:
    """No spread is no evidence, whatever rounding adds."""
    assert [] == find_changes([0.1 + 0.2] * 10 + [0.3] * 10, method)


def test_one_item_after_equal_nights_is_no_alarm() -> None:
    """A server that answers alike for 20 nights and then gets one of 100 questions wrong: no night is surer than one item."""
    series = [0.8] * 20 + [0.79] * 2

    assert [] == find_changes(series, "mean", floor=0.01)
    assert [] != find_changes(series, "mean")


def test_one_wild_night_does_not_move_ranks() -> None:
    """A night of ten times the time among 29 ordinary ones."""
    series = [1 + 0.01 * (night * 7 % 11) for night in range(30)]
    series[20] = 10.0

    assert [] == find_changes(series, "rank")


@pytest.mark.parametrize("nights", [6, 7, 8])
def test_one_other_night_after_equal_ones_does_not_move_ranks(nights: int) -> None:
    """A cost that is the same every night and then another once: the last of n is the odd one in 1 of n cases."""
    assert [] == find_changes([3.15] * (nights - 1) + [3.2], "rank")


def test_the_statistics_are_the_textbooks() -> None:
    """Student's two-sample t, and Mann-Whitney's U over its standard deviation: n1 n2 (n + 1) / 12 is its variance."""
    series = np.array([1.0, 2.0, 2.0, 5.0, 4.0, 7.0, 7.0])
    one, other = series[:3], series[3:]
    t = stats.ttest_ind(other, one).statistic
    ranks = stats.rankdata(series)
    deviation = math.sqrt(3 * 4 * (7 + 1) / 12)

    assert t == pytest.approx(mean_statistics(series)[2])
    assert (ranks[3:].sum() - 4 * 4) / deviation == pytest.approx(rank_statistics(series)[2])


@pytest.mark.parametrize("method", ["mean", "rank"])
def test_the_limits_give_the_stated_rate_of_false_alarms(method: Method) -> None:
    """400 quiet histories of 60 nights at any level and spread: 5 % of them, within three standard errors."""
    rng = np.random.default_rng(15)
    alarms = sum(bool(find_changes(7 + 0.3 * rng.standard_normal(HORIZON), method)) for _ in range(400))

    assert alarms == pytest.approx(
        400 * FALSE_ALARM, abs=3 * math.sqrt(400 * FALSE_ALARM * (1 - FALSE_ALARM))
    )


def test_there_is_a_limit_for_each_night() -> None:
    """55 of them, from the sixth to the sixtieth; 55 nights at the hazard make 5 %."""
    assert [HORIZON - FIRST + 1] * 2 == [len(limits) for limits in LIMITS.values()]
    assert FALSE_ALARM == pytest.approx(1 - (1 - HAZARD) ** 55)


def test_an_unknown_night_is_refused() -> None:
    """NaN is no figure; the caller leaves such nights out."""
    with pytest.raises(ValueError, match="finite"):
        find_changes([1.0, math.nan], "mean")


def test_levels_of_whole_nights_are_their_means() -> None:
    """Three items, two nights: 2/3 and 1/3."""
    levels, _ = night_levels(np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]))

    assert [2 / 3, 1 / 3] == pytest.approx(list(levels))


def test_a_night_without_the_hard_items_is_not_better() -> None:
    """Item 3 is always wrong; the third night lacks it. Its mean is 1, its level that of the other nights."""
    scores = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, math.nan]])
    levels, _ = night_levels(scores)

    assert levels == pytest.approx([levels[0]] * 3)
    assert 6 / 8 == pytest.approx((3 * levels[0] + 3 * levels[1] + 2 * levels[2]) / 8)


def test_items_of_one_source_count_as_one() -> None:
    """Ten copies of each of 20 items: the error is that of 20 items, not of 200."""
    rng = np.random.default_rng(1)
    one = (rng.random((20, 30)) < 0.7).astype(float)
    copies = np.repeat(one, 10, axis=0)

    assert night_levels(one)[1] == pytest.approx(
        night_levels(copies, np.repeat(np.arange(20), 10))[1], rel=0.06
    )


def test_nights_without_common_items_are_refused() -> None:
    """They are on no common scale."""
    with pytest.raises(ValueError, match="share"):
        night_levels(np.array([[1.0, math.nan], [math.nan, 0.0]]))
