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

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gapbench.errors import DocumentError, InputError

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
    """

    source: str
    kind: str
    read_from: str
    citation: str


class Snapshot(NamedTuple):
    """A date at which the gap of a list is computed.

    Attributes:
        benchmark: Name of the list.
        snapshot: Date of the file.
        as_of: The date that the gap is for.
        dating: ``listed`` for all models in the file, ``released`` for those released by ``as_of``, even if they were
            evaluated later.
        listed_closed: Number of distinct closed models in the whole list. None if not counted.
        listed_open: Number of distinct open models. None if not counted.
    """

    benchmark: str
    snapshot: date
    as_of: date
    dating: Literal["listed", "released"]
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
    sources = read_csv_rows(folder / SOURCES_FILE, Source._fields)
    dates = (
        read_csv_rows(folder / SNAPSHOTS_FILE, Snapshot._fields) if (folder / SNAPSHOTS_FILE).exists() else []
    )
    series = read_csv_rows(folder / ARENA_FILE, ArenaGap._fields) if (folder / ARENA_FILE).exists() else []
    return Evidence(
        tuple(parse_figure(row, folder / FIGURES_FILE, line) for line, row in figures),
        {row["source"]: Source(**row) for _, row in sources},
        tuple(_parse_row(Snapshot, _SNAPSHOT, row, folder / SNAPSHOTS_FILE, line) for line, row in dates),
        tuple(_parse_row(ArenaGap, _ARENA, row, folder / ARENA_FILE, line) for line, row in series),
        where,
    )


def read_csv_rows(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a CSV file, each with its line number.

    Raises:
        InputError: The file is missing.
        DocumentError: Its columns are not ``columns``, or a row has another number of cells.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            heads = tuple(reader.fieldnames or ())
            if heads != tuple(columns):
                missing = [name for name in columns if name not in heads]
                unknown = [name for name in heads if name not in columns]
                if missing:
                    problem = f"lacks {', '.join(missing)}"
                elif unknown:
                    problem = f"has the unknown columns {', '.join(unknown)}"
                else:
                    problem = "has its columns in another order"
                expected = f"; the columns are, in this order: {','.join(columns)}"
                raise DocumentError(problem + expected, file=path, line=1)
            rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError as exc:
        raise InputError(
            f"{path} does not exist; a book of evidence has {FIGURES_FILE} and {SOURCES_FILE}"
        ) from exc
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InputError(f"{path} cannot be read as CSV: {exc}") from exc
    for line, row in rows:
        if None in row or None in row.values():
            raise DocumentError(f"expected {len(columns)} cells", file=path, line=line)
    return rows


def parse_figure(row: Mapping[str, str], path: Path, line: int) -> Figure:
    """Return a row of ``evidence.csv`` as a figure.

    Raises:
        DocumentError: A cell cannot be read.
    """
    found: Figure = _parse_row(Figure, _FIGURE, row, path, line, line=line)
    return found


def _text(cell: str) -> str:
    if not cell:
        raise ValueError("must not be empty")
    return cell


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(cell: str) -> str:
        if cell not in allowed:
            raise ValueError(f"is {cell!r}; it must be one of: {', '.join(allowed)}")
        return cell

    return read


def _number(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"is {cell!r}; it must be a number") from None
    if not math.isfinite(value):
        raise ValueError(f"is {cell!r}; it must be a finite number, or empty if unknown")
    return value


def _integer(cell: str) -> int:
    value = _number(cell)
    if value != int(value) or value < 0:
        raise ValueError(f"is {cell!r}; it must be a whole number of 0 or more")
    return int(value)


def _date(cell: str) -> date:
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise ValueError(f"is {cell!r}; it must be a date as YYYY-MM-DD") from None


def _optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda cell: read(cell) if cell else None


_FIGURE: Mapping[str, Callable[[str], Any]] = {
    "category": _one_of(*CATEGORIES),
    "benchmark": _text,
    "variant": str,
    "snapshot": _date,
    "model": _text,
    "model_key": _text,
    "organization": str,
    "weights": _one_of("open", "closed"),
    "license": str,
    "released": _optional(_date),
    "score": _number,
    "unit": _one_of(*UNITS),
    "ci_low": _optional(_number),
    "ci_high": _optional(_number),
    "stderr": _optional(_number),
    "n": _optional(_integer),
    "n_kind": _optional(str),
    "cost_usd": _optional(_number),
    "cost_basis": _optional(str),
    "source": _text,
    "note": str,
}
_SNAPSHOT: Mapping[str, Callable[[str], Any]] = {
    "benchmark": _text,
    "snapshot": _date,
    "as_of": _date,
    "dating": _one_of("listed", "released"),
    "listed_closed": _optional(_integer),
    "listed_open": _optional(_integer),
}
_ARENA: Mapping[str, Callable[[str], Any]] = {
    "board": _one_of("text", "vision"),
    "date": _date,
    "closed_model": _text,
    "closed": _number,
    "open_model": _text,
    "open": _number,
    "gap": _number,
    "gap_top3": _number,
    "commit": _text,
}


def _parse_row(
    kind: Callable[..., Any],
    readers: Mapping[str, Callable[[str], Any]],
    row: Mapping[str, str],
    path: Path,
    number: int,
    /,
    **more: Any,
) -> Any:
    values: dict[str, Any] = {}
    for name, read in readers.items():
        try:
            values[name] = read(row[name].strip())
        except ValueError as exc:
            raise DocumentError(str(exc), file=path, line=number, key=name) from None
    return kind(**values, **more)
