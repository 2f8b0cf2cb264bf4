"""The router or cascade that saves most among those whose loss against the closed model alone is below a margin.

"Below a margin" is shown with a confidence that holds with any number of samples (Learn then Test, Angelopoulos et al., arXiv
2110.01052). One random part of the clusters chooses and orders the rules, from one that saves little and passes surely to the
one that saves most (:mod:`gapbench.analysis.economics.testing_order`). The other part tests them in that order, each at the
full level, and stops at the first that fails. So a rule that loses the margin or more is chosen with a probability of at most
1 - confidence, however many rules were tried. The test is :func:`gapbench.stats.loss_test.loss_evidence`, which names what is
assumed.

It speaks of traffic like the tasks: the same mix, weights that are inverse to the probability of being drawn, and the
models, prompts and scorers of the run. A task that a model did not answer, or that was not scored, is not in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gapbench.analysis.economics.cluster_sums import ClusterSums
from gapbench.analysis.economics.routing import Bools, RoutedTasks
from gapbench.analysis.economics.routing_rules import (
    Grouping,
    RoutingRule,
    Score,
    group_rules,
    losses_and_savings,
    score_rules,
)
from gapbench.analysis.economics.testing_order import (
    UNSEEN_LOSSES,
    LearntClusters,
    order_of_tests,
    simulate_tests,
)
from gapbench.stats import SEED, Floats, dense_codes
from gapbench.stats.loss_test import loss_evidence

LEARN_SHARE = 0.25
"""Share of the clusters that choose and order the rules."""
MAX_TESTED = 30
"""Rules in the sequence of tests."""


@dataclass(frozen=True)
class RuleOutcome:
    """A rule and what its test found.

    Attributes:
        rule: The rule.
        saved_usd: Dollars saved on a task against the closed model alone, over all tasks. None: a price is unknown.
        usd: Dollars for a task. None: a price is unknown.
        calls_saved: Share of tasks that the closed model is not called for.
        loss: Loss on the tested tasks, 0 to 1; below 0 if the rule scores higher than the closed model.
        loss_error: Its standard error.
        p_value: Valid p-value of "the loss is at least the margin". Values above the level say little; one below it is not
            told from the level.
        is_guaranteed: Whether it and all rules before it passed.
        tasks_needed: Estimate of the tasks, in all, with which it would pass with a probability of 80 %, if the loss and
            the spread are as measured. None: the loss is not below the margin.
    """

    rule: RoutingRule
    saved_usd: float | None
    usd: float | None
    calls_saved: float
    loss: float
    loss_error: float
    p_value: float
    is_guaranteed: bool
    tasks_needed: int | None

    @property
    def worth(self) -> float:
        """What rules are chosen by: dollars saved or, if a price is unknown, closed calls saved."""
        return self.calls_saved if self.saved_usd is None else self.saved_usd


@dataclass(frozen=True)
class RoutingGuarantee:
    """The rules that were tested, and the one to use.

    Attributes:
        margin: Loss that is tolerated, 0 to 1.
        confidence: Probability, at least, with which a chosen rule loses less than the margin.
        tested: The rules, in the order of the tests.
        n: Number of tasks.
        n_tested: Tasks that the tests used.
        clusters: Number of clusters.
        clusters_tested: Clusters that the tests used.
        closed_usd: Dollars for a task if the closed model answers all. None: a price is unknown.
        is_weighted: Whether tasks have unequal weights.
        heaviest_share: Share of the heaviest cluster in the weight of all.
    """

    margin: float
    confidence: float
    tested: tuple[RuleOutcome, ...]
    n: int
    n_tested: int
    clusters: int
    clusters_tested: int
    closed_usd: float | None
    is_weighted: bool
    heaviest_share: float

    @property
    def chosen(self) -> RuleOutcome | None:
        """The rule that saves most among those that are guaranteed. None: there is none that saves anything."""
        passed = [one for one in self.tested if one.is_guaranteed and one.worth > 0]
        return max(passed, key=lambda one: one.worth, default=None)

    @property
    def wanted(self) -> RuleOutcome | None:
        """The rule to collect more samples for: of those that would save more, the one that needs the fewest.

        None: no rule that would save more has a loss below the margin in these tasks.
        """
        least = 0.0 if self.chosen is None else self.chosen.worth
        open_ends = [
            one
            for one in self.tested
            if one.tasks_needed is not None and one.worth > least and not one.is_guaranteed
        ]
        return min(open_ends, key=lambda one: one.tasks_needed or 0, default=None)


def guarantee_routing(
    items: RoutedTasks,
    *,
    margin: float,
    confidence: float,
    groupings: Sequence[Grouping] = (),
    scores: Sequence[Score] = (),
    bad_form: Bools | None = None,
    verifier_usd: float = 0.0,
    learn_share: float = LEARN_SHARE,
    seed: int = SEED,
) -> RoutingGuarantee:
    """Return the rules that were tested against the margin, and which of them are guaranteed to lose less.

    Args:
        items: Tasks that both models answered, with the weights of their design. Clusters must be independent of each other.
        margin: Loss that is tolerated, above 0 and below 1.
        confidence: Probability, at least, with which a chosen rule loses less than the margin.
        groupings: What tasks can be routed by.
        scores: Numbers that tasks can be routed by, or cascades decided by.
        bad_form: Whether the open model's answer is unreadable, cut or refused. None: no cascade looks at that.
        verifier_usd: Cost to a cascade of checking one open answer.
        learn_share: Share of the clusters that choose and order the rules, 0 to 1.
        seed: Seed of the split and of the order of the clusters.

    Raises:
        ValueError: A weight is not a positive number, or the margin or the confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence is {confidence:g}; it is between 0 and 1")
    weights = items.weight
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError("a weight is not a positive number")
    cluster = dense_codes(items.cluster)
    count = int(cluster.max(initial=-1)) + 1
    shuffled = np.random.default_rng(seed).permutation(count)
    learning = max(1, round(learn_share * count))
    place = np.empty(count, dtype=np.int64)
    place[shuffled] = np.arange(count)
    learn = (place < learning)[cluster]

    rules = _rules(items, weights, groupings, scores, bad_form, learn)
    known = bool(np.isfinite(np.concatenate([items.open_usd, items.closed_usd])).all())
    sums = ClusterSums(place[cluster], weights, count, learning, margin)

    def outcome(rule: RoutingRule) -> tuple[Floats, Floats]:
        return losses_and_savings(items, rule.closed, rule.kind, verifier_usd, rule.direct)

    # Only the learning part decides what is tested, so a rule that turns out to save nothing keeps its place.
    order: list[int] = []
    if rules and learning < count:
        unseen = _unseen_losses(rules, groupings, scores, learn)
        learnt, expected = _learnt(items, rules, outcome, unseen, sums, learn, learning, known)
        order = order_of_tests(
            simulate_tests(learnt, count - learning, confidence, seed), expected, limit=MAX_TESTED
        )
    outcomes = {at: outcome(rules[at]) for at in order}
    stakes = {at: sums.stake(rules[at].at_stake) for at in order}
    evidence = np.ones(0)
    if order:
        losses = np.stack([sums.of(outcomes[at][0]) for at in order], axis=1)
        gains = margin * sums.weight[:, np.newaxis] - losses
        evidence = loss_evidence(
            losses[learning:], sums.weight[learning:], margin,
            largest_loss=np.array([stakes[at].largest_loss for at in order]),
            variance=np.mean(gains[:learning] ** 2, axis=0), variance_clusters=learning,
            least_variance=np.array([stakes[at].least_square for at in order]), level=1 - confidence,
        )  # fmt: skip
    tested: list[RuleOutcome] = []
    passing = True
    for at, capital in zip(order, evidence, strict=False):
        passing = passing and float(capital) >= (1 - 1e-9) / (1 - confidence)
        loss, saved = outcomes[at]
        found = sums.estimate(loss, stakes[at])
        needed = sums.clusters_needed(found, confidence, stakes[at])
        tested.append(
            RuleOutcome(
                rule=rules[at],
                saved_usd=_mean(saved, weights) if known else None,
                usd=_mean(items.closed_usd - saved, weights) if known else None,
                calls_saved=_mean((~rules[at].closed).astype(np.float64), weights),
                loss=found.mean,
                loss_error=found.error,
                p_value=min(1.0, round(1 / float(capital), 12)),
                is_guaranteed=passing,
                tasks_needed=None
                if needed is None
                else math.ceil(needed / (1 - learn_share) * len(items) / count),
            )
        )
    return RoutingGuarantee(
        margin=margin,
        confidence=confidence,
        tested=tuple(tested),
        n=len(items),
        n_tested=int((~learn).sum()),
        clusters=count,
        clusters_tested=count - learning,
        closed_usd=_mean(items.closed_usd, weights) if known else None,
        is_weighted=bool(weights.min() != weights.max()) if count else False,
        heaviest_share=float(sums.weight.max() / sums.weight.sum()) if count else 0.0,
    )


def _rules(
    items: RoutedTasks,
    weights: Floats,
    groupings: Sequence[Grouping],
    scores: Sequence[Score],
    bad_form: Bools | None,
    learn: Bools,
) -> list[RoutingRule]:
    found: list[RoutingRule] = []
    for grouping in groupings:
        found += group_rules(items, weights, grouping, learn)
        if bad_form is not None and bad_form[learn].any():
            found += group_rules(items, weights, grouping, learn, bad_form)
    for score in scores:
        found += score_rules(score, learn)
    return found


def _learnt(
    items: RoutedTasks,
    rules: Sequence[RoutingRule],
    outcome: Callable[[RoutingRule], tuple[Floats, Floats]],
    unseen: dict[str, Floats],
    sums: ClusterSums,
    learn: Bools,
    learning: int,
    known: bool,
) -> tuple[LearntClusters, Floats]:
    """Return what the first clusters say of the rules, and what each rule saves there: dollars or, if not ``known``, calls."""
    weights = items.weight[learn]
    gains, worst, worth, stakes = [], [], [], []
    for rule in rules:
        loss, saved = outcome(rule)
        gains.append(sums.gains_in_blocks(loss))
        worst.append(sums.worst_in_blocks(~rule.closed))
        worth.append(_mean((saved if known else (~rule.closed).astype(np.float64))[learn], weights))
        stakes.append(sums.stake(rule.at_stake))
    ways = list(unseen)
    learnt = LearntClusters(
        count=learning,
        gains=np.stack(gains, axis=1),
        worst=np.stack(worst, axis=1),
        unseen=np.stack([sums.count_in_blocks(losses) for losses in unseen.values()]),
        way=np.array([ways.index(rule.grouping or rule.policy) for rule in rules]),
        least_square=np.array([stake.least_square for stake in stakes]),
        largest_loss=np.array([stake.largest_learnt for stake in stakes]),
    )
    return learnt, np.array(worth)


def _unseen_losses(
    rules: Sequence[RoutingRule], groupings: Sequence[Grouping], scores: Sequence[Score], learn: Bools
) -> dict[str, Floats]:
    """Return the lost clusters to add for each task, by grouping and score: no rule is taken for one that cannot lose.

    Each group has as many, and each part of a score between two thresholds.
    """
    code = {grouping.name: grouping.code for grouping in groupings}
    for score in scores:
        below = [~rule.closed for rule in rules if rule.policy == score.policy]
        if below:
            code[score.policy] = np.stack(below).sum(axis=0)
    found = {}
    for name, part in code.items():
        size = np.bincount(part[learn], minlength=int(part.max()) + 1)
        found[name] = learn * UNSEEN_LOSSES / np.maximum(size, 1)[part]
    return found


def _mean(values: Floats, weights: Floats) -> float:
    return float(np.average(values, weights=weights))
