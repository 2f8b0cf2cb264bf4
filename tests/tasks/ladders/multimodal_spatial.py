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


class Wanted(NamedTuple):
    """What a question asks for, and the upright parts of the frame and the river: x, and from which y to which."""

    colors: tuple[str | None, ...]
    size: str | None
    shape: str
    inside: bool | None
    left: bool
    frame: list[tuple[int, int, int]]
    river: list[tuple[int, int, int]]

    def counts(self, seen: Seen, *, places: bool = True, shapes: bool = True) -> bool:
        """Return whether an object is one of those that the question asks for."""
        if seen.color not in self.colors or (self.size and (seen.half > 5) != (self.size == "large")):
            return False
        if shapes and self.shape not in ("object", seen.shape):
            return False
        if not places:
            return True
        if self.inside is not None and (crossings(self.frame, seen.x, seen.y) % 2 == 1) is not self.inside:
            return False
        return not self.left or crossings(self.river, seen.x, seen.y) == 1


def crossings(uprights: list[tuple[int, int, int]], x: float, y: float) -> int:
    """Return how many of a line's upright parts lie to the right of a point."""
    here = [at for at, low, high in uprights if low <= y < high]
    if any(abs(at - x) < 3 for at in here):
        raise AmbiguousError("an object is on a line")
    return sum(at > x for at in here)


def wanted(row: Row) -> Wanted:
    """Return what the question asks for."""
    m = re.match(
        r"How many (?:(small|large) )?(\w+)(?: or (\w+))? (object|circle|square|triangle|diamond)s are",
        row["question"],
    )
    assert m, row["question"]
    uprights: dict[str, list[tuple[int, int, int]]] = {"black": [], "gray": []}
    for points, color, _ in marks(row, "line"):
        for x0, y0, x1, y1 in zip(points[::2], points[1::2], points[2::2], points[3::2], strict=False):
            if x0 == x1:
                uprights[color].append((x0, min(y0, y1), max(y0, y1)))
    inside = True if "inside the" in row["question"] else False if "outside the" in row["question"] else None
    return Wanted(
        (m[2], m[3]), m[1], m[4], inside, "left of" in row["question"], uprights["black"], uprights["gray"]
    )


def count(row: Row, found: list[Seen], *, places: bool = True, shapes: bool = True) -> int:
    """Return how many of the objects count."""
    asked = wanted(row)
    return sum(asked.counts(seen, places=places, shapes=shapes) for seen in found)


def solve(row: Row) -> int:
    """Look and count."""
    found = look(row)
    if len({(seen.x, seen.y) for seen in found}) < len(found):
        raise AmbiguousError("two objects in one place")
    return count(row, found)


def counts_to(most: int) -> Callable[[Row], int]:
    """Return a reader who counts to ``most`` and takes more for that many."""
    return lambda row: min(solve(row), most)


def estimates(row: Row) -> int:
    """Count the left third of a large picture and multiply; count a small one."""
    width = row["scene"][0]["width"]
    if width < 190:
        return solve(row)
    part = [seen for seen in look(row) if seen.x < width / 3]
    return 3 * count(row, part)


def loses_count(objects: int) -> Callable[[Row], int]:
    """Return a reader who overlooks an object, the more often the more there are; each one of so many."""

    def answer(row: Row) -> int:
        r, found = Random(str(row["scene"])), look(row)
        return count(row, [seen for seen in found if r.randrange(objects) >= len(found)])

    return answer


BOUNDED = {
    "counts to 20": attempt(counts_to(20)),
    "no places": attempt(lambda row: count(row, look(row), places=False)),
    "no shapes": attempt(lambda row: count(row, look(row), shapes=False)),
    "counts a third": attempt(estimates),
    "overlooks in a crowd": attempt(loses_count(8000)),
}
