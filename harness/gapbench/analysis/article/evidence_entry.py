"""Adding figures to a book of evidence: all that is added must keep the rules, or nothing is written."""

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
    SOURCES_FILE,
    Figure,
    Source,
    read_csv_rows,
    read_evidence,
)
from gapbench.analysis.article.evidence_rules import rule_violations
from gapbench.atomic_write import write_atomically
from gapbench.errors import DocumentError, InputError

COLUMNS = tuple(field.name for field in fields(Figure) if field.name != "line")
_SOURCE = ("kind", "read_from", "citation")


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
            raise InputError(f"{cell!r} is no COLUMN=VALUE of a figure; {hint}")
        row[name] = value
    return row


def add_figures(book: Path, rows: Sequence[Mapping[str, str]] | Path) -> int:
    """Add figures, and the sources that come with them, to a book; begin it where it is not there.

    Args:
        book: The folder.
        rows: Rows by column, or a CSV of them with the columns of ``evidence.csv``.

    Returns:
        How many figures were added.

    Raises:
        InputError: A figure breaks a rule, a cell cannot be read, or the folder cannot be written. Nothing
            is written then.
    """
    if isinstance(rows, Path):
        rows = [row for _, row in read_csv_rows(rows, COLUMNS)]
    figures, sources = _table(book / FIGURES_FILE, COLUMNS), _table(book / SOURCES_FILE, Source._fields)
    before = set(rule_violations(read_evidence(book))) if (book / FIGURES_FILE).exists() else set()
    cited = {source["source"] for source in sources}
    for row in rows:
        figures.append({name: row.get(name, "") for name in COLUMNS})
        figures[-1]["model_key"] = row.get("model_key") or row.get("model", "")
        if any(name in row for name in _SOURCE) and row.get("source", "") not in cited:
            read_from = row.get("read_from", "repository")
            sources.append(
                {
                    "source": row.get("source", ""),
                    "kind": row.get("kind", ""),
                    "read_from": read_from,
                    "citation": row.get("citation", ""),
                }
            )
            cited.add(row.get("source", ""))
    texts = {FIGURES_FILE: _csv(figures, COLUMNS), SOURCES_FILE: _csv(sources, Source._fields)}
    try:
        found = _check_texts(texts)
    except DocumentError as exc:
        file = book / Path(exc.file).name
        raise DocumentError(exc.problem, file=file, line=exc.line, key=exc.key) from None
    broken = [said for said in found if said not in before and "one side only" not in said]
    if broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise InputError(f"nothing was added: {broken[0]}{more}")
    try:
        book.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_atomically(book / name, text.encode("utf-8"))
    except OSError as exc:
        raise InputError(f"cannot write {book}: {exc.strerror}; choose another --book") from exc
    return len(rows)


def _check_texts(texts: Mapping[str, str]) -> list[str]:
    """Return the faults of a book that is not yet written."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        return rule_violations(read_evidence(Path(folder)))


def _table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    return [row for _, row in read_csv_rows(path, columns)] if path.exists() else []


def _csv(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
