"""Looks at a run: the verdict by its stopping rule, and a note on a run that was looked at without one.

A run with ``--until-sure`` has a rule whose interval holds at every look, so the overall accuracy takes interval and verdict
from it. A run that was looked at before it was complete, or that extends a smaller run, has no such interval: its tests
assume one look. Repeated looks at 5 % find a gap that is not there in 7 to 32 % of runs (benchmarks/sequential.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gapbench import formatting
from gapbench.analysis.frames import Runs
from gapbench.analysis.quality.gap_row import GapRow
from gapbench.analysis.quality.model_pairs import ModelPairs
from gapbench.stats import Floats, Ints, dense_codes
from gapbench.stats.sequential import StoppingRule, cluster_totals, conclude, describe

PairsByModels = Mapping[tuple[str, str], ModelPairs]
ADVICE = "start a fresh run of that size with another `seed:`, or use `bench run --until-sure`"
"""What to do instead of extending a run until it is significant."""


@dataclass(frozen=True)
class RunRule:
    """The stopping rule of runs, at the look that was reached.

    Attributes:
        rule: The rule.
        look: Number of looks taken.
    """

    rule: StoppingRule
    look: int

    @property
    def is_unlooked(self) -> bool:
        """Whether the rule has a fixed number of looks and none was taken, so that nothing is known."""
        return bool(self.rule.information) and self.look == 0

    def interval(self, difference: Floats, clusters: Ints) -> tuple[float, float]:
        """Return the interval of an accuracy gap that holds however often one looked, 0 to 1.

        Args:
            difference: Closed minus open score of each pair; not empty.
            clusters: Cluster code of each pair.
        """
        sums, sizes = cluster_totals(difference, dense_codes(clusters).tolist())
        # Rows that were added from other runs may have made a cluster larger than planned.
        largest = max(self.rule.largest_cluster, int(sizes.max()))
        return replace(self.rule, largest_cluster=largest).interval(sums, sizes, self.look)


def rule_of(runs: Runs) -> RunRule | None:
    """Return the stopping rule that decides about the overall accuracy gap of runs, or None if there is none."""
    return _rule_of(runs)[0]


def apply_stopping_rule(
    runs: Runs, rows: Sequence[GapRow], pairs: PairsByModels, margin: float
) -> tuple[list[GapRow], list[str]]:
    """Return the rows with the primary ones decided by the runs' stopping rule, and notes on looks.

    The primary rows are the accuracy over everything. Without a rule, the rows are returned unchanged.

    Args:
        runs: The runs.
        rows: Rows without verdicts.
        pairs: Pairs by (closed model, open model).
        margin: Gap that makes no difference, in points.
    """
    found, notes = _rule_of(runs)
    if found is None:
        return list(rows), [*notes, *_looks_note(runs)]
    categories = {row.category for row in rows}
    primary = formatting.OVERALL if formatting.OVERALL in categories else next(iter(categories), "")
    decided = [
        _decide(row, pairs[row.closed_model, row.open_model], found, margin)
        if row.metric == "accuracy" and row.category == primary
        else row
        for row in rows
    ]
    note = (
        f"the run stops by a rule ({found.rule.name}): the {primary} accuracy and its interval hold however often one looked; "
        "the other rows are not corrected for the early stop"
    )
    return decided, [*notes, note]


def _rule_of(runs: Runs) -> tuple[RunRule | None, list[str]]:
    """Return the rule of the runs, or None and why it does not apply."""
    entries = [manifest.sequential for manifest in runs.manifests if manifest.sequential is not None]
    if not entries:
        return None, []
    has_fixed_looks = any(entry.information for entry in entries)
    if len(runs.manifests) > 1 and has_fixed_looks:
        note = (
            "several runs are read together, and one stops by a fixed number of looks, which holds for its own pairs "
            "only; read it alone"
        )
        return None, [note]
    rule = StoppingRule(
        max(int(entry.largest_cluster) for entry in entries),
        tuple(float(share) for share in entries[0].information),
        max(int(entry.comparisons) for entry in entries),
    )
    return RunRule(rule, len(entries[0].looks)), []


def _decide(row: GapRow, pairs: ModelPairs, found: RunRule, margin: float) -> GapRow:
    known = pairs.with_known("score")
    if not len(known.closed.item):
        return row
    difference = known.closed.columns["score"] - known.open.columns["score"]
    low, high = found.interval(difference, known.closed.cluster)
    return replace(
        row,
        ci_low=None if found.is_unlooked else low * 100,
        ci_high=None if found.is_unlooked else high * 100,
        p_value_raw=None,
        selection_points=0.0,
        difference=None,
        verdict=describe(conclude(low, high, margin / 100), margin),
        method=found.rule.name,
        test=found.rule.name,
        rule=found.rule.name,
    )


def _looks_note(runs: Runs) -> list[str]:
    """Return a note on each run that was looked at before it was complete or that extends a smaller one."""
    notes = []
    for manifest in runs.manifests:
        looks = manifest.earlier_looks
        if looks:
            sizes = ", ".join(f"{look.requests}" for look in looks)
            notes.append(
                f"{manifest.run_id} was looked at {len(looks) + 1} times: before it was complete with {sizes} requests of each "
                "model; its tests assume one look, so a false *ahead* is more likely than 5 %; "
                f"to be sure, {ADVICE}"
            )
    return notes
