"""`bench tiers --guarantee`: the cheapest router or cascade between two models of some runs whose loss is kept below a margin.

It reads the tasks and dollars of :mod:`gapbench.analysis.economics.tiers`, tries rules by category, task, prompt length and
rung (known before a model is called), and cascades on the form and the length of the open answer. A cascade on disagreement is
left out: it needs several open answers to each task, whose dollars no table counts. The statistics are those of
:func:`gapbench.analysis.economics.guarantee.guarantee_routing`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.attempt_costs import Bill, bill
from gapbench.analysis.economics.guarantee import RoutingGuarantee, RuleOutcome, guarantee_routing
from gapbench.analysis.economics.routed_tasks import RoutedRuns, read_routed_tasks
from gapbench.analysis.economics.routing import Bools, RoutedTasks
from gapbench.analysis.economics.routing_rules import Grouping, RoutingRule, Score
from gapbench.analysis.economics.routing_signals import routing_signals
from gapbench.analysis.frames import Folders, Runs, as_floats, load_runs
from gapbench.errors import InputError, ResultsError
from gapbench.formatting import count_of, format_count, format_short_usd, format_usd
from gapbench.stats import SEED

_PROMISE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:pp|points?)\s*@\s*(\d+(?:\.\d+)?)\s*%\s*", re.IGNORECASE)
_MAX_NAMED = 8
_HEAVY = 0.02
"""A cluster with more than this share of the weight is named in a warning."""


@dataclass(frozen=True)
class Promise:
    """What a rule must keep.

    Attributes:
        margin_points: Loss against the closed model alone that is tolerated, in percentage points.
        confidence_percent: Probability, at least, with which a chosen rule loses less.
    """

    margin_points: float
    confidence_percent: float

    @classmethod
    def parse(cls, text: str) -> Promise:
        """Return the promise of a text such as ``1pp@95%``.

        Raises:
            InputError: The text is none, or a number is out of range.
        """
        found = _PROMISE.fullmatch(text)
        if found is None:
            raise InputError(
                f"--guarantee: {text!r} is not a margin and a confidence; write points and percent, such as 1pp@95%"
            )
        margin, confidence = (float(part) for part in found.groups())
        if not 0 < margin < 100:
            raise InputError(
                f"--guarantee: a margin of {margin:g} points is not between 0 and 100; write such as 1pp@95%"
            )
        if not 50 <= confidence <= 99.99:
            raise InputError(
                f"--guarantee: a confidence of {confidence:g} % is not between 50 and 99.99; write such as 1pp@95%"
            )
        return cls(margin, confidence)

    def __str__(self) -> str:
        """Return it in words."""
        points = "point" if self.margin_points == 1 else "points"
        return f"{self.margin_points:g} {points} with {self.confidence_percent:g} % confidence"


@dataclass(frozen=True)
class TiersGuarantee:
    """The rule that saves most among those that keep a promise, for two models of some runs.

    Attributes:
        open_model: The open model.
        closed_model: The closed model.
        promise: What a rule must keep.
        found: The tests.
        tasks_per_month: Tasks in a month. None: not given, so savings are for 1,000 tasks.
        simulated: Whether either model is simulated.
        warnings: One sentence for each caveat that readers need to know.
    """

    open_model: str
    closed_model: str
    promise: Promise
    found: RoutingGuarantee
    tasks_per_month: float | None
    simulated: bool
    warnings: list[str] = field(default_factory=list)

    def headline(self) -> str:
        """Return the answer in one or two sentences."""
        chosen = self.found.chosen
        tasks = (
            count_of(self.found.n, "task") if self.found.n < 1_000 else f"{format_count(self.found.n)} tasks"
        )
        if chosen is None:
            none = (
                "none that saves anything" if any(one.is_guaranteed for one in self.found.tested) else "none"
            )
            return (
                f"Nothing can be guaranteed: of {count_of(len(self.found.tested), 'rule')} that were tested, {none} is shown to lose "
                f"at most {self.promise} (n={tasks}). Keep {self.closed_model} for everything."
            )
        return (
            f"{self.describe_rule(chosen.rule)}: {self.describe_savings(chosen)}, loses at most {self.promise} "
            f"(n={tasks}; measured loss {100 * chosen.loss:.1f} points)."
        )

    def describe_rule(self, rule: RoutingRule) -> str:
        """Return a rule as an instruction."""
        rest = f"the rest to {self.closed_model}"
        whose = "everything" if not rule.rest else f"{rule.grouping} {_listed(rule.groups)}"
        if rule.kind == "router":
            if rule.condition is not None:
                return f"Send {rule.condition} to {self.open_model} and {rest}"
            return f"Send {whose} to {self.open_model}" + (f" and {rest}" if rule.rest else "")
        sentence = f"Send {whose} to {self.open_model}" + (f" and {rest}" if rule.rest else "")
        return f"{sentence}; use {rule.condition}, and ask {self.closed_model} again for the others"

    def describe_savings(self, one: RuleOutcome) -> str:
        """Return the dollars that a rule saves in a month, or on 1,000 tasks."""
        if one.saved_usd is None or self.found.closed_usd is None:
            return f"saves {100 * one.calls_saved:.0f} % of the calls of {self.closed_model} (a price is unknown)"
        share = one.saved_usd / self.found.closed_usd
        if self.tasks_per_month is None:
            return f"saves {format_usd(1000 * one.saved_usd)} per 1,000 tasks ({100 * share:.0f} %)"
        return f"saves {format_short_usd(self.tasks_per_month * one.saved_usd)} a month ({100 * share:.0f} %)"

    def advice(self) -> str:
        """Return how many more tasks would guarantee something, or something better."""
        wanted, chosen = self.found.wanted, self.found.chosen
        if wanted is None or wanted.tasks_needed is None:
            if chosen is not None:
                return ""
            if not self.found.clusters_tested:
                return "All tasks are of one cluster, so none is left to test a rule; give a separate cluster id to each independent task."
            if not any(one.worth > 0 for one in self.found.tested):
                return (
                    f"No rule saves anything: {self.open_model} costs as much as {self.closed_model} or more."
                )
            return (
                f"More tasks would not help: on the tested tasks every rule loses {self.promise.margin_points:g} "
                f"{'point' if self.promise.margin_points == 1 else 'points'} or more."
            )
        more = wanted.tasks_needed - self.found.n
        rule = self.describe_rule(wanted.rule)
        also = "" if chosen is None else " also"
        needed = (
            f"About {format_count(_rounded(more))} more tasks would{also} guarantee"
            if more > 0
            else f"A new sample of as many tasks would{also} guarantee"
        )
        return (
            f"{needed}: {rule[0].lower()}{rule[1:]}; it {self.describe_savings(wanted)}. That is an estimate, with a chance of "
            f"80 %, if its loss ({100 * wanted.loss:.1f} points) and spread stay as measured."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench tiers --guarantee --json``."""
        found, chosen, wanted = self.found, self.found.chosen, self.found.wanted
        return {
            "schema": 1,
            "open": self.open_model,
            "closed": self.closed_model,
            "margin_points": self.promise.margin_points,
            "confidence": self.promise.confidence_percent / 100,
            "guaranteed": chosen is not None,
            "rule": None if chosen is None else self._rule_json(chosen),
            "next": None if wanted is None else self._rule_json(wanted),
            "tested": [self._rule_json(one) for one in found.tested],
            "n": found.n,
            "n_tested": found.n_tested,
            "clusters": found.clusters,
            "clusters_tested": found.clusters_tested,
            "is_weighted": found.is_weighted,
            "closed_usd_per_task": found.closed_usd,
            "tasks_per_month": self.tasks_per_month,
            "headline": self.headline(),
            "advice": self.advice() or None,
            "warnings": self.warnings,
            "simulated": self.simulated,
        }

    def _rule_json(self, one: RuleOutcome) -> dict[str, Any]:
        month = self.tasks_per_month
        return {
            "policy": one.rule.policy,
            "kind": one.rule.kind,
            "grouping": one.rule.grouping,
            "open_groups": list(one.rule.groups),
            "closed_groups": list(one.rule.rest),
            "condition": one.rule.condition,
            "threshold": one.rule.threshold,
            "sentence": self.describe_rule(one.rule),
            "usd_per_task": one.usd,
            "saved_usd_per_task": one.saved_usd,
            "saved_usd_per_month": None if month is None or one.saved_usd is None else month * one.saved_usd,
            "closed_calls_saved": one.calls_saved,
            "loss_points": 100 * one.loss,
            "loss_error_points": 100 * one.loss_error,
            "p_value": one.p_value,
            "guaranteed": one.is_guaranteed,
            "tasks_needed": one.tasks_needed,
        }


def guarantee_tiers(
    runs: Runs | Folders,
    promise: Promise,
    *,
    open_model: str | None = None,
    closed_model: str | None = None,
    verifier_usd: float = 0.0,
    tasks_per_month: float | None = None,
    only_groups: bool = False,
    account: Bill | None = None,
    seed: int = SEED,
) -> TiersGuarantee:
    """Return the rule that saves most among those that keep a promise.

    Args:
        runs: Run folders, or runs already loaded. Weights count if the figures of these runs count the traffic.
        promise: What a rule must keep.
        open_model: The open model. None means the one with the highest accuracy.
        closed_model: The closed model. None means the one with the highest accuracy.
        verifier_usd: Cost to a cascade of checking one open answer.
        tasks_per_month: Tasks in a month, for the savings.
        only_groups: Try only rules by category and task, which a gateway without code can follow.
        account: Result of :func:`gapbench.analysis.cost.attempt_costs.bill`, if it was already computed.
        seed: Seed of the split and of the order of the clusters.

    Raises:
        ResultsError: There is no such pair of models, they share too few tasks, or the run stopped early because of its results.
    """
    read_runs = load_runs(runs)
    _refuse_stopping_rule(read_runs)
    account = bill(read_runs) if account is None else account
    routed = read_routed_tasks(read_runs, account, open_model=open_model, closed_model=closed_model)
    rows = read_runs.frame.iloc[routed.table["row"].to_numpy(np.int64)]
    is_stratified = read_runs.applied_weights.has_design and bool(rows["stratum"].notna().any())
    items = _in_stable_order(routed.items, rows)
    scores: list[Score] = []
    bad_form = None
    if not only_groups:
        scores, bad_form = _scores(read_runs, routed, rows)
    found = guarantee_routing(
        items,
        margin=promise.margin_points / 100,
        confidence=promise.confidence_percent / 100,
        groupings=_groupings(routed),
        scores=scores,
        bad_form=bad_form,
        verifier_usd=verifier_usd,
        seed=seed,
    )
    names = (routed.open_model, routed.closed_model)
    warnings = [line for line in account.warnings if line.startswith(tuple(f"{name}:" for name in names))]
    warnings += _unscored(read_runs, names)
    warnings += routed.notes
    warnings += read_runs.applied_weights.notes
    if is_stratified:
        warnings.append(
            "the samples were drawn by strata; the proof is for samples drawn independently, and strata kept to it when simulated"
        )
    if found.heaviest_share > _HEAVY:
        warnings.append(
            f"one cluster holds {100 * found.heaviest_share:.0f} % of the weight of all tasks; that costs many samples, since such "
            "clusters could lose everything"
        )
    return TiersGuarantee(
        *names,
        promise,
        found,
        tasks_per_month,
        any(bool(read_runs.model(name).simulated) for name in names),
        warnings,
    )


def _unscored(runs: Runs, names: Sequence[str]) -> list[str]:
    """Return a sentence for each model with requests that have no score: the guarantee is silent about them."""
    requests = runs.measured_attempts
    found = []
    for name in names:
        scored = requests.loc[requests["model_id"] == name, "scored"].to_numpy(dtype=bool)
        lost = int((~scored).sum())
        if lost:
            found.append(
                f"{name}: {lost:,} of {len(scored):,} requests failed or could not be scored; they count as no loss, and the "
                "guarantee does not speak of them"
            )
    return found


def _refuse_stopping_rule(runs: Runs) -> None:
    for manifest in runs.manifests:
        if manifest.sequential is not None:
            raise ResultsError(
                f"{manifest.run_id} was looked at while it ran (--until-sure), and may have stopped because of its scores; a "
                "guarantee needs a number of samples that was fixed before, so run the suite without --until-sure"
            )


def _in_stable_order(items: RoutedTasks, rows: pd.DataFrame) -> RoutedTasks:
    """Return the tasks with clusters numbered by name, so that the order of the rows does not change which are tested."""
    names = rows["task"].astype(str).to_numpy() + "\x1f" + rows["cluster_id"].astype(str).to_numpy()
    return replace(items, cluster=np.unique(names.astype(str), return_inverse=True)[1].astype(np.int64))


def _groupings(routed: RoutedRuns) -> list[Grouping]:
    """Return the categories, and the tasks unless they are the categories under other names."""
    found = [Grouping("category", routed.items.category, routed.categories)]
    code, names = pd.factorize(routed.table["task"], sort=True)
    pairs = len(set(zip(code.tolist(), routed.items.category.tolist(), strict=True)))
    if not len(names) == len(routed.categories) == pairs:
        found.append(Grouping("task", code.astype(np.int64), tuple(str(name) for name in names)))
    return found


def _scores(runs: Runs, routed: RoutedRuns, rows: pd.DataFrame) -> tuple[list[Score], Bools | None]:
    """Return the scores to route by, and whether each open answer has a bad form."""
    signals = {signal.policy: signal for signal in routing_signals(runs, routed.table)}
    found: list[Score] = []
    for policy, column, words in (
        ("route by prompt length", "input_tokens", "prompts of at most {threshold} tokens"),
        ("cascade on answer length", "output_chars", "answers of at most {threshold} characters"),
    ):
        if policy in signals:
            signal = signals[policy]
            value = np.where(rows[column].isna().to_numpy(), np.nan, signal.score)
            found.append(Score(policy, signal.kind, value, words))
    if "rung" in rows.columns:
        rung = as_floats(rows["rung"])
        if len(np.unique(rung[np.isfinite(rung)])) > 1:
            found.append(Score("route by rung", "router", rung, "rungs up to {threshold}"))
    form = signals.get("cascade on bad form")
    return found, None if form is None else form.score > 0


def _listed(names: Sequence[str]) -> str:
    if len(names) > _MAX_NAMED:
        return f"{', '.join(names[:_MAX_NAMED])} and {len(names) - _MAX_NAMED} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _rounded(count: int) -> int:
    """Return a number with two digits that count, rounded up."""
    step: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // step) * step
