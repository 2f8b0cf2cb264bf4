"""Routing policies between a cheap open and an expensive closed model, evaluated on tasks that both answered.

A router decides before the open model is called, so a task costs one call. A cascade calls the open model first and then
the closed one if the answer looks bad, so cost and time add up (FrugalGPT, arXiv 2305.05176). Tasks with the highest
scores go to the closed model. Thresholds are always chosen on other folds than the ones they are reported on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gapbench.stats import Design, Floats, Ints

Kind = Literal["router", "cascade"]
Bools = npt.NDArray[np.bool_]
SHARES = np.linspace(0.0, 1.0, 21)
"""Shares of tasks sent to the closed model; the points of the curves."""
FOLDS = 5


@dataclass(frozen=True)
class RoutedTasks:
    """Tasks that both models answered, one entry each.

    Attributes:
        open_quality: Score of the open model, 0 to 1.
        closed_quality: Score of the closed model.
        open_usd: Cost of the open model's answer, retries included. NaN if not known.
        closed_usd: The same for the closed model.
        open_s: Response time of the open model, in seconds.
        closed_s: Response time of the closed model, in seconds.
        category: Code of the category.
        cluster: Cluster code; tasks of one cluster stay together in folds and draws.
        design: Weights and strata of the tasks. None: each counts once.
    """

    open_quality: Floats
    closed_quality: Floats
    open_usd: Floats
    closed_usd: Floats
    open_s: Floats
    closed_s: Floats
    category: Ints
    cluster: Ints
    design: Design | None = None

    def __len__(self) -> int:
        """Return the number of tasks."""
        return len(self.open_quality)

    @property
    def weight(self) -> Floats:
        """Weight of each task; 1 without a design."""
        return np.ones(len(self)) if self.design is None else self.design.weights

    def mean(self, values: Floats, chosen: Bools | None = None) -> Floats:
        """Return the mean of values over tasks, weighted as they are in the traffic.

        Args:
            values: One for each task, or several in columns: shape (tasks,) or (tasks, columns).
            chosen: Tasks that count, at least one. None: all.
        """
        part = values if chosen is None else values[chosen]
        if self.design is None:
            return np.asarray(part.mean(axis=0))
        weight = self.design.weights if chosen is None else self.design.weights[chosen]
        return np.asarray(weight @ part / weight.sum())


@dataclass(frozen=True)
class RoutingOutcome:
    """The outcome of each task at each of several thresholds.

    Attributes:
        quality: Shape (tasks, thresholds).
        usd: The same shape.
        response_s: The same shape.
        closed: Whether the closed model was called, the same shape.
    """

    quality: Floats
    usd: Floats
    response_s: Floats
    closed: Floats


def assign_folds(cluster: Ints, seed: int, count: int = FOLDS) -> Ints:
    """Return the fold of each task. All tasks of a cluster are in the same fold."""
    names, place = np.unique(cluster, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return np.asarray((order % min(count, max(len(names), 1)))[place], dtype=np.int64)


def route_to_closed(
    score: Floats, fold: Ints, seed: int, shares: Floats = SHARES, weight: Floats | None = None
) -> Bools:
    """Return which tasks go to the closed model at each share, with thresholds from the other folds.

    Args:
        score: Tasks with higher scores go first. Equal scores are ordered at random, which mixes the two models.
        fold: Fold of each task.
        seed: Seed of that order.
        shares: Shares of tasks to send.
        weight: Weight of each task; shares are of their sum. None: each counts once.

    Returns:
        Shape (tasks, shares).
    """
    order = np.random.default_rng(seed).random(len(score))
    ranked = np.argsort(np.lexsort((order, score))).astype(np.float64)
    chosen = np.zeros((len(score), len(shares)), dtype=bool)
    for one in np.unique(fold):
        here = fold == one
        learned = ~here if (~here).any() else here
        others = np.sort(ranked[learned])
        if weight is None:
            cut = np.clip(np.rint((1 - shares) * len(others)).astype(np.int64), 0, len(others))
        else:
            below = np.append(0.0, np.cumsum(weight[learned][np.argsort(ranked[learned])]))
            cut = np.abs((1 - shares)[:, np.newaxis] * below[-1] - below).argmin(axis=1)
        threshold = np.append(others, np.inf)[cut]
        threshold[cut == 0] = -np.inf
        chosen[here] = ranked[here][:, np.newaxis] >= threshold
    return chosen


def routing_outcome(
    items: RoutedTasks, chosen: Bools, kind: Kind, verifier_usd: float = 0.0
) -> RoutingOutcome:
    """Return quality, cost and time of routing decisions.

    Args:
        items: The tasks.
        chosen: Whether the closed model answers, shape (tasks, thresholds).
        kind: A cascade also pays and waits for the open answer.
        verifier_usd: Cost to a cascade of checking one open answer.
    """
    open_usd, open_s = items.open_usd[:, np.newaxis], items.open_s[:, np.newaxis]
    closed_usd, closed_s = items.closed_usd[:, np.newaxis], items.closed_s[:, np.newaxis]
    quality = np.where(chosen, items.closed_quality[:, np.newaxis], items.open_quality[:, np.newaxis])
    if kind == "router":
        usd, taken_s = np.where(chosen, closed_usd, open_usd), np.where(chosen, closed_s, open_s)
    else:
        usd = open_usd + verifier_usd + np.where(chosen, closed_usd, 0.0)
        taken_s = open_s + np.where(chosen, closed_s, 0.0)
    return RoutingOutcome(quality, usd, taken_s, chosen.astype(np.float64))


def category_scores(items: RoutedTasks, fold: Ints) -> Floats:
    """Return the mean gain of the closed model in each task's category, learned on the other folds."""
    gain = items.closed_quality - items.open_quality
    kinds = int(items.category.max(initial=0)) + 1
    score = np.empty(len(gain))
    for one in np.unique(fold):
        here, others = fold == one, fold != one
        if not others.any():
            others = here
        counts = np.bincount(items.category[others], items.weight[others], minlength=kinds)
        sums = np.bincount(items.category[others], (items.weight * gain)[others], minlength=kinds)
        means = np.where(counts > 0, sums / np.where(counts > 0, counts, 1), items.mean(gain, others))
        score[here] = means[items.category[here]]
    return score


def best_by_category(items: RoutedTasks, fold: Ints, usd_weight: float = 0.0) -> Bools:
    """Return for which tasks the closed model is better in their category, by the means of the other folds.

    Args:
        items: The tasks.
        fold: Fold of each task.
        usd_weight: Quality that a dollar is worth. If both models are worth the same, the cheaper one is chosen.
    """
    kinds = int(items.category.max(initial=0)) + 1
    chosen = np.zeros(len(items), dtype=bool)
    for one in np.unique(fold):
        here, others = fold == one, fold != one
        if not others.any():
            others = here
        gain = items.closed_quality - items.open_quality
        extra_usd = items.closed_usd - items.open_usd
        weight, category = items.weight[others], items.category[others]
        counts = np.bincount(category, weight, minlength=kinds)
        counts = np.where(counts > 0, counts, 1)
        gains = np.bincount(category, weight * gain[others], minlength=kinds) / counts
        costs = np.bincount(category, weight * extra_usd[others], minlength=kinds) / counts
        worth = gains - usd_weight * np.nan_to_num(costs)
        pick = (worth > 0) | ((worth == 0) & (costs < 0))
        chosen[here] = pick[items.category[here]]
    return chosen


def oracle(items: RoutedTasks) -> Bools:
    """Return for which tasks the closed model is the right choice: it scores higher, or the same and costs less."""
    better = items.closed_quality > items.open_quality
    cheaper = (items.closed_quality == items.open_quality) & (items.closed_usd < items.open_usd)
    return np.asarray(better | cheaper)


def apgr(share: Floats, quality: Floats, open_quality: Floats, closed_quality: Floats) -> Floats:
    """Return the average performance gap recovered (RouteLLM, arXiv 2406.18665): 0.5 for a random mix.

    (AUC - Q_w) / (Q_s - Q_w), with AUC the trapezoid of quality over the share of closed calls.

    Args:
        share: Actual shares of closed calls, shape (draws, thresholds), ascending.
        quality: Mean quality, the same shape.
        open_quality: Q_w, shape (draws,).
        closed_quality: Q_s, shape (draws,).
    """
    area = np.sum(np.diff(share, axis=-1) * (quality[..., 1:] + quality[..., :-1]) / 2, axis=-1)
    width = share[..., -1] - share[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((area / width - open_quality) / (closed_quality - open_quality))


def call_performance_threshold(spent: Floats, recovered: Floats, target: float) -> float | None:
    """Return the smallest share (of calls or of spend) at which ``target`` of the gap is recovered, or None.

    It uses the running maximum of the curve, since accuracy need not rise with every call, and interpolates linearly.

    Args:
        spent: Shares, ascending.
        recovered: Share of the performance gap recovered at each.
        target: Share of the gap to recover, such as 0.8.
    """
    best = np.maximum.accumulate(recovered)
    reached = np.flatnonzero(best >= target)
    if not len(reached):
        return None
    at = int(reached[0])
    if at == 0 or best[at] == best[at - 1]:
        return float(spent[at])
    part = (target - best[at - 1]) / (best[at] - best[at - 1])
    return float(spent[at - 1] + part * (spent[at] - spent[at - 1]))


def incremental_benefit(
    quality: Floats, usd: Floats, open_: tuple[Floats, Floats], closed: tuple[Floats, Floats]
) -> Floats:
    """Return AutoMix's delta IBC in percent (arXiv 2310.12963): above 0 beats mixing the two at random.

    Args:
        quality: Quality of the policy.
        usd: Cost of the policy.
        open_: Quality and cost of the open model.
        closed: The same for the closed model.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        policy_benefit = (quality - open_[0]) / (usd - open_[1])
        mix_benefit = (closed[0] - open_[0]) / (closed[1] - open_[1])
        return np.asarray(100 * (policy_benefit - mix_benefit) / mix_benefit)


def points_over_mix(
    quality: Floats, spent: Floats, open_: tuple[Floats, Floats], closed: tuple[Floats, Floats]
) -> Floats:
    """Return the quality of a policy minus that of a random mix of the two models that spends the same, 0 to 1.

    A mix spends at least what the open model does and at most what the closed one does. NaN where the closed model does not
    spend more than the open one: a mix then has nothing to buy.

    Args:
        quality: Mean quality of the policy.
        spent: What the policy spends on a task: dollars, or closed calls.
        open_: Quality and spending of the open model.
        closed: The same for the closed model.
    """
    extra = closed[1] - open_[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(extra > 0, np.clip((spent - open_[1]) / extra, 0.0, 1.0), np.nan)
    return np.asarray(quality - (open_[0] + share * (closed[0] - open_[0])))


def needed_acceptance(open_usd: float, closed_usd: float, verifier_usd: float = 0.0) -> float:
    """Return the share of open answers that a cascade must accept to cost less than the closed model alone."""
    return (open_usd + verifier_usd) / closed_usd
