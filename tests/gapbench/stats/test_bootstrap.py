"""Resampled sums and quotients: by hand, and against gathering every draw."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gapbench.stats import compare_quotients, resample_sums, selection_bias


def test_counted_and_gathered_draws_agree() -> None:
    """The short way through kinds and the long way through rows have the same mean and spread."""
    rng = np.random.default_rng(3)
    few = rng.integers(0, 3, size=2000).astype(float)
    many = few + np.arange(2000) * 1e-9
    short, long = (resample_sums(values[:, None], 4000) for values in (few, many))

    assert short.mean() == pytest.approx(long.mean(), rel=0.002)
    assert short.std() == pytest.approx(long.std(), rel=0.06)


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
