"""Steps from one list to the next, each as English and as SQL.

A step is drawn for a list and says which columns the new list has. A step that leaves too few rows in the databases is
drawn again.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from .tables import Column, Table, Theme

COMPARISONS = (("more than", ">"), ("at least", ">="), ("less than", "<"), ("at most", "<="))
BEST = (
    ("the largest", "=", "MAX"),
    ("more than the mean", ">", "AVG"),
    ("less than the largest", "<", "MAX"),
    ("more than the smallest", ">", "MIN"),
    ("less than the largest", "<", "MAX"),
    ("more than the smallest", ">", "MIN"),
)
"""Rows that stand out, or do not: the words, and how SQL compares with a group's figure."""
MOST_ROWS, FEWEST_ROWS = 60, 6
RECENT = 4
"""A step looks at one of so many columns, mostly those that steps have added last, so that it needs the steps before."""


@dataclass(frozen=True, slots=True)
class Step:
    """One list.

    Attributes:
        text: What it has, without its number.
        select: The query that gives it.
        columns: Of the list.
        key: The column that identifies a row.
        slip: The query with a usual mistake. "": none.
    """

    text: str
    select: str
    columns: tuple[Column, ...]
    key: str
    slip: str = ""


@dataclass(slots=True)
class Work:
    """Lists drawn so far, and databases in which they are made.

    Attributes:
        r: The generator.
        theme: The tables.
        connections: One for each database.
        steps: The lists; list 1 is the first.
        groups: Numbers of grouped lists that no list has looked at yet.
        rows: Of the latest list, in all databases.
        flow: The number that depends on the lists before; each step that uses it hands it on to the column that it adds.
    """

    r: Random
    theme: Theme
    connections: list[sqlite3.Connection]
    steps: list[Step] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    rows: int = 0
    flow: str = ""

    @property
    def number(self) -> int:
        """Number of the latest list."""
        return len(self.steps)

    @property
    def latest(self) -> Step:
        """The latest list."""
        return self.steps[-1]

    def pick(self, kinds: str, *, known: bool = False, avoid: Sequence[str] = ()) -> Column | None:
        """Return a column of the latest list, or None.

        Args:
            kinds: Kinds that it may have, separated by blanks.
            known: It has a value in every row.
            avoid: Names that it must not have.
        """
        found = [
            column
            for column in self.latest.columns
            if column.kind in kinds.split() and not (known and column.can_be_missing) and column.name not in avoid
        ]  # fmt: skip
        if self.r.random() < 0.75:
            for column in found:
                if column.name == self.flow:
                    return column
        made = [column for column in found if column.name[-1].isdigit()]
        pool = made[-RECENT:] if made and self.r.random() < 0.8 else found[-RECENT:]
        return self.r.choice(pool) if pool else None

    def values(self, column: str) -> list[int]:
        """Return the known values of a column of the latest list, sorted, over all databases."""
        query = f"SELECT {column} FROM l{self.number} WHERE {column} IS NOT NULL"  # noqa: S608 - own names
        return sorted(value for connection in self.connections for (value,) in connection.execute(query))

    def accept(self, step: Step) -> bool:
        """Make a list in all databases, if it has a fair number of rows there."""
        name = f"l{self.number + 1}"
        counts = []
        for connection in self.connections:
            connection.execute(f"CREATE TABLE {name} AS {step.select}")
            counts.append(connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0])  # noqa: S608 - own names
        if sum(counts) < FEWEST_ROWS or max(counts) > MOST_ROWS or counts.count(0) > 1:
            for connection in self.connections:
                connection.execute(f"DROP TABLE {name}")
            return False
        added = [
            column.name
            for column in step.columns
            if column.kind == "number" and column.name.endswith(f"_{self.number + 1}")
        ]
        carries = added and not added[0].startswith(("previous", "place")) and self.flow
        if carries and re.search(rf"\b{self.flow}\b", step.text):
            self.flow = added[0]
        self.steps.append(step)
        self.rows = sum(counts)
        return True


def missing_rule(column: Column, r: Random) -> tuple[str, str, bool]:
    """Return what happens to rows in which a column is missing: the words, the SQL, and whether they are kept."""
    if not column.can_be_missing:
        return "", "", False
    if r.random() < 0.8:
        return f"; rows without {column.name} are kept", f" OR {column.name} IS NULL", True
    return f"; rows without {column.name} are left out", "", False


def filtered(work: Work, column: Column, test: str, condition: str) -> Step:
    """Return the rows in which a column passes a test."""
    words, sql, kept = missing_rule(column, work.r)
    columns = tuple(
        replace(one, can_be_missing=kept and one.can_be_missing) if one.name == column.name else one
        for one in work.latest.columns
    )
    select = f"SELECT * FROM l{work.number} WHERE {condition}"  # noqa: S608 - own names
    slip = (
        select
        if kept
        else select.replace(">=", ">").replace("<=", "<")
        if "=" in condition
        else f"{select} AND 1 = 1"
    )
    text = f"has the rows of list {work.number} in which {column.name} {test}{words}"
    return Step(text, select + sql, columns, work.latest.key, slip)


def maybe_missing(work: Work, kind: str) -> Column | None:
    """Return a column with missing values in most draws, if there is one."""
    found = [column for column in work.latest.columns if column.kind == kind and column.can_be_missing]
    return work.r.choice(found) if found and work.r.random() < 0.7 else None


def filter_number(work: Work) -> Step | None:
    """Draw a condition on a number."""
    column = maybe_missing(work, "number") or work.pick("number")
    values = work.values(column.name) if column else []
    if column is None or len(values) < 4:
        return None
    (word, sign), edge = (
        work.r.choice(COMPARISONS),
        values[work.r.randint(len(values) // 4, 3 * len(values) // 4)],
    )
    return filtered(work, column, f"is {word} {edge}", f"{column.name} {sign} {edge}")


def filter_word(work: Work) -> Step | None:
    """Draw a condition on a word."""
    column = maybe_missing(work, "word") or work.pick("word")
    if column is None:
        return None
    one, other = work.r.sample(column.words, 2)
    if work.r.random() < 0.5 or len(column.words) < 3:
        return filtered(work, column, f"is not '{one}'", f"{column.name} <> '{one}'")
    return filtered(work, column, f"is '{one}' or '{other}'", f"{column.name} IN ('{one}', '{other}')")


def add_parent(work: Work) -> Step | None:
    """Draw columns of the row of a table that a key names."""
    names = {column.name for column in work.latest.columns}
    tables = [*work.theme.parents, work.theme.events]
    fits = [
        table
        for table in tables
        if table.columns[0].name in names and work.latest.key != table.columns[0].name
    ]
    fits = [table for table in fits if not names & {column.name for column in table.columns[1:]}]
    if not fits:
        return None
    table = work.r.choice(fits)
    key = table.columns[0].name
    own = next(column for column in work.latest.columns if column.name == key)
    kept = own.can_be_missing and work.r.random() < 0.5
    added = table.columns[1:]
    rule = "are kept, with these missing" if kept else "are left out"
    text = (
        f"adds to each row of list {work.number} the {listed(added)} of the row of {table.name} with the same {key}"
        + (f"; rows without such a row {rule}" if own.can_be_missing else "")
    )
    more = ", ".join(f"t.{column.name}" for column in added)
    select = f"SELECT l.*, {more} FROM l{work.number} l {'LEFT JOIN' if kept else 'JOIN'} {table.name} t ON t.{key} = l.{key}"  # noqa: S608 - own names
    other = (
        select.replace("LEFT JOIN", "JOIN")
        if kept
        else select.replace(" JOIN", " LEFT JOIN")
        if own.can_be_missing
        else ""
    )
    columns = [replace(one, can_be_missing=kept) if one.name == key else one for one in work.latest.columns]
    columns += [replace(one, can_be_missing=kept or one.can_be_missing) for one in added]
    return Step(text, select, tuple(columns), work.latest.key, other)


def listed(columns: Sequence[Column]) -> str:
    """Return names as a list in words."""
    names = [column.name for column in columns]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def flow_of(work: Work) -> Column | None:
    """Return the column that depends on the lists before, if the latest list has it."""
    return next((column for column in work.latest.columns if column.name == work.flow), None)


def group(work: Work, only: Sequence[str] = ()) -> Step | None:
    """Draw one row for each value of a column."""
    r, number = work.r, work.number + 1
    fits = [
        column
        for column in work.latest.columns
        if column.kind in {"key", "word"}
        and column.name != work.latest.key
        and (not only or column.name in only)
    ]
    if not fits:
        return None
    by = r.choice(fits)
    parts, columns, sql = [], [replace(by, can_be_missing=False)], []
    kinds = ["sum", r.choice(("count", "largest", "smallest", "different"))]
    for kind in kinds:
        column = (
            work.pick("number")
            if kind != "different"
            else work.pick("key word number", avoid=(by.name, work.latest.key))
        )
        name = f"{kind}_{number}"
        if kind == "count" or column is None:
            name = f"count_{number}"
            words, code, can_be_missing = "the number of rows", "COUNT(*)", False
        elif kind == "different":
            words = f"the number of different values of {column.name}" + (
                " (a missing one is not counted)" if column.can_be_missing else ""
            )
            code, can_be_missing = f"COUNT(DISTINCT {column.name})", False
        else:
            function, noun = {
                "sum": ("SUM", "sum"),
                "largest": ("MAX", "largest"),
                "smallest": ("MIN", "smallest"),
            }[kind]
            if kind == "sum" and column.can_be_missing:
                parts.append(f"{name}, the sum of {column.name} (0 if no row has one)")
                sql.append(f"COALESCE(SUM({column.name}), 0) AS {name}")
                columns.append(Column(name, "number"))
                continue
            words = f"the {noun} {'of ' if kind == 'sum' else ''}{column.name}" + (
                " (missing if no row has one)" if column.can_be_missing else ""
            )
            code, can_be_missing = f"{function}({column.name})", column.can_be_missing
        if any(one.name == name for one in columns):
            continue
        parts.append(f"{name}, {words}")
        sql.append(f"{code} AS {name}")
        columns.append(Column(name, "number", can_be_missing))
    left_out = f" (rows without {by.name} are left out)" if by.can_be_missing else ""
    text = f"has one row for each {by.name} in list {work.number}{left_out}: {by.name}; {'; '.join(parts)}"
    where = f" WHERE {by.name} IS NOT NULL" if by.can_be_missing else ""
    select = f"SELECT {by.name}, {', '.join(sql)} FROM l{work.number}{where} GROUP BY {by.name}"  # noqa: S608 - own names
    return Step(text, select, tuple(columns), by.name, select.replace(where, "") if where else "")


def parted(work: Work) -> Column | None:
    """Return a column that parts the rows into groups and has a value in each."""
    return work.pick("key word", known=True, avoid=(work.latest.key,))


def add_window(work: Work) -> Step | None:
    """Draw a column that looks at the other rows with the same value of a column."""
    r, number, key = work.r, work.number + 1, work.latest.key
    part = parted(work)
    kind = r.choice(("previous", "place", "running"))
    column = work.pick("number", known=kind != "previous")
    if part is None or column is None or original_kind(work, key) != "key":
        return None
    name, same = f"{kind}_{number}", f"the rows with the same {part.name}"
    if kind == "previous":
        words = f"the {column.name} of the row before it among {same}, in the order of {key}; missing for the first"
        code = f"LAG({column.name}) OVER (PARTITION BY {part.name} ORDER BY {key})"
    elif kind == "place":
        words = f"one more than the number of rows with the same {part.name} and a larger {column.name}"
        code = f"RANK() OVER (PARTITION BY {part.name} ORDER BY {column.name} DESC)"
    else:
        words = (
            f"the sum of {column.name} over this row and those before it among {same}, in the order of {key}"
        )
        code = f"SUM({column.name}) OVER (PARTITION BY {part.name} ORDER BY {key})"
    select = f"SELECT *, {code} AS {name} FROM l{work.number}"  # noqa: S608 - own names
    columns = (*work.latest.columns, Column(name, "number", kind == "previous"))
    slip = select.replace(f"PARTITION BY {part.name} ", "")
    return Step(f"adds {name} to list {work.number}: {words}", select, columns, key, slip)


def original_kind(work: Work, name: str) -> str:
    """Return the kind of a column of the latest list."""
    return next(column.kind for column in work.latest.columns if column.name == name)


def keep_best(work: Work) -> Step | None:
    """Draw the rows that stand out among those with the same value of a column."""
    part, column = parted(work), work.pick("number", known=True)
    if part is None or column is None:
        return None
    names = ", ".join(one.name for one in work.latest.columns)
    kind, sign, code = work.r.choice(BEST)
    text = f"has the rows of list {work.number} whose {column.name} is {kind} among the rows with the same {part.name}"
    text += "; all that share it count" if sign == "=" else ""
    inner = f"SELECT *, {code}({column.name}) OVER (PARTITION BY {part.name}) AS edge FROM l{work.number}"  # noqa: S608 - own names
    select = f"SELECT {names} FROM ({inner}) WHERE {column.name} {sign} edge"  # noqa: S608 - own names
    return Step(
        text, select, work.latest.columns, work.latest.key, select.replace(f"PARTITION BY {part.name}", "")
    )


def add_level(work: Work) -> Step | None:
    """Draw a word that says how large a number is."""
    column, name = work.pick("number"), f"level_{work.number + 1}"
    values = work.values(column.name) if column else []
    if column is None or len(values) < 4:
        return None
    edge = values[len(values) // 2]
    words = ("high", "low", *(("none",) if column.can_be_missing else ()))
    text = (
        f"adds {name} to list {work.number}: 'high' if {column.name} is more than {edge}, 'low' if it is not"
    )
    code = f"WHEN {column.name} > {edge} THEN 'high' ELSE 'low' END"
    right = code
    if column.can_be_missing:
        text += ", and 'none' if it is missing"
        right = f"WHEN {column.name} IS NULL THEN 'none' {code}"
    select = f"SELECT *, CASE {right} AS {name} FROM l{work.number}"  # noqa: S608 - own names
    return Step(
        text,
        select,
        (*work.latest.columns, Column(name, "word", False, words)),
        work.latest.key,
        select.replace(f"{column.name} >", f"{column.name} >="),
    )


def add_difference(work: Work) -> Step | None:
    """Draw the sum or the difference of two numbers, the second one of a table."""
    one = flow_of(work) or work.pick("number")
    others = [c for c in work.latest.columns if c.kind == "number" and not c.name[-1].isdigit() and c != one]
    if one is None or not others:
        return None
    other, name = work.r.choice(others), f"result_{work.number + 1}"
    word, sign = work.r.choice((("plus", "+"), ("minus", "-")))
    is_safe = not (one.can_be_missing or other.can_be_missing)
    text = f"adds {name} to list {work.number}: {one.name} {word} {other.name}"
    text += "" if is_safe else "; a missing one counts as 0"
    plain = f"SELECT *, {one.name} {sign} {other.name} AS {name} FROM l{work.number}"  # noqa: S608 - own names
    select = (
        f"SELECT *, COALESCE({one.name}, 0) {sign} COALESCE({other.name}, 0) AS {name} FROM l{work.number}"  # noqa: S608 - own names
    )
    columns = (*work.latest.columns, Column(name, "number"))
    return Step(text, plain if is_safe else select, columns, work.latest.key, "" if is_safe else plain)


def look_up(work: Work, at: int) -> Step | None:
    """Draw the use of a number of an earlier grouped list."""
    r, number = work.r, work.number
    key, column = work.steps[at - 1].key, work.steps[at - 1].columns[1]
    if all(one.name != key for one in work.latest.columns):
        return None
    zero = r.random() < 0.8
    text = (
        f"adds to each row of list {number} the {column.name} of the row of list {at} with the same {key}, "
    )
    text += (
        "or 0 if there is no such row or it is missing there" if zero else "missing if there is no such row"
    )
    code = f"COALESCE(g.{column.name}, 0) AS {column.name}" if zero else f"g.{column.name}"
    select = f"SELECT l.*, {code} FROM l{number} l LEFT JOIN l{at} g ON g.{key} = l.{key}"  # noqa: S608 - own names
    columns = (*work.latest.columns, replace(column, can_be_missing=not zero))
    return Step(text, select, columns, work.latest.key, select.replace("LEFT JOIN", "JOIN"))


def keep_among(work: Work, at: int) -> Step | None:
    """Draw the rows whose key is in an earlier grouped list."""
    r, number, key = work.r, work.number, work.steps[at - 1].key
    own = next((column for column in work.latest.columns if column.name == key), None)
    if own is None:
        return None
    words, sql, kept = missing_rule(own, r)
    text = f"has the rows of list {number} whose {key} is among those of list {at}{words}"
    select = f"SELECT * FROM l{number} WHERE {key} IN (SELECT {key} FROM l{at})"  # noqa: S608 - own names
    columns = tuple(replace(c, can_be_missing=kept) if c.name == key else c for c in work.latest.columns)
    return Step(text, select + sql, columns, work.latest.key, select if kept else "")


def start(table: Table) -> Step:
    """Return every row of a table."""
    select = f"SELECT * FROM {table.name}"  # noqa: S608 - own names
    return Step(f"has every row of {table.name}", select, table.columns, table.columns[0].name)


Maker = Callable[[Work], Step | None]
FILTERS: tuple[Maker, ...] = (filter_number, filter_word)
JOINS: tuple[Maker, ...] = (add_parent, add_level, add_difference, add_difference)
WINDOWS: tuple[Maker, ...] = (add_window, add_window, add_window, keep_best)
