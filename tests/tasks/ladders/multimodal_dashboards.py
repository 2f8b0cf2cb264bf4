"""Solvers of dashboards: marks are sorted into the frames of the panels, then filtered."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from tests.tasks.ladders.audit import AmbiguousError
from tests.tasks.ladders.scenes import Row, attempt, marks, misreading, seeing, texts


class Panel(NamedTuple):
    """What one frame holds."""

    name: str
    light: str
    is_up: bool | None
    orders: int
    target: int
    bars: list[int]


def number(words: str) -> int:
    """Return the number that a panel shows."""
    return round(float(words[:-1]) * 1000) if words.endswith("k") else int(words)


def read(row: Row) -> list[Panel]:
    """Return the panels."""
    frames = [box for box in marks(row, "box") if box[5] == "gray"]
    tops, lefts = sorted({box[1] for box in frames}), sorted({box[0] for box in frames})

    def frame_of(x: float, y: float) -> tuple[int, int]:
        """Return the upper left corner of the frame around a point."""
        return lefts[bisect(lefts, x) - 1], tops[bisect(tops, y) - 1]

    held: dict[tuple[int, int], dict[str, list[Any]]] = {
        (box[0], box[1]): {"text": [], "disc": [], "shape": [], "box": []} for box in frames
    }
    for text in texts(row):
        held[frame_of(text.x, text.y)]["text"].append(text)
    for x, y, _, fill, _ in marks(row, "disc"):
        held[frame_of(x, y)]["disc"].append(fill)
    for points, *_ in marks(row, "shape"):
        held[frame_of(points[0], points[1])]["shape"].append(points)
    for box in marks(row, "box"):
        if box[4] == "blue":
            held[frame_of(box[0], box[3])]["box"].append(box)
    panels = []
    for inside in held.values():
        (light,) = inside["disc"]
        said = {}
        for label in ("orders", "target"):
            for found in (t for t in inside["text"] if t.words == label):
                said[label] = next(t.words for t in inside["text"] if t.y == found.y and t.left > found.right)
        arrows = inside["shape"]
        panels.append(
            Panel(
                name=min(inside["text"], key=lambda t: t.y).words,
                light=light,
                is_up=arrows[0][1] < arrows[0][3] if arrows else None,
                orders=number(said["orders"]),
                target=number(said.get("target", "0")),
                bars=[box[3] - box[1] for box in sorted(inside["box"])],
            )
        )
    return panels


def ask(row: Row, panels: list[Panel], *, conditions: int = 9, most: int = 10**9) -> int | None:
    """Return the answer, minding so many conditions. None: more than ``most`` panels fit."""
    question = row["question"]
    if m := re.search(r"does the panel (.+) show\?", question):
        found = [p.orders for p in panels if p.name == m[1]]
        if len(found) != 1:
            raise AmbiguousError("not one such panel")
        return found[0]
    tests: list[Callable[[Panel], bool]] = []
    if m := re.search(r"have an? (\w+) light", question):
        tests.append(lambda p, light=m[1]: p.light == light)  # type: ignore[misc]
    if m := re.search(r"points (up|down)", question):
        tests.append(lambda p, way=m[1]: p.is_up is (way == "up"))  # type: ignore[misc]
    if "more orders than their target" in question:
        tests.append(lambda p: p.orders > p.target)
    if m := re.search(r"a bar (\d) that is higher than their bar (\d)", question):
        tests.append(lambda p, a=int(m[1]) - 1, b=int(m[2]) - 1: p.bars[a] > p.bars[b])  # type: ignore[misc]
    kept = [p for p in panels if all(test(p) for test in tests[:conditions])]
    if len(kept) > most:
        return None
    total = sum(p.orders for p in kept)
    return total - sum(p.target for p in kept) if "subtract the targets" in question else total


def solve(row: Row) -> int:
    """Read and ask."""
    answer = ask(row, read(row))
    assert answer is not None
    return answer


def first_panels(count: int) -> Callable[[Row], int | None]:
    """Return a reader who looks at the first so many panels."""
    return lambda row: ask(row, read(row)[:count])


def confuses_colors(panels: int) -> Callable[[Row], int | None]:
    """Return a reader who takes a light or an arrow for another in one of so many panels."""

    def answer(row: Row) -> int | None:
        r = Random(str(row["scene"]))
        return ask(
            row,
            [
                p if r.randrange(panels) else p._replace(light=r.choice(["red", "green"]), is_up=not p.is_up)
                for p in read(row)
            ],
        )

    return answer


BOUNDED = {
    "first 12 panels": attempt(first_panels(12)),
    "minds one condition": attempt(lambda row: ask(row, read(row), conditions=1)),
    "adds up 9 panels": attempt(lambda row: ask(row, read(row), most=9)),
    "one light in 25 mistaken": attempt(confuses_colors(25)),
    "one number in 20 misread": seeing(misreading(20), solve),
}
