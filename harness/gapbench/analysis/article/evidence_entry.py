"""Adds figures to a book of evidence. If any of them breaks a rule, nothing is written."""

from __future__ import annotations

import csv
import difflib
import io
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from gapbench.analysis.article.evidence import (
    FIGURES_FILE,
    REQUIRED_SOURCE_COLUMNS,
    SOURCES_FILE,
    Figure,
    Source,
    read_evidence,
)
from gapbench.analysis.article.evidence_csv import read_csv_rows
from gapbench.analysis.article.evidence_rules import ONE_SIDED, rule_violations
from gapbench.atomic_write import write_atomically
from gapbench.errors import DocumentError, InputError

COLUMNS = tuple(field.name for field in fields(Figure) if field.name != "line")
_SOURCE = tuple(name for name in Source._fields if name != "source")


def parse_entry(cells: Sequence[str]) -> dict[str, str]:
    """Return ``COLUMN=VALUE`` cells as a row; ``model_key`` and ``variant`` may be left out.

    Raises:
        InputError: A cell has no ``=`` or names no column.
    """
    row: dict[str, str] = {}
    known = (*COLUMNS, *_SOURCE)
    for cell in cells:
        name, equals, value = cell.partition("=")
        if not equals or name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"columns are: {', '.join(known)}"
            raise InputError(f"{cell!r} is not a COLUMN=VALUE of a figure; {hint}")
        row[name] = value
    return row


def add_figures(book: Path, rows: Sequence[Mapping[str, str]] | Path) -> int:
    """Add figures and their sources to a book, which is created if it does not exist.

    Args:
        book: The folder.
        rows: Rows by column, or a CSV file with the columns of ``evidence.csv``.

    Returns:
        Number of added figures.

    Raises:
        InputError: A figure breaks a rule, a cell cannot be read, or the folder cannot be written. In each case
            nothing is written.
    """
    if isinstance(rows, Path):
        rows = [row for _, row in read_csv_rows(rows, COLUMNS)]
    figures = _table(book / FIGURES_FILE, COLUMNS, len(COLUMNS))
    sources = _table(book / SOURCES_FILE, Source._fields, REQUIRED_SOURCE_COLUMNS)
    before = set(rule_violations(read_evidence(book))) if (book / FIGURES_FILE).exists() else set()
    for row in rows:
        figures.append({name: row.get(name, "") for name in COLUMNS})
        figures[-1]["model_key"] = row.get("model_key") or row.get("model", "")
        _add_source(sources, row)
    texts = {FIGURES_FILE: _csv(figures, COLUMNS), SOURCES_FILE: _csv(sources, Source._fields)}
    _refuse_violations(book, texts, before)
    _write(book, texts)
    return len(rows)


def _add_source(sources: list[dict[str, str]], row: Mapping[str, str]) -> None:
    """Add the source that a row describes, unless it describes none or the id is already there."""
    name = row.get("source", "")
    if not any(column in row for column in _SOURCE) or any(one["source"] == name for one in sources):
        return
    sources.append(
        {"source": name, **{column: row.get(column, "") for column in _SOURCE}}
        | {"read_from": row.get("read_from", "repository")}
    )


def _refuse_violations(book: Path, texts: Mapping[str, str], before: set[str]) -> None:
    """Raise InputError if the new texts break a rule that was not broken before."""
    try:
        found = _check_texts(texts)
    except DocumentError as exc:
        file = book / Path(exc.file).name
        raise DocumentError(exc.problem, file=file, line=exc.line, key=exc.key) from None
    # A list may get its second side with a later call.
    broken = [line for line in found if line not in before and not line.endswith(ONE_SIDED)]
    if broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise InputError(f"nothing was added: {broken[0]}{more}")


def _write(book: Path, texts: Mapping[str, str]) -> None:
    try:
        book.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_atomically(book / name, text.encode("utf-8"))
    except OSError as exc:
        raise InputError(f"cannot write {book}: {exc.strerror}; choose another --book") from exc


def _check_texts(texts: Mapping[str, str]) -> list[str]:
    """Return the rule violations of a book that is not written yet."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        return rule_violations(read_evidence(Path(folder)))


def _table(path: Path, columns: Sequence[str], required: int) -> list[dict[str, str]]:
    rows = [row for _, row in read_csv_rows(path, columns, required)] if path.exists() else []
    return [{name: row.get(name, "") for name in columns} for row in rows]


def _csv(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
