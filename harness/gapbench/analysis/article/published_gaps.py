"""Gaps between the best closed and the best open model of published lists.

A gap is taken within one list on one date only. Best: the highest score. Top three: the mean of the three
best distinct models of each side, each at its best setting. Lag: months of 30.4375 days since the release
of the first closed model of the same list that scored at or above the best open one.
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
"""Fewer distinct models than this on a side make a list thin: its best is the best of few."""


@dataclass(frozen=True, slots=True)
class PublishedGap:
    """Best closed against best open in one list on one date.

    Attributes:
        category: ``arena``, ``coding``, ``reasoning`` or ``multimodal``.
        benchmark: The list.
        as_of: The date meant.
        dating: ``listed`` or ``released``; see :class:`~gapbench.analysis.article.evidence.Snapshot`.
        snapshot: Date of the file.
        closed: The best closed model.
        open: The best open model.
        gap_points: Closed minus open, in points of percent or of Elo, two decimals.
        gap_percent_of_closed: The same in percent of the closed score. For Elo it has no meaning.
        ci_low: 95 % interval of ``gap_points``, the two published intervals taken as independent. None:
            a side published none.
        ci_high: Upper bound.
        top3_gap_points: The gap between the means of the three best of each side.
        top3_gap_percent_of_closed: The same in percent of the closed mean.
        win_rate_closed: Expected share of wins of closed over open, four decimals. None unless Elo.
        lag_months: From the first closed model at or above the best open one to ``as_of``. None: none
            was, or its date is not known.
        lag_release_months: The same to the release of the best open model. None: its date is not known.
        first_closed: That first closed model. None: there is none with a known date.
        thin: Whether a side has fewer than three models. None: the list was not counted.
        vendor_table: Whether one vendor published all of it about its own model.
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
    """Return the gap of every list at each of its dates; one with a side missing is left out."""
    lists: dict[tuple[str, date], list[Figure]] = {}
    for one in evidence.figures:
        lists.setdefault((one.benchmark, one.snapshot), []).append(one)
    return list(_list_gaps(evidence, lists))


def _list_gaps(evidence: Evidence, lists: dict[tuple[str, date], list[Figure]]) -> Iterator[PublishedGap]:
    for (benchmark, day), figures in lists.items():
        dated = [one for one in evidence.snapshots if (one.benchmark, one.snapshot) == (benchmark, day)]
        for snapshot in dated or [Snapshot(benchmark, day, day, "listed", None, None)]:
            here = figures
            if snapshot.dating == "released":
                here = [one for one in figures if one.released is not None and one.released <= snapshot.as_of]
            closed = _rank_models([one for one in here if one.weights == "closed"])
            opened = _rank_models([one for one in here if one.weights == "open"])
            if closed and opened:
                yield _gap(evidence, snapshot, here, closed, opened)


def _rank_models(figures: Sequence[Figure]) -> list[Figure]:
    """Return each distinct model at its best setting, best first; of equals the one listed first."""
    best: dict[str, Figure] = {}
    for one in sorted(figures, key=lambda figure: -figure.score):
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
    means = [sum(figure.score for figure in side[:3]) / len(side[:3]) for side in (closed, opened)]
    half = None
    if one.half_width is not None and other.half_width is not None:
        half = math.hypot(one.half_width, other.half_width)
    first = _first_at_or_above(figures, other)
    counts = (snapshot.listed_closed, snapshot.listed_open)
    told = {evidence.sources[figure.source].kind for figure in figures if figure.source in evidence.sources}
    cited = dict.fromkeys(figure.source for figure in (*closed[:3], *opened[:3]))
    return PublishedGap(
        one.category,
        snapshot.benchmark,
        snapshot.as_of,
        snapshot.dating,
        snapshot.snapshot,
        one,
        other,
        round(gap, 2),
        round(gap / one.score * 100, 2),
        None if half is None else round(gap - half, 2),
        None if half is None else round(gap + half, 2),
        round(means[0] - means[1], 2),
        round((means[0] - means[1]) / means[0] * 100, 2),
        round(elo_win_rate(gap), 4) if one.unit == "elo" else None,
        None if first is None else _months(first.released, snapshot.as_of),
        None if first is None else _months(first.released, other.released),
        first,
        None if None in counts else min(count for count in counts if count is not None) < THIN,
        told == {"vendor_self_report"},
        tuple(evidence.sources[name].citation for name in cited if name in evidence.sources),
    )


def _first_at_or_above(figures: Sequence[Figure], other: Figure) -> Figure | None:
    """Return the closed model that first reached the open one's score; of one date the lowest that does."""
    reached = [
        figure
        for figure in figures
        if figure.weights == "closed" and figure.score >= other.score and figure.released is not None
    ]
    return min(reached, key=lambda figure: (figure.released or date.max, figure.score), default=None)


def _months(start: date | None, end: date | None) -> float | None:
    return None if start is None or end is None else round((end - start).days / DAYS_PER_MONTH, 1)
