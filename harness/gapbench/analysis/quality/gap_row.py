"""One row of the gap table, and the verdict that its corrected p-value leads to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from gapbench.stats import Difference, holm, pairs_to_decide

ALPHA = 0.05
NOT_DISTINGUISHABLE = "not distinguishable"
"""The verdict when the data show neither a difference nor equivalence."""


@dataclass(frozen=True)
class Comparison:
    """Two models compared in one scope: what all rows of the comparison have in common.

    Attributes:
        category: A category, or ``overall``.
        closed_model: The closed model.
        open_model: The open model.
        simulated: Whether either model is simulated.
    """

    category: str
    closed_model: str
    open_model: str
    simulated: bool


@dataclass(frozen=True, kw_only=True)
class GapRow:
    """One metric of one comparison. None means unknown.

    The fields up to ``standard_error`` are the columns of the gap table, in their order; :mod:`gapbench.analysis.quality.gap`
    documents them. The other two only serve to decide the verdict.

    Attributes:
        verdict: In words. None until :func:`decide` has corrected the p-values, unless the verdict depends on no test.
        difference: The difference that was tested, in the metric's own unit (0 to 1 for accuracy).
        is_equivalent: Whether the difference lies within the margin.
    """

    category: str
    metric: str
    unit: str
    better: str
    closed_model: str
    closed_value: float | None = None
    closed_n: int
    open_model: str
    open_value: float | None = None
    open_n: int
    gap_points: float | None = None
    gap_percent_of_closed: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    p_value_raw: float | None = None
    verdict: str | None = None
    n_pairs: int
    n_clusters: int
    items_needed: int | None = None
    repeats: float | None = None
    repeat_noise_points: float | None = None
    repeat_variance_share: float | None = None
    selection_points: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    method: str | None = None
    test: str | None = None
    simulated: bool
    rule: str | None = None
    standard_error: float | None = None
    difference: Difference | None = None
    is_equivalent: bool = False


COLUMNS = tuple(field.name for field in fields(GapRow) if field.name not in ("difference", "is_equivalent"))
"""Columns of the gap table."""


def decide(rows: Iterable[GapRow], margin: float) -> list[GapRow]:
    """Return the rows with p-values corrected over all of them, and with their verdicts.

    Args:
        rows: All rows of a table.
        margin: Gap that makes no difference, in points of accuracy.
    """
    rows = list(rows)
    corrected = holm([row.p_value_raw for row in rows])
    return [_decide_row(row, p_value, margin) for row, p_value in zip(rows, corrected, strict=True)]


def _decide_row(row: GapRow, p_value: float | None, margin: float) -> GapRow:
    row = replace(row, p_value=p_value)
    if row.verdict is not None:
        return row
    if row.is_equivalent:
        return replace(row, verdict=f"equivalent within {margin:g} points")
    if p_value is None or p_value >= ALPHA:
        return replace(row, verdict=NOT_DISTINGUISHABLE, items_needed=_count_pairs_needed(row, margin))
    return replace(row, verdict="closed ahead" if _is_closed_ahead(row) else "open ahead")


def _count_pairs_needed(row: GapRow, margin: float) -> int | None:
    if row.difference is None or not row.p_value or row.p_value_raw is None:
        return None
    # The level that this row has to reach in a table with as many rows.
    level = ALPHA * min(1.0, row.p_value_raw / row.p_value)
    return pairs_to_decide(
        row.difference, alpha=level, margin=margin / 100 if row.metric == "accuracy" else None
    )


def _is_closed_ahead(row: GapRow) -> bool:
    assert row.gap_points is not None, "a row with a p-value has a gap"
    corrected_gap = row.gap_points - (row.selection_points or 0.0)
    return (corrected_gap > 0) == (row.better == "higher")
