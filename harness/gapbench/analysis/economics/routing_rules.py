"""Rules that send some tasks to the open model and the rest to the closed one: which of them are tried.

They are sets of groups, from few to all of them, and thresholds of a score. The order of groups and the thresholds come from one
part of the tasks, so that the other part can test the rules.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from gapbench.analysis.economics.routing import Bools, Kind, RoutedTasks, routing_outcome
from gapbench.stats import Floats, Ints

THRESHOLDS = 20
"""Thresholds of a score that are tried."""
MAX_GROUPS = 60
"""Groups of a grouping that are tried; those with the fewest dollars to save stay with the closed model."""
ALL_SETS_OF = 6
"""Best groups of a grouping of which all sets are tried."""


@dataclass(frozen=True)
class Grouping:
    """Tasks grouped by something that is known before a model is called.

    Attributes:
        name: What groups them, in the singular: ``category``, ``task``.
        code: Code of each task's group.
        names: Name of each group, by code.
    """

    name: str
    code: Ints
    names: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """A number for each task. Low ones go to, or stay with, the open model.

    Attributes:
        policy: Name of the policy in tables.
        kind: ``router`` if the score is known before the open model is called, else ``cascade``.
        value: The score of each task. NaN: unknown, so the closed model answers.
        below: The rule in words, with ``{threshold}``: "prompts of at most {threshold} tokens".
        open_below: Whether tasks with low scores go to the open model; otherwise those with high scores.
    """

    policy: str
    kind: Kind
    value: Floats
    below: str
    open_below: bool = True


@dataclass(frozen=True)
class RoutingRule:
    """Which tasks the closed model answers.

    Attributes:
        policy: ``all open``, ``by category``, ``by task``, or the name of a score.
        kind: A cascade calls the open model first.
        grouping: What ``groups`` are. None: the rule does not group tasks.
        groups: Groups that go to the open model.
        rest: Groups that stay with the closed model.
        condition: What decides within these tasks, in words. None: nothing.
        threshold: Largest, or smallest, score with which the open model's answer is used. None: there is no score.
        closed: Whether the closed model answers, for each task.
        direct: Whether a cascade asks the closed model at once, without the open one, for each task. None: for no task.
    """

    policy: str
    kind: Kind
    grouping: str | None
    groups: tuple[str, ...]
    rest: tuple[str, ...]
    condition: str | None
    threshold: float | None
    closed: Bools
    direct: Bools | None = None

    @property
    def at_stake(self) -> Bools:
        """Whether the open model's answer may be used, for each task, as far as is known before a model is called."""
        if self.kind == "router":
            return ~self.closed
        return np.ones(len(self.closed), dtype=bool) if self.direct is None else ~self.direct


def group_rules(
    items: RoutedTasks, weight: Floats, grouping: Grouping, learn: Bools, bad_form: Bools | None = None
) -> list[RoutingRule]:
    """Return rules that send sets of groups to the open model.

    Groups are added in the order of dollars saved for each point that may be lost, and of the first ones all sets are tried.

    Args:
        items: The tasks.
        weight: Weight of each task.
        grouping: The groups.
        learn: Tasks that the order is learned from.
        bad_form: Whether the open model's answer is unreadable, cut or refused. None: the open answer is always used.
            Otherwise each rule is a cascade, in which such answers are replaced.
    """
    kind: Kind = "router" if bad_form is None else "cascade"
    loss, saved = losses_and_savings(
        items, np.zeros(len(items), dtype=bool) if bad_form is None else bad_form, kind
    )
    order = _order_of_groups(loss, saved, weight, grouping, items.cluster, learn)
    found: list[RoutingRule] = []
    for taken in _sets_of_groups(order):
        direct = ~np.isin(grouping.code, taken)
        closed = direct if bad_form is None else direct | bad_form
        whole = len(taken) == len(grouping.names)
        rest = tuple(name for code, name in enumerate(grouping.names) if code not in taken)
        found.append(RoutingRule(
            ("all open" if whole else f"by {grouping.name}") + ("" if bad_form is None else ", bad form to closed"),
            kind, grouping.name, tuple(grouping.names[code] for code in sorted(taken)), rest,
            None if bad_form is None else "answers that are readable, whole and not refused", None, closed,
            None if bad_form is None else direct,
        ))  # fmt: skip
    return found


def score_rules(score: Score, learn: Bools) -> list[RoutingRule]:
    """Return the path of a score: thresholds are quantiles of the learning part, the one that loses least first.

    Tasks with an unknown score go to the closed model.
    """
    sign = 1.0 if score.open_below else -1.0
    value = sign * score.value
    known = value[learn & np.isfinite(value)]
    if not len(known):
        return []
    cuts = np.unique(np.quantile(known, np.linspace(0, 1, THRESHOLDS + 1)[1:], method="lower"))
    # The largest threshold sends everything to the open model, which is a rule of its own.
    return [
        RoutingRule(score.policy, score.kind, None, (), (), score.below.format(threshold=f"{sign * cut:,.6g}"),
                    float(sign * cut), ~(np.nan_to_num(value, nan=np.inf) <= cut))
        for cut in cuts[:-1]
    ]  # fmt: skip


def losses_and_savings(
    items: RoutedTasks, closed: Bools, kind: Kind, verifier_usd: float = 0.0, direct: Bools | None = None
) -> tuple[Floats, Floats]:
    """Return the loss (closed minus policy, -1 to 1) and the dollars saved against the closed model alone, of each task.

    Dollars are NaN where a price is unknown. A task that goes to the closed model at once (``direct``) saves nothing, and
    costs no open call.
    """
    outcome = routing_outcome(items, closed[:, np.newaxis], kind, verifier_usd)
    saved = items.closed_usd - outcome.usd[:, 0]
    if direct is not None:
        saved = np.where(direct & np.isfinite(saved), 0.0, saved)
    return items.closed_quality - outcome.quality[:, 0], saved


def _sets_of_groups(order: list[int]) -> list[list[int]]:
    """Return all sets of the first groups, and these with one more group at a time."""
    first = order[:ALL_SETS_OF]
    sets = [list(some) for count in range(1, len(first) + 1) for some in itertools.combinations(first, count)]
    return sets + [order[:last] for last in range(len(first) + 1, len(order) + 1)]


def _order_of_groups(
    loss: Floats, saved: Floats, weight: Floats, grouping: Grouping, cluster: Ints, learn: Bools
) -> list[int]:
    """Return the codes of groups that save something, best first.

    The mean loss of a group is shrunk towards that of all groups (James and Stein, by method of moments) and increased by its
    standard error, so that a group with few tasks is not taken for a good one.
    """
    if not np.isfinite(saved).all():
        saved = np.ones(len(loss))
    kinds = len(grouping.names)
    code, part = grouping.code[learn], weight[learn]
    total = np.bincount(code, part, minlength=kinds)
    known = np.flatnonzero(total > 0)
    if not len(known):
        return []
    counts = np.array([len(np.unique(cluster[learn][code == one])) for one in known], dtype=np.float64)
    losses = np.bincount(code, part * loss[learn], minlength=kinds)[known] / total[known]
    savings = np.bincount(code, part * saved[learn], minlength=kinds)[known] / total[known]
    mean = float(np.average(losses, weights=total[known]))
    spread = float(np.average((loss[learn] - mean) ** 2, weights=part)) + 1e-6
    noise = spread / counts
    between = max(0.0, float(np.mean((losses - mean) ** 2 - noise)))
    trust = between / (between + noise)
    likely = mean + trust * (losses - mean) + np.sqrt(trust * noise)
    worth = savings / np.maximum(likely, 1e-3)
    useful = np.flatnonzero(savings > 0)
    order = useful[np.argsort(-worth[useful], kind="stable")]
    if len(order) > MAX_GROUPS:
        dollars = (savings * total[known])[order]
        order = order[np.isin(order, order[np.argsort(-dollars, kind="stable")[:MAX_GROUPS]])]
    return [int(known[at]) for at in order]
