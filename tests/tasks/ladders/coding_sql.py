"""Reads the lists of a question one by one and makes them with plain Python; SQLite only runs the answer.

An answer is the rows for each database; None for a database that the reader gives up on.
"""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from random import Random
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

Record = dict[str, Any]
Rows = list[Record]
Result = list[list[tuple[Any, ...]]]
TESTS: dict[str, Callable[[int, int], bool]] = {
    "more than": lambda a, b: a > b,
    "at least": lambda a, b: a >= b,
    "less than": lambda a, b: a < b,
    "at most": lambda a, b: a <= b,
}


STANDS_OUT: dict[str, Callable[[int, list[int]], bool]] = {
    "the largest": lambda x, peers: x == max(peers),
    "less than the largest": lambda x, peers: x < max(peers),
    "more than the smallest": lambda x, peers: x > min(peers),
    "more than the mean": lambda x, peers: x * len(peers) > sum(peers),
}


class BoundError(Exception):
    """The reader's bound is reached."""


def read_tables(setup: str) -> dict[str, Rows]:
    """Return the rows of every table."""
    found: dict[str, Rows] = {}
    names: dict[str, list[str]] = {}
    for name, columns in re.findall(r"CREATE TABLE (\w+) \((.*)\);", setup):
        names[name] = [column.split()[0] for column in columns.split(", ")]
        found[name] = []
    for name, values in re.findall(r"INSERT INTO (\w+) VALUES (.*);", setup):
        rows = ast.literal_eval(f"[{values.replace('NULL', 'None')}]")
        found[name] = [dict(zip(names[name], row, strict=True)) for row in rows]
    return found


class Reader:
    """Makes the lists of one database; a bound ends it or makes its lists wrong.

    Args:
        tables: The rows of every table.
        lists: Most lists.
        has_windows: Can look at other rows with the same value.
        looks_back: Can look at a list before the latest.
        keeps_missing: Minds what is said of missing values; else rows with them are left out.
        slips: Loses a row in some lists. None: never.
    """

    def __init__(
        self,
        tables: Mapping[str, Rows],
        *,
        lists: int = 1000,
        has_windows: bool = True,
        looks_back: bool = True,
        keeps_missing: bool = True,
        slips: Random | None = None,
    ) -> None:
        self.tables = tables
        self.most, self.has_windows, self.looks_back = lists, has_windows, looks_back
        self.keeps_missing, self.slips = keeps_missing, slips
        self.lists: list[Rows] = []

    def answer(self, question: str) -> list[tuple[Any, ...]]:
        """Return the rows that the question asks for."""
        *sentences, asked = question.splitlines()
        for number, sentence in enumerate(sentences, 1):
            m = re.fullmatch(rf"List {number} (.*)\.", sentence)
            if m is None:
                raise AmbiguousError(sentence)
            if number > self.most:
                raise BoundError
            made = self.make(m[1])
            if self.slips and number > 1 and made and self.slips.randrange(12) == 0:
                made = made[1:]
            self.lists.append(made)
        m = re.fullmatch(r"Give (.*) of every row of list (\d+)\.", asked)
        assert m
        assert int(m[2]) == len(self.lists)
        return [tuple(row[name] for name in m[1].split(", ")) for row in self.lists[-1]]

    def make(self, said: str) -> Rows:
        """Return one list; exactly one form must fit its sentence."""
        fits = [(m, how) for pattern, how in FORMS if (m := re.fullmatch(pattern, said))]
        if len(fits) != 1:
            raise AmbiguousError(f"{len(fits)} readings: {said}")
        return fits[0][1](self, fits[0][0])

    def of(self, number: str) -> Rows:
        """Return an earlier list."""
        return self.lists[int(number) - 1]

    def all_rows(self, m: re.Match[str]) -> Rows:
        """Make a list of a whole table."""
        return [dict(row) for row in self.tables[m[1]]]

    def kept(self, row: Record, name: str, rule: str | None) -> bool:
        """Say whether a row without a value stays."""
        if rule is None:
            raise AmbiguousError(f"{name} is missing in {row}, and nothing is said of that")
        return rule == "kept" and self.keeps_missing

    def filtered(self, m: re.Match[str]) -> Rows:
        """Make a list of rows that pass a test."""
        number, name, said, rule = m[1], m[2], m[3], m[5]
        if t := re.fullmatch(r"(more than|at least|less than|at most) (-?\d+)", said):
            test, edge = TESTS[t[1]], int(t[2])
            return [
                r
                for r in self.of(number)
                if (self.kept(r, name, rule) if r[name] is None else test(r[name], edge))
            ]
        words = re.findall(r"'(\w+)'", said)
        negative = said.startswith("not ")
        return [
            r
            for r in self.of(number)
            if (self.kept(r, name, rule) if r[name] is None else (r[name] in words) != negative)
        ]

    def with_parent(self, m: re.Match[str]) -> Rows:
        """Make a list with columns of a table added."""
        number, names, table, key, rule = (
            m[1],
            re.findall(r"\w+", m[2].replace(" and ", " ")),
            m[3],
            m[4],
            m[6],
        )
        rows = {row[key]: row for row in self.tables[table]}
        made = []
        for row in self.of(number):
            parent = rows.get(row[key])
            if parent is None:
                if rule is None:
                    raise AmbiguousError(f"no row of {table} for {row}, and nothing is said of that")
                if rule == "left out" or not self.keeps_missing:
                    continue
            made.append({**row, **{name: None if parent is None else parent[name] for name in names}})
        return made

    def grouped(self, m: re.Match[str]) -> Rows:
        """Make a list with one row for each value."""
        by, rule, parts = m[1], m[3], m[4].split("; ")
        assert parts[0] == by
        groups: dict[Any, Rows] = {}
        for row in self.of(m[2]):
            if row[by] is None:
                if rule is None:
                    raise AmbiguousError(f"{by} is missing in {row}, and nothing is said of that")
                continue
            groups.setdefault(row[by], []).append(row)
        return [
            {by: value, **dict(total(part, rows) for part in parts[1:])} for value, rows in groups.items()
        ]

    def with_column(self, m: re.Match[str]) -> Rows:
        """Make a list with a computed column added."""
        name, rows, said = m[1], self.of(m[2]), m[3]
        fits = [(t, how) for pattern, how in COLUMNS if (t := re.fullmatch(pattern, said))]
        if len(fits) != 1:
            raise AmbiguousError(f"{len(fits)} readings: {said}")
        t, how = fits[0]
        if how in WINDOWS and not self.has_windows:
            raise BoundError
        return [{**row, name: how(row, rows, t)} for row in rows]

    def best(self, m: re.Match[str]) -> Rows:
        """Make a list of the rows that stand out among those with the same value."""
        if not self.has_windows:
            raise BoundError
        rows, name, kind, part = self.of(m[1]), m[2], m[3], m[4]
        made = []
        for row in rows:
            peers = [known(other, name) for other in rows if other[part] == row[part]]
            if STANDS_OUT[kind](row[name], peers):
                made.append(row)
        return made

    def among(self, m: re.Match[str]) -> Rows:
        """Make a list of rows whose key is in another list, or is not."""
        rows, key, negative, rule = self.of(m[1]), m[2], bool(m[3]), m[6]
        if not self.looks_back:
            return rows
        there = {row[key] for row in self.of(m[4])}
        return [
            r for r in rows if (self.kept(r, key, rule) if r[key] is None else (r[key] in there) != negative)
        ]

    def looked_up(self, m: re.Match[str]) -> Rows:
        """Make a list with a column of another list added."""
        rows, name, key, has_zero = self.of(m[1]), m[2], m[4], m[5].startswith("or 0")
        values = {row[key]: row[name] for row in self.of(m[3])} if self.looks_back else {}
        made = []
        for row in rows:
            value = values.get(row[key])
            made.append({**row, name: 0 if value is None and has_zero else value})
        return made


def total(part: str, rows: Rows) -> tuple[str, int | None]:
    """Return one column of a grouped list."""
    name, _, said = part.partition(", ")
    if said == "the number of rows":
        return name, len(rows)
    if m := re.fullmatch(
        r"the number of different values of (\w+)( \(a missing one is not counted\))?", said
    ):
        values = {row[m[1]] for row in rows}
        if None in values and not m[2]:
            raise AmbiguousError(part)
        return name, len(values - {None})
    m = re.fullmatch(r"the (sum of|largest|smallest) (\w+)(?: \((missing|0) if no row has one\))?", said)
    assert m, said
    there = [row[m[2]] for row in rows if row[m[2]] is not None]
    if len(there) < len(rows) and not m[3]:
        raise AmbiguousError(part)
    if not there:
        return name, 0 if m[3] == "0" else None
    return name, {"sum of": sum, "largest": max, "smallest": min}[m[1]](there)  # type: ignore[operator]


def known(row: Record, name: str) -> Any:
    """Return a value that must not be missing."""
    if row[name] is None:
        raise AmbiguousError(f"{name} is missing in {row}, and nothing is said of that")
    return row[name]


def previous(row: Record, rows: Rows, m: re.Match[str]) -> Any:
    """Return the value of the row before."""
    name, part, key = m[1], m[2], m[3]
    before = [other for other in rows if known(other, part) == row[part] and other[key] < row[key]]
    return max(before, key=lambda other: other[key])[name] if before else None


def place(row: Record, rows: Rows, m: re.Match[str]) -> int:
    """Return one more than the number of larger ones."""
    part, name = m[1], m[2]
    peers = [other for other in rows if known(other, part) == row[part]]
    return 1 + len([other for other in peers if known(other, name) > row[name]])


def running(row: Record, rows: Rows, m: re.Match[str]) -> int:
    """Return a sum up to a row."""
    name, part, key = m[1], m[2], m[3]
    there = [other for other in rows if known(other, part) == row[part] and other[key] <= row[key]]
    values: list[int] = [known(other, name) for other in there]
    return sum(values)


def level(row: Record, rows: Rows, m: re.Match[str]) -> str:
    """Return a word for the size of a number."""
    if row[m[1]] is None and m[3]:
        return "none"
    return "high" if known(row, m[1]) > int(m[2]) else "low"


def combined(row: Record, rows: Rows, m: re.Match[str]) -> int:
    """Return one number plus or minus another."""
    one, other = (((row[name] or 0) if m[4] else known(row, name)) for name in (m[1], m[3]))
    return int(one + other if m[2] == "plus" else one - other)


ColumnHow = Callable[[Record, Rows, re.Match[str]], Any]
COLUMNS: tuple[tuple[str, ColumnHow], ...] = (
    (r"the (\w+) of the row before it among the rows with the same (\w+), in the order of (\w+); missing for the first", previous),
    (r"one more than the number of rows with the same (\w+) and a larger (\w+)", place),
    (r"the sum of (\w+) over this row and those before it among the rows with the same (\w+), in the order of (\w+)", running),
    (r"'high' if (\w+) is more than (-?\d+), 'low' if it is not(, and 'none' if it is missing)?", level),
    (r"(\w+) (plus|minus) (\w+)(; a missing one counts as 0)?", combined),
)  # fmt: skip
WINDOWS = (previous, place, running)
FORMS: tuple[tuple[str, Callable[[Reader, re.Match[str]], Rows]], ...] = (
    (r"has every row of (\w+)", Reader.all_rows),
    (
        (r"has the rows of list (\d+) in which (\w+) is ((?:more than|at least|less than|at most) -?\d+|not '\w+'|'\w+' or '\w+')"
        r"(; rows without \w+ are (kept|left out))?"),
        Reader.filtered,
    ),
    (
        (r"adds to each row of list (\d+) the (.+) of the row of (?!list)(\w+) with the same (\w+)"
        r"(; rows without such a row are (kept|left out)(?:, with these missing)?)?"),
        Reader.with_parent,
    ),
    (r"has one row for each (\w+) in list (\d+)( \(rows without \w+ are left out\))?: (.*)", Reader.grouped),
    (r"adds (\w+) to list (\d+): (.*)", Reader.with_column),
    (
        (r"has the rows of list (\d+) whose (\w+) is (the largest|less than the largest|more than the smallest|more than the mean) among the rows with the same (\w+)"
        r"(?:; all that share it count)?"),
        Reader.best,
    ),
    (
        r"has the rows of list (\d+) whose (\w+) is (not )?among those of list (\d+)(; rows without \w+ are (kept|left out))?",
        Reader.among,
    ),
    (
        (r"adds to each row of list (\d+) the (\w+) of the row of list (\d+) with the same (\w+), "
        r"(or 0 if there is no such row or it is missing there|missing if there is no such row)"),
        Reader.looked_up,
    ),
)  # fmt: skip


def solve(row: Mapping[str, Any]) -> Result:
    """Return the rows for each database."""
    return [Reader(read_tables(setup)).answer(row["question"]) for setup in row["setup"]]


def is_right(row: Mapping[str, Any], answer: Result | None) -> bool:
    """Say whether the rows are those of the reference on every database, in any order."""
    if answer is None:
        return False
    for setup, found in zip(row["setup"], answer, strict=True):
        with closing(sqlite3.connect(":memory:")) as database:
            database.executescript(setup)
            if sorted(database.execute(row["answer"]).fetchall(), key=repr) != sorted(found, key=repr):
                return False
    return True


def bounded(*, has_slips: bool = False, **bounds: Any) -> Callable[[Mapping[str, Any]], Result | None]:
    """Return a reader with bounds, who gives up where one is reached."""

    def answer(row: Mapping[str, Any]) -> Result | None:
        found = []
        for setup in row["setup"]:
            slips = Random(row["question"]) if has_slips else None
            try:
                found.append(Reader(read_tables(setup), slips=slips, **bounds).answer(row["question"]))
            except (BoundError, AmbiguousError):  # an earlier fault may leave a value missing
                return None
        return found

    return answer


BOUNDED = {
    "leaves out what is missing, 30 lists": bounded(keeps_missing=False, lists=30),
    "one slip in 12 lists": bounded(has_slips=True),
    "no windows": bounded(has_windows=False),
    "the latest list alone": bounded(looks_back=False),
    "10 lists": bounded(lists=10),
}
