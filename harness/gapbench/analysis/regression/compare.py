"""The regression gate: compare a new run with a baseline on the same requests.

A rule such as ``accuracy<-2pp`` names a metric, a direction and a tolerance. It fails if the one-sided 95 % bound of the
paired difference lies beyond the tolerance, that is, if a test at 5 % rejects "no worse than tolerated". A difference
that noise can explain does not fail, however large it looks. Requests of the baseline that the new run lacks cannot be
checked; they are reported and prevent a pass.

Columns of :attr:`Comparison.frame`, one row for each model of the baseline and each rule, in the rule's unit:

============ ==============================================================================================
``model_id``  the model's id, the same in both runs
``metric``    see :data:`gapbench.analysis.regression.threshold.METRICS`
``rule``      the rule as written
``base`` ``new``  the metric of both runs over the shared requests
``change``    new minus base: points for shares, percent of base for the others
``low`` ``high``  one-sided 95 % bounds of the change (a 90 % interval)
``limit``     the tolerated change
``verdict``   ``pass``, ``regression``, or ``unknown`` if a value is missing, even if only of one task and load
``reason``    which value is missing, and why
``worse_in_sight``  whether the point estimate of the change is beyond the limit
``pairs`` ``clusters``  number of shared requests, and of their sources (items with one ``cluster_id``)
``detectable``  smallest true worsening that the rule would find with at least 80 % probability in such runs, as a positive
              number in the rule's unit, with what is tolerated; null if it is unknown
``method``    how the bounds were computed
``unpriced_share``  costs only: share of the pairs that were answered in both runs, by weight, in which a cost is not known
``simulated`` whether either run is simulated
============ ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from gapbench.analysis.frames import Runs, load_runs, shared_models
from gapbench.analysis.regression.metric_change import metric_change
from gapbench.analysis.regression.run_pairs import RunPairs, RunRequests, Unchecked, attempt_keys
from gapbench.analysis.regression.threshold import RegressionRule
from gapbench.analysis.weighting import AppliedWeights
from gapbench.stats.power import detectable_change
from gapbench.store.json_records import records

COLUMNS = (
    "model_id", "metric", "rule", "base", "new", "change", "low", "high", "limit", "unit", "verdict", "reason",
    "worse_in_sight", "detectable", "pairs", "clusters", "method", "unpriced_share",
    "simulated",
)  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """A new run compared with a baseline.

    Attributes:
        frame: See the module's docstring.
        base: Run id of the baseline.
        new: Run id of the new run.
        simulated: Whether any row is simulated.
        missing_pairs: What the new run lacks: it is not complete, or requests of a task and load are missing.
        warnings: One sentence for each caveat that readers need to know.
        weights: What the figures count.
    """

    frame: pd.DataFrame
    base: str
    new: str
    simulated: bool
    missing_pairs: list[Unchecked] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    weights: AppliedWeights = field(default_factory=AppliedWeights)

    @property
    def regressions(self) -> pd.DataFrame:
        """The rows that failed."""
        return self.frame[self.frame["verdict"] == "regression"]

    @property
    def unchecked(self) -> list[Unchecked]:
        """Everything that could not be checked: first the missing pairs, then the rules without a value."""
        unknown = records(self.frame[self.frame["verdict"] == "unknown"])
        return [
            *self.missing_pairs,
            *(Unchecked(f"{row['model_id']} {row['rule']}", str(row["reason"])) for row in unknown),
        ]

    @property
    def verdict(self) -> Literal["pass", "regression", "broken"]:
        """``broken`` if no rule failed but something could not be checked. That does not count as a pass."""
        if len(self.regressions):
            return "regression"
        return "broken" if self.unchecked else "pass"

    def to_json(self) -> dict[str, Any]:
        """Return the shape of ``bench compare --json``."""
        return {
            "schema": 1,
            "base": self.base,
            "new": self.new,
            "verdict": self.verdict,
            "rows": records(self.frame),
            "faults": [{"where": fault.where, "reason": fault.reason} for fault in self.unchecked],
            "weights": self.weights.name,
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def compare_runs(
    base: Runs | Sequence[Path], new: Runs | Sequence[Path], rules: Sequence[RegressionRule]
) -> Comparison:
    """Compare two runs, model by model, on the requests that both have with the same prompt.

    Raises:
        ResultsError: The runs share no model.
    """
    before, after, weight_notes = _weighted_alike(load_runs(base), load_runs(new))
    shared_models(before, after)
    keys = attempt_keys(before, after)
    sides = RunRequests.from_runs(before).with_keys(keys), RunRequests.from_runs(after).with_keys(keys)
    rows: list[dict[str, Any]] = []
    missing = [
        Unchecked("the new run", f"it is {manifest.state}, not complete")
        for manifest in after.manifests
        if manifest.state != "complete"
    ]
    warnings = [*dict.fromkeys([*before.notes, *after.notes, *weight_notes]), *_setup_changes(before, after)]
    for model_id in before.models:
        pairs = RunPairs.pair_requests(*sides, model_id)
        missing += pairs.missing_pairs
        warnings += pairs.warnings
        models = [runs.model(model_id) for runs in (before, after) if model_id in runs.models]
        simulated = any(bool(model.simulated) for model in models)
        rows += [{**_check_rule(pairs, rule), "model_id": model_id, "simulated": simulated} for rule in rules]
    ids = [", ".join(str(manifest.run_id) for manifest in runs.manifests) for runs in (before, after)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return Comparison(
        frame,
        ids[0],
        ids[1],
        before.simulated or after.simulated,
        missing,
        warnings,
        before.applied_weights,
    )


def _weighted_alike(before: Runs, after: Runs) -> tuple[Runs, Runs, list[str]]:
    """Return both runs with weights or both without, and a note where one of them has none."""
    found = before.applied_weights, after.applied_weights
    notes = [note for one in found for note in one.notes]
    if found[0].is_traffic == found[1].is_traffic:
        return before, after, notes
    notes.append("only one of the runs has weights, so each request counts once")
    return replace(before, weighting="equal"), replace(after, weighting="equal"), notes


def _setup_changes(before: Runs, after: Runs) -> list[str]:
    """Return warnings about what differs between the runs besides the models' answers."""
    warnings: list[str] = []
    for name in ("suite_sha256", "machine"):
        old, now = (getattr(runs.manifests[-1], name) for runs in (before, after))
        if old != now:
            warnings.append(
                "the suites differ in content"
                if name == "suite_sha256"
                else "the runs were made on different machines: times may not be comparable"
            )
    states = {str(manifest.state) for manifest in before.manifests} - {"complete"}
    if states:
        warnings.append(f"the baseline is {', '.join(sorted(states))}, not complete")
    warnings += [
        f"{model_id} is in the new run only and is not judged"
        for model_id in after.models
        if model_id not in before.models
    ]
    return warnings


def _check_rule(pairs: RunPairs, rule: RegressionRule) -> dict[str, Any]:
    """Return the row of one rule."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row.update(
        metric=rule.metric,
        rule=rule.text,
        limit=rule.limit,
        unit=rule.unit,
        verdict="unknown",
        pairs=0,
        clusters=0,
    )
    if not len(pairs.base):
        return row | {"reason": pairs.reason}
    row.update(metric_change(pairs, rule.metric))
    # The test rejects only if even the bound nearest to "no worse" is beyond the limit.
    bound = row["high"] if rule.sign == "<" else row["low"]
    if row["change"] is not None:
        row["worse_in_sight"] = rule.is_broken_by(row["change"])
    level = row.pop("level", None)
    if bound is not None and level is not None:
        row["detectable"] = detectable_change(
            rule.tolerated,
            abs(bound - row["change"]),
            row["clusters"],
            level=level,
            seen=-row["change"] if rule.unit == "pp" else None,
        )
    if bound is not None and rule.is_broken_by(bound):
        row["verdict"] = "regression"
    elif bound is not None and row["reason"] is None:
        row["verdict"] = "pass"
    return row
