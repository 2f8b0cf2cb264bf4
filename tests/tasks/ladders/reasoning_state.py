"""Solvers of things in boxes: where each thing is, kept by thing and not by box, in full or with bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
Where = dict[str, int]
BY_BOX = r"things in box (\d+) and box (\d+) change places"
BY_NAME = r"the (\w+) and the (\w+) change places"
UP = r"things in boxes (\d+) to (\d+) each move to the next higher box, and the one in box (\d+) goes to box (\d+)"
TURN = r"things in boxes (\d+) to (\d+) are put in the opposite order"
COUNT = r"counter goes up by the number of the box that holds the (\w+)"
ORDER = r"if the box of the (\w+) has a lower number than the box of the (\w+), (.+); otherwise (.+)"
ODD = r"if the counter is odd, (.+); otherwise (.+)"


class Story:
    """What a question tells, and where things are while it is followed."""

    def __init__(self, row: Row) -> None:
        start, told, asked = row["question"].split("\n\n")
        self.where: Where = {m[2]: int(m[1]) for m in re.finditer(r"Box (\d+): (\w+)", start)}
        self.steps = [line.partition(". ")[2].rstrip(".") for line in told.split("\n")[1:]]
        self.asked = [int(n) for n in re.findall(r"\d+", asked)]
        self.counter = 0
        self.conditions = 0
        self.most_conditions: int | None = None
        """After so many conditions, each is taken to hold."""
        if sorted(self.where.values()) != list(range(1, len(self.where) + 1)):
            raise AmbiguousError("a box has no thing, or two")

    def answer(self) -> str:
        return ", ".join(
            next(thing for thing, box in self.where.items() if box == asked) for asked in self.asked
        )

    def move(self, change: Callable[[int], int]) -> None:
        """Send the thing of each box to another box."""
        self.where = {thing: change(box) for thing, box in self.where.items()}

    def holds(self, condition: bool) -> bool:
        self.conditions += 1
        return (self.most_conditions is not None and self.conditions > self.most_conditions) or condition

    def follow(self, said: str) -> None:
        """Do one step."""
        said = said[0].lower() + said[1:]
        if m := re.fullmatch(ORDER, said):
            self.follow(m[3] if self.holds(self.where[m[1]] < self.where[m[2]]) else m[4])
        elif m := re.fullmatch(ODD, said):
            self.follow(m[1] if self.holds(self.counter % 2 == 1) else m[2])
        elif m := re.fullmatch("the " + BY_BOX, said):
            i, j = int(m[1]), int(m[2])
            self.move(lambda box: {i: j, j: i}.get(box, box))
        elif m := re.fullmatch(BY_NAME, said):
            self.where |= {m[1]: self.where[m[2]], m[2]: self.where[m[1]]}
        elif m := re.fullmatch("the " + UP, said):
            i, j = int(m[1]), int(m[3])
            if (int(m[2]), int(m[4])) != (j - 1, i):
                raise AmbiguousError("two things go to one box")
            self.move(lambda box: i + (box - i + 1) % (j - i + 1) if i <= box <= j else box)
        elif m := re.fullmatch("the " + TURN, said):
            i, j = int(m[1]), int(m[2])
            self.move(lambda box: i + j - box if i <= box <= j else box)
        elif m := re.fullmatch("the " + COUNT, said):
            self.counter += self.where[m[1]]
        elif said == "the counter is set back to 0":
            self.counter = 0
        else:
            m = re.fullmatch(r"step (\d+) is done once more, .*", said)
            assert m, said
            self.follow(self.steps[int(m[1]) - 1])


def solve(row: Row) -> str:
    """Follow every step."""
    story = Story(row)
    for said in story.steps:
        story.follow(said)
    return story.answer()


def with_steps(most: int) -> Callable[[Row], str]:
    """Return a reader who stops after so many steps."""

    def answer(row: Row) -> str:
        story = Story(row)
        for said in story.steps[:most]:
            story.follow(said)
        return story.answer()

    return answer


def with_conditions(most: int) -> Callable[[Row], str]:
    """Return a reader who checks so many conditions, and takes all others to hold."""

    def answer(row: Row) -> str:
        story = Story(row)
        story.most_conditions = most
        for said in story.steps:
            story.follow(said)
        return story.answer()

    return answer


def with_slips(one_in: int) -> Callable[[Row], str]:
    """Return a reader who passes over one in so many steps."""

    def answer(row: Row) -> str:
        story, r = Story(row), Random(row["question"])
        for said in story.steps:
            if r.randrange(one_in):
                story.follow(said)
        return story.answer()

    return answer


def with_memory(most: int) -> Callable[[Row], str]:
    """Return a reader who recalls only the so many things that moved last, and takes others to be where they began."""

    def answer(row: Row) -> str:
        story = Story(row)
        first, last_moved = dict(story.where), dict.fromkeys(story.where, 0)
        for number, said in enumerate(story.steps, 1):
            before = dict(story.where)
            story.follow(said)
            last_moved |= {thing: number for thing, box in story.where.items() if before[thing] != box}
            # A thing that is forgotten changes back with what is in its first box, so that each box still holds one.
            recalled = sorted(last_moved, key=lambda thing: -last_moved[thing])[:most]
            for thing, box in first.items():
                if thing not in recalled and story.where[thing] != box:
                    other = next(t for t, b in story.where.items() if b == box)
                    story.where |= {thing: box, other: story.where[thing]}
        return story.answer()

    return answer


def with_low_counter(most: int) -> Callable[[Row], str]:
    """Return a reader who loses a counter above a number, and takes it up again from 0."""

    def answer(row: Row) -> str:
        story = Story(row)
        for said in story.steps:
            story.follow(said)
            story.counter = 0 if story.counter > most else story.counter
        return story.answer()

    return answer


BOUNDED = {
    "100 steps": with_steps(100),
    "3 conditions": with_conditions(3),
    "one step in 80 passed over": with_slips(80),
    "recalls 7 things": with_memory(7),
    "counts to 100": with_low_counter(100),
}
