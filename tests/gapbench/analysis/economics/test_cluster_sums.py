"""Sums over clusters: what a rule could lose, and what the clusters that learn know."""

from __future__ import annotations

import numpy as np
import pytest

from gapbench.analysis.economics.cluster_sums import MAX_LEARNT, ClusterSums

ALL = np.ones(6, dtype=bool)


def sums() -> ClusterSums:
    """Return four clusters of 2, 1, 1 and 2 tasks at a margin of 10 points; the first two learn, the last one is heavy."""
    return ClusterSums(np.array([0, 0, 1, 2, 3, 3]), np.array([1.0, 2.0, 4.0, 1.0, 9.0, 9.0]), 4, 2, 0.1)


def test_a_rule_could_lose_the_heaviest_cluster_if_it_uses_every_open_answer() -> None:
    """9 + 9 of four clusters, 4 of the two that learn: two tasks of weight 4 would be 8, more than any cluster weighs."""
    stake = sums().stake(ALL)

    assert (18.0, 4.0) == (stake.largest_loss, stake.largest_learnt)


def test_a_rule_could_lose_as_many_of_its_own_tasks_as_the_largest_cluster_has() -> None:
    """Its tasks weigh 1 and 2: two of 2, though no cluster here has two of its tasks of that weight."""
    stake = sums().stake(np.array([True, True, False, True, False, False]))

    assert (4.0, 4.0) == (stake.largest_loss, stake.largest_learnt)


def test_the_bets_and_the_order_know_no_weight_of_the_tested_part() -> None:
    """Of the two clusters that learn: 0.1 x 0.9 x (1 + 4 + 16) / 2, whatever the others weigh."""
    assert 0.1 * 0.9 * 21 / 2 == pytest.approx(sums().stake(ALL).least_square)


def test_a_task_of_few_is_lost_more_often_at_the_margin() -> None:
    """The tasks of weight 1 and 2 hold 3 of 7: they lose 0.1 x 7/3 of theirs, so the square is 0.9 x 0.7/3 x (1 + 4) / 2."""
    few = np.array([True, True, False, False, False, False])

    assert 0.9 * 0.7 / 3 * 5 / 2 == pytest.approx(sums().stake(few).least_square)


def test_a_gain_is_the_margin_of_the_weight_less_what_is_lost() -> None:
    """The task of weight 2 is lost: 0.1 x 3 - 2, and 0.1 x 4."""
    lost = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 1.0])

    assert [-1.7, 0.4] == pytest.approx(list(sums().gains_in_blocks(lost)))


def test_more_clusters_than_a_simulation_holds_are_added_up() -> None:
    """Twice as many: pairs, whose worst gain is that of one cluster."""
    count = 2 * MAX_LEARNT
    many = ClusterSums(np.arange(count + 1), np.ones(count + 1), count + 1, count, 0.1)
    every = np.ones(count + 1, dtype=bool)

    assert MAX_LEARNT == len(many.gains_in_blocks(np.zeros(count + 1)))
    assert 2 * 0.1 == pytest.approx(many.gains_in_blocks(np.zeros(count + 1))[0])
    assert 0.1 - 1 == pytest.approx(many.worst_in_blocks(every)[0])


def test_the_loss_is_that_of_the_clusters_that_test() -> None:
    """One of weight 1 is lost of 1 + 18."""
    found = sums().estimate(np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]), sums().stake(ALL))

    assert 1 / 19 == pytest.approx(found.mean)
