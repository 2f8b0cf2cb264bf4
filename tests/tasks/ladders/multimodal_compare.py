"""Solvers of pairs of tables: numbers by the names of their row and column, compared as sets."""

from __future__ import annotations

from collections.abc import Callable

from tests.tasks.ladders.audit import AmbiguousError
from tests.tasks.ladders.scenes import Row, attempt, misreading, seeing, texts, thumbnail

Table = dict[tuple[str, str], str]


def read(row: Row, page: int) -> Table:
    """Return the numbers of a picture by row and column."""
    words = [t for t in texts(row, page=page) if not t.words.startswith("Picture")]
    heads = {t.right: t.words for t in words if t.y == 26}
    sides = {t.y: t.words for t in words if t.left == 6}
    table: Table = {}
    for word in words:
        if word.y == 26 or word.left == 6:
            continue
        cell = sides[word.y], heads[word.right]
        if cell in table:
            raise AmbiguousError("two numbers in one cell")
        table[cell] = word.words
    return table


def solve(row: Row) -> int:
    """Add up what the second table has and the first has not."""
    first, second = read(row, 0), read(row, 1)
    if set(first) != set(second):
        raise AmbiguousError("the tables have other cells")
    fresh = set(second.items()) - set(first.items())
    if not fresh or ("one number" in row["question"] and len(fresh) != 1):
        raise AmbiguousError(f"{len(fresh)} differences")
    return sum(int(number) for _, number in fresh)


def first_cells(count: int) -> Callable[[Row], int]:
    """Return a reader who compares so many cells, in the order of the first picture."""

    def answer(row: Row) -> int:
        first, second = read(row, 0), read(row, 1)
        return sum(int(second[cell]) for cell in list(first)[:count] if first[cell] != second[cell])

    return attempt(answer)


def by_place(row: Row) -> int:
    """Compare what stands in the same place, whatever it is called."""
    first, second = read(row, 0), read(row, 1)
    return sum(int(b) for a, b in zip(first.values(), second.values(), strict=True) if a != b)


def finds(most: int) -> Callable[[Row], int]:
    """Return a reader who stops after so many differences."""

    def answer(row: Row) -> int:
        first, second = read(row, 0), read(row, 1)
        return sum([int(second[cell]) for cell in first if first[cell] != second[cell]][:most])

    return attempt(answer)


BOUNDED = {
    "first 40 cells": first_cells(40),
    "compares by place": attempt(by_place),
    "stops after 2 differences": finds(2),
    "one number in 450 misread": seeing(misreading(450, least_digits=2), solve),
    "thumbnail of 420 pixels": seeing(thumbnail(420), solve),
}
