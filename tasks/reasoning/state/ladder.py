"""Things in numbered boxes that change places: by box, by name, under conditions, by a counter, and step by step again.

The measure is the number of steps told. Conditions depend on where things are and on the counter, so the end cannot be
found by tracing one box back. Boxes whose content is tracked are the task of Kim and Schuster (arXiv 2305.02363); "The
Illusion of Thinking" (arXiv 2506.06941) has accuracy by number of moves for published models.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from gapbench.ladder import Item, Ladder, Rung

THINGS = (
    "key", "coin", "ring", "stamp", "pearl", "marble", "spoon", "candle", "button", "feather", "shell", "whistle", "compass",
    "thimble", "ribbon", "dice", "magnet", "pencil", "bell", "cork", "needle", "brush", "lens", "card", "hook", "bolt",
    "comb", "plug", "bead", "fork", "match", "clip",
)  # fmt: skip
SIZES = (
    (1, 5), (2, 5), (4, 6), (7, 7), (13, 8), (24, 10), (42, 12), (75, 14), (130, 17), (230, 20), (400, 24), (700, 28),
)  # fmt: skip
"""Steps and boxes of each rung."""
PLAIN = {"boxes": 2, "things": 2}
BRANCHED = {"boxes": 2, "things": 2, "up": 1, "turn": 1, "order": 3}
FULL = {
    "boxes": 2,
    "things": 2,
    "up": 2,
    "turn": 2,
    "order": 3,
    "count": 3,
    "odd": 4,
    "zero": 0.3,
    "again": 2,
}
ASKED = 3


class Step(NamedTuple):
    """What happens.

    Attributes:
        kind: A key of ``FULL``.
        a: A box or a thing, or the number of an earlier step.
        b: Another box or thing.
        branches: For a condition: what happens if it holds, and if not.
    """

    kind: str
    a: int | str = 0
    b: int | str = 0
    branches: tuple[Step, ...] = ()


class Row:
    """The boxes and the counter."""

    def __init__(self, inside: Sequence[str]) -> None:
        self.inside = list(inside)
        self.counter = 0

    def box_of(self, thing: int | str) -> int:
        """Return the number of the box that holds a thing."""
        return self.inside.index(str(thing)) + 1

    def swap(self, i: int, j: int) -> None:
        """Let the things in two boxes change places."""
        self.inside[i - 1], self.inside[j - 1] = self.inside[j - 1], self.inside[i - 1]

    def apply(self, step: Step, told: Sequence[Step]) -> None:
        """Do a step; ``told`` are those before it."""
        kind, a, b, branches = step
        if kind == "things":
            self.swap(self.box_of(a), self.box_of(b))
        elif kind == "order":
            self.apply(branches[0 if self.box_of(a) < self.box_of(b) else 1], told)
        elif kind == "odd":
            self.apply(branches[1 - self.counter % 2], told)
        elif kind == "count":
            self.counter += self.box_of(a)
        elif kind == "zero":
            self.counter = 0
        else:
            i, j = int(a), int(b)
            part = self.inside[i - 1 : j]
            if kind == "boxes":
                self.swap(i, j)
            elif kind == "up":
                self.inside[i - 1 : j] = part[-1:] + part[:-1]
            elif kind == "turn":
                self.inside[i - 1 : j] = part[::-1]
            else:
                self.apply(told[i - 1], told)


def write_step(step: Step) -> str:
    """Return a step as a sentence without its full stop."""
    kind, a, b, branches = step
    before_last = int(b) - 1 if kind == "up" else 0
    said = {
        "boxes": f"the things in box {a} and box {b} change places",
        "things": f"the {a} and the {b} change places",
        "up": f"the things in boxes {a} to {before_last} each move to the next higher box, and the one in box {b} goes to box {a}",
        "turn": f"the things in boxes {a} to {b} are put in the opposite order",
        "count": f"the counter goes up by the number of the box that holds the {a}",
        "zero": "the counter is set back to 0",
        "again": f"step {a} is done once more, with its condition checked anew if it has one",
    }
    if kind in said:
        return said[kind]
    then, otherwise = map(write_step, branches)
    if kind == "order":
        return (
            f"if the box of the {a} has a lower number than the box of the {b}, {then}; otherwise {otherwise}"
        )
    return f"if the counter is odd, {then}; otherwise {otherwise}"


def draw_step(r: Random, kind: str, things: Sequence[str], told: Sequence[Step]) -> Step:
    """Return a random step of a kind."""
    count = len(things)
    if kind == "things":
        a, b = r.sample(things, 2)
        return Step(kind, a, b)
    if kind in {"boxes", "up", "turn"}:
        i, j = sorted(r.sample(range(1, count + 1), 2))
        if kind != "boxes" and j - i < 2:
            i, j = (i, i + 2) if i + 2 <= count else (count - 2, count)
        return Step(kind, i, j)
    if kind in {"order", "odd"}:
        a, b = r.sample(things, 2)
        branches = tuple(draw_step(r, r.choice(("boxes", "things")), things, told) for _ in range(2))
        return Step(kind, a, b, branches) if kind == "order" else Step(kind, branches=branches)
    if kind == "count":
        return Step(kind, r.choice(things))
    fits = [number for number, step in enumerate(told, 1) if step.kind not in {"again", "zero"}]
    return Step(kind, r.choice(fits)) if kind == "again" and fits else Step("zero")


def draw(r: Random, rung: Rung) -> Item:
    """Return so many steps; the last one changes the first of the boxes asked for."""
    steps, boxes, kinds = (rung.settings[key] for key in ("steps", "boxes", "kinds"))
    things = r.sample(THINGS, boxes)
    row = Row(things)
    told: list[Step] = []
    changes: list[str] = []
    before = list(things)
    for number in range(1, steps + 1):
        kind = "boxes" if number == steps else r.choices(list(kinds), list(kinds.values()))[0]
        step = draw_step(r, kind, things, told)
        before = list(row.inside)
        row.apply(step, told)
        told.append(step)
        moved = [
            f"{n} {new}" for n, (old, new) in enumerate(zip(before, row.inside, strict=True), 1) if old != new
        ]
        changes.append(f"{number}. {', '.join(moved) or f'counter {row.counter}'}")
    first = int(told[-1].a)
    asked = [first, *r.sample([n for n in range(1, boxes + 1) if n != first], ASKED - 1)]
    start = "\n".join(f"Box {n}: {thing}" for n, thing in enumerate(things, 1))
    counter = " There is also a counter, which stands at 0." if "count" in kinds else ""
    lines = []
    for number, step in enumerate(told, 1):
        text = write_step(step)
        lines.append(f"{number}. {text[0].upper()}{text[1:]}.")
    numbers = f"{', '.join(map(str, asked[:-1]))} and {asked[-1]}"
    question = (
        f"{boxes} boxes are numbered 1 to {boxes}. Each holds one thing:\n{start}\n\nThen this happens, one step after the other."
        f"{counter}\n"
        + "\n".join(lines)
        + f"\n\nWhich things are in boxes {numbers} in the end, in this order?"
    )
    answer, slip = (", ".join(inside[n - 1] for n in asked) for inside in (row.inside, before))
    return Item(question, answer, slip, "\n".join(changes))


LADDER = Ladder(
    name="reasoning/state",
    measure="steps",
    rungs=[
        Rung(
            steps,
            {
                "steps": steps,
                "boxes": boxes,
                "kinds": PLAIN if number < 4 else BRANCHED if number < 6 else FULL,
            },
        )
        for number, (steps, boxes) in enumerate(SIZES, 1)
    ],
    draw=draw,
)
