"""What of a spread lies between items and what between repeats: by hand, and found again in drawn data."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gapbench.stats import variance_components


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


def test_equal_weights_change_no_component_of_balanced_items() -> None:
    """Three items, two answers each, all of weight 5."""
    values, items = np.array([0.0, 1, 1, 1, 0, 0]), np.array([0, 0, 1, 1, 2, 2])

    weighted = variance_components(values, items, np.full(6, 5.0))

    assert weighted == pytest.approx(variance_components(values, items))


def test_the_variance_within_items_follows_the_weights() -> None:
    """Squares of 1/2, 0 and 0 with one degree of freedom each, at weights 6, 2 and 2: 6 · 1/2 / 10."""
    values, items = np.array([0.0, 1, 1, 1, 0, 0]), np.array([0, 0, 1, 1, 2, 2])

    parts = variance_components(values, items, np.array([3.0, 3, 1, 1, 1, 1]))

    assert parts is not None
    assert parts.repeat_variance == pytest.approx(0.3)
    assert parts.items == pytest.approx(10**2 / (6**2 + 2**2 + 2**2))
