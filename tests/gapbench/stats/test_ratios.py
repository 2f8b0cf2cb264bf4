"""What noise of its parts does to a ratio of totals."""

from __future__ import annotations

import numpy as np
import pytest

from gapbench.stats import ratio_noise


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
