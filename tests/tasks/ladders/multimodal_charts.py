"""Solvers of bar charts: measure the bars against the axis, then evaluate the question's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from random import Random

from tests.tasks.ladders.audit import AmbiguousError
from tests.tasks.ladders.scenes import Row, attempt, marks, seeing, texts, thumbnail

Table = dict[tuple[str, str], Fraction]
"""Values by person and series."""


def measure(row: Row) -> Table:
    """Return the height of each bar on the axis."""
    words = texts(row)
    ticks = sorted({(t.y, int(t.words)) for t in words if t.words.isdigit() and t.right < 40})
    (y1, v1), (y0, v0) = ticks[0], ticks[-1]
    people = [t for t in words if t.y == max(t.y for t in words)]
    boxes = marks(row, "box")
    keys = [box for box in boxes if box[3] < 20]
    series = {
        box[4]: next(t.words for t in words if t.y == 10 and 0 < t.left - box[2] < 8).strip() for box in keys
    }
    table: Table = {}
    for x0, top, x1, bottom, fill, _ in boxes:
        if bottom < 20:
            continue
        person = min(people, key=lambda t: abs(t.x - (x0 + x1) / 2)).words
        value = Fraction(bottom - top) * (v1 - v0) / (y0 - y1)
        if (person, series[fill]) in table:
            raise AmbiguousError("two bars for one value")
        table[person, series[fill]] = value
    return table


def evaluate(question: str, table: Table, at_most: int | None = None) -> Fraction | None:
    """Return the answer to a question over a table. None: it needs more than ``at_most`` values."""
    people = list(dict.fromkeys(person for person, _ in table))
    question = question.partition(". ")[2]
    if m := re.fullmatch(r"How much (\w+) does the chart show for (\w+)\?", question):
        return table[m[2], m[1]]
    if question.startswith("Add up"):
        plus, _, minus = question.partition(" Then subtract ")
        terms = [(+1, *pair) for pair in pairs(plus)] + [(-1, *pair) for pair in pairs(minus)]
        if at_most is not None and len(terms) > at_most:
            return None
        return sum((sign * table[person, kind] for sign, kind, person in terms), Fraction(0))
    m = re.match(
        r"Look only at the people who have more (\w+) than (\w+)( and less (\w+) than (\w+))?", question
    )
    assert m, question
    reads = len(people) * (6 if m[3] else 3)
    if at_most is not None and reads > at_most:
        return None
    kept = []
    for person in people:
        first, second = table[person, m[1]], table[person, m[2]]
        if first == second:
            raise AmbiguousError("a tie")
        if m[3] and table[person, m[4]] == table[person, m[5]]:
            raise AmbiguousError("a tie")
        if first > second and (not m[3] or table[person, m[4]] < table[person, m[5]]):
            kept.append(person)
    if n := re.search(r"How much (\w+) do they have in all", question):
        return sum((table[person, n[1]] for person in kept), Fraction(0))
    n = re.search(r"By how much does their (\w+), added up, exceed their (\w+), added up", question)
    assert n, question
    return sum((table[person, n[1]] - table[person, n[2]] for person in kept), Fraction(0))


def pairs(listed: str) -> list[tuple[str, str]]:
    """Return (series, person) of *the tea of Ann and Bob, and the milk of Cid*."""
    found = []
    for part in re.finditer(r"the (\w+) of ((?:[A-Z]\w+(?:, (?=[A-Z])| and (?=[A-Z]))?)+)", listed):
        found += [(part[1], person) for person in re.findall(r"[A-Z]\w+", part[2])]
    return found


def solve(row: Row) -> int:
    """Measure and evaluate."""
    value = evaluate(row["question"], measure(row))
    if value is None or value.denominator != 1:
        raise AmbiguousError("no whole number")
    return int(value)


def rounding(parts: int) -> Callable[[Row], Fraction | None]:
    """Return a reader of values to so many parts of a gridline."""

    def answer(row: Row) -> Fraction | None:
        ticks = sorted({int(t.words) for t in texts(row) if t.words.isdigit() and t.right < 40})
        step = Fraction(ticks[1] - ticks[0], parts)
        return evaluate(row["question"], {key: round(v / step) * step for key, v in measure(row).items()})

    return answer


def within_values(count: int) -> Callable[[Row], Fraction | None]:
    """Return a reader who keeps so many values in mind."""
    return lambda row: evaluate(row["question"], measure(row), count)


def with_crowding(bars: int) -> Callable[[Row], Fraction | None]:
    """Return a reader who takes a bar for another, more often the more bars there are; always for so many."""

    def answer(row: Row) -> Fraction | None:
        r = Random(str(row["scene"]))
        table = measure(row)
        values = list(table.values())
        read = {k: r.choice(values) if r.randrange(bars) < len(values) else v for k, v in table.items()}
        return evaluate(row["question"], read)

    return answer


def first_people(count: int) -> Callable[[Row], Fraction | None]:
    """Return a reader who looks at the first so many people only."""

    def answer(row: Row) -> Fraction | None:
        table = measure(row)
        people = list(dict.fromkeys(person for person, _ in table))[:count]
        return evaluate(row["question"], {key: v for key, v in table.items() if key[0] in people})

    return answer


BOUNDED = {
    "reads to half a gridline": attempt(rounding(2)),
    "9 values in mind": attempt(within_values(9)),
    "lost in a crowd of 1000 bars": attempt(with_crowding(1000)),
    "first 8 people": attempt(first_people(8)),
    "thumbnail of 380 pixels": seeing(thumbnail(380), solve),
}
