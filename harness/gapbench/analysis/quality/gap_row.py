"""One row of the gap table, and the verdict that its interval leads to.

The primary endpoint is the accuracy over all categories. It is tested alone at 5 %, so that its verdict depends on nothing
else in the table. The other rows form families: the accuracies by category, the speeds, and the costs. Each family is
corrected by Holm's method, so that the chance of any false *ahead* in it is 5 %, and of any false *equivalent* too. Models
that are not the best of their side are in separate families, so that one more model changes nothing in the headline. Each
row shows the interval at the level that it was tested at: a row is *equivalent* only if that interval lies inside the
margin, else *ahead* exactly if it excludes zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from gapbench import formatting
from gapbench.stats import Difference, Quotients, holm, holm_levels, is_equivalent, pairs_to_decide

ALPHA = 0.05
NOT_DISTINGUISHABLE = "not distinguishable"
"""The verdict when the data show neither a difference nor equivalence."""
PLAIN_CONFIDENCE = 0.95 + 1e-9
"""Intervals above it are corrected for several tests."""
PRIMARY = "overall quality"
"""The family of the primary endpoint."""
OF_OTHERS = " of other models"
"""Ending of the families of models that are not the best of their side: they must not weaken the headline's tests."""


@dataclass(frozen=True)
class Comparison:
    """Two models compared in one scope: what all rows of the comparison have in common.

    Attributes:
        category: A category, or ``overall``.
        closed_model: The closed model.
        open_model: The open model.
        simulated: Whether either model is simulated.
        is_main: Whether this is the comparison of the headline, or one of its categories.
    """

    category: str
    closed_model: str
    open_model: str
    simulated: bool
    is_main: bool = True


@dataclass(frozen=True, kw_only=True)
class GapRow:
    """One metric of one comparison. None means unknown.

    The fields up to ``standard_error`` are the columns of the gap table, in their order; :mod:`gapbench.analysis.quality.gap`
    documents them. The others only serve to decide the verdict.

    Attributes:
        verdict: In words. None until :func:`decide` has corrected the p-values, unless the verdict depends on no test.
        difference: The difference that was tested, in the metric's own unit (0 to 1 for accuracy). None for costs.
        quotients: The two costs that were tested. None for other metrics.
        is_main: See :class:`Comparison`.
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
    noise_floor_points: float | None = None
    icc: float | None = None
    repeats_needed: int | None = None
    episodes: int | None = None
    selection_points: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    method: str | None = None
    test: str | None = None
    load: str | None = None
    family: str | None = None
    confidence: float | None = None
    simulated: bool
    rule: str | None = None
    standard_error: float | None = None
    unpriced_share: float | None = None
    difference: Difference | None = None
    quotients: Quotients | None = None
    is_main: bool = True

    @property
    def is_accuracy(self) -> bool:
        """Whether the row is one of quality."""
        return self.metric == "accuracy"


COLUMNS = tuple(
    field.name for field in fields(GapRow) if field.name not in ("difference", "quotients", "is_main")
)
"""Columns of the gap table."""


def decide(rows: Iterable[GapRow], margin: float) -> list[GapRow]:
    """Return the rows with corrected p-values and intervals, and with their verdicts.

    Args:
        rows: All rows of a table. A row that already has a verdict is not tested and does not count in its family.
        margin: Gap that makes no difference, in points of accuracy.
    """
    rows = _with_families(list(rows))
    decided: dict[int, GapRow] = {}
    for family in dict.fromkeys(row.family for row in rows):
        places = [k for k, row in enumerate(rows) if row.family == family]
        raw = [rows[k].p_value_raw if rows[k].verdict is None else None for k in places]
        levels = holm_levels(raw, ALPHA)
        equal_level, equal = _equivalent_rows([rows[k] for k in places], levels, margin)
        for place, (k, p_value, level) in enumerate(zip(places, holm(raw), levels, strict=True)):
            is_open = level is not None and p_value is not None and p_value >= ALPHA
            # Neither ahead nor, unless it lies inside, equivalent: the interval of an open row shows both.
            shown = min(level, equal_level) if is_open and level is not None else level
            decided[k] = _decide_row(rows[k], p_value, shown, margin, is_equal=place in equal)
    return [decided[k] for k in range(len(rows))]


def _equivalent_rows(
    rows: Sequence[GapRow], levels: Sequence[float | None], margin: float
) -> tuple[float, set[int]]:
    """Return the places of the rows of a family that are equivalent, by Holm's method, and the level of its last step.

    These are separate steps: the row that looks most alike must not get the last and easiest level of those that are
    *ahead*. An interval at a row's own level must lie inside the margin too.
    """
    tested = [
        (k, row, level) for k, (row, level) in enumerate(zip(rows, levels, strict=True)) if level is not None
    ]
    found: set[int] = set()
    while True:
        step = ALPHA / max(1, len(tested) - len(found))
        inside = {k for k, row, level in tested if _is_inside(row, margin, 1 - min(step, level))}
        if len(inside) == len(found):
            return step, found
        found = inside


def _is_inside(row: GapRow, margin: float, confidence: float) -> bool:
    return (
        row.is_accuracy
        and row.difference is not None
        and is_equivalent(row.difference, margin / 100, confidence)
    )


def _with_families(rows: Sequence[GapRow]) -> list[GapRow]:
    scopes = {row.category for row in rows}
    # With one category there is no overall row: the category is all there is.
    primary = formatting.OVERALL if formatting.OVERALL in scopes else next(iter(scopes), None)
    return [replace(row, family=_family(row, primary)) for row in rows]


def _family(row: GapRow, primary: str | None) -> str:
    if not row.is_main:
        return ("quality" if row.is_accuracy else "cost" if row.unit == "usd" else "speed") + OF_OTHERS
    if row.is_accuracy:
        return PRIMARY if row.category == primary else "quality by category"
    return "cost" if row.unit == "usd" else "speed"


def _decide_row(
    row: GapRow, p_value: float | None, level: float | None, margin: float, *, is_equal: bool
) -> GapRow:
    level = ALPHA if level is None else level
    row = replace(row, p_value=row.p_value_raw if p_value is None else p_value, confidence=1 - level)
    row = _with_interval(row, 1 - level)
    if row.verdict is not None:
        return row
    if row.ci_low is None or row.ci_high is None:
        return replace(row, verdict=NOT_DISTINGUISHABLE, confidence=None)
    if is_equal:
        return replace(row, verdict=f"equivalent within {margin:g} points")
    if row.ci_low <= 0 <= row.ci_high:
        return replace(row, verdict=NOT_DISTINGUISHABLE, items_needed=_count_pairs_needed(row, level, margin))
    closed_ahead = (row.ci_low > 0) == (row.better == "higher")
    return replace(row, verdict="closed ahead" if closed_ahead else "open ahead")


def _with_interval(row: GapRow, confidence: float) -> GapRow:
    if row.difference is not None:
        low, high = row.difference.interval(confidence)
        scale = 100 if row.is_accuracy else 1
        return replace(row, ci_low=low * scale, ci_high=high * scale)
    if row.quotients is not None and row.quotients.evidence is not None:
        low, high = row.quotients.evidence.interval(confidence)
        ratio_low, ratio_high = row.quotients.evidence.ratio_interval(confidence)
        return replace(row, ci_low=low, ci_high=high, ratio_low=ratio_low, ratio_high=ratio_high)
    return row


def _count_pairs_needed(row: GapRow, level: float, margin: float) -> int | None:
    if row.difference is None:
        return None
    return pairs_to_decide(row.difference, alpha=level, margin=margin / 100 if row.is_accuracy else None)
