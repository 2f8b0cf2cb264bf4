"""The article's eight figures, held against published lists and against one's own run.

The rule, written down so that anyone gets the same verdict (:data:`RULE` prints it):

1. Evidence is a gap between the best closed and the best open model within one list on one date. For a
   moment of the year (mid-2024, end of 2024, early 2026) each list gives its latest gap inside the window;
   the Arena gives every snapshot there is.
2. A percentage may be meant as points or as percent of the closed score, so both readings are tried; an Elo
   claim is points only. Lists in another unit, and a vendor's table about its own model, are shown and do
   not count.
3. A claim *meets* a moment in a reading when claim and median of the counted gaps are within a factor of
   1.5 of each other; it is *near* when they are within a factor of 2 and the claim lies between the smallest
   and the largest of them.
4. **supported**: in one and the same reading the claim meets every moment of its year, each over three gaps
   or more. **partly**: it meets or is near some moment in some reading. **contradicted**: neither.
   **not testable**: no gap counts.

The two factors are a choice, and no verdict should hang on it: each is also taken at the factors 1.25/1.6
and 2/3, and a verdict that changes says so (``verdict_strict``, ``verdict_loose``).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from gapbench.analysis.article.claims_audit import audit_claims
from gapbench.analysis.article.evidence import Evidence, read_evidence
from gapbench.analysis.article.published_gaps import PublishedGap, published_gaps
from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.stats import elo_win_rate
from gapbench.store.json_records import to_json_value

SCHEMA = 1
FEWEST = 3
ARENA_TEXT = "Chatbot Arena (text)"
RULE = (
    "Counted: best closed minus best open in one list on one date, the latest of each list inside the moment "
    "(every snapshot of the Arena); no vendor's table about its own model. A percentage is tried as points and as "
    "percent of the closed score. The claim meets a moment when it is within a factor of 1.5 of the median gap; it is "
    "near when within a factor of 2 and between the smallest and the largest. Supported: one reading meets every "
    "moment of the year, each over 3 gaps or more. Partly: some reading meets or is near some moment. Contradicted: "
    "neither. Not testable: nothing counts."
)


class Factors(NamedTuple):
    """How far a claim may be from the median gap, as a factor either way.

    Attributes:
        meets: To meet it.
        near: To be near it, when it also lies in the range.
    """

    meets: float
    near: float


WRITTEN, STRICT, LOOSE = Factors(1.5, 2.0), Factors(1.25, 1.6), Factors(2.0, 3.0)


class GapClaim(NamedTuple):
    """A figure of the article.

    Attributes:
        metric: Its name there.
        category: The category of evidence and of a run's tasks.
        year: The year it is said of.
        claim: The gap, in ``unit``.
        unit: ``percent`` or ``elo``.
    """

    metric: str
    category: str
    year: int
    claim: float
    unit: str


class Moment(NamedTuple):
    """A window of dates that stands for a part of a year."""

    name: str
    year: int
    start: date
    end: date


class ArticleBook(NamedTuple):
    """What ``harness/book/check_article.yaml`` says.

    Attributes:
        claims: The article's figures.
        moments: The windows they are looked up in.
        errors: What in the article is wrong: id, said, found, sources.
    """

    claims: tuple[GapClaim, ...]
    moments: tuple[Moment, ...]
    errors: tuple[Mapping[str, Any], ...]


class Reading(NamedTuple):
    """A claim at one moment, read one way.

    Attributes:
        moment: Its name.
        reading: ``points`` or ``percent of closed``.
        gaps: How many count.
        median: Of the counted gaps.
        low: The smallest.
        high: The largest.
        meets: Whether the claim meets the median; see the rule.
        near: Whether it is near.
    """

    moment: str
    reading: str
    gaps: int
    median: float
    low: float
    high: float
    meets: bool
    near: bool


@dataclass(frozen=True)
class ArticleRow:
    """One figure of the article and what is known of it.

    Attributes:
        claim: The figure.
        evidence: Published gaps of its category inside the year's moments, by date.
        readings: The claim at each moment in each reading.
        verdict: ``supported``, ``partly``, ``contradicted`` or ``not testable``.
        verdict_strict: The same with narrower factors.
        verdict_loose: The same with wider factors.
        arena: Number, range and extremes of the year's Arena snapshots. None: no Elo claim, or none that year.
        measured: One's own gap. None: no run was given, it has no such category, or the year is not the newest.
    """

    claim: GapClaim
    evidence: tuple[PublishedGap, ...]
    readings: tuple[Reading, ...]
    verdict: str
    verdict_strict: str
    verdict_loose: str
    arena: Mapping[str, Any] | None
    measured: Mapping[str, Any] | None

    def is_counted(self, gap: PublishedGap) -> bool:
        """Return whether a gap counts for the verdict."""
        return gap.unit == self.claim.unit and not gap.vendor_table

    def lag_months(self) -> float | None:
        """Return the median months from the first closed model that was as good to the open one's release.

        Over the lists that count, each at its latest date. None: no list tells.
        """
        latest = {one.benchmark: one.lag_release_months for one in self.evidence if self.is_counted(one)}
        known = [months for months in latest.values() if months is not None]
        return round(statistics.median(known), 1) if known else None

    def to_json(self) -> dict[str, Any]:
        """Return a row of ``bench check_article --json``."""
        return {
            "metric": self.claim.metric,
            "category": self.claim.category,
            "year": self.claim.year,
            "claim": self.claim.claim,
            "unit": self.claim.unit,
            "claim_win_rate": _win_rate(self.claim),
            "evidence": [{**one.to_json(), "counted": self.is_counted(one)} for one in self.evidence],
            "readings": [reading._asdict() for reading in self.readings],
            "arena_snapshots": self.arena,
            "lag_months_median": self.lag_months(),
            "measured": self.measured,
            "verdict": self.verdict,
            "verdict_strict": self.verdict_strict,
            "verdict_loose": self.verdict_loose,
            "rule": RULE,
        }


@dataclass(frozen=True)
class Article:
    """The whole table.

    Attributes:
        rows: The eight figures.
        errors: Factual errors, with sources.
        claims: Economic claims, as ``gapbench.analysis.article.claims_audit`` judges them; [] where it is not there.
        gaps: Every published gap of the book, also those outside the moments.
        simulated: Whether a measured gap is of simulated models.
        warnings: One sentence for each thing that a reader must know.
    """

    rows: tuple[ArticleRow, ...]
    errors: tuple[Mapping[str, Any], ...]
    claims: tuple[Mapping[str, Any], ...]
    gaps: tuple[PublishedGap, ...]
    simulated: bool
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench check_article --json``."""
        return {
            "schema": SCHEMA,
            "rule": RULE,
            "rows": [row.to_json() for row in self.rows],
            "claims": [dict(claim) for claim in self.claims],
            "errors": [dict(error) for error in self.errors],
            "gaps": [{"category": one.category, **one.to_json()} for one in self.gaps],
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def check_article(runs: Runs | Sequence[Path] = (), evidence: Evidence | None = None) -> Article:
    """Return the article's table.

    Args:
        runs: Runs whose gaps stand beside the newest year's figures, by category. (): none.
        evidence: A book of evidence. None: the packaged one.

    Raises:
        ResultsError: A folder is no run.
    """
    book, known = load_article_book(), read_evidence() if evidence is None else evidence
    gaps = sorted(published_gaps(known), key=lambda one: (one.category, one.benchmark, one.as_of))
    measured, simulated, warnings = _measured_gaps(runs)
    newest = max(claim.year for claim in book.claims)
    rows = []
    for claim in book.claims:
        moments = [moment for moment in book.moments if moment.year == claim.year]
        inside = [
            one
            for one in gaps
            if one.category == claim.category
            and any(moment.start <= one.as_of <= moment.end for moment in moments)
        ]
        readings, verdict = check_claim(claim, moments, inside, known)
        rows.append(
            ArticleRow(
                claim,
                tuple(sorted(inside, key=lambda one: (one.as_of, one.benchmark))),
                tuple(readings),
                verdict,
                check_claim(claim, moments, inside, known, STRICT)[1],
                check_claim(claim, moments, inside, known, LOOSE)[1],
                _arena_snapshots(claim, known, gaps),
                measured.get(claim.category) if claim.year == newest else None,
            )
        )
    return Article(tuple(rows), book.errors, _economic_claims(), tuple(gaps), simulated, warnings)


def check_claim(
    claim: GapClaim,
    moments: Sequence[Moment],
    gaps: Sequence[PublishedGap],
    evidence: Evidence,
    factors: Factors = WRITTEN,
) -> tuple[list[Reading], str]:
    """Return how a claim stands at each moment in each reading, and the verdict by the written rule."""
    counted = [one for one in gaps if one.unit == claim.unit and not one.vendor_table]
    readings: list[Reading] = []
    for kind in ("points",) if claim.unit == "elo" else ("points", "percent of closed"):
        for moment in moments:
            values = _counted_gaps(claim, moment, counted, evidence, kind)
            if values:
                readings.append(_reading(claim.claim, moment.name, kind, values, factors))
    if not readings:
        return readings, "not testable"
    for kind in ("points", "percent of closed"):
        mine = [one for one in readings if one.reading == kind]
        if len(mine) == len(moments) and all(one.meets and one.gaps >= FEWEST for one in mine):
            return readings, "supported"
    return readings, "partly" if any(one.meets or one.near for one in readings) else "contradicted"


def _counted_gaps(
    claim: GapClaim, moment: Moment, gaps: Sequence[PublishedGap], evidence: Evidence, kind: str
) -> list[float]:
    """Return the gaps that count at a moment: the latest of each list, every snapshot of the Arena."""
    inside = [one for one in gaps if moment.start <= one.as_of <= moment.end]
    if claim.unit == "elo":
        by_day = {one.as_of: one.gap_points for one in inside}
        series = {
            one.date: one.gap
            for one in evidence.arena
            if one.board == "text" and moment.start <= one.date <= moment.end
        }
        return list({**series, **by_day}.values())
    latest: dict[str, PublishedGap] = {}
    for one in sorted(inside, key=lambda gap: gap.as_of):
        latest[one.benchmark] = one
    return [one.gap_points if kind == "points" else one.gap_percent_of_closed for one in latest.values()]


def _reading(claim: float, moment: str, kind: str, values: Sequence[float], factors: Factors) -> Reading:
    middle = statistics.median(values)
    apart = max(claim / middle, middle / claim) if middle > 0 else float("inf")
    low, high = min(values), max(values)
    return Reading(
        moment,
        kind,
        len(values),
        round(middle, 2),
        low,
        high,
        apart <= factors.meets,
        apart <= factors.near and low <= claim <= high,
    )


def _win_rate(claim: GapClaim) -> float | None:
    return round(elo_win_rate(claim.claim), 4) if claim.unit == "elo" else None


def _arena_snapshots(
    claim: GapClaim, evidence: Evidence, gaps: Sequence[PublishedGap]
) -> dict[str, Any] | None:
    """Return how the Arena's text gap moved over the claim's year, from snapshot to snapshot."""
    if claim.unit != "elo":
        return None
    series = {one.date: one.gap for one in evidence.arena if one.board == "text"}
    listed = {one.as_of: one.gap_points for one in gaps if one.benchmark == ARENA_TEXT}
    year = {day: points for day, points in {**series, **listed}.items() if day.year == claim.year}
    if not year:
        return None
    widest, narrowest = max(sorted(year), key=year.__getitem__), min(sorted(year), key=year.__getitem__)
    return {
        "board": ARENA_TEXT,
        "snapshots": len(year),
        "mean": round(statistics.fmean(year.values()), 1),
        "narrowest": {"date": narrowest.isoformat(), "gap_points": year[narrowest]},
        "widest": {"date": widest.isoformat(), "gap_points": year[widest]},
    }


def _measured_gaps(runs: Runs | Sequence[Path]) -> tuple[dict[str, dict[str, Any]], bool, list[str]]:
    """Return one's own accuracy gap by category."""
    if not isinstance(runs, Runs) and not runs:
        return {}, False, []
    known = load_runs(runs)
    table = gap(known)
    rows = table.frame[table.frame["metric"] == "accuracy"]
    names = ("gap_points", "gap_percent_of_closed", "ci_low", "ci_high", "p_value", "verdict", "n_pairs")
    found = {
        str(row["category"]): {
            "runs": [str(manifest.run_id) for manifest in known.manifests],
            "closed": {"model": row["closed_model"], "score": to_json_value(row["closed_value"])},
            "open": {"model": row["open_model"], "score": to_json_value(row["open_value"])},
            **{name: to_json_value(row[name]) for name in names},
            "simulated": bool(row["simulated"]),
        }
        for row in rows.to_dict(orient="records")
    }
    return found, table.simulated, [*table.fairness, *table.warnings]


def _economic_claims() -> tuple[Mapping[str, Any], ...]:
    """Return the article's economic claims with their verdicts."""
    return tuple(claim.to_json() for claim in audit_claims())


@cache
def load_article_book() -> ArticleBook:
    """Return what the packaged ``check_article.yaml`` says."""
    with files("gapbench.analysis.article.data").joinpath("article.yaml").open(encoding="utf-8") as file:
        said = yaml.safe_load(file)
    return ArticleBook(
        tuple(GapClaim(**{**row, "claim": float(row["claim"])}) for row in said["claims"]),
        tuple(Moment(row["name"], row["year"], row["from"], row["to"]) for row in said["moments"]),
        tuple(said["errors"]),
    )
