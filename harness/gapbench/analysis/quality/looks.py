"""Looks at a run: the verdict by its stopping rule, and a note on a run that was looked at without one.

A run with ``--until-sure`` has a rule whose interval holds at every look, so the overall accuracy takes interval and verdict
from it. A run that was looked at before it was complete, or that extends a smaller run, has no such interval: its tests
assume one look. Five looks at 5 % each find a gap that is not there in 12 to 16 % of runs (benchmarks/sequential.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gapbench import formatting
from gapbench.analysis.frames import Runs
from gapbench.analysis.quality.applied_rule import AppliedRule
from gapbench.analysis.quality.gap_row import GapRow
from gapbench.analysis.quality.model_pairs import ModelPairs
from gapbench.stats.sequential import conclude, describe

PairsByModels = Mapping[tuple[str, str], ModelPairs]
ADVICE_WITH_WEIGHTS = "draw a larger sample of your traffic (`bench traffic sample -n`) and run it"
ADVICE = "start a fresh run of that size with another `seed:`, or use `bench run --until-sure`"
"""What to do instead of extending a run until it is significant."""


def apply_stopping_rule(
    rule: AppliedRule, rows: Sequence[GapRow], pairs: PairsByModels, margin: float
) -> tuple[list[GapRow], str]:
    """Return the rows with the primary ones decided by a stopping rule, and a note on it.

    The primary rows are the accuracy over everything.

    Args:
        rule: The runs' rule.
        rows: Rows without verdicts.
        pairs: Pairs by (closed model, open model).
        margin: Gap that makes no difference, in points.
    """
    categories = {row.category for row in rows}
    primary = formatting.OVERALL if formatting.OVERALL in categories else next(iter(categories), "")
    decided = [
        _decide(row, pairs[row.closed_model, row.open_model], rule, margin)
        if row.metric == "accuracy" and row.category == primary
        else row
        for row in rows
    ]
    note = (
        f"the run stops by a rule ({rule.name}): the {primary} accuracy, matched quality and their intervals are valid for "
        "any number of looks; the other rows are not corrected for the early stop"
    )
    return decided, note


def _decide(row: GapRow, pairs: ModelPairs, rule: AppliedRule, margin: float) -> GapRow:
    known = pairs.with_known("score")
    if not len(known.closed.item):
        return row
    difference = known.closed.columns["score"] - known.open.columns["score"]
    low, high = rule.interval(difference, known.closed.cluster)
    # The interval holds for every pair of models at once, so the gap is not corrected for the choice of the best.
    gap = float(difference.mean()) * 100
    return replace(
        row,
        gap_points=gap,
        gap_percent_of_closed=gap / row.closed_value if row.closed_value else None,
        ci_low=None if rule.is_unlooked else low * 100,
        ci_high=None if rule.is_unlooked else high * 100,
        p_value_raw=None,
        selection_points=0.0,
        difference=None,
        verdict=row.verdict or describe(conclude(low, high, margin / 100), margin),
        method=rule.name,
        test=rule.name,
        rule=rule.name,
    )


def looks_notes(runs: Runs) -> list[str]:
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
