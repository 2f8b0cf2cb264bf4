"""Quantiles without sorting."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gapbench.stats.order_statistics import nearby_quantiles


@pytest.mark.parametrize("seed", range(60))
def test_quantiles_are_those_of_numpy(seed: int) -> None:
    """One to 400 values, with ties, of shares from 0 to 1."""
    rng = np.random.default_rng(seed)
    values = np.round(rng.lognormal(size=int(rng.integers(1, 400))), int(rng.integers(0, 4)))
    shares = sorted([*rng.random(int(rng.integers(1, 4))).tolist(), *([0.0, 1.0] if seed % 3 == 0 else [])])

    np.testing.assert_allclose(nearby_quantiles(values, shares), np.quantile(values, shares), rtol=1e-14)


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    """Between 2 and 5."""
    assert nearby_quantiles(np.array([9.0, 2.0, 5.0, 1.0]), [0.5]) == [3.5]


def test_an_unknown_value_makes_quantiles_unknown() -> None:
    """As numpy does."""
    assert all(map(math.isnan, nearby_quantiles(np.array([1.0, np.nan, 2.0]), [0.4, 0.5])))


def test_the_values_keep_their_order() -> None:
    """They are an argument, and columns of a store."""
    values = np.array([3.0, 1.0, 2.0])
    nearby_quantiles(values, [0.5])

    assert values.tolist() == [3, 1, 2]
