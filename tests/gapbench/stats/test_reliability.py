"""pass^k, the noise floor, and the repeats that a gap needs: by hand, and found again in drawn data."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from gapbench.stats import (
    intraclass_correlation,
    mean_over_tasks,
    noise_floor,
    pass_at_k,
    pass_hat_k,
    repeats_to_resolve,
    variance_components,
    wilson,
)
from gapbench.stats.pass_at_k import Components

Z_BOTH = 1.959964 + 0.841621
"""Quantiles of a two-sided test at 5 % and of a power of 80 %."""


def components(item: float, repeat: float) -> Components:
    return Components(4, item, repeat, 0.0, 0.0, 40.0)


@pytest.mark.parametrize(
    ("n", "correct", "k"), [(5, 3, 1), (5, 3, 2), (5, 3, 4), (8, 8, 8), (8, 0, 1), (6, 5, 3)]
)
def test_pass_hat_k_is_the_share_of_draws_that_are_all_right(n: int, correct: int, k: int) -> None:
    """Counted over every choice of k of the n tries; pass@k is the share with at least one."""
    tries = [1] * correct + [0] * (n - correct)
    draws = list(combinations(tries, k))

    assert pass_hat_k(n, correct, k) == pytest.approx(sum(map(all, draws)) / len(draws))
    assert pass_at_k(n, correct, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_hat_k_by_hand() -> None:
    """C(3,2) / C(4,2) = 3 / 6."""
    assert pass_hat_k(4, 3, 2) == pytest.approx(3 / 6)


def test_too_few_tries_have_no_estimate() -> None:
    """Three tries say nothing about four."""
    assert pass_hat_k(3, 3, 4) is None
    assert pass_hat_k(3, 3, 0) is None


def test_many_tries_do_not_overflow() -> None:
    """Of 10,000 tries half are right: 0.5 ** 3, nearly."""
    assert pass_hat_k(10_000, 5_000, 3) == pytest.approx(0.125, abs=1e-3)


def test_the_mean_is_over_tasks() -> None:
    """Tasks of 4/4, 2/4 and 0/4 at k = 2: (1 + 1/6 + 0) / 3."""
    found = mean_over_tasks(pass_hat_k, np.array([4, 4, 4]), np.array([4, 2, 0]), 2)

    assert found.value == pytest.approx((1 + 1 / 6 + 0) / 3)
    assert (3, 0) == (found.tasks, found.tasks_short)


def test_a_lost_repeat_costs_its_task_alone() -> None:
    """One task has three judged repeats: at k = 4 it is left out, at k = 3 it counts beside tasks with four."""
    judged, right = np.array([4, 3]), np.array([4, 3])

    assert (1, 1) == mean_over_tasks(pass_hat_k, judged, right, 4)[2:]
    assert (2, 0) == mean_over_tasks(pass_hat_k, judged, right, 3)[2:]


def test_no_task_has_no_mean() -> None:
    """None, and an interval without bounds."""
    found = mean_over_tasks(pass_hat_k, np.array([1, 1]), np.array([1, 1]), 2)

    assert (None, (None, None), 0, 2) == (found.value, tuple(found.interval), found.tasks, found.tasks_short)


def test_equal_tasks_leave_wilsons_interval() -> None:
    """Ten tasks that always pass: Wilson's interval of 10 of 10, and of 5 of 5 where they are pairs."""
    judged = right = np.full(10, 4)

    assert mean_over_tasks(pass_hat_k, judged, right, 2).interval == wilson(1.0, 10)
    assert mean_over_tasks(pass_hat_k, judged, right, 2, np.arange(10) // 2).interval == wilson(1.0, 5)


@pytest.mark.parametrize(
    ("a", "b", "tasks", "n", "k"), [(2, 2, 20, 4, 2), (8, 2, 50, 8, 4), (20, 1, 40, 4, 3)]
)
def test_intervals_cover(a: float, b: float, tasks: int, n: int, k: int) -> None:
    """500 drawn task sets of Beta(a, b) skills: 95 % intervals contain the mean of p ** k in 92 to 99 %."""
    rng = np.random.default_rng(7)
    truth = math.prod((a + j) / (a + b + j) for j in range(k))
    hits = 0
    for _ in range(500):
        right = rng.binomial(n, rng.beta(a, b, tasks))
        low, high = mean_over_tasks(pass_hat_k, np.full(tasks, n), right, k).interval
        assert low is not None
        assert high is not None
        hits += low <= truth <= high

    assert 0.92 <= hits / 500 <= 0.99


def test_intervals_cover_clusters() -> None:
    """Tasks in groups of five of one skill: intervals by cluster cover, those that ignore it do not."""
    rng = np.random.default_rng(3)
    groups, hits = np.repeat(np.arange(20), 5), np.zeros(2)
    for _ in range(400):
        right = rng.binomial(4, rng.beta(2, 2, 20)[groups])
        for place, codes in enumerate((groups, None)):
            low, high = mean_over_tasks(pass_hat_k, np.full(100, 4), right, 2, codes).interval
            hits[place] += (low or 0) <= 0.3 <= (high or 1)  # E p^2 of Beta(2, 2) = 2/4 * 3/5

    assert hits[0] / 400 >= 0.92
    assert hits[1] / 400 <= 0.85


def test_intraclass_correlation_by_hand() -> None:
    """0.03 of 0.03 + 0.09."""
    assert intraclass_correlation(components(0.03, 0.09)) == pytest.approx(0.25)
    assert intraclass_correlation(components(0.0, 0.0)) is None


def test_the_noise_floor_is_the_spread_of_whole_runs() -> None:
    """40 tasks of fixed skill, 4 repeats, 2,000 runs: the spread of their means, within a twentieth."""
    rng = np.random.default_rng(11)
    skill = rng.beta(2, 2, 40)
    runs = rng.binomial(4, skill, (2_000, 40)).sum(axis=1) / 160
    one = rng.binomial(1, np.repeat(skill, 400)).astype(float)
    parts = variance_components(one, np.repeat(np.arange(40), 400))

    assert parts is not None
    assert noise_floor(parts, 40, 4) == pytest.approx(runs.std(), rel=0.05)


def test_repeats_by_hand() -> None:
    """100 tasks, repeat variance 0.4, the same tasks: 0.4 / (100 * (0.05 / 2.8016) ** 2) = 12.6, so 13."""
    parts = components(0.02, 0.4)

    assert 13 == math.ceil(0.4 / (100 * (0.05 / Z_BOTH) ** 2))
    assert 13 == repeats_to_resolve(0.05, parts, 100, same_tasks=True)


def test_tasks_that_differ_need_more_repeats_or_more_tasks() -> None:
    """Item variance 0.02 leaves 0.0319 - 0.02 for the repeats: 0.4 / 0.0119 = 33.7; 0.04 leaves nothing."""
    assert 34 == math.ceil(0.4 / (100 * (0.05 / Z_BOTH) ** 2 - 0.02))
    assert 34 == repeats_to_resolve(0.05, components(0.02, 0.4), 100)
    assert repeats_to_resolve(0.05, components(0.04, 0.4), 100) is None


def test_a_large_gap_needs_one_repeat_and_none_needs_none() -> None:
    """Never 0 repeats; no gap cannot be resolved."""
    assert 1 == repeats_to_resolve(-0.5, components(0.02, 0.4), 100)
    assert repeats_to_resolve(0.0, components(0.02, 0.4), 100) is None


def test_the_repeats_have_the_power_that_they_promise() -> None:
    """60 tasks whose gaps vary by 0.1 around 0.07: with the repeats asked for, 80 % of runs find the gap, within 4 points."""
    rng = np.random.default_rng(5)
    parts = components(0.01, 0.3)
    repeats = repeats_to_resolve(0.07, parts, 60)
    assert repeats is not None
    runs = rng.normal(0.07, 0.1, (4_000, 60)) + rng.normal(0, math.sqrt(0.3 / repeats), (4_000, 60))
    found = np.abs(runs.mean(axis=1)) > 1.959964 * math.sqrt((0.01 + 0.3 / repeats) / 60)

    assert 0.8 == pytest.approx(found.mean(), abs=0.04)
