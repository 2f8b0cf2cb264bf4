"""The tables that questions are about, in several disguises, and seeded rows for them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

EVENTS, CHILDREN, FIRST_PARENTS, SECOND_PARENTS = 22, 12, 7, 6
"""Rows of a database."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or list.

    Attributes:
        name: The same everywhere.
        kind: ``key`` (a number that identifies something), ``number`` or ``word``.
        can_be_missing: Whether it may be NULL.
        words: Values of a ``word``.
    """

    name: str
    kind: str
    can_be_missing: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: Of the table.
        one: One row of it.
        columns: The first is its key.
    """

    name: str
    one: str
    columns: tuple[Column, ...]

    def sql(self) -> str:
        """Return its CREATE statement."""
        parts = []
        for place, column in enumerate(self.columns):
            kind = "TEXT" if column.kind == "word" else "INTEGER"
            rule = " PRIMARY KEY" if place == 0 else "" if column.can_be_missing else " NOT NULL"
            parts.append(f"{column.name} {kind}{rule}")
        return f"CREATE TABLE {self.name} ({', '.join(parts)});\n"


@dataclass(frozen=True, slots=True)
class Theme:
    """Four tables: events with two parents, and children of events.

    Attributes:
        events: The second and third columns are keys of the parents; the fourth is a day number.
        parents: Of the events.
        children: Their second column is the key of an event.
    """

    events: Table
    parents: tuple[Table, Table]
    children: Table

    @property
    def tables(self) -> tuple[Table, ...]:
        """All four."""
        return (*self.parents, self.events, self.children)

    def schema(self) -> str:
        """Return the CREATE statements."""
        return "".join(table.sql() for table in self.tables)

    def database(self, r: Random) -> str:
        """Return the tables with drawn rows."""
        counts = (FIRST_PARENTS, SECOND_PARENTS, EVENTS, CHILDREN)
        size = dict(zip((table.name for table in self.tables), counts, strict=True))
        owners = {table.columns[0].name: size[table.name] for table in self.tables}
        text = self.schema()
        for table in self.tables:
            rows = []
            for number in range(1, size[table.name] + 1):
                values = [str(number)]
                values += [literal(draw_value(r, column, owners)) for column in table.columns[1:]]
                rows.append(f"({', '.join(values)})")
            text += f"INSERT INTO {table.name} VALUES {', '.join(rows)};\n"  # noqa: S608 - this file's own texts
        return text


def draw_value(r: Random, column: Column, owners: dict[str, int]) -> Any:
    """Return a value of a column; a quarter of those that may be missing are."""
    if column.can_be_missing and r.random() < 0.25:
        return None
    if column.kind == "key":
        return r.randint(1, owners[column.name] - 1)  # the last owner has nothing
    return r.choice(column.words) if column.kind == "word" else r.randint(1, 12)


def literal(value: Any) -> str:
    """Return a value as SQL."""
    return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)


def make_theme(
    events: tuple[str, str, str, tuple[str, ...], str],
    first: tuple[str, str, str, tuple[str, ...], str],
    second: tuple[str, str, str, tuple[str, ...], str],
    children: tuple[str, str, str, tuple[str, ...], str],
) -> Theme:
    """Return a theme from names: table, one row, a word column with its words, a number column."""

    def key(one: str, *, can_be_missing: bool = False) -> Column:
        return Column(f"{one}_id", "key", can_be_missing)

    name, one, word, words, number = events
    event_table = Table(
        name, one,
        (key(one), key(first[1], can_be_missing=True), key(second[1]), Column("day", "number"), Column(word, "word", False, words), Column(number, "number", True)),
    )  # fmt: skip
    parents = tuple(
        Table(p[0], p[1], (key(p[1]), Column(p[2], "word", True, p[3]), Column(p[4], "number", p is second)))
        for p in (first, second)
    )
    name, own, word, words, number = children
    child_table = Table(
        name, own, (key(own), key(one), Column(word, "word", True, words), Column(number, "number", False))
    )
    return Theme(event_table, (parents[0], parents[1]), child_table)


THEMES = (
    make_theme(
        ("orders", "order", "status", ("paid", "open", "void"), "quantity"),
        ("customers", "customer", "city", ("Aarhus", "Bilbao", "Cork"), "age"),
        ("products", "product", "category", ("tools", "toys", "tea"), "price"),
        ("returns", "return", "reason", ("late", "broken", "wrong"), "fee"),
    ),
    make_theme(
        ("visits", "visit", "kind", ("check", "urgent", "repeat"), "minutes"),
        ("patients", "patient", "town", ("Delft", "Evora", "Fano"), "weight"),
        ("doctors", "doctor", "field", ("eyes", "skin", "heart"), "rate"),
        ("scans", "scan", "organ", ("knee", "hand", "lung"), "images"),
    ),
    make_theme(
        ("flights", "flight", "season", ("spring", "summer", "winter"), "seats"),
        ("pilots", "pilot", "base", ("Graz", "Hull", "Izmir"), "level"),
        ("planes", "plane", "maker", ("Aero", "Bird", "Comet"), "reach"),
        ("delays", "delay", "cause", ("fog", "ice", "crew"), "hours"),
    ),
)  # fmt: skip
