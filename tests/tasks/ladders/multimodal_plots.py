"""Solvers of plots with two axes: heights of the marks, held against the labels of the axes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from random import Random

from tests.tasks.ladders.audit import AmbiguousError
from tests.tasks.ladders.scenes import Row, attempt, marks, seeing, texts, thumbnail

Points = dict[int, float]
"""A line: its value by x."""


def axes(row: Row) -> tuple[dict[float, int], Callable[[float], float], Callable[[float], float]]:
    """Return the labels below the x axis by place, and what the left and the right axis say at a height."""
    words = [t for t in texts(row) if t.words.isdigit() and t.y > 20]
    bottom = max(t.y for t in words)
    columns = {t.x: int(t.words) for t in words if t.y == bottom}
    left = sorted((t.y, int(t.words)) for t in words if t.y < bottom and t.right < 36)
    edge = max(columns) + 12
    right = sorted((t.y, int(t.words)) for t in words if t.y < bottom and t.left > edge)
    is_log = right[-1][1] == 1
    (y1, v1), (y0, v0) = right[0], right[-1]

    def read_left(y: float) -> float:
        (top, most), (low, least) = left[0], left[-1]
        return least + (low - y) / (low - top) * (most - least)

    def read_right(y: float) -> float:
        part = (y0 - y) / (y0 - y1)
        return float(v0 * (v1 / v0) ** part) if is_log else v0 + part * (v1 - v0)

    return columns, read_left, read_right


def measure(row: Row) -> tuple[Points, Points]:
    """Return the blue and the orange line, as measured."""
    columns, read_left, read_right = axes(row)
    centers = list(columns)

    def column(x: float) -> int:
        return columns[min(centers, key=lambda center: abs(center - x))]

    blue = {
        column((x0 + x1) / 2): read_left((y0 + y1) / 2)
        for x0, y0, x1, y1, fill, _ in marks(row, "box")
        if fill == "blue"
    }
    orange = {column(x): read_right(y) for x, y, _, fill, _ in marks(row, "disc") if fill == "orange"}
    return blue, orange


def tidy(row: Row, orange: Points) -> Points:
    """Return the orange values as they can be: one digit and zeros on a logarithmic axis, else multiples of 5."""
    if "logarithmic" not in row["question"]:
        return {x: round(value / 5) * 5 for x, value in orange.items()}
    found = {}
    for x, value in orange.items():
        choices = [digit * 10**decade for decade in range(4) for digit in range(1, 10)]
        found[x] = min(choices, key=lambda choice: abs(math.log(choice / value)))
    return found


def walk(row: Row, blue: Points, orange: Points, *, most: int | None = None) -> int | None:
    """Return the answer to the question. None: it has more than ``most`` stops."""
    if m := re.search(r"at x = (\d+)\?$", row["question"]):
        return int(orange[int(m[1])])
    m = re.search(r"Start at x = (\d+);.* Make (\d+) stops", row["question"])
    assert m, row["question"]
    here, stops, total = int(m[1]), int(m[2]), 0
    if most is not None and stops > most:
        return None
    for stop in range(stops):
        total += int(orange[here])
        if stop < stops - 1:
            here = round(blue[here])
    return total


def solve(row: Row) -> int:
    """Measure, tidy and walk."""
    blue, orange = measure(row)
    if any(abs(value - round(value)) > 0.1 for value in blue.values()):
        raise AmbiguousError("a blue mark is between two values")
    answer = walk(row, blue, tidy(row, orange))
    assert answer is not None
    return answer


def within_stops(most: int) -> Callable[[Row], int | None]:
    """Return a reader who loses the way after so many stops."""

    def answer(row: Row) -> int | None:
        blue, orange = measure(row)
        return walk(row, blue, tidy(row, orange), most=most)

    return answer


def to_the_label(row: Row) -> int | None:
    """Read the left axis to its nearest label only."""
    blue, orange = measure(row)
    labels = [
        int(t.words) for t in texts(row) if t.words.isdigit() and t.right < 36 and t.y < max(marks_low(row))
    ]
    return walk(
        row,
        {x: min(labels, key=lambda label: abs(label - v)) for x, v in blue.items()},
        tidy(row, orange),
    )


def marks_low(row: Row) -> list[int]:
    """Return the heights of the texts."""
    return [t.y for t in texts(row)]


def without_logarithms(row: Row) -> int | None:
    """Take every right axis for one with equal steps."""
    blue, orange = measure(row)
    if "logarithmic" in row["question"]:
        orange = {x: 10 + math.log10(v) / 3 * 990 for x, v in orange.items()}
        return walk(row, blue, {x: round(v) for x, v in orange.items()})
    return walk(row, blue, tidy(row, orange))


def with_slips(reach: int) -> Callable[[Row], int | None]:
    """Return a reader who may slip to the next column, the more often the more columns there are."""

    def answer(row: Row) -> int | None:
        r = Random(str(row["scene"]))
        blue, orange = measure(row)
        last = max(blue)
        read = {
            x: blue[min(x + 1, last)] if r.randrange(reach) < len(blue) - 5 else value
            for x, value in blue.items()
        }
        return walk(row, read, tidy(row, orange))

    return answer


BOUNDED = {
    "6 stops": attempt(within_stops(6)),
    "left axis to the nearest label": attempt(to_the_label),
    "no logarithms": attempt(without_logarithms),
    "slips to the next column": attempt(with_slips(400)),
    "thumbnail of 480 pixels": seeing(thumbnail(480), solve),
}
