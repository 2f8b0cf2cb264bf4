"""What figures count: a team's traffic, by the weights of its items, or each request of the file once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gapbench import formatting
from gapbench.errors import ResultsError
from gapbench.stats import FEW_EFFECTIVE
from gapbench.store.attempt_relation import AttemptRelation
from gapbench.store.manifest import RunManifest

Weighting = Literal["traffic", "equal"]
"""What counts: requests of the traffic, or requests of the file."""
DESIGN_COLUMNS = ("weight", "stratum")
"""Columns of the attempt row that say how an item was drawn."""
_BY_TASK = """
SELECT task, min(ord) AS first, count_if(weight IS NULL) AS without, count(weight) AS with_weight,
  count_if(weight <= 0 OR NOT isfinite(weight)) AS impossible
FROM attempts WHERE phase = 'measure' AND final GROUP BY task ORDER BY first
"""
_UNLIKE = """
SELECT task, sample_id, min(weight) AS low, max(weight) AS high FROM attempts
WHERE phase = 'measure' AND final GROUP BY task, sample_id
HAVING min(weight) < max(weight) OR count(DISTINCT stratum) > 1 ORDER BY min(ord) LIMIT 1
"""
_TOTAL = """
SELECT count(*) AS items, sum(weight) AS requests, sum(weight) * sum(weight) / sum(weight * weight) AS effective,
  min(weight) = max(weight) AND count(stratum) = 0 AS is_even
FROM (SELECT task, sample_id, max(weight) AS weight, any_value(stratum) AS stratum FROM attempts
  WHERE phase = 'measure' AND final GROUP BY task, sample_id)
"""


@dataclass(frozen=True, slots=True)
class AppliedWeights:
    """What the figures of some runs count.

    Attributes:
        is_traffic: Whether the items' weights are used.
        items: Items with a weight. 0 without weights.
        requests: Requests of the traffic that they stand for.
        effective: Items of equal weight that say as much (Kish, Survey Sampling (1965), section 11.7). 0 without weights.
        is_even: Whether all items have the same weight and none has a stratum. The file then is the traffic in small, and every
            figure is computed as without weights.
        notes: What a reader must know about the choice, a sentence each.
    """

    is_traffic: bool = False
    items: int = 0
    requests: float = 0.0
    effective: float = 0.0
    is_even: bool = False
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> Weighting:
        """``traffic`` or ``equal``, as ``--weights`` has it."""
        return "traffic" if self.is_traffic else "equal"

    @property
    def has_design(self) -> bool:
        """Whether figures are computed with the weights and strata of the items."""
        return self.is_traffic and not self.is_even

    def counts_items(self, what: str) -> list[str]:
        """Return a sentence on something that counts items where other figures count the traffic; [] where none does.

        Args:
            what: What counts items, with its verb, such as ``pass@k counts``.
        """
        return [f"{what} each item once, whatever its weight"] if self.has_design else []

    def describe_traffic(self) -> list[str]:
        """Return :meth:`describe` where the traffic is counted, and [] where nothing needs to be said."""
        return [self.describe()] if self.is_traffic else []

    def describe(self) -> str:
        """Return in a sentence which weights are used, and what *overall* counts."""
        if not self.is_traffic:
            return "Weights: equal. Overall counts our file: each request once."
        counted = f"{formatting.format_count(self.items)} items stand for {formatting.format_count(round(self.requests))} requests"
        return f"Weights: traffic. Overall counts our traffic: {counted}."


def apply_weights(
    attempts: AttemptRelation, asked: Weighting | None, limited: Sequence[str] = ()
) -> AppliedWeights:
    """Return what figures count.

    Args:
        attempts: The attempts of the runs.
        asked: What was asked for. None: the traffic if every item has a weight.
        limited: Tasks of which a run took the first items only.

    Raises:
        ResultsError: The traffic is asked for and an item has no weight, or a weight is none, or differs between runs.
    """
    if asked == "equal":
        return AppliedWeights()
    # A scan of all rows, which most runs do not need.
    has_weights = attempts.may_have("weight")
    tasks = attempts.table(_BY_TASK, ["task", "phase", "final", "weight"]).to_pylist() if has_weights else []
    weighted = [row for row in tasks if row["with_weight"]]
    missing = [str(row["task"]) for row in tasks if row["without"]]
    if not weighted and asked is None:
        return AppliedWeights()
    if not weighted:
        raise ResultsError(
            "--weights traffic: no item of these runs has a weight; draw the suite with `bench traffic sample`, "
            "name the column of weights under `weight` in its tasks, or use --weights equal"
        )
    if missing and asked == "traffic":
        raise ResultsError(
            f"--weights traffic: {_listed(missing)} has items without a weight, so how much of the traffic they are is not "
            "known; name runs without them, give them weights, or use --weights equal"
        )
    if missing:
        note = (
            f"{_listed([str(row['task']) for row in weighted])} has weights and {_listed(missing)} has none, so each request "
            "counts once; to count the traffic, give all tasks weights"
        )
        return AppliedWeights(notes=(note,))
    _refuse_impossible(attempts, weighted)
    total = attempts.table(_TOTAL, ["task", "sample_id", "phase", "final", *DESIGN_COLUMNS]).to_pylist()[0]
    items, effective, is_even = int(total["items"]), float(total["effective"]), bool(total["is_even"])
    notes: list[str] = []
    if limited and len(tasks) > 1:
        notes.append(
            f"only the first items of {_listed(limited)} were run (limit), so the tasks are not in the proportions of your "
            "traffic; run all items to count it"
        )
    if effective < FEW_EFFECTIVE and not is_even:
        notes.append(
            f"with these weights {formatting.format_count(items)} items say as much as {effective:.0f} of equal weight (Kish), so a "
            "few of them decide every figure; sample more requests"
        )
    return AppliedWeights(True, items, float(total["requests"]), effective, is_even, tuple(notes))


def limited_tasks(manifests: Iterable[RunManifest]) -> list[str]:
    """Return the tasks of which a run took the first items only, by ``--limit`` or ``limit`` in the suite."""
    found: list[str] = []
    for manifest in manifests:
        entries = manifest.suite_content.get("tasks")
        own = {
            entry.get("task") or entry.get("name"): entry.get("limit")
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and isinstance(entry.get("task") or entry.get("name"), str)
        }
        for task in manifest.tasks:
            limits = [manifest.selection.get("limit"), own.get(task.name), own.get(task.name.split("/")[-1])]
            # With fewer items than the limit the task was run whole.
            if any(isinstance(limit, int) and task.samples >= limit for limit in limits):
                found.append(task.name)
    return list(dict.fromkeys(found))


def _refuse_impossible(attempts: AttemptRelation, tasks: Sequence[dict[str, Any]]) -> None:
    bad = next((str(row["task"]) for row in tasks if row["impossible"]), None)
    if bad is not None:
        raise ResultsError(f"{bad}: a weight is not a number above 0; use --weights equal, or run it again")
    unlike = attempts.table(_UNLIKE, ["task", "sample_id", "phase", "final", "weight", "stratum"]).to_pylist()
    if unlike:
        row = unlike[0]
        raise ResultsError(
            f"sample {row['sample_id']} of {row['task']} has the weights {row['low']:g} and {row['high']:g}, or two strata, in "
            "these runs; compare runs of one sample, or use --weights equal"
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
