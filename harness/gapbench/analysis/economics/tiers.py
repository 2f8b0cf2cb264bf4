"""Hybrid tiers: the results that routers and cascades between an open and a closed model would have had.

They are computed from stored answers of both models to the same tasks, which count by their weights where they have any. Columns of :attr:`Tiers.frame`, one row for each
policy; intervals are 95 % over draws of clusters, with the same draws for every policy:

===================== ===================================================================================
``policy`` ``kind``    ``baseline``, ``router`` or ``cascade``
``quality`` ``quality_low`` ``quality_high``  mean score, 0 to 1
``usd_per_task`` ``usd_per_task_low`` ``usd_per_task_high``  null if a price is unknown
``response_s``         mean response time; in a cascade the times of both models add up
``closed_share``       share of tasks for which the closed model is called
``apgr`` ``apgr_low`` ``apgr_high``  average performance gap recovered; 0.5 for a random mix
``cpt_50`` ``cpt_80``  share of closed calls at which 50 and 80 % of the gap is recovered
``spend_cpt_50`` ``spend_cpt_80``  the same as share of the extra dollars from all-open to all-closed
``delta_ibc_percent`` ``delta_ibc_low`` ``delta_ibc_high``  AutoMix: benefit per dollar compared with a random mix
``closed_usd_per_task`` the part of ``usd_per_task`` that the closed calls cost
``over_mix_points`` ``over_mix_low`` ``over_mix_high``  points over a random mix that spends the same dollars (closed calls, if a
                      price is unknown); the interval is 95 % for all policies together
``beats_mix``          whether that interval lies above zero: the rule of `bench tiers` and `bench advise`
===================== ===================================================================================

The measures of gap recovery are null unless the closed model is certainly ahead. Columns of
:attr:`Tiers.curves`: ``policy`` ``kind`` ``closed_share`` ``quality`` ``usd_per_task`` ``response_s``. Columns of
:attr:`Tiers.categories`: ``category`` ``n`` ``open_quality`` ``closed_quality`` ``only_open_right``
``only_closed_right`` (shares) ``open_usd_per_task`` ``closed_usd_per_task``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.attempt_costs import Bill, bill
from gapbench.analysis.economics.purpose_built import purpose_built_table, specialists, with_specialists
from gapbench.analysis.economics.routed_tasks import read_routed_tasks
from gapbench.analysis.economics.routing import (
    Kind,
    RoutedTasks,
    RoutingOutcome,
    assign_folds,
    best_by_category,
    category_scores,
    needed_acceptance,
    oracle,
    route_to_closed,
    routing_outcome,
)
from gapbench.analysis.economics.routing_policies import PolicyEvaluator, draw_clusters
from gapbench.analysis.economics.routing_signals import Signal, routing_signals
from gapbench.analysis.frames import Folders, Runs, load_runs
from gapbench.analysis.quality.applied_rule import applied_rule
from gapbench.analysis.weighting import AppliedWeights
from gapbench.formatting import format_gap, format_interval
from gapbench.stats import SEED, Difference, Floats, paired_difference
from gapbench.store.json_records import records

DRAWS = 1_000
TARGET = 0.8
TIER_3 = "purpose-built by category"
"""Policy in which purpose-built models answer the categories that they are good at."""
COLUMNS = (
    "policy", "kind", "quality", "quality_low", "quality_high", "usd_per_task", "usd_per_task_low",
    "usd_per_task_high", "response_s", "closed_share", "apgr", "apgr_low", "apgr_high", "cpt_50", "cpt_80",
    "spend_cpt_50", "spend_cpt_80", "delta_ibc_percent", "delta_ibc_low", "delta_ibc_high", "closed_usd_per_task",
    "over_mix_points", "over_mix_low", "over_mix_high", "beats_mix",
)  # fmt: skip


@dataclass(frozen=True)
class Tiers:
    """Routing policies between two models.

    Attributes:
        open_model: The open (cheap) model.
        closed_model: The closed (expensive) model.
        frame: See the module's docstring. A policy with thresholds is shown at its operating point: the cheapest that
            recovers ``target`` of the gap on the other folds.
        curves: Every policy with thresholds, at every share of closed calls.
        categories: Both models by category.
        gap: Closed minus open accuracy over the shared tasks, with the interval of the gap table: that of the run's stopping
            rule if it has one.
        n: Number of shared tasks.
        needed_acceptance: Share of open answers that a verifier must accept for a cascade to cost less than all-closed.
            None if a price is unknown.
        only_open_right: Share of tasks on which only the open model scored higher: the headroom above the closed model.
        simulated: Whether either model is simulated.
        warnings: One sentence for each caveat that readers need to know.
        purpose_built: The third tier; see :func:`gapbench.analysis.economics.purpose_built.purpose_built_table`.
        weights: What qualities, dollars and shares count.
    """

    open_model: str
    closed_model: str
    frame: pd.DataFrame
    curves: pd.DataFrame
    categories: pd.DataFrame
    gap: Difference
    n: int
    needed_acceptance: float | None
    only_open_right: float
    simulated: bool
    warnings: list[str] = field(default_factory=list)
    purpose_built: pd.DataFrame = field(default_factory=pd.DataFrame)
    weights: AppliedWeights = field(default_factory=AppliedWeights)

    @property
    def is_resolved(self) -> bool:
        """Whether the interval of the gap excludes zero."""
        return self.gap.low > 0 or self.gap.high < 0

    def headline(self) -> str:
        """Return the result in one or two sentences."""
        points = (
            f"{format_gap('points', self.gap.estimate * 100)} points "
            f"({format_interval('points', self.gap.low * 100, self.gap.high * 100)})"
        )
        if not self.is_resolved:
            return f"Gap not resolved: {self.closed_model} minus {self.open_model} is {points} over {self.n} tasks."
        gap = f"{self.closed_model} is {points} ahead of {self.open_model} over {self.n} tasks."
        best = self.best_policy
        return gap if best is None else f"{gap} {describe_policy(best, self.tried)}"

    @property
    def tried(self) -> int:
        """Number of routers and cascades that were tried."""
        return int((self.frame["kind"] != "baseline").sum())

    @property
    def best_policy(self) -> dict[str, Any] | None:
        """The router or cascade to look at first: of those that beat a random mix the best one, else the closest to it.

        None if the gap is not resolved, or the closed model costs no more.
        """
        rows = [row for row in records(self.frame) if row["over_mix_low"] is not None]
        beating = [row for row in rows if row["beats_mix"]]
        if beating:
            return max(beating, key=lambda row: float(row["quality"]))
        return max(rows, key=lambda row: float(row["over_mix_points"]), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench tiers --json``."""
        return {
            "schema": 1,
            "open": self.open_model,
            "closed": self.closed_model,
            "n": self.n,
            "gap": {
                "points": self.gap.estimate * 100,
                "low": self.gap.low * 100,
                "high": self.gap.high * 100,
                "resolved": self.is_resolved,
            },
            "only_open_right": self.only_open_right,
            "needed_acceptance": self.needed_acceptance,
            "policies": records(self.frame),
            "curves": records(self.curves),
            "categories": records(self.categories),
            "purpose_built": records(self.purpose_built),
            "weights": self.weights.name,
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def describe_policy(row: Mapping[str, Any], tried: int) -> str:
    """Return how a router or cascade compares with a random mix, by the one rule that decides, as a sentence."""
    corrected = f", corrected for {tried} policies" if tried > 1 else ""
    interval = format_interval("points", row["over_mix_low"], row["over_mix_high"])
    verdict = "better than" if row["beats_mix"] else "not distinguishable from"
    spending = "dollars" if row["usd_per_task"] is not None else "closed calls"
    return (
        f"{row['policy']} is {verdict} a random mix of the two for the same {spending}: "
        f"{format_gap('points', row['over_mix_points'])} points (95 % interval {interval}{corrected})."
    )


def evaluate_tiers(
    runs: Runs | Folders,
    *,
    open_model: str | None = None,
    closed_model: str | None = None,
    purpose_built: Sequence[str] = (),
    verifier_usd: float = 0.0,
    target: float = TARGET,
    draws: int = DRAWS,
    seed: int = SEED,
    account: Bill | None = None,
) -> Tiers:
    """Return the results that routers and cascades would have had.

    Args:
        runs: Run folders, or runs already loaded.
        open_model: The open model. None means the one with the highest accuracy.
        closed_model: The closed model. None means the one with the highest accuracy.
        purpose_built: Models of a third tier, each for the categories in which it is better or as good and cheaper.
        verifier_usd: Cost to a cascade of checking one open answer.
        target: Share of the gap to recover at the operating point.
        draws: Number of draws of clusters.
        seed: Seed of folds and draws.
        account: Result of :func:`gapbench.analysis.cost.attempt_costs.bill`, if it was already computed.

    Raises:
        ResultsError: There is no such pair of models, or they share too few tasks.
    """
    read_runs = load_runs(runs)
    account = bill(read_runs) if account is None else account
    for name in purpose_built:
        read_runs.model(name)
    routed = read_routed_tasks(
        read_runs, account, open_model=open_model, closed_model=closed_model, left_out=purpose_built
    )
    left, right = routed.open_model, routed.closed_model
    table, items, names = routed.table, routed.items, list(routed.categories)
    fold = assign_folds(items.cluster, seed)
    found: list[tuple[str, Kind, RoutingOutcome]] = []
    signals = [
        Signal("route by category", "router", category_scores(items, fold)),
        *routing_signals(read_runs, table),
    ]
    for signal in signals:
        chosen = route_to_closed(
            signal.score, fold, seed, weight=None if items.design is None else items.weight
        )
        found.append((signal.policy, signal.kind, routing_outcome(items, chosen, signal.kind, verifier_usd)))
    gap, rule_notes = _gap(read_runs, items)
    evaluator = PolicyEvaluator(
        items, fold, draw_clusters(items.cluster, draws, seed), target, resolved=gap.low > 0,
        tried=len(signals),
    )  # fmt: skip
    fixed = {
        "all open": np.zeros(len(items), dtype=bool),
        "all closed": np.ones(len(items), dtype=bool),
        "best by category": best_by_category(items, fold),
        "oracle": oracle(items),
    }
    outcomes = {
        name: routing_outcome(items, chosen[:, np.newaxis], "router") for name, chosen in fixed.items()
    }
    third = specialists(read_runs, account.usd, table, items, fold, purpose_built) if purpose_built else []
    if third:
        outcomes[TIER_3] = with_specialists(outcomes["best by category"], third)
    rows = [evaluator.evaluate_fixed(name, result) for name, result in outcomes.items()]
    rows += [evaluator.evaluate_sweep(name, kind, result) for name, kind, result in found]
    means = {side: float(items.mean(getattr(items, f"{side}_usd"))) for side in ("open", "closed")}
    acceptance = (
        needed_acceptance(means["open"], means["closed"], verifier_usd) if means["closed"] > 0 else None
    )
    known = acceptance is not None and np.isfinite(acceptance)
    warnings = [line for line in account.warnings if line.startswith((f"{left}:", f"{right}:"))]
    warnings += routed.notes
    if gap.high < 0:
        warnings.append(f"{left} scores higher: there is no gap to recover")
    warnings += [*read_runs.applied_weights.notes, *rule_notes, *_below_both(rows)]
    if not known:
        warnings.append("a price is unknown; tiers are compared in calls only")
    return Tiers(
        left,
        right,
        pd.DataFrame(rows, columns=list(COLUMNS)),
        _curves(items, found),
        _categories(items, names),
        gap,
        len(items),
        acceptance if known else None,
        float(items.mean((items.open_quality > items.closed_quality).astype(np.float64))),
        any(bool(read_runs.model(name).simulated) for name in (left, right, *purpose_built)),
        warnings,
        purpose_built_table(items, names, third),
        read_runs.applied_weights,
    )


def _gap(runs: Runs, items: RoutedTasks) -> tuple[Difference, list[str]]:
    """Return the accuracy gap, with the interval of the runs' stopping rule if there is one, and notes on the rule."""
    found = paired_difference(items.closed_quality, items.open_quality, items.cluster, items.design)
    rule, _ = applied_rule(runs)
    if rule is None:
        return found, []
    if runs.applied_weights.has_design:
        return found, [rule.without_weights]
    if rule.is_unlooked:
        return replace(found, low=-1.0, high=1.0), []
    low, high = rule.interval(items.closed_quality - items.open_quality, items.cluster)
    return replace(found, low=low, high=high), []


def _below_both(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a warning if choosing by category scores below both models, which is an artifact of the folds.

    The tasks of a fold are missing from the other folds. If two models are nearly equal in a category, the one that is
    behind on the other folds is ahead on this fold for that very reason, and is not chosen for it.
    """
    quality = {row["policy"]: float(row["quality"]) for row in rows}
    if quality["best by category"] >= min(quality["all open"], quality["all closed"]) - 1e-12:
        return []
    return [
        (
            "best by category is below both models only because each category's model is chosen on the other folds: if two are nearly "
            "equal, the tasks that are left out reverse the choice; read it as no gain from choosing by category"
        )
    ]


def _curves(items: RoutedTasks, outcomes: list[tuple[str, Kind, RoutingOutcome]]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "policy": policy,
                "kind": kind,
                "closed_share": items.mean(result.closed),
                "quality": items.mean(result.quality),
                "usd_per_task": items.mean(result.usd),
                "response_s": _mean_times(items, result.response_s),
            }
        )
        for policy, kind, result in outcomes
    ]
    return pd.concat(parts, ignore_index=True)


def _mean_times(items: RoutedTasks, response_s: Floats) -> list[float]:
    """Return the mean time at each threshold, over the tasks whose time is known; NaN where none is."""
    known = np.isfinite(response_s)
    return [
        float(items.mean(column, is_known)) if is_known.any() else math.nan
        for column, is_known in zip(response_s.T, known.T, strict=True)
    ]


def _categories(items: RoutedTasks, names: list[str]) -> pd.DataFrame:
    columns = {
        "open_quality": items.open_quality,
        "closed_quality": items.closed_quality,
        "only_open_right": (items.open_quality > items.closed_quality).astype(np.float64),
        "only_closed_right": (items.closed_quality > items.open_quality).astype(np.float64),
        "open_usd_per_task": items.open_usd,
        "closed_usd_per_task": items.closed_usd,
    }
    rows = []
    for code in dict.fromkeys(items.category.tolist()):
        chosen = items.category == code
        means = {
            name: float(items.mean(values, chosen & np.isfinite(values)))
            if (chosen & np.isfinite(values)).any()
            else math.nan
            for name, values in columns.items()
        }
        rows.append({"category": names[code], "n": int(chosen.sum()), **means})
    return pd.DataFrame(rows)
