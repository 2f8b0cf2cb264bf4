"""Gaps between the best closed and the best open model of published lists.

A gap is computed within one list on one date only. The best model is the one with the highest score. The top-three gap
compares the means of the three best distinct models of each side, each at its best setting. The lag is in months of
30.4375 days since the release of the first closed model of the same list that scored at least as high as the best open
model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from gapbench.analysis.article.evidence import Evidence, Figure, Snapshot
from gapbench.stats import elo_win_rate

DAYS_PER_MONTH = 30.4375
THIN = 3
"""With fewer distinct models on a side, a list is thin: its best model is the best of only a few."""


@dataclass(frozen=True, slots=True)
class PublishedGap:
    """The gap between the best closed and the best open model in one list on one date.

    Attributes:
        category: ``arena``, ``coding``, ``reasoning`` or ``multimodal``.
        benchmark: Name of the list.
        as_of: The date that the gap is for.
        dating: ``listed``, ``released`` or ``rebuilt``; see :class:`~gapbench.analysis.article.evidence.Snapshot`.
        snapshot: Date of the file.
        closed: The best closed model.
        open: The best open model.
        gap_points: Closed minus open, in points of percent or of Elo, two decimals.
        gap_percent_of_closed: The gap in percent of the closed score. Meaningless for Elo.
        ci_low: Lower bound of the 95 % interval of ``gap_points``, treating the two published intervals as
            independent. None if a side has no published interval.
        ci_high: Upper bound.
        top3_gap_points: The gap between the means of the three best models of each side.
        top3_gap_percent_of_closed: The same in percent of the closed mean.
        win_rate_closed: Expected win rate of closed over open, four decimals. None unless the unit is Elo.
        lag_months: Months from the release of ``first_closed`` to ``as_of``. None if ``first_closed`` is None.
        lag_release_months: Months from the release of ``first_closed`` to that of the best open model. None if either
            date is not known.
        first_closed: First released closed model that scored at least as high as the best open one. None if there is
            none with a known date.
        thin: Whether a side has fewer than three models. None if that is not known.
        vendor_table: Whether all scores are a vendor's own reports about its model.
        sources: Citations.
    """

    category: str
    benchmark: str
    as_of: date
    dating: str
    snapshot: date
    closed: Figure
    open: Figure
    gap_points: float
    gap_percent_of_closed: float
    ci_low: float | None
    ci_high: float | None
    top3_gap_points: float
    top3_gap_percent_of_closed: float
    win_rate_closed: float | None
    lag_months: float | None
    lag_release_months: float | None
    first_closed: Figure | None
    thin: bool | None
    vendor_table: bool
    sources: tuple[str, ...]

    @property
    def unit(self) -> str:
        """Unit of the scores: ``percent`` or ``elo``."""
        return self.closed.unit

    def to_json(self) -> dict[str, Any]:
        """Return an item of ``evidence`` of ``bench article --json``."""
        first = self.first_closed
        return {
            "benchmark": self.benchmark,
            "as_of": self.as_of.isoformat(),
            "dating": self.dating,
            "unit": self.unit,
            "closed": _model_entry(self.closed),
            "open": _model_entry(self.open),
            "gap_points": self.gap_points,
            "gap_percent_of_closed": self.gap_percent_of_closed,
            "ci_low": self.ci_low,
            "ci_high": self.ci_high,
            "top3_gap_points": self.top3_gap_points,
            "top3_gap_percent_of_closed": self.top3_gap_percent_of_closed,
            "win_rate_closed": self.win_rate_closed,
            "lag_months": self.lag_months,
            "lag_release_months": self.lag_release_months,
            "first_closed_at_or_above": None
            if first is None or first.released is None
            else {"model": first.model, "released": first.released.isoformat()},
            "thin": self.thin,
            "vendor_table": self.vendor_table,
            "sources": list(self.sources),
        }


def _model_entry(figure: Figure) -> dict[str, Any]:
    return {
        "model": figure.model,
        "score": figure.score,
        "ci_low": figure.ci_low,
        "ci_high": figure.ci_high,
        "stderr": figure.stderr,
        "n": figure.n,
        "n_kind": figure.n_kind,
        "released": None if figure.released is None else figure.released.isoformat(),
        "license": figure.license,
        "note": figure.note,
    }


def published_gaps(evidence: Evidence) -> list[PublishedGap]:
    """Return the gap of every list at each of its dates. Lists without both sides are left out."""
    lists: dict[tuple[str, date], list[Figure]] = {}
    for one in evidence.figures:
        lists.setdefault((one.benchmark, one.snapshot), []).append(one)
    return list(_list_gaps(evidence, lists))


def _list_gaps(evidence: Evidence, lists: dict[tuple[str, date], list[Figure]]) -> Iterator[PublishedGap]:
    for (benchmark, day), figures in lists.items():
        dated = [one for one in evidence.snapshots if (one.benchmark, one.snapshot) == (benchmark, day)]
        for snapshot in dated or [Snapshot(benchmark, day, day, "listed", None, None)]:
            dated_figures = _figures_as_of(figures, snapshot)
            closed, opened = (_rank_models(dated_figures, weights) for weights in ("closed", "open"))
            if closed and opened:
                yield _gap(evidence, snapshot, dated_figures, closed, opened)


def _figures_as_of(figures: list[Figure], snapshot: Snapshot) -> list[Figure]:
    if snapshot.dating != "released":
        return figures
    return [one for one in figures if one.released is not None and one.released <= snapshot.as_of]


def _rank_models(figures: Sequence[Figure], weights: str) -> list[Figure]:
    """Return each distinct model of one side at its best setting, best first. Ties keep the order of the list."""
    best: dict[str, Figure] = {}
    for one in sorted(figures, key=lambda figure: -figure.score):
        if one.weights == weights:
            best.setdefault(one.model_key, one)
    return list(best.values())


def _gap(
    evidence: Evidence,
    snapshot: Snapshot,
    figures: Sequence[Figure],
    closed: Sequence[Figure],
    opened: Sequence[Figure],
) -> PublishedGap:
    one, other = closed[0], opened[0]
    gap = one.score - other.score
    ci_low, ci_high = _interval(one, other)
    closed_mean, open_mean = (
        sum(figure.score for figure in side[:3]) / len(side[:3]) for side in (closed, opened)
    )
    first = _first_at_or_above(figures, other)
    return PublishedGap(
        category=one.category,
        benchmark=snapshot.benchmark,
        as_of=snapshot.as_of,
        dating=snapshot.dating,
        snapshot=snapshot.snapshot,
        closed=one,
        open=other,
        gap_points=round(gap, 2),
        gap_percent_of_closed=round(gap / one.score * 100, 2),
        ci_low=ci_low,
        ci_high=ci_high,
        top3_gap_points=round(closed_mean - open_mean, 2),
        top3_gap_percent_of_closed=round((closed_mean - open_mean) / closed_mean * 100, 2),
        win_rate_closed=round(elo_win_rate(gap), 4) if one.unit == "elo" else None,
        lag_months=None if first is None else _months(first.released, snapshot.as_of),
        lag_release_months=None if first is None else _months(first.released, other.released),
        first_closed=first,
        thin=_is_thin(snapshot),
        vendor_table=_is_vendor_table(evidence, figures),
        sources=_citations(evidence, [*closed[:3], *opened[:3]]),
    )


def _interval(closed: Figure, other: Figure) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the gap from two independent intervals, or (None, None) if one is not published."""
    if closed.half_width is None or other.half_width is None:
        return None, None
    gap, half = closed.score - other.score, math.hypot(closed.half_width, other.half_width)
    return round(gap - half, 2), round(gap + half, 2)


def _is_thin(snapshot: Snapshot) -> bool | None:
    counts = [count for count in (snapshot.listed_closed, snapshot.listed_open) if count is not None]
    if any(count < THIN for count in counts):
        return True
    return False if len(counts) == 2 else None


def _is_vendor_table(evidence: Evidence, figures: Sequence[Figure]) -> bool:
    kinds = {evidence.sources[figure.source].kind for figure in figures if figure.source in evidence.sources}
    return kinds == {"vendor_self_report"}


def _citations(evidence: Evidence, figures: Sequence[Figure]) -> tuple[str, ...]:
    names = dict.fromkeys(figure.source for figure in figures)
    return tuple(evidence.sources[name].citation for name in names if name in evidence.sources)


def _first_at_or_above(figures: Sequence[Figure], other: Figure) -> Figure | None:
    """Return the first released closed model that reached the open one's score; on one date, the one with the lowest score."""
    reached = [
        figure
        for figure in figures
        if figure.weights == "closed" and figure.score >= other.score and figure.released is not None
    ]
    return min(reached, key=lambda figure: (figure.released or date.max, figure.score), default=None)


def _months(start: date | None, end: date | None) -> float | None:
    return None if start is None or end is None else round((end - start).days / DAYS_PER_MONTH, 1)
