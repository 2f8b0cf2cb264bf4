"""Solvers of maps: objects known by their outlines, places by ray casting."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from tests.tasks.ladders.audit import AmbiguousError
from tests.tasks.ladders.scenes import Row, attempt, marks


class Seen(NamedTuple):
    """One object as its outline shows it: its middle, color, corners (0: round) and half width."""

    x: float
    y: float
    color: str
    shape: str
    half: float


def look(row: Row) -> list[Seen]:
    """Return the objects."""
    found = [Seen(x, y, fill, "circle", radius) for x, y, radius, fill, _ in marks(row, "disc")]
    for x0, y0, x1, y1, fill, _ in marks(row, "box"):
        found.append(Seen((x0 + x1) / 2, (y0 + y1) / 2, fill, "square", (x1 - x0) / 2 + 1))
    for points, fill, _ in marks(row, "shape"):
        xs, ys = points[::2], points[1::2]
        middle = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
        found.append(Seen(*middle, fill, {3: "triangle", 4: "diamond"}[len(xs)], (max(xs) - min(xs)) / 2))
    return found


def crossings(points: list[int], x: float, y: float) -> int:
    """Return how many of a line's upright parts lie to the right of a point."""
    count = 0
    for k in range(0, len(points) - 2, 2):
        x0, y0, x1, y1 = points[k : k + 4]
        if x0 == x1 and min(y0, y1) <= y < max(y0, y1):
            if abs(x0 - x) < 3:
                raise AmbiguousError("an object is on a line")
            count += x0 > x
    return count


def is_counted(row: Row, seen: Seen, *, places: bool = True, shapes: bool = True) -> bool:
    """Return whether an object is one of those that the question asks for."""
    m = re.match(
        r"How many (?:(small|large) )?(\w+)(?: or (\w+))? (objects|circles|squares|triangles|diamonds) are",
        row["question"],
    )
    assert m, row["question"]
    if seen.color not in (m[2], m[3]):
        return False
    if m[1] and (seen.half > 5) != (m[1] == "large"):
        return False
    if shapes and m[4] != "objects" and m[4] != f"{seen.shape}s":
        return False
    if not places:
        return True
    lines = {color: points for points, color, _ in marks(row, "line")}
    inside = "black" in lines and crossings(lines["black"], seen.x, seen.y) % 2 == 1
    if ("inside the black" in row["question"] and not inside) or (
        "outside the" in row["question"] and inside
    ):
        return False
    return "left of" not in row["question"] or crossings(lines["gray"], seen.x, seen.y) == 1


def solve(row: Row) -> int:
    """Look and count."""
    found = look(row)
    if len({(seen.x, seen.y) for seen in found}) < len(found):
        raise AmbiguousError("two objects in one place")
    return sum(is_counted(row, seen) for seen in found)


def counts_to(most: int) -> Callable[[Row], int]:
    """Return a reader who counts to ``most`` and takes more for that many."""
    return lambda row: min(solve(row), most)


def estimates(row: Row) -> int:
    """Count the left third of a large picture and multiply; count a small one."""
    width = row["scene"][0]["width"]
    if width < 190:
        return solve(row)
    part = [seen for seen in look(row) if seen.x < width / 3]
    return 3 * sum(is_counted(row, seen) for seen in part)


def loses_count(objects: int) -> Callable[[Row], int]:
    """Return a reader who overlooks an object, the more often the more there are; each one of so many."""

    def answer(row: Row) -> int:
        r, found = Random(str(row["scene"])), look(row)
        return sum(is_counted(row, seen) and r.randrange(objects) >= len(found) for seen in found)

    return answer


BOUNDED = {
    "counts to 20": attempt(counts_to(20)),
    "no places": attempt(lambda row: sum(is_counted(row, seen, places=False) for seen in look(row))),
    "no shapes": attempt(lambda row: sum(is_counted(row, seen, shapes=False) for seen in look(row))),
    "counts a third": attempt(estimates),
    "overlooks in a crowd": attempt(loses_count(8000)),
}
