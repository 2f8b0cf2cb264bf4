"""What noise of its parts does to a ratio of totals."""

from __future__ import annotations

import numpy as np
import pytest

from gapbench.stats import compare_quotients, ratio_noise
from gapbench.stats.ratios import RatioTest


@pytest.mark.parametrize("parts", [[1, 1], [10, 1], [1, 1, 1], [1, 2, 3, 4, 5]])
def test_parts_that_are_alike_are_seldom_called_dearer(parts: list[float]) -> None:
    """300 pairs of totals whose parts spread by 10 %: at 5 % each, 27 would be one in a thousand."""
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(300):
        first, second = (np.array(parts) * np.exp(rng.normal(0, 0.1, len(parts))) for _ in range(2))
        noise = ratio_noise(first, second, resamples=2_000)
        assert noise is not None
        alarms += bool(np.quantile(second.sum() / first.sum() * noise, 0.05) > 1)

    assert alarms < 27


def test_parts_that_all_rise_are_told_from_noise() -> None:
    """Logs of 1.2, 1.3 and 1.4 spread by 0.0771, their mean by 0.0445; t(2) has 5 % above 2.92."""
    noise = ratio_noise(np.array([1.0, 1.0, 1.0]), np.array([1.2, 1.3, 1.4]))

    assert noise is not None
    assert np.exp(-0.0445 * 2.92) == pytest.approx(np.quantile(noise, 0.05), rel=0.02)


def test_one_part_has_no_noise_that_could_be_known() -> None:
    """A part that is 0 is none."""
    assert ratio_noise(np.array([2.0, 0.0]), np.array([3.0, 1.0])) is None


@pytest.fixture(name="answers")
def _answers() -> RatioTest:
    """Return dollars per right answer of 30 tasks: $5 a task with 24 right against $1 with 20 right."""
    k = np.arange(30)
    dollars = np.stack([5 + 0.01 * (k % 5), 1 + 0.01 * (k % 3)])
    right = np.stack([k % 5 != 0, k % 3 != 0]).astype(np.float64)
    found = compare_quotients((dollars[0], right[0]), (dollars[1], right[1]), k).evidence
    assert found is not None
    return found


def test_a_stricter_level_does_not_throw_the_bound_far_out(answers: RatioTest) -> None:
    """Student's t grows by 1.16 from 95 to 97.5 %; where the transformation flattened, this bound grew by 3.6."""
    observed = answers.first - answers.second
    near, far = (answers.interval(level)[1] - observed for level in (0.95, 0.975))

    assert 1.1 < far / near < 2


@pytest.mark.parametrize("level", [0.8, 0.95, 0.975, 0.99, 0.999])
def test_the_bounds_are_where_the_p_value_is_the_level(answers: RatioTest, level: float) -> None:
    """Of the ratio and of the difference, near and far out."""
    for bound in answers.ratio_interval(level):
        assert 1 - level == pytest.approx(answers.ratio_p_value(bound), rel=1e-6)
    for bound in answers.interval(level):
        assert 1 - level == pytest.approx(answers.p_value(bound), rel=1e-6)
