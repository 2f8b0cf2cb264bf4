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
from scipy import special

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
from gapbench.stats import SEED, Floats, Ints, dense_codes, required_pairs
from gapbench.stats.loss_test import clusters_for_zero_losses, loss_evidence
from gapbench.stats.power import POWER

LEARN_SHARE = 0.25
"""Share of the clusters that choose and order the rules."""
MAX_TESTED = 30
"""Rules in the sequence of tests."""
MAX_LEARNT = 4_000
"""Blocks of clusters that tests are simulated from."""


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
    heaviest: float | None = None,
    verifier_usd: float = 0.0,
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
        heaviest: Weight of the heaviest cluster in the traffic. None: the heaviest here; the result then assumes that the
            traffic has no heavier one.
        verifier_usd: Cost to a cascade of checking one open answer.
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
    learning = max(1, round(LEARN_SHARE * count))
    place = np.empty(count, dtype=np.int64)
    place[shuffled] = np.arange(count)
    learn = (place < learning)[cluster]

    rules = _rules(items, weights, groupings, scores, bad_form, learn)
    known = bool(np.isfinite(np.concatenate([items.open_usd, items.closed_usd])).all())
    sums = _ClusterSums(place[cluster], weights, count, margin)

    def outcome(rule: RoutingRule) -> tuple[Floats, Floats]:
        return losses_and_savings(items, rule.closed, rule.kind, verifier_usd, rule.direct)

    # Only the learning part decides what is tested, so a rule that turns out to save nothing keeps its place.
    order: list[int] = []
    if rules and learning < count:
        learnt, expected = _learnt(items, rules, outcome, groupings, sums, learn, learning, known, heaviest)
        order = order_of_tests(
            simulate_tests(learnt, count - learning, confidence, seed), expected, limit=MAX_TESTED
        )
    outcomes = {at: outcome(rules[at]) for at in order}
    evidence = np.ones(0)
    if order:
        losses = np.stack([sums.of(outcomes[at][0]) for at in order], axis=1)
        gains = margin * sums.weight[:, np.newaxis] - losses
        evidence = loss_evidence(
            losses[learning:], sums.weight[learning:], margin,
            heaviest=float(sums.weight.max()) if heaviest is None else heaviest,
            variance=np.mean(gains[:learning] ** 2, axis=0), variance_clusters=learning,
            least_variance=sums.least_variance(slice(None, learning)), level=1 - confidence,
        )  # fmt: skip
    tested: list[RuleOutcome] = []
    passing = True
    for at, capital in zip(order, evidence, strict=False):
        passing = passing and float(capital) >= (1 - 1e-9) / (1 - confidence)
        loss, saved = outcomes[at]
        found = sums.estimate(loss, slice(learning, None))
        needed = sums.clusters_needed(found, count - learning, confidence)
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
                else math.ceil(needed / (1 - LEARN_SHARE) * len(items) / count),
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
    groupings: Sequence[Grouping],
    sums: _ClusterSums,
    learn: Bools,
    learning: int,
    known: bool,
    heaviest: float | None,
) -> tuple[LearntClusters, Floats]:
    """Return what the first clusters say of the rules, and what each rule saves there: dollars or, if not ``known``, calls."""
    weights = sums.task_weights[learn]
    gains, worst, worth = [], [], []
    for rule in rules:
        loss, saved = outcome(rule)
        is_open = (~rule.closed).astype(np.float64)
        gains.append(sums.gains_in_blocks(loss, learning))
        worst.append(sums.gains_in_blocks(is_open, learning))
        worth.append(_mean((saved if known else is_open)[learn], weights))
    ways = [grouping.code for grouping in groupings] or [np.zeros(len(items), dtype=np.int64)]
    names = [grouping.name for grouping in groupings]
    unseen = []
    for code in ways:
        size = np.bincount(code[learn], minlength=int(code.max()) + 1)
        unseen.append(sums.count_in_blocks(learn * UNSEEN_LOSSES / np.maximum(size, 1)[code], learning))
    learnt = LearntClusters(
        count=learning,
        gains=np.stack(gains, axis=1),
        worst=np.stack(worst, axis=1) / sums.block_size(learning),
        unseen=np.stack(unseen),
        way=np.array([names.index(rule.grouping) if rule.grouping in names else 0 for rule in rules]),
        least_square=sums.least_variance(slice(None, learning)),
        heaviest=float(sums.weight[:learning].max()) if heaviest is None else heaviest,
    )
    return learnt, np.array(worth)


def _mean(values: Floats, weights: Floats) -> float:
    return float(np.average(values, weights=weights))


@dataclass(frozen=True)
class _Estimate:
    """A mean loss over clusters: its standard error, and the spread of one cluster in units of the mean weight."""

    mean: float
    error: float
    spread: float


class _ClusterSums:
    """Sums over clusters, in the order of the tests.

    Args:
        place: Place of each task's cluster in that order.
        weights: Weight of each task.
        count: Number of clusters.
        margin: Loss that is tolerated.
    """

    def __init__(self, place: Ints, weights: Floats, count: int, margin: float) -> None:
        self._place, self.task_weights, self._count, self._margin = place, weights, count, margin
        self.weight: Floats = np.bincount(place, weights, minlength=count).astype(np.float64)
        self._heaviest_to_mean = float(self.weight.max() / self.weight.mean()) if count else 1.0
        self._squares: Floats = np.bincount(place, weights**2, minlength=count).astype(np.float64)

    def least_variance(self, part: slice) -> float:
        """Return the least mean square over some clusters of losses of 0 and 1 with a mean at the margin.

        That is however the tasks of a cluster agree.
        """
        squares = self._squares[part]
        return self._margin * (1 - self._margin) * float(squares.mean()) if len(squares) else 0.0

    def of(self, loss: Floats) -> Floats:
        """Return the weighted sum of each cluster."""
        return np.bincount(self._place, self.task_weights * loss, minlength=self._count).astype(np.float64)

    def gains_in_blocks(self, loss: Floats, learning: int) -> Floats:
        """Return margin times weight minus weight times loss of the first clusters, in blocks of :meth:`block_size`."""
        gains = self._margin * self.weight[:learning] - self.of(loss)[:learning]
        return np.add.reduceat(gains, np.arange(0, learning, self.block_size(learning)))

    def count_in_blocks(self, values: Floats, learning: int) -> Floats:
        """Return the sum of some values of tasks over the same blocks, without weights."""
        found = np.bincount(self._place, values, minlength=self._count)[:learning]
        return np.add.reduceat(found, np.arange(0, learning, self.block_size(learning)))

    @staticmethod
    def block_size(learning: int) -> int:
        """Return the number of clusters in a block: 1, unless there are more than the simulation of tests can hold."""
        return -(-learning // MAX_LEARNT)

    def estimate(self, loss: Floats, part: slice) -> _Estimate:
        """Return the mean loss over some clusters. The spread is at least that of losses of 0 and 1 at the margin."""
        sums, weight = self.of(loss)[part], self.weight[part]
        if not len(weight):
            return _Estimate(0.0, 0.0, 1.0)
        mean = float(sums.sum() / weight.sum())
        square = float(np.mean((sums - mean * weight) ** 2))
        scale = float(weight.mean())
        return _Estimate(
            mean,
            math.sqrt(square / len(weight)) / scale,
            math.sqrt(max(square, self.least_variance(part))) / scale,
        )

    def clusters_needed(self, found: _Estimate, tested: int, confidence: float) -> float | None:
        """Return the tested clusters with which a rule with this loss would pass with a chance of 80 %.

        The bound of the test is as wide as losses at the margin would spread, the estimate as wide as they do spread.

        Returns:
            None if its loss is not below the margin.
        """
        level, power = float(special.ndtri(confidence)), float(special.ndtri(POWER))
        spread = (level * found.spread + power * found.error * math.sqrt(tested)) / (level + power)
        pairs = required_pairs(self._margin - found.mean, spread**2, level=confidence)
        if pairs is None:
            return None
        least = clusters_for_zero_losses(self._margin, 1 - confidence, self._heaviest_to_mean)
        return max(pairs, least if found.mean >= 0 else 0)
