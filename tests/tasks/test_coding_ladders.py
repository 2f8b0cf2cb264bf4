"""The coding ladders whose answer is a program: hidden tests find small faults."""

from __future__ import annotations

import ast
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from itertools import islice
from random import Random
from typing import Any

import pytest

from benchmarks.mutation import drawn, python_mutants, sql_mutants
from tests.tasks.ladders import coding_performance as performance
from tests.tasks.ladders import coding_sql
from tests.tasks.ladders.audit import audited
from tests.tasks.ladders.coding_specification import function_of, is_right
from tests.tasks.specification_mutants import mutants

MOST_STATEMENTS = 200_000


@pytest.mark.parametrize("number", range(1, 13))
def test_five_misreadings_of_a_specification_fail(number: int) -> None:
    """Of eight drawn faults (a rule or exception left out, an order, a number), five or more fail the hidden tests."""
    row = audited("coding/specification").ladder.rows(seed=14, rungs=[number], per_rung=1)[0]
    drawn = Random(number).sample(list(mutants(row["question"])), 6 if number == 1 else 8)

    failed = [label for label, text in drawn if not is_right(row, function_of(text))]

    assert len(failed) >= 5


@cache
def performance_rows() -> dict[str, dict[str, Any]]:
    """Return one row of each kind of performance problem."""
    rows = audited("coding/performance").ladder.rows(per_rung=8)
    return {performance.name_of(row): row for row in rows}


def test_there_are_21_kinds_of_performance_problems() -> None:
    """Every kind comes up among eight items of each rung."""
    assert performance_rows().keys() == performance.DEFINITIONS.keys()
    assert len(performance.DEFINITIONS) == 21


@pytest.mark.parametrize("name", sorted(performance.DEFINITIONS))
def test_five_faults_in_a_fast_solution_fail(name: str) -> None:
    """On small inputs alone, five mutants of the reference or more give another result, raise, or run on."""
    row = performance_rows()[name]

    faulty = [mutant for mutant in python_mutants(row["answer"]) if fails(row, mutant.code)]

    assert len(faulty) >= 5


def fails(row: dict[str, Any], code: str) -> bool:
    """Say whether a program fails on a small input."""
    before, calls = performance.small_tests(row)
    space = performance.defined(before)
    make, reference = space["make_input"], space["reference"]
    try:
        function = within_statements(code, row["entry_point"])
        return any(function(*make(n, seed, False)) != reference(*make(n, seed, False)) for n, seed in calls)
    except Exception:  # noqa: BLE001 - a mutant may raise anything
        return True


def within_statements(code: str, name: str) -> Callable[..., Any]:
    """Return a function of a program, which raises after too many statements."""
    tree = ast.parse(code)
    count = ast.parse("_count()").body[0]
    for node in ast.walk(tree):
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, [part for one in block for part in (count, one)])
    left = MOST_STATEMENTS

    def step() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise TimeoutError

    space: dict[str, Any] = {"_count": step}
    exec(compile(ast.fix_missing_locations(tree), "program", "exec"), space)
    function: Callable[..., Any] = space[name]
    return function


@pytest.mark.parametrize("number", range(3, 13))
def test_five_faults_in_a_query_show(number: int) -> None:
    """Of 25 mutants of a reference, five or more are refused by SQLite, or give other rows on some database."""
    row = audited("coding/sql").ladder.rows(seed=14, rungs=[number], per_rung=1)[0]
    wanted = [sorted(rows, key=repr) for rows in coding_sql.solve(row)]
    tried = drawn(sql_mutants(row["answer"]), str(number))[:25]

    shown = islice((mutant for mutant in tried if rows_of(row, mutant.code) != wanted), 5)

    assert len(list(shown)) == 5


def rows_of(row: dict[str, Any], query: str) -> list[list[Any]] | None:
    """Return the sorted rows of a query on each database. None: SQLite refuses it."""
    found = []
    for setup in row["setup"]:
        with closing(sqlite3.connect(":memory:")) as database:
            database.executescript(setup)
            try:
                found.append(sorted(database.execute(query).fetchall(), key=repr))
            except sqlite3.Error:
                return None
    return found
