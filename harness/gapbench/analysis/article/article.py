"""The article's eight quality figures, compared with published lists and with one's own run.

The rule is written down so that everyone gets the same verdict (:data:`RULE` is its printed form):

1. Evidence is a gap between the best closed and the best open model within one list on one date. For a moment of the
   year (mid-2024, end of 2024, early 2026), each list contributes its latest gap inside the window; the Arena
   contributes every snapshot.
2. A percentage may mean points or percent of the closed score, so both readings are tried. An Elo claim is in points
   only. Lists in another unit, and vendors' tables about their own models, are shown but do not count.
3. A claim *meets* a moment in a reading if the claim and the median of the counted gaps are within a factor of 1.5 of
   each other. It is *near* if they are within a factor of 2 and the claim lies between the smallest and the largest gap.
4. **supported**: in one reading, the claim meets every moment of its year, each with three gaps or more. **partly**: it
   meets or is near some moment in some reading. **contradicted**: neither. **not testable**: no gap counts.

The two factors are a choice, and no verdict should depend on it. Each verdict is therefore also computed with the
factors 1.25/1.6 and 2/3 (``verdict_strict``, ``verdict_loose``).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gapbench.analysis.article.article_book import GapClaim, Moment, load_article_book
from gapbench.analysis.article.claim_power import MEASURED_COLUMNS, add_claim_check, planned_pairs_needed
from gapbench.analysis.article.claims_audit import audit_claims
from gapbench.analysis.article.evidence import Evidence, read_evidence
from gapbench.analysis.article.published_gaps import PublishedGap, published_gaps
from gapbench.analysis.article.statements import Statement, check_statements
from gapbench.analysis.article.yearly_lead import check_yearly_lead
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
    """Largest ratio between a claim and the median gap, in either direction.

    Attributes:
        meets: For the claim to meet the gap.
        near: For the claim to be near the gap, if it also lies between the smallest and the largest one.
    """

    meets: float
    near: float


READINGS = ("points", "percent of closed")
WRITTEN, STRICT, LOOSE = Factors(1.5, 2.0), Factors(1.25, 1.6), Factors(2.0, 3.0)


class Reading(NamedTuple):
    """A claim at one moment in one reading.

    Attributes:
        moment: Name of the moment.
        reading: ``points`` or ``percent of closed``.
        gaps: Number of counted gaps.
        median: Median of the counted gaps.
        low: Smallest counted gap.
        high: Largest counted gap.
        meets: Whether the claim meets the median; see the module's docstring.
        near: Whether the claim is near the median.
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
    """One figure of the article with its evidence and verdict.

    Attributes:
        claim: The figure.
        evidence: Published gaps of its category inside the year's moments, by date.
        readings: The claim at each moment in each reading.
        verdict: ``supported``, ``partly``, ``contradicted`` or ``not testable``.
        verdict_strict: The verdict with narrower factors.
        verdict_loose: The verdict with wider factors.
        arena: Number, mean and extremes of the year's Arena snapshots. None for claims that are not in Elo, or if there
            are no snapshots in the year.
        measured: The gap of the given runs. None without runs, if they lack the category, or if the year is not the
            newest.
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

    @property
    def sources(self) -> tuple[str, ...]:
        """Citations of the gaps that count, each once."""
        counted = [one for one in self.evidence if self.is_counted(one)]
        return tuple(dict.fromkeys(source for one in counted for source in one.sources))

    def describe(self) -> str:
        """Return the median and the range of the counted gaps at each moment, in one sentence."""
        units = {"points": " Elo" if self.claim.unit == "elo" else " points", "percent of closed": " %"}
        moments: dict[str, list[str]] = {}
        for one in self.readings:
            moments.setdefault(one.moment, []).append(
                f"{one.median:.1f}{units[one.reading]} ({one.low:.1f} to {one.high:.1f})"
            )
        parts = [f"{moment} {' or '.join(values)}" for moment, values in moments.items()]
        return f"Median of the published gaps: {'; '.join(parts)}." if parts else "No published gap counts."

    def lag_months(self) -> float | None:
        """Return the median lag in months, from the first closed model that was as good to the open model's release.

        The median is over the counted lists, each at its latest date. None if no list has a known lag.
        """
        latest = {one.benchmark: one.lag_release_months for one in self.evidence if self.is_counted(one)}
        known = [months for months in latest.values() if months is not None]
        return round(statistics.median(known), 1) if known else None

    def to_json(self) -> dict[str, Any]:
        """Return a row of ``bench article --json``."""
        return {
            "metric": self.claim.metric,
            "category": self.claim.category,
            "year": self.claim.year,
            "claim": self.claim.claim,
            "unit": self.claim.unit,
            "claim_win_rate": _win_rate(self.claim),
            "pairs_needed": planned_pairs_needed(self.claim.claim) if self.claim.unit == "percent" else None,
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
    """The fact check of the whole article.

    Attributes:
        rows: The eight quality figures.
        errors: Factual errors, with sources.
        claims: Economic claims with their verdicts from :mod:`gapbench.analysis.article.claims_audit`.
        statements: Every statement of the article, with its finding and verdict.
        gaps: All published gaps of the evidence, including those outside the moments.
        simulated: Whether a measured gap is of simulated models.
        warnings: One sentence for each caveat that readers need to know.
    """

    rows: tuple[ArticleRow, ...]
    errors: tuple[Mapping[str, Any], ...]
    claims: tuple[Mapping[str, Any], ...]
    statements: tuple[Statement, ...]
    gaps: tuple[PublishedGap, ...]
    simulated: bool
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the documented shape of ``bench article --json``."""
        return {
            "schema": SCHEMA,
            "rule": RULE,
            "rows": [row.to_json() for row in self.rows],
            "claims": [dict(claim) for claim in self.claims],
            "statements": [statement.to_json() for statement in self.statements],
            "errors": [dict(error) for error in self.errors],
            "gaps": [{"category": one.category, **one.to_json()} for one in self.gaps],
            "warnings": self.warnings,
            "simulated": self.simulated,
        }


def check_article(runs: Runs | Sequence[Path] = (), evidence: Evidence | None = None) -> Article:
    """Return the fact check of the article.

    Args:
        runs: Runs whose gaps are shown with the newest year's figures, by category.
        evidence: The evidence. None means the packaged one.

    Raises:
        ResultsError: A folder is not a run.
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
                add_claim_check(claim.claim, claim.unit, measured.get(claim.category))
                if claim.year == newest
                else None,
            )
        )
    claims = _economic_claims()
    by_claim = {(row.claim.category, row.claim.year): row for row in rows}
    statements = check_statements(by_claim, claims, book.errors, check_yearly_lead(gaps, book.moments))
    return Article(tuple(rows), book.errors, claims, statements, tuple(gaps), simulated, warnings)


def check_claim(
    claim: GapClaim,
    moments: Sequence[Moment],
    gaps: Sequence[PublishedGap],
    evidence: Evidence,
    factors: Factors = WRITTEN,
) -> tuple[list[Reading], str]:
    """Return the readings of a claim at each moment, and the verdict by the rule in the module's docstring."""
    counted = [one for one in gaps if one.unit == claim.unit and not one.vendor_table]
    readings: list[Reading] = []
    for kind in ("points",) if claim.unit == "elo" else READINGS:
        for moment in moments:
            values = _counted_gaps(claim, moment, counted, evidence, kind)
            if values:
                readings.append(_reading(claim.claim, moment.name, kind, values, factors))
    return readings, _verdict(readings, len(moments))


def _verdict(readings: Sequence[Reading], moments: int) -> str:
    if not readings:
        return "not testable"
    for kind in READINGS:
        of_kind = [one for one in readings if one.reading == kind]
        if len(of_kind) == moments and all(one.meets and one.gaps >= FEWEST for one in of_kind):
            return "supported"
    return "partly" if any(one.meets or one.near for one in readings) else "contradicted"


def _counted_gaps(
    claim: GapClaim, moment: Moment, gaps: Sequence[PublishedGap], evidence: Evidence, kind: str
) -> list[float]:
    """Return the gaps that count at a moment: the latest of each list, and all snapshots of the Arena."""
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
    ratio = max(claim / middle, middle / claim) if middle > 0 else float("inf")
    low, high = min(values), max(values)
    return Reading(
        moment,
        kind,
        len(values),
        round(middle, 2),
        low,
        high,
        ratio <= factors.meets,
        ratio <= factors.near and low <= claim <= high,
    )


def _win_rate(claim: GapClaim) -> float | None:
    return round(elo_win_rate(claim.claim), 4) if claim.unit == "elo" else None


def _arena_snapshots(
    claim: GapClaim, evidence: Evidence, gaps: Sequence[PublishedGap]
) -> dict[str, Any] | None:
    """Return statistics of the Arena's text gap over the claim's year, or None; see :attr:`ArticleRow.arena`."""
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
    """Return the accuracy gap of the runs by category, whether it is simulated, and warnings."""
    if not isinstance(runs, Runs) and not runs:
        return {}, False, []
    known = load_runs(runs)
    table = gap(known)
    best = table.main_rows()
    rows = best[best["metric"] == "accuracy"]
    found = {
        str(row["category"]): {
            "runs": [str(manifest.run_id) for manifest in known.manifests],
            "closed": {"model": row["closed_model"], "score": to_json_value(row["closed_value"])},
            "open": {"model": row["open_model"], "score": to_json_value(row["open_value"])},
            **{name: to_json_value(row[name]) for name in MEASURED_COLUMNS},
            "simulated": bool(row["simulated"]),
        }
        for row in rows.to_dict(orient="records")
    }
    return found, table.simulated, [*table.fairness, *table.warnings]


def _economic_claims() -> tuple[Mapping[str, Any], ...]:
    return tuple(claim.to_json() for claim in audit_claims())
