"""Which rules are tested, and in which order: their simulated tests, and the set with the largest expected savings."""

from __future__ import annotations

import numpy as np
import pytest

from gapbench.analysis.economics.testing_order import LearntClusters, order_of_tests, simulate_tests
from gapbench.stats import Floats


def chances(*rules: float) -> Floats:
    """Return the same chances of some rules in four traffics."""
    return np.tile(np.array(rules), (4, 1))


def learnt(losses: Floats, *, unseen: float = 0.2, heaviest: float = 1.0) -> LearntClusters:
    """Return what clusters of one task say of rules that use every open answer, at a margin of one point."""
    ones = np.ones_like(losses)
    return LearntClusters(
        count=len(losses), gains=0.01 - losses, worst=0.01 - ones, unseen=np.full((1, len(losses)), unseen / len(losses)),
        way=np.zeros(losses.shape[1], dtype=np.int64), least_square=np.full(losses.shape[1], 0.01 * 0.99),
        largest_loss=np.full(losses.shape[1], heaviest),
    )  # fmt: skip


def test_a_step_is_tested_first_if_it_passes_far_more_surely() -> None:
    """99 % for half of the savings, 50 % for all; a rule that saves nothing is left out."""
    assert [1, 2] == order_of_tests(chances(1.0, 0.99, 0.5), np.array([0.0, 1.0, 2.0]), limit=10)


def test_a_step_that_passes_no_more_surely_is_left_out() -> None:
    """A tenth of the savings with the same chance only adds a test that may fail."""
    assert [1] == order_of_tests(chances(0.5, 0.5), np.array([0.1, 1.0]), limit=10)


def test_a_step_that_passes_whenever_the_next_one_does_costs_nothing() -> None:
    """Both pass in half of the traffics, the first in another quarter."""
    together = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])

    assert [0, 1] == order_of_tests(together, np.array([0.1, 1.0]), limit=10)


def test_a_rule_is_left_out_again_when_others_save_more_without_it() -> None:
    """Alone 1 is best (3/5 of 2), but 2 passes where 1 fails: after 0, which always passes, 1 + 2/5 x 1.9 = 1.76 beats 1.6."""
    never = 1e-6
    chance = np.array([[1.0, 1.0, never]] * 3 + [[1.0, never, 1.0]] * 2)

    assert [0, 2] == order_of_tests(chance, np.array([1.0, 2.0, 2.9]), limit=10)


def test_a_rule_that_cannot_pass_is_tested_all_the_same() -> None:
    """Else nothing would say that the open model loses too much."""
    chance = simulate_tests(learnt(np.ones((50, 1))), 150, 0.95, seed=1)

    assert [0] == order_of_tests(chance, np.array([1.0]), limit=10)


@pytest.mark.parametrize(("limit", "order"), [(10, [0, 1, 2]), (2, [1, 2])])
def test_no_more_rules_than_the_limit_are_tested(limit: int, order: list[int]) -> None:
    """Each rule passes in one of four traffics less than the one before it, so that no step costs anything."""
    chance = np.array([[1.0, 1.0, 1.0]] * 2 + [[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])

    assert order == order_of_tests(chance, np.array([1.0, 2.0, 3.0]), limit=limit)


def test_a_rule_without_a_loss_passes_more_surely_than_one_with_many() -> None:
    """No loss of 250, and 10 % lost: 750 tasks pass the first in most traffics, and the second in none."""
    losses = np.zeros((250, 2))
    losses[:25, 1] = 1.0
    chance = simulate_tests(learnt(losses), 750, 0.95, seed=1).mean(axis=0)

    assert chance[0] > 0.8
    assert chance[1] < 0.01


@pytest.mark.parametrize(("clusters", "heaviest"), [(250, 1.0), (750, 4.0)])
def test_too_few_tests_for_the_heaviest_cluster_let_nothing_pass(clusters: int, heaviest: float) -> None:
    """299 tasks are the least without a loss, and four times as many if a cluster could weigh 4."""
    found = learnt(np.zeros((100, 1)), unseen=0.0001, heaviest=heaviest)

    assert simulate_tests(found, clusters, 0.95, seed=1).mean() < 0.5
