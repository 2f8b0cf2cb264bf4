"""Policies that send some tasks to the cheap model and some to the dear one, from answers of both to all tasks.

A router decides before the cheap model is called: a task costs one call. A cascade calls the cheap model first and
the dear one when the answer looks bad: cost and time add up (FrugalGPT, arXiv 2305.05176). Scores are chosen so
that the highest go to the closed model. Thresholds are always set on other folds than those they are reported on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gapbench.stats import Floats, Ints

Kind = Literal["router", "cascade"]
Bools = npt.NDArray[np.bool_]
SHARES = np.linspace(0.0, 1.0, 21)
"""Shares of tasks that go to the closed model, at which curves are drawn."""
FOLDS = 5


@dataclass(frozen=True)
class RoutedTasks:
    """Tasks that both models answered, one entry each.

    Attributes:
        open_quality: Score of the open model, 0 to 1.
        closed_quality: Score of the closed model.
        open_usd: Cost of the open model's answer, retries included. NaN: not known.
        closed_usd: The same of the closed model.
        open_s: Response time of the open model.
        closed_s: Response time of the closed model.
        category: Code of the category.
        cluster: Codes; tasks of one cluster are kept together in folds and draws.
    """

    open_quality: Floats
    closed_quality: Floats
    open_usd: Floats
    closed_usd: Floats
    open_s: Floats
    closed_s: Floats
    category: Ints
    cluster: Ints

    def __len__(self) -> int:
        """Return the number of tasks."""
        return len(self.open_quality)


@dataclass(frozen=True)
class RoutingOutcome:
    """What becomes of each task, at each of several thresholds.

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
    """Return a fold for each task; a cluster lies in one fold."""
    names, place = np.unique(cluster, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return np.asarray((order % min(count, max(len(names), 1)))[place], dtype=np.int64)


def route_to_closed(score: Floats, fold: Ints, seed: int, shares: Floats = SHARES) -> Bools:
    """Return which tasks go to the closed model at each share, thresholds from the other folds.

    Args:
        score: Higher goes first; alike scores are ordered at random, which mixes the two models.
        fold: Of each task.
        seed: Of that order.
        shares: Of tasks to send.
    """
    order = np.random.default_rng(seed).random(len(score))
    ranked = np.argsort(np.lexsort((order, score))).astype(np.float64)
    chosen = np.zeros((len(score), len(shares)), dtype=bool)
    for one in np.unique(fold):
        here = fold == one
        others = np.sort(ranked[~here])
        if not len(others):
            others = np.sort(ranked[here])
        cut = np.clip(np.rint((1 - shares) * len(others)).astype(np.int64), 0, len(others))
        threshold = np.append(others, np.inf)[cut]
        threshold[cut == 0] = -np.inf
        chosen[here] = ranked[here][:, np.newaxis] >= threshold
    return chosen


def routing_outcome(
    items: RoutedTasks, chosen: Bools, kind: Kind, verifier_usd: float = 0.0
) -> RoutingOutcome:
    """Return what decisions come to.

    Args:
        items: The tasks.
        chosen: Where the closed model answers, shape (tasks, thresholds).
        kind: A cascade has paid for the open answer, and waited for it, too.
        verifier_usd: What a look at one open answer costs a cascade.
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
        counts = np.bincount(items.category[others], minlength=kinds)
        sums = np.bincount(items.category[others], weights=gain[others], minlength=kinds)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), gain[others].mean())
        score[here] = means[items.category[here]]
    return score


def best_by_category(items: RoutedTasks, fold: Ints, usd_weight: float = 0.0) -> Bools:
    """Return where the closed model is picked for a task's whole category, on the other folds' means.

    Args:
        items: The tasks.
        fold: Of each task.
        usd_weight: Quality that a dollar is worth; at equal worth the cheaper model is picked.
    """
    kinds = int(items.category.max(initial=0)) + 1
    chosen = np.zeros(len(items), dtype=bool)
    for one in np.unique(fold):
        here, others = fold == one, fold != one
        if not others.any():
            others = here
        gain = items.closed_quality - items.open_quality
        dearer = items.closed_usd - items.open_usd
        counts = np.maximum(np.bincount(items.category[others], minlength=kinds), 1)
        gains = np.bincount(items.category[others], weights=gain[others], minlength=kinds) / counts
        costs = np.bincount(items.category[others], weights=dearer[others], minlength=kinds) / counts
        worth = gains - usd_weight * np.nan_to_num(costs)
        pick = (worth > 0) | ((worth == 0) & (costs < 0))
        chosen[here] = pick[items.category[here]]
    return chosen


def oracle(items: RoutedTasks) -> Bools:
    """Return where someone who knew the scores would take the closed model: better, or as good and cheaper."""
    better = items.closed_quality > items.open_quality
    cheaper = (items.closed_quality == items.open_quality) & (items.closed_usd < items.open_usd)
    return np.asarray(better | cheaper)


def apgr(share: Floats, quality: Floats, open_quality: Floats, closed_quality: Floats) -> Floats:
    """Return the average performance gap recovered (RouteLLM, arXiv 2406.18665): 0.5 for a random mix.

    (AUC - Q_w) / (Q_s - Q_w), with AUC the trapezoid of quality over the share of closed calls.

    Args:
        share: Realised shares, shape (draws, thresholds), ascending.
        quality: The same shape.
        open_quality: Q_w, shape (draws,).
        closed_quality: Q_s, shape (draws,).
    """
    area = np.sum(np.diff(share, axis=-1) * (quality[..., 1:] + quality[..., :-1]) / 2, axis=-1)
    width = share[..., -1] - share[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((area / width - open_quality) / (closed_quality - open_quality))


def call_performance_threshold(spent: Floats, recovered: Floats, target: float) -> float | None:
    """Return the least share (of calls or of spend) at which ``target`` of the gap is recovered. None: at none.

    The curve is its running maximum, since accuracy need not rise with every call; between points a straight line.

    Args:
        spent: Ascending shares.
        recovered: Performance gap recovered at each.
        target: Such as 0.8.
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
        quality: Of the policy.
        usd: Of the policy.
        open_: Quality and cost of the open model.
        closed: The same of the closed model.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        own = (quality - open_[0]) / (usd - open_[1])
        base = (closed[0] - open_[0]) / (closed[1] - open_[1])
        return np.asarray(100 * (own - base) / base)


def needed_acceptance(open_usd: float, closed_usd: float, verifier_usd: float = 0.0) -> float:
    """Return the share of open answers that a cascade must accept to cost less than the closed model alone."""
    return (open_usd + verifier_usd) / closed_usd


def hybrid_volume_mtok(
    fixed_usd_per_month: float, accepted: float, closed_usd_per_mtok: float
) -> float | None:
    """Return the volume from which a self-hosted first tier pays: F / (accepted x p). None: nothing is accepted.

    Args:
        fixed_usd_per_month: Of the self-hosted tier.
        accepted: Share of tasks that need no closed call.
        closed_usd_per_mtok: Blended price of the closed tier.
    """
    saved = accepted * closed_usd_per_mtok
    return fixed_usd_per_month / saved if saved > 0 else None
