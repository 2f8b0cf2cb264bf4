"""Rules that are guaranteed to lose less than a margin: their paths, the order of tests, and what is chosen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gapbench.analysis.economics.guarantee import (
    RoutingGuarantee,
    _unseen_losses,
    guarantee_routing,
)
from gapbench.analysis.economics.routing import RoutedTasks
from gapbench.analysis.economics.routing_rules import (
    Grouping,
    Score,
    group_rules,
    score_rules,
)
from gapbench.stats import SEED, Design, Floats

NAMES = ("easy", "hard")


def tasks(count: int = 2_000, *, lost: float = 0.3, seed: int = 1) -> RoutedTasks:
    """Return tasks of two categories, half each: the open model loses nothing of the first and a share of the second."""
    rng = np.random.default_rng(seed)
    category = np.arange(count) % 2
    open_quality = ((category == 0) | (rng.random(count) >= lost)).astype(float)
    ones = np.ones(count)
    return RoutedTasks(open_quality, ones, ones * 0.001, ones * 0.01, ones, ones, category, np.arange(count))


def find(items: RoutedTasks, *, margin: float = 0.01, weight: Floats | None = None,
         scores: list[Score] | None = None) -> RoutingGuarantee:  # fmt: skip
    """Return what is guaranteed at 95 %."""
    if weight is not None:
        items = dataclasses.replace(items, design=Design(weight, np.zeros(len(items), dtype=np.int32)))
    return guarantee_routing(
        items, margin=margin, confidence=0.95, groupings=[Grouping("category", items.category, NAMES)],
        scores=scores or [],
    )  # fmt: skip


def test_the_category_without_a_loss_goes_to_the_open_model() -> None:
    """Half of the tasks save 0.01 - 0.001 dollars; the other category alone loses 15 points."""
    found = find(tasks())
    chosen = found.chosen

    assert chosen is not None
    assert (("easy",), ("hard",), "by category") == (chosen.rule.groups, chosen.rule.rest, chosen.rule.policy)
    assert 0.5 * 0.009 == pytest.approx(chosen.saved_usd)
    assert 0.5 * 0.01 + 0.5 * 0.001 == pytest.approx(chosen.usd)
    assert (0.0, 0.5) == (chosen.loss, chosen.calls_saved)


def test_the_error_is_spent_in_order() -> None:
    """A rule after one that failed is not guaranteed, whatever its own test says."""
    flags = [one.is_guaranteed for one in find(tasks(lost=0.02)).tested]

    assert sorted(flags, reverse=True) == flags


def test_with_few_tasks_nothing_is_guaranteed_and_the_number_needed_is_said() -> None:
    """100 tasks: without any loss 299 tested tasks are the least, 299 / 0.75 = 399 in all."""
    found = find(tasks(100))

    assert found.chosen is None
    assert found.wanted is not None
    assert found.wanted.tasks_needed is not None
    assert 399 <= found.wanted.tasks_needed < 1_000


def test_a_rule_that_loses_the_margin_needs_no_number() -> None:
    """Both categories lose 15 points and more."""
    items = tasks()
    worse = dataclasses.replace(items, open_quality=np.where(np.arange(2_000) % 3 == 0, 0.0, 1.0))
    found = find(worse)

    assert found.chosen is None
    assert found.wanted is None
    assert all(one.tasks_needed is None for one in found.tested)


def test_weights_decide_what_a_loss_counts() -> None:
    """The open model loses 4 % of the easy category. With a weight of 20 for the hard one that is 0.2 points; without, 2."""
    items = tasks(4_000, lost=0.3)
    rng = np.random.default_rng(2)
    some = dataclasses.replace(
        items,
        open_quality=np.where((items.category == 0) & (rng.random(4_000) < 0.04), 0.0, items.open_quality),
    )
    weight = np.where(some.category == 0, 1.0, 20.0)

    assert find(some).chosen is None
    assert find(some, weight=weight).chosen is not None
    assert 0.009 / 21 == pytest.approx(find(some, weight=weight).chosen.saved_usd)  # type: ignore[union-attr]


def test_tasks_of_one_cluster_count_once() -> None:
    """2,000 tasks in 100 clusters are 75 tested clusters, fewer than 299."""
    items = tasks()

    assert find(dataclasses.replace(items, cluster=np.arange(2_000) // 20)).chosen is None


def test_a_large_cluster_costs_power() -> None:
    """50 tasks are one cluster, none of which is lost: no 1,500 tested ones exclude that another one loses everything."""
    items = tasks()
    cluster = np.where(np.arange(2_000) < 50, 0, np.arange(2_000))

    assert find(items).chosen is not None
    assert find(dataclasses.replace(items, cluster=cluster)).chosen is None


def test_what_stays_with_the_closed_model_costs_no_power_however_heavy_it_is() -> None:
    """400 tasks, 300 tested. Easy ones weigh 1, hard ones 3, the mean is 2.

    A rule for the easy ones alone could lose 1/2 of a mean task and needs 150 tested tasks, one for the hard ones could lose 3/2
    and needs 447.
    """
    items = dataclasses.replace(tasks(400), open_quality=np.ones(400))
    found = find(items, weight=np.where(items.category == 0, 1.0, 3.0))

    assert found.chosen is not None
    assert ("easy",) == found.chosen.rule.groups
    assert all(not one.is_guaranteed for one in found.tested if "hard" in one.rule.groups)


def test_an_open_model_that_costs_more_is_no_rule() -> None:
    """There is nothing to save."""
    items = tasks()
    dear = dataclasses.replace(items, open_usd=items.closed_usd * 2)

    assert () == find(dear).tested


def test_without_prices_calls_are_saved() -> None:
    """Dollars are unknown, and half of the closed calls is saved."""
    items = tasks()
    found = find(dataclasses.replace(items, open_usd=np.full(2_000, np.nan)))

    assert found.chosen is not None
    assert (None, None, 0.5) == (found.chosen.saved_usd, found.closed_usd, found.chosen.calls_saved)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(weight: float) -> None:
    """A weight is a number of requests."""
    with pytest.raises(ValueError, match="positive"):
        find(tasks(100), weight=np.full(100, weight))


def test_a_cascade_pays_no_open_call_for_what_goes_to_the_closed_model_at_once() -> None:
    """The hard half goes there directly. Of the easy half every tenth answer is bad: it costs 0.001 more, the others save 0.009."""
    items = tasks(4_000, lost=0.5)
    bad = (items.category == 0) & (np.arange(4_000) % 20 == 0)
    items = dataclasses.replace(items, open_quality=np.where(bad, 0.0, items.open_quality))
    found = guarantee_routing(
        items, margin=0.01, confidence=0.95, groupings=[Grouping("category", items.category, NAMES)], bad_form=bad
    )  # fmt: skip
    chosen = found.chosen

    assert chosen is not None
    assert ("cascade", ("hard",)) == (chosen.rule.kind, chosen.rule.rest)
    assert 0.5 * (0.9 * 0.009 - 0.1 * 0.001) == pytest.approx(chosen.saved_usd)


def test_the_tested_part_does_not_decide_what_is_tested() -> None:
    """The open model becomes dear in the tasks that test: the rule keeps its place, passes, and is not chosen."""
    items = dataclasses.replace(tasks(2_000), open_quality=np.ones(2_000))
    before = find(items)
    place = np.empty(2_000, dtype=np.int64)
    place[np.random.default_rng(SEED).permutation(2_000)] = np.arange(2_000)
    dear = dataclasses.replace(items, open_usd=np.where(place < 500, items.open_usd, 1.0))
    after = find(dear)

    assert [one.rule.groups for one in before.tested] == [one.rule.groups for one in after.tested]
    assert all(one.is_guaranteed for one in after.tested)
    assert after.chosen is None


def test_all_sets_of_the_best_groups_are_tried() -> None:
    """The category that loses nothing comes first; the set of both is all open."""
    items = tasks()
    path = group_rules(
        items, np.ones(2_000), Grouping("category", items.category, NAMES), np.arange(2_000) < 500
    )

    assert [("easy",), ("hard",), ("easy", "hard")] == [rule.groups for rule in path]
    assert ["by category", "by category", "all open"] == [rule.policy for rule in path]
    assert [1_000, 1_000, 0] == [int(rule.closed.sum()) for rule in path]


def test_of_many_groups_the_best_six_are_combined_and_the_others_added_one_by_one() -> None:
    """Ten groups: 2^6 - 1 = 63 sets, and four longer ones."""
    items = tasks()
    names = tuple(str(code) for code in range(10))
    rules = group_rules(
        items, np.ones(2_000), Grouping("task", np.arange(2_000) % 10, names), np.ones(2_000, dtype=bool)
    )

    assert 63 + 4 == len(rules)
    assert [7, 8, 9, 10] == [len(rule.groups) for rule in rules[63:]]


def test_thresholds_come_from_the_learning_part_and_an_unknown_score_stays_closed() -> None:
    """Scores of the learning part are 1 and 2, so 1 is the only threshold; the others are 50 and unknown."""
    score = Score(
        "by length", "router", np.array([1.0, 2.0, 50.0, np.nan]), "prompts of at most {threshold} tokens"
    )
    rules = score_rules(score, np.array([True, True, False, False]))

    assert [1.0] == [rule.threshold for rule in rules]
    assert [False, True, True, True] == list(rules[0].closed)
    assert "prompts of at most 1 tokens" == rules[0].condition


def test_a_share_of_the_clusters_learns() -> None:
    """A tenth of 2,000 clusters of one task."""
    items = tasks()
    found = guarantee_routing(
        items, margin=0.01, confidence=0.95, groupings=[Grouping("category", items.category, NAMES)], learn_share=0.1
    )  # fmt: skip

    assert (2_000, 1_800) == (found.clusters, found.clusters_tested)


def test_each_group_and_each_part_of_a_score_has_unseen_losses() -> None:
    """0.2 lost clusters in each of two categories, and in each of the 20 parts between thresholds; none outside what learns."""
    learn = np.arange(400) < 200
    groups = Grouping("category", np.arange(400) % 2, NAMES)
    score = Score(
        "by length",
        "router",
        (np.arange(400) % 200).astype(np.float64),
        "prompts of at most {threshold} tokens",
    )
    rules = score_rules(score, learn)
    unseen = _unseen_losses(rules, [groups], [score], learn)

    assert [0.2, 0.2] == pytest.approx(list(np.bincount(groups.code, unseen["category"])))
    assert 20 * 0.2 == pytest.approx(unseen["by length"].sum())
    assert 0.2 == pytest.approx(unseen["by length"][~rules[0].closed].sum())
    assert 0.0 == unseen["by length"][~learn].sum()
