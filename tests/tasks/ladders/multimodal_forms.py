"""Solvers of forms: ink in cells, less what a line crosses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.tasks.ladders.audit import AmbiguousError
from tests.tasks.ladders.scenes import Row, attempt, first_pages, misreading, nearest, seeing, texts

UNIT = 2
WIDTH = 5 * UNIT


class Sheet(NamedTuple):
    """One form: name, cross in *paid*, days abroad, and the words that count by day and kind, top down."""

    name: str
    is_paid: bool
    abroad: set[str]
    cells: dict[str, dict[str, str]]
    strikes: int


def read(row: Row, page: int, *, strikes: bool = True) -> Sheet:
    """Return a form; without ``strikes``, the first number of a cell counts, crossed out or not."""
    shown = row["scene"][page]["marks"]
    words = texts(row, page=page)
    kinds = [t for t in words if t.y == 48 and t.words != "abroad"]
    days = [t for t in words if t.left == 8 and t.y > 48]
    paid = next(t for t in words if t.words == "paid")
    frames = [mark for mark in shown if mark[0] == "box" and mark[6] == "gray"]
    inks = [mark[1:] for mark in shown if mark[0] == "ink"]
    lines = [mark[1] for mark in shown if mark[0] == "line" and mark[2] == "blue"]
    name, is_paid, struck = "", False, 0
    abroad: set[str] = set()
    cells: dict[str, dict[str, str]] = {}
    for left, y, said, *_ in inks:
        right, middle = left + WIDTH * len(said), left + WIDTH * len(said) / 2
        if y < 40:
            if said == "X" and right < paid.left + 2:
                is_paid = True
            else:
                name = said
            continue
        day = min(days, key=lambda t: abs(t.y - y)).words
        if middle < 70:
            abroad.add(day)
            continue
        is_struck = any(crosses(line, left, right, y) for line in lines)
        struck += is_struck
        counts = not is_struck if strikes else left == _first_in_cell(inks, left, y)
        frame = [m for m in frames if m[1] <= middle <= m[3] and m[2] <= y <= m[4]]
        if len(frame) != 1:
            raise AmbiguousError("ink in no cell, or in two")
        kind = nearest(kinds, (frame[0][1] + frame[0][3]) / 2, 48).words
        if counts:
            if kind in cells.setdefault(day, {}):
                raise AmbiguousError("two numbers count in one cell")
            cells[day][kind] = said
    return Sheet(name, is_paid, abroad, {t.words: cells[t.words] for t in days}, struck)  # fmt: skip


def _first_in_cell(inks: Sequence[Sequence[Any]], left: int, y: int) -> int:
    """Return where the first number of the run of numbers on this line begins."""
    first = left
    for start, line, said, *_ in sorted(inks, key=lambda ink: -ink[0]):
        if line == y and start < first and start + WIDTH * len(said) + 6 == first:
            first = start
    return int(first)


def crosses(line: Sequence[int], left: int, right: int, y: int) -> bool:
    """Return whether a line runs through most of a word."""
    return line[0] <= left + 2 and right - 4 <= line[2] <= right + 4 and abs((line[1] + line[3]) / 2 - y) < 6


def values(sheet: Sheet, *, dittos: bool = True) -> dict[str, dict[str, int]]:
    """Return the numbers, with dittos filled in from above; without ``dittos``, they are 0."""
    found: dict[str, dict[str, int]] = {}
    above: dict[str, int] = {}
    for day, cells in sheet.cells.items():
        line = {
            kind: ((above[kind] if dittos else 0) if said == '"' else int(said))
            for kind, said in cells.items()
        }
        above = {**above, **line}
        found[day] = line
    return found  # fmt: skip


def ask(
    row: Row, *, strikes: bool = True, dittos: bool = True, crosses_count: bool = True, most: int = 10**9
) -> int | None:
    """Return the answer. None: more than ``most`` numbers count."""
    question = row["question"]
    sheets = [read(row, page, strikes=strikes) for page in range(len(row["scene"]))]
    if m := re.search(r"for (\w+) on (\w+?)( on the form of (\w+))?\?", question):
        (sheet,) = [s for s in sheets if not m[4] or s.name == m[4]]
        return values(sheet, dittos=dittos)[m[2]][m[1]]
    m = re.match(
        r"Add up ([a-z, ]+?)( on the days marked abroad)? over [^.]*\.( Then subtract ([a-z, ]+?)(?: of the same days)? and forms\.)?",
        question,
    )
    assert m, question
    plus = re.split(r", | and ", m[1])
    minus = re.split(r", | and ", m[4]) if m[4] else []
    total = count = 0
    for sheet in sheets:
        if crosses_count and "'paid'" in question and not sheet.is_paid:
            continue
        for day, line in values(sheet, dittos=dittos).items():
            if crosses_count and m[2] and day not in sheet.abroad:
                continue
            total += sum(line[kind] for kind in plus) - sum(line[kind] for kind in minus)
            count += len(plus) + len(minus)
    return total if count <= most else None  # fmt: skip


def solve(row: Row) -> int:
    """Read all forms and ask."""
    answer = ask(row)
    assert answer is not None
    return answer


def within(most: int) -> Callable[[Row], int | None]:
    """Return a reader who adds up so many numbers at most."""
    return lambda row: ask(row, most=most)


def careless(row: Row) -> int | None:
    """Take the first number of a cell, also where it is crossed out."""
    return ask(row, strikes=False)


BOUNDED = {
    "overlooks strikes": attempt(careless),
    "overlooks crosses in boxes": attempt(lambda row: ask(row, crosses_count=False)),
    "adds up 12 numbers": attempt(within(12)),
    "one number in 35 misread": seeing(misreading(35), solve),
    "one form": seeing(first_pages(1), solve),
}
