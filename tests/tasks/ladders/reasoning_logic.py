"""Solvers of logic grids: clauses and unit propagation with a search for a second solution, and bounded ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, permutations
from random import Random
from typing import Any, NamedTuple

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
SAYS = (
    (r"does not live in house (\d+)", "not at"),
    (r"lives in house (\d+)", "at"),
    (r"directly to the left", "direct"),
    (r"somewhere to the left", "left"),
    (r"right beside", "beside 1"),
    (r"Exactly one house", "beside 2"),
    (r"Exactly two houses", "beside 3"),
    (r" is not ", "differ"),
)


class Told(NamedTuple):
    """A clue: its kind, the values that it names, and the house, from 0."""

    kind: str
    x: int
    y: int
    house: int

    def agrees(self, at: Mapping[int, int]) -> bool:
        """Say whether houses of values agree with it."""
        a = at[self.x]
        if self.y < 0:
            return (a == self.house) == (self.kind == "at")
        gap = at[self.y] - a
        if self.kind.startswith("beside"):
            return abs(gap) == int(self.kind[-1])
        return {"same": gap == 0, "differ": gap != 0, "direct": gap == 1, "left": gap > 0}[self.kind]


@dataclass(frozen=True)
class Puzzle:
    """What a question says. Value ``attribute * count + n`` is the n-th of an attribute's list."""

    count: int
    words: list[str]
    clues: list[Told]
    asked: int

    @property
    def groups(self) -> list[range]:
        """The values of each attribute."""
        return [range(k, k + self.count) for k in range(0, len(self.words), self.count)]

    def answer(self, at: Mapping[int, int]) -> str:
        """Return the asked attribute by house."""
        found = {at.get(x, -1): self.words[x] for x in self.groups[self.asked]}
        return ", ".join(found.get(house, "?") for house in range(self.count))


def read(row: Row) -> Puzzle:
    """Return what the question says."""
    head, clues, asked = row["question"].split("\n\n")
    first, *lists = head.split("\n")
    count = int(first.split()[0])
    nouns = [line.partition(": ")[0].lower() for line in lists]
    words = [word for line in lists for word in line.partition(": ")[2].split(", ")]
    if len(set(words)) != count * len(nouns):
        raise AmbiguousError("a word names two things")
    told = []
    for line in clues.split("\n")[1:]:
        text = line.partition(". ")[2]
        named = [words.index(word) for word in re.findall(r"\w+", text) if word in words]
        kind, house = "same", -1
        for pattern, name in SAYS:
            if match := re.search(pattern, text):
                kind, house = name, int(match[1]) - 1 if match.groups() else -1
                break
        assert len(named) == (1 if house >= 0 else 2), text
        told.append(Told(kind, named[0], named[1] if house < 0 else -1, house))
    match = re.search(r"what is the (.+) of the person", asked)
    assert match, asked
    return Puzzle(count, words, told, nouns.index(match[1]))


class Clauses:
    """Clauses over "value x is in house h", solved by unit propagation and branching (Davis, Logemann, Loveland 1962)."""

    def __init__(self, puzzle: Puzzle) -> None:
        self.puzzle, n = puzzle, puzzle.count
        size = len(puzzle.words) * n
        self.implied: list[list[int]] = [[] for _ in range(2 * size)]
        """By literal: those that follow at once. A literal is 2 * variable, or 2 * variable + 1 for its negation."""
        self.long: list[list[int]] = []
        self.inside: list[list[int]] = [[] for _ in range(2 * size)]
        self.truth = [-1] * size
        self.trail: list[int] = []
        self.units: list[int] = []
        for group in puzzle.groups:
            for h in range(n):
                self.exactly_one([x * n + h for x in group])
            for x in group:
                self.exactly_one([x * n + h for h in range(n)])
        for told in puzzle.clues:
            self.state(told)

    def exactly_one(self, variables: list[int]) -> None:
        self.either([2 * v for v in variables])
        for a in variables:
            self.implied[2 * a] += [2 * b + 1 for b in variables if b != a]

    def either(self, literals: list[int]) -> None:
        """One of the literals holds."""
        if len(literals) == 1:
            self.units.append(literals[0])
        elif len(literals) == 2:
            self.implied[literals[0] ^ 1].append(literals[1])
            self.implied[literals[1] ^ 1].append(literals[0])
        else:
            for literal in literals:
                self.inside[literal].append(len(self.long))
            self.long.append(literals)

    def state(self, told: Told) -> None:
        n, (kind, x, y, house) = self.puzzle.count, told
        if y < 0:
            self.either([2 * (x * n + house) + (kind == "not at")])
            return
        for h in range(n):
            a, b = 2 * (x * n + h), 2 * (y * n + h)
            if kind == "differ":
                self.either([a + 1, b + 1])
                continue
            if kind.startswith("beside"):
                k = int(kind[-1])
                after = before = [h - k, h + k]
            elif kind == "same":
                after = before = [h]
            elif kind == "direct":
                after, before = [h + 1], [h - 1]
            else:
                after, before = list(range(h + 1, n)), list(range(h))
            self.either([a + 1, *(2 * (y * n + g) for g in after if 0 <= g < n)])
            self.either([b + 1, *(2 * (x * n + g) for g in before if 0 <= g < n)])

    def assign(self, literals: list[int]) -> bool:
        """Take literals as true, with all that follows; say whether there is no contradiction."""
        queue = list(literals)
        while queue:
            literal = queue.pop()
            variable, value = literal >> 1, 1 - (literal & 1)
            if self.truth[variable] >= 0:
                if self.truth[variable] != value:
                    return False
                continue
            self.truth[variable] = value
            self.trail.append(variable)
            queue += self.implied[literal]
            for place in self.inside[literal ^ 1]:
                left = [m for m in self.long[place] if self.truth[m >> 1] != (m & 1)]
                if not left:
                    return False
                if len(left) == 1:
                    queue.append(left[0])
        return True

    def solutions(self) -> Iterator[dict[int, int]]:
        """Yield the houses of all values, solution by solution."""
        if self.assign(self.units):
            yield from self.search()

    def search(self) -> Iterator[dict[int, int]]:
        n = self.puzzle.count
        free = next((v for v, value in enumerate(self.truth) if value < 0), None)
        if free is None:
            yield {v // n: v % n for v, value in enumerate(self.truth) if value == 1}
            return
        for literal in (2 * free, 2 * free + 1):
            length = len(self.trail)
            if self.assign([literal]):
                yield from self.search()
            while len(self.trail) > length:
                self.truth[self.trail.pop()] = -1


def solve(row: Row) -> str:
    """Find every solution; there must be one."""
    puzzle = read(row)
    found = list(islice(Clauses(puzzle).solutions(), 2))
    if len(found) != 1:
        raise AmbiguousError("no solution" if not found else "more than one solution")
    assert all(told.agrees(found[0]) for told in puzzle.clues)
    return puzzle.answer(found[0])


def every_grid(count: int, columns: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Yield the houses of each attribute's values, grid by grid, without holding them."""
    if columns == 0:
        yield ()
        return
    for first in permutations(range(count)):
        for rest in every_grid(count, columns - 1):
            yield (first, *rest)


def with_grids(most: int) -> Callable[[Row], str | None]:
    """Return a solver that tries so many whole grids, one after the other."""

    def answer(row: Row) -> str | None:
        puzzle = read(row)
        for grid in islice(every_grid(puzzle.count, len(puzzle.groups)), most):
            at = dict(enumerate(house for column in grid for house in column))
            if all(told.agrees(at) for told in puzzle.clues):
                return puzzle.answer(at)
        return None

    return answer


def with_placings(most: int) -> Callable[[Row], str | None]:
    """Return a solver that places value after value and goes back when a clue fails; so many placings in all."""

    def answer(row: Row) -> str | None:
        puzzle = read(row)
        due: list[list[Told]] = [[] for _ in puzzle.words]
        for told in puzzle.clues:
            due[max(told.x, told.y)].append(told)
        at: dict[int, int] = {}
        left = most

        def place(x: int) -> bool:
            nonlocal left
            if x == len(puzzle.words):
                return True
            group = puzzle.groups[x // puzzle.count]
            for house in set(range(puzzle.count)) - {at[w] for w in group if w < x}:
                left -= 1
                if left < 0:
                    return False
                at[x] = house
                if all(told.agrees(at) for told in due[x]) and place(x + 1):
                    return True
            return False

        return puzzle.answer(at) if place(0) else None

    return answer


def rule_out(puzzle: Puzzle, clues: list[Told], passes: int) -> list[set[int]]:
    """Return the houses left to each value after some passes over the clues, each taken alone."""
    houses = [set(range(puzzle.count)) for _ in puzzle.words]
    before: list[set[int]] = []
    for _ in range(passes):
        if houses == before:
            break
        before = [set(left) for left in houses]
        for told in clues:
            x, y = told.x, told.y
            if y < 0:
                houses[x] = {h for h in houses[x] if told.agrees({x: h})}
                continue
            houses[x], houses[y] = (
                {h for h in houses[x] if any(told.agrees({x: h, y: g}) for g in houses[y])},
                {g for g in houses[y] if any(told.agrees({x: h, y: g}) for h in houses[x])},
            )
        for group in puzzle.groups:
            for x in group:
                others = [houses[w] for w in group if w != x]
                if len(houses[x]) > 1:
                    houses[x] -= set().union(*(o for o in others if len(o) == 1))
                alone = houses[x] - set().union(*others)
                houses[x] = alone or houses[x]
    return houses


def guess(puzzle: Puzzle, houses: list[set[int]]) -> str:
    """Return an answer with the first house that is left, and the last value where a house is left over."""
    return puzzle.answer({x: min(left, default=0) for x, left in enumerate(houses)})


def within_passes(passes: int) -> Callable[[Row], str]:
    """Return a reader who goes over the clues so many times."""

    def answer(row: Row) -> str:
        puzzle = read(row)
        return guess(puzzle, rule_out(puzzle, puzzle.clues, passes))

    return answer


def with_clues(most: int) -> Callable[[Row], str]:
    """Return a solver that keeps only the first so many clues in mind."""

    def answer(row: Row) -> str:
        puzzle = read(row)
        return guess(puzzle, rule_out(puzzle, puzzle.clues[:most], 20))

    return answer


def with_swaps(most: int) -> Callable[[Row], str | None]:
    """Return a local search: a random grid, in which two values of a list change houses where that breaks no more clues."""

    def answer(row: Row) -> str | None:
        puzzle, r = read(row), Random(row["question"])
        at = {x: x % puzzle.count for x in range(len(puzzle.words))}
        broken = sum(not told.agrees(at) for told in puzzle.clues)
        for _ in range(most):
            if broken == 0:
                return puzzle.answer(at)
            x, y = r.sample(r.choice(puzzle.groups), 2)
            at[x], at[y] = at[y], at[x]
            now = sum(not told.agrees(at) for told in puzzle.clues)
            if now <= broken or r.random() < 0.05:
                broken = now
            else:
                at[x], at[y] = at[y], at[x]
        return None

    return answer


BOUNDED = {
    "2,000 grids": with_grids(2_000),
    "1,000 placings": with_placings(1_000),
    "12 passes over the clues": within_passes(12),
    "36 clues in mind": with_clues(36),
    "600 swaps": with_swaps(600),
}
