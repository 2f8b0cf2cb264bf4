"""Published evidence: scores with their sources, read from CSV files and checked like any other input.

A book of evidence is a folder with four files. The packaged one is ``analysis/article/data``:

========================= ==============================================================================
``evidence.csv``           one published score per row: :class:`Figure`
``evidence_sources.csv``   the source of each score, with a citation pinned to a commit: :class:`Source`
``evidence_snapshots.csv`` the dates at which a list's gap is computed: :class:`Snapshot`
``arena_series.csv``       best closed and best open model of the Arena for each snapshot: :class:`ArenaGap`
========================= ==============================================================================

Open means that the weights can be downloaded, under any licence. Closed means API or app only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gapbench.analysis.article.evidence_csv import (
    day,
    integer,
    number,
    one_of,
    optional,
    parse_row,
    read_csv_rows,
    text,
)

REQUIRED_SOURCE_COLUMNS = 4
"""The first columns of ``evidence_sources.csv``; books of version 0.1 have no others."""
CATEGORIES = ("arena", "coding", "reasoning", "multimodal")
UNITS = ("percent", "elo")
KINDS = (
    "independent_eval",
    "leaderboard",
    "leaderboard (via Epoch AI)",
    "leaderboard (via model cards)",
    "leaderboard (mostly vendor self-report)",
    "vendor_self_report",
)
"""Kinds of source, from the most to the least independent."""
DATED_BY = ("", "name", "content", "commit", "survey")
"""What shows the date of a file: its name, its newest entry, its commit, or only the word of the survey."""
CHECKS = ("", "once", "twice", "other version", "not found")
"""How often the figures were compared with the source. "not found": a second reading did not find them."""
FIGURES_FILE, SOURCES_FILE, SNAPSHOTS_FILE, ARENA_FILE = (
    "evidence.csv",
    "evidence_sources.csv",
    "evidence_snapshots.csv",
    "arena_series.csv",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One published score of one model in one list.

    Attributes:
        category: ``arena``, ``coding``, ``reasoning`` or ``multimodal``.
        benchmark: Name of the list.
        variant: Setting of the list.
        snapshot: Date of the file that contains the score.
        model: The model's name in the list, including its setting.
        model_key: The model without its setting; one model counts once in a top three.
        organization: The organization that made the model.
        weights: ``open`` or ``closed``.
        license: The license according to the source.
        released: Release date of the model. None if not known.
        score: The score, in ``unit``.
        unit: ``percent`` or ``elo``.
        ci_low: Lower bound of the published 95 % interval. None if none was published.
        ci_high: Upper bound.
        stderr: Published standard error of the score. None if none was published.
        n: Number of votes or items. None if not published.
        n_kind: ``votes``, ``items``, or ``items (dataset size)``. None if ``n`` is None.
        cost_usd: Published cost of the run. None if not published.
        cost_basis: ``total run`` or ``average per instance``. None if ``cost_usd`` is None.
        source: Id in ``evidence_sources.csv``.
        note: A caveat for readers, or "".
        line: Line number in the file; the heading is line 1.
    """

    category: str
    benchmark: str
    variant: str
    snapshot: date
    model: str
    model_key: str
    organization: str
    weights: Literal["open", "closed"]
    license: str
    released: date | None
    score: float
    unit: Literal["percent", "elo"]
    ci_low: float | None
    ci_high: float | None
    stderr: float | None
    n: int | None
    n_kind: str | None
    cost_usd: float | None
    cost_basis: str | None
    source: str
    note: str
    line: int = 0

    @property
    def half_width(self) -> float | None:
        """Half the published 95 % interval, from its bounds or its standard error. None if neither was published."""
        if self.ci_low is not None and self.ci_high is not None:
            return (self.ci_high - self.ci_low) / 2
        return None if self.stderr is None else 1.959964 * self.stderr


class Source(NamedTuple):
    """The source of figures.

    Attributes:
        source: Short id.
        kind: One of :data:`KINDS`.
        read_from: ``repository``, or ``search index`` if only a search index of it could be read.
        citation: Repository, path and commit, or a URL.
        url: Address of the file at that commit.
        accessed: Date on which it was last read. None if not recorded.
        file_date: Date of this version of the file. None if not known.
        dated_by: What shows ``file_date``: one of :data:`DATED_BY`, "" if the date is not known.
        verified: How its figures were compared with it: one of :data:`CHECKS`, "" if not recorded.
        remark: What a reader should know about the reading, or "".
    """

    source: str
    kind: str
    read_from: str
    citation: str
    url: str = ""
    accessed: date | None = None
    file_date: date | None = None
    dated_by: str = ""
    verified: str = ""
    remark: str = ""


class Snapshot(NamedTuple):
    """A date at which the gap of a list is computed.

    Attributes:
        benchmark: Name of the list.
        snapshot: Date of the file.
        as_of: The date that the gap is for.
        dating: ``listed`` for all models in the file, ``released`` for those released by ``as_of``, even if they were
            evaluated later. ``rebuilt`` for a list put together from a later file by the dates of its entries, where
            entries that were removed or dated again are missing.
        listed_closed: Number of distinct closed models in the whole list. None if not counted.
        listed_open: Number of distinct open models. None if not counted.
    """

    benchmark: str
    snapshot: date
    as_of: date
    dating: Literal["listed", "released", "rebuilt"]
    listed_closed: int | None
    listed_open: int | None


class ArenaGap(NamedTuple):
    """Best closed and best open model of one Arena board on one day, in Elo points."""

    board: Literal["text", "vision"]
    date: date
    closed_model: str
    closed: float
    open_model: str
    open: float
    gap: float
    gap_top3: float
    commit: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The content of a book of evidence.

    Attributes:
        figures: All scores.
        sources: Sources by id.
        snapshots: Dates at which gaps are computed.
        arena: The Arena's gap over time.
        location: The folder, for messages.
    """

    figures: tuple[Figure, ...]
    sources: Mapping[str, Source]
    snapshots: tuple[Snapshot, ...]
    arena: tuple[ArenaGap, ...]
    location: str


def read_evidence(folder: Path | None = None) -> Evidence:
    """Return a book of evidence.

    Args:
        folder: Its folder, with at least ``evidence.csv`` and ``evidence_sources.csv``. None means the packaged book.

    Raises:
        InputError: A file is missing.
        DocumentError: A cell cannot be read.
    """
    if folder is None:
        with as_file(files("gapbench.analysis.article.data")) as packaged:
            return _read(packaged, "the packaged book")
    return _read(folder, str(folder))


def _read(folder: Path, where: str) -> Evidence:
    figures = read_csv_rows(
        folder / FIGURES_FILE, tuple(field.name for field in fields(Figure) if field.name != "line")
    )
    sources = read_csv_rows(folder / SOURCES_FILE, Source._fields, REQUIRED_SOURCE_COLUMNS)
    dates = (
        read_csv_rows(folder / SNAPSHOTS_FILE, Snapshot._fields) if (folder / SNAPSHOTS_FILE).exists() else []
    )
    series = read_csv_rows(folder / ARENA_FILE, ArenaGap._fields) if (folder / ARENA_FILE).exists() else []
    return Evidence(
        tuple(parse_figure(row, folder / FIGURES_FILE, line) for line, row in figures),
        {
            row["source"]: parse_row(Source, _SOURCE, row, folder / SOURCES_FILE, line)
            for line, row in sources
        },
        tuple(parse_row(Snapshot, _SNAPSHOT, row, folder / SNAPSHOTS_FILE, line) for line, row in dates),
        tuple(parse_row(ArenaGap, _ARENA, row, folder / ARENA_FILE, line) for line, row in series),
        where,
    )


def parse_figure(row: Mapping[str, str], path: Path, line: int) -> Figure:
    """Return a row of ``evidence.csv`` as a figure.

    Raises:
        DocumentError: A cell cannot be read.
    """
    found: Figure = parse_row(Figure, _FIGURE, row, path, line, line=line)
    return found


_FIGURE: Mapping[str, Callable[[str], Any]] = {
    "category": one_of(*CATEGORIES),
    "benchmark": text,
    "variant": str,
    "snapshot": day,
    "model": text,
    "model_key": text,
    "organization": str,
    "weights": one_of("open", "closed"),
    "license": str,
    "released": optional(day),
    "score": number,
    "unit": one_of(*UNITS),
    "ci_low": optional(number),
    "ci_high": optional(number),
    "stderr": optional(number),
    "n": optional(integer),
    "n_kind": optional(str),
    "cost_usd": optional(number),
    "cost_basis": optional(str),
    "source": text,
    "note": str,
}
_SOURCE: Mapping[str, Callable[[str], Any]] = {
    "source": text,
    "kind": str,
    "read_from": str,
    "citation": str,
    "url": str,
    "accessed": optional(day),
    "file_date": optional(day),
    "dated_by": one_of(*DATED_BY),
    "verified": one_of(*CHECKS),
    "remark": str,
}
_SNAPSHOT: Mapping[str, Callable[[str], Any]] = {
    "benchmark": text,
    "snapshot": day,
    "as_of": day,
    "dating": one_of("listed", "released", "rebuilt"),
    "listed_closed": optional(integer),
    "listed_open": optional(integer),
}
_ARENA: Mapping[str, Callable[[str], Any]] = {
    "board": one_of("text", "vision"),
    "date": day,
    "closed_model": text,
    "closed": number,
    "open_model": text,
    "open": number,
    "gap": number,
    "gap_top3": number,
    "commit": text,
}
