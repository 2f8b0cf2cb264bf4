"""Write one query for a chain of lists: conditions, joins, groups, windows, missing values, lists that look at earlier ones.

The measure is the number of lists, each one operation on those before it. Questions on databases of companies with such chains are those of Spider 2.0
(arXiv 2411.07763).
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from random import Random
from typing import Any

from gapbench.ladder import Item, Ladder, Rung

from .steps import FILTERS, JOINS, WINDOWS, Step, Work, group, keep_among, look_up, start
from .tables import THEMES, Theme

LISTS = (1, 2, 3, 4, 6, 8, 11, 15, 20, 26, 34, 44)
DATABASES = 4
JOINS_FROM, WINDOWS_FROM, BRANCHES_FROM = 3, 6, 8
"""Numbers of lists from which a question has these."""
SEGMENT = 6
"""Lists before the next group, about."""
FEW_ROWS, MOST_REFUSED = 30, 12
"""A list with fewer rows is not filtered again; after so many refused steps the next group begins."""


def compose(work: Work, lists: int) -> None:
    """Draw so many lists."""
    r, events = work.r, work.theme.events
    work.accept(start(events if lists > 1 else r.choice(work.theme.tables)))
    work.flow = events.columns[-1].name
    since = refused = 0
    while work.number < lists:
        left = lists - work.number
        if work.groups:
            use_group(work, work.groups.pop(), left)
            continue
        if lists >= BRANCHES_FROM and left >= 4 and (since >= SEGMENT or refused > MOST_REFUSED):
            keys = [table.columns[0].name for table in (*work.theme.parents, events)]
            step = group(work, keys)
            if step and work.accept(step):
                work.groups.append(work.number)
                work.accept(start(events if step.key != events.columns[0].name else work.theme.children))
                since = refused = 0
                continue
        makers = [] if work.rows < FEW_ROWS else [*FILTERS]
        makers += JOINS if lists >= JOINS_FROM or not makers else ()
        makers += WINDOWS if lists >= WINDOWS_FROM else ()
        if left == 1 and lists >= 4 and len(work.latest.columns) > 5 and refused < MOST_REFUSED:
            makers = [group]
        step = r.choice(makers)(work)
        is_accepted = step is not None and work.accept(step)
        since, refused = (since + 1, 0) if is_accepted else (since, refused + 1)


def use_group(work: Work, at: int, left: int) -> None:
    """Draw the use of the latest group: its number, and perhaps its keys."""
    step = look_up(work, at)
    if step and work.accept(step):
        work.flow = step.columns[-1].name
    among = keep_among(work, at) if left > 2 and work.r.random() < 0.4 else None
    if among:
        work.accept(among)


def query(steps: list[Step], columns: list[str], slip_at: int = -1) -> str:
    """Return the whole query; one list may have a usual mistake."""
    parts = [
        f"l{number} AS MATERIALIZED ({step.slip if number - 1 == slip_at else step.select})"
        for number, step in enumerate(steps, 1)
    ]
    return f"WITH {(chr(10) + ', ').join(parts)}\nSELECT {', '.join(columns)} FROM l{len(steps)}"


def results(databases: list[sqlite3.Connection], text: str) -> list[list[tuple[Any, ...]]]:
    """Return the rows of a query on each database, sorted."""
    return [sorted(database.execute(text).fetchall(), key=repr) for database in databases]


def asked_columns(work: Work) -> list[str]:
    """Return the columns to give: the key, the number that depends on most lists, and others."""
    names = [column.name for column in work.latest.columns]
    if work.number == 1:
        return work.r.sample(names, 2)
    chosen = list(dict.fromkeys([work.latest.key, *(name for name in names if name == work.flow), names[-1]]))
    rest = [name for name in names if name not in chosen]
    return [*chosen, *work.r.sample(rest, min(len(rest), max(0, 3 - len(chosen))))]


def wrong_query(steps: list[Step], columns: list[str], databases: list[sqlite3.Connection]) -> str:
    """Return a query with a usual mistake that gives other rows."""
    wanted = results(databases, query(steps, columns))
    for at in sorted((at for at, step in enumerate(steps) if step.slip), reverse=True):
        text = query(steps, columns, at)
        if results(databases, text) != wanted:
            return text
    return query(steps, columns[::-1])


def draw(r: Random, rung: Rung) -> Item:
    """Return a question of so many lists, its query and its databases."""
    theme: Theme = r.choice(THEMES)
    setups = [theme.database(r) for _ in range(DATABASES)]
    with ExitStack() as stack:
        databases = [stack.enter_context(closing(sqlite3.connect(":memory:"))) for _ in setups]
        for database, setup in zip(databases, setups, strict=True):
            database.executescript(setup)
        work = Work(r, theme, databases)
        compose(work, int(rung.settings["lists"]))
        columns = asked_columns(work)
        slip = wrong_query(work.steps, columns, databases)
    sentences = [f"List {number} {step.text}." for number, step in enumerate(work.steps, 1)]
    setups.append(theme.schema())  # one without rows
    return Item(
        question="\n".join([*sentences, f"Give {', '.join(columns)} of every row of list {work.number}."]),
        answer=query(work.steps, columns),
        slip=slip,
        solution="One common table expression for each list, in their order.",
        extra={"schema": theme.schema(), "columns": ", ".join(columns), "setup": setups, "ordered": False},
    )


LADDER = Ladder(
    name="coding/sql",
    measure="lists, one operation each",
    rungs=[Rung(lists, {"lists": lists}) for lists in LISTS],
    draw=draw,
)
