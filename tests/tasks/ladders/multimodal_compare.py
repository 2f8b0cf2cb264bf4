"""Solvers of pairs of tables: numbers and dots by the names of their row and column, compared as sets."""

from __future__ import annotations

from collections.abc import Callable

from tests.tasks.ladders.audit import AmbiguousError
from tests.tasks.ladders.scenes import Row, attempt, marks, misreading, seeing, texts, thumbnail

Table = dict[tuple[str, str], tuple[str, str]]


def read(row: Row, page: int) -> Table:
    """Return number and color of the dot, "" without a dot, by row and column."""
    words = [t for t in texts(row, page=page) if not t.words.startswith("Picture")]
    heads = {t.right: t.words for t in words if t.y == 26}
    sides = {t.y: t.words for t in words if t.left == 6}
    dots: dict[int, list[tuple[int, str]]] = {}
    for x, y, _, fill, _ in marks(row, "disc", page):
        dots.setdefault(y, []).append((x, fill))
    table: Table = {}
    for word in words:
        if word.y == 26 or word.left == 6:
            continue
        cell = sides[word.y], heads[word.right]
        if cell in table:
            raise AmbiguousError("two numbers in one cell")
        beside = [fill for x, fill in dots.get(word.y, ()) if 0 < word.left - x < 12]
        if len(beside) != bool(dots):
            raise AmbiguousError(f"{len(beside)} dots at a number")
        table[cell] = word.words, "".join(beside)
    return table


def solve(row: Row) -> int:
    """Add up what the second table has and the first has not."""
    first, second = read(row, 0), read(row, 1)
    if set(first) != set(second):
        raise AmbiguousError("the tables have other cells")
    fresh = set(second.items()) - set(first.items())
    if not fresh or ("one number" in row["question"] and len(fresh) != 1):
        raise AmbiguousError(f"{len(fresh)} differences")
    return sum(int(number) for _, (number, _) in fresh)


def first_cells(count: int) -> Callable[[Row], int]:
    """Return a reader who compares so many cells, in the order of the first picture."""

    def answer(row: Row) -> int:
        first, second = read(row, 0), read(row, 1)
        return sum(int(second[cell][0]) for cell in list(first)[:count] if first[cell] != second[cell])

    return attempt(answer)


def by_place(row: Row) -> int:
    """Compare what stands in the same place, whatever it is called."""
    first, second = read(row, 0), read(row, 1)
    return sum(int(b[0]) for a, b in zip(first.values(), second.values(), strict=True) if a != b)


def by_number(row: Row) -> int:
    """Compare numbers and take no notice of dots."""
    first, second = read(row, 0), read(row, 1)
    return sum(int(second[cell][0]) for cell in first if first[cell][0] != second[cell][0])


BOUNDED = {
    "first 40 cells": first_cells(40),
    "compares by place": attempt(by_place),
    "takes no notice of colors": attempt(by_number),
    "one number in 450 misread": seeing(misreading(450, least_digits=2), solve),
    "thumbnail of 420 pixels": seeing(thumbnail(420), solve),
}
