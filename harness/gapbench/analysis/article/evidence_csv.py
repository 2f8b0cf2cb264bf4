"""CSV files of a book of evidence: their rows and cells, with the place of every fault."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gapbench.errors import DocumentError, InputError


def read_csv_rows(
    path: Path, columns: Sequence[str], required: int | None = None
) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a CSV file, each with its line number.

    Args:
        path: The file.
        columns: Its columns, in order.
        required: The first so many must be there. None: all.

    Raises:
        InputError: The file is missing.
        DocumentError: Its columns are not ``columns``, or a row has another number of cells.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            heads = tuple(reader.fieldnames or ())
            if heads != tuple(columns) and heads != tuple(columns[: required or len(columns)]):
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
            f"{path} does not exist; a book of evidence has evidence.csv and evidence_sources.csv"
        ) from exc
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise InputError(f"{path} cannot be read as CSV: {exc}") from exc
    for line, row in rows:
        if None in row or None in row.values():
            raise DocumentError(f"expected {len(heads)} cells", file=path, line=line)
    return rows


def text(cell: str) -> str:
    """Return a cell that must not be empty."""
    if not cell:
        raise ValueError("must not be empty")
    return cell


def one_of(*allowed: str) -> Callable[[str], str]:
    """Return a reader of cells that hold one of some words."""

    def read(cell: str) -> str:
        if cell not in allowed:
            raise ValueError(f"is {cell!r}; it must be one of: {', '.join(allowed)}")
        return cell

    return read


def number(cell: str) -> float:
    """Return a cell that holds a finite number."""
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"is {cell!r}; it must be a number") from None
    if not math.isfinite(value):
        raise ValueError(f"is {cell!r}; it must be a finite number, or empty if unknown")
    return value


def integer(cell: str) -> int:
    """Return a cell that holds a whole number of 0 or more."""
    value = number(cell)
    if value != int(value) or value < 0:
        raise ValueError(f"is {cell!r}; it must be a whole number of 0 or more")
    return int(value)


def day(cell: str) -> date:
    """Return a cell that holds a date."""
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise ValueError(f"is {cell!r}; it must be a date as YYYY-MM-DD") from None


def optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a reader of cells that may be empty; an empty one is None."""
    return lambda cell: read(cell) if cell else None


def parse_row(
    kind: Callable[..., Any],
    readers: Mapping[str, Callable[[str], Any]],
    row: Mapping[str, str],
    path: Path,
    number: int,
    /,
    **more: Any,
) -> Any:
    """Return a row of a CSV file as ``kind``; a column that the file lacks is empty.

    Raises:
        DocumentError: A cell cannot be read; it names file, line and column.
    """
    values: dict[str, Any] = {}
    for name, read in readers.items():
        try:
            values[name] = read(row.get(name, "").strip())
        except ValueError as exc:
            raise DocumentError(str(exc), file=path, line=number, key=name) from None
    return kind(**values, **more)
