"""Runs SQL on SQLite inside the sandbox, and compares two results."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

MAX_ROWS = 20_000
SqlRow = tuple[Any, ...]


def query_rows(setup: str, query: str) -> list[SqlRow]:
    """Return the rows of the last statement of ``query`` on a database created by ``setup``.

    Raises:
        sqlite3.Error: SQLite refuses the query.
        ValueError: The last statement is not a query, or gives more rows than :data:`MAX_ROWS`.
    """
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(setup)
        cursor = None
        for statement in split_statements(query):
            cursor = database.execute(statement)
        if cursor is None or cursor.description is None:
            raise ValueError("the last statement is not a query")
        found = cursor.fetchmany(MAX_ROWS + 1)
    if len(found) > MAX_ROWS:
        raise ValueError(f"the query gives more than {MAX_ROWS} rows")
    return found


def split_statements(query: str) -> list[str]:
    """Return the statements of a script, without empty ones."""
    found, start = [], 0
    for at, char in enumerate(query):
        if char == ";" and sqlite3.complete_statement(query[start : at + 1]):
            found.append(query[start : at + 1].strip())
            start = at + 1
    found.append(query[start:].strip())
    return [text for text in found if text.strip("; \n\t")]


def results_equal(found: Any, wanted: Sequence[SqlRow], *, ordered: bool) -> bool:
    """Return whether two results have the same rows equally often, and in the same order if ``ordered``.

    Column names do not count; the order of columns does. Numbers are equal to one part in a million.
    """
    if not isinstance(found, list) or not all(isinstance(row, tuple) for row in found):
        return False
    if len(found) != len(wanted):
        return False
    if not ordered:
        found, wanted = sorted(found, key=_sort_key), sorted(wanted, key=_sort_key)
    return all(len(a) == len(b) and all(map(_values_equal, a, b)) for a, b in zip(found, wanted, strict=True))


def _sort_key(row: SqlRow) -> list[tuple[int, Any]]:
    """Return a sort key for rows of mixed types; numbers that count as equal almost always sort the same."""
    return [_sort_rank(value) for value in row]


def _sort_rank(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    if isinstance(value, (int, float)):
        return (1, float(f"{value:.5g}"))
    return (2, value) if isinstance(value, str) else (3, bytes(value))


def _values_equal(a: Any, b: Any) -> bool:
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
    return type(a) is type(b) and bool(a == b)
