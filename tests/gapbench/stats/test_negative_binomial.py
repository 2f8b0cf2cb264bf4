"""Counts that vary more than chance: against sums over scipy's probabilities of single counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from gapbench.stats import expected_excess, probability_at_most

COUNTS = np.arange(50_000)


def chances(mean: float, dispersion: float) -> Any:
    """Return the probability of each count."""
    if dispersion == 0:
        return poisson.pmf(COUNTS, mean)
    return nbinom.pmf(COUNTS, 1 / dispersion, 1 / (1 + dispersion * mean))


@pytest.mark.parametrize("dispersion", [0.0, 0.02, 0.5])
@pytest.mark.parametrize(("mean", "limit"), [(0.3, 0.0), (3.0, 2.5), (40.0, 55.0), (700.0, 690.4)])
def test_both_are_sums_over_counts(mean: float, limit: float, dispersion: float) -> None:
    """The chance of at most the limit, and the mean of what is above it, count by count."""
    each = chances(mean, dispersion)

    assert probability_at_most(limit, mean, dispersion) == pytest.approx(
        each[limit >= COUNTS].sum(), abs=1e-9
    )
    expected = (np.maximum(COUNTS - limit, 0) * each).sum()
    assert expected_excess(limit, mean, dispersion) == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_no_count_is_above_the_limit_if_none_comes() -> None:
    """A mean of 0 fits always; without a limit the excess is the mean."""
    assert (1.0, 0.0) == (float(probability_at_most(0, 0.0, 0.3)), float(expected_excess(0, 0.0, 0.3)))
    assert expected_excess(0, 7.0, 0.3) == pytest.approx(7.0)


def test_a_small_dispersion_is_chance() -> None:
    """Both branches agree where they meet."""
    assert probability_at_most(12, 10.0, 1e-8) == pytest.approx(poisson.cdf(12, 10), abs=1e-6)
