"""Writes samples.jsonl: ``python make_samples.py``; the same bytes every time.

A grid is drawn, true clues about it are collected until a search over every assignment finds one alone,
and clues that are not needed are dropped again: each puzzle has exactly one solution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations, product
from pathlib import Path
from random import Random
from typing import NamedTuple

from tasks.items import Item, Template, generate_rows, to_json_lines, write_samples

HERE = Path(__file__).parent
PER_TEMPLATE = 8
NAMES = ("Ada", "Ben", "Chloe", "Dev", "Elif", "Femi", "Gita", "Hugo")
ATTRIBUTES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("drinks {}", "drink", ("tea", "coffee", "milk", "juice", "water")),
    ("keeps a {}", "pet", ("cat", "dog", "parrot", "rabbit", "hamster")),
    ("plays the {}", "instrument", ("flute", "piano", "drum", "violin", "harp")),
    ("drives a {} car", "colour of car", ("red", "blue", "green", "white", "black")),
    ("comes from {}", "home town", ("Oslo", "Lima", "Pune", "Kyoto", "Bern")),
)
Grid = tuple[tuple[int, ...], ...]
"""For each attribute, which value each person has."""


class Clue(NamedTuple):
    """A sentence and whether a grid agrees with it."""

    text: str
    holds: Callable[[Grid], bool]


def enumerate_grids(people: int, attributes: int) -> Iterator[Grid]:
    """Yield every assignment of values to people."""
    yield from product(permutations(range(people)), repeat=attributes)


def enumerate_clues(
    people: list[str], attributes: list[tuple[str, str, tuple[str, ...]]], truth: Grid
) -> Iterator[Clue]:
    """Yield the true sentences of five forms about a grid."""
    count = len(people)
    for a, (phrase, _, values) in enumerate(attributes):
        for who, name in enumerate(people):
            for value in range(count):
                said = phrase.format(values[value])
                if truth[a][who] != value:
                    yield Clue(
                        f"{name} is not the one who {said}.", lambda g, a=a, w=who, v=value: g[a][w] != v
                    )
            true = truth[a][who]
            other = (who + 1) % count
            yield Clue(
                f"Either {name} or {people[other]} {phrase.format(values[true])}.",
                lambda g, a=a, w=who, o=other, v=true: v in {g[a][w], g[a][o]},
            )
        for b in range(a + 1, len(attributes)):
            for who in range(count):
                first, second = truth[a][who], truth[b][who]
                yield Clue(
                    f"The one who {phrase.format(values[first])} also {attributes[b][0].format(attributes[b][2][second])}.",
                    lambda g, a=a, b=b, v=first, w=second: g[b][g[a].index(v)] == w,
                )
                wrong = truth[b][(who + 1) % count]
                yield Clue(
                    f"The one who {phrase.format(values[first])} is not the one who {attributes[b][0].format(attributes[b][2][wrong])}.",
                    lambda g, a=a, b=b, v=first, w=wrong: g[b][g[a].index(v)] != w,
                )


def solve(count: int, attributes: int, given: list[Clue]) -> list[Grid]:
    """Return every grid that agrees with all clues."""
    left = list(enumerate_grids(count, attributes))
    for clue in given:
        left = [grid for grid in left if clue.holds(grid)]
    return left


def random_puzzle(r: Random, count: int, attributes: int) -> Item:
    """Draw one puzzle with a single solution."""
    people = r.sample(NAMES, count)
    told = [(p, n, v[:count]) for p, n, v in r.sample(ATTRIBUTES, attributes)]
    truth = tuple(tuple(r.sample(range(count), count)) for _ in told)
    pool = list(enumerate_clues(people, told, truth))
    r.shuffle(pool)
    left, used = list(enumerate_grids(count, attributes)), []
    for clue in pool:
        fewer = [grid for grid in left if clue.holds(grid)]
        if len(fewer) < len(left):
            left, used = fewer, [*used, clue]
        if len(left) == 1:
            break
    for clue in list(used):
        rest = [other for other in used if other is not clue]
        if len(solve(count, attributes, rest)) == 1:
            used = rest
    assert solve(count, attributes, used) == [truth]
    about = r.randrange(attributes)
    value = r.randrange(count)
    who = truth[about].index(value)
    listed = "; ".join(f"the {name}s are {', '.join(values)}" for _, name, values in told)
    listed = listed.replace("colour of cars", "colours of the cars")
    question = (
        f"{', '.join(people[:-1])} and {people[-1]} differ in everything named here: {listed}. Each belongs to exactly one of them.\n"
        + "\n".join(f"{number}. {clue.text}" for number, clue in enumerate(used, 1))
        + f"\nWho {told[about][0].format(told[about][2][value])}?"
    )
    slip = people[(who + 1 + r.randrange(count - 1)) % count]
    return Item(question, people[who], slip, {"clues": len(used)})


def three_by_two(r: Random) -> Item:
    """Three people, two attributes: 36 grids."""
    return random_puzzle(r, 3, 2)


def three_by_three(r: Random) -> Item:
    """Three people, three attributes: 216 grids."""
    return random_puzzle(r, 3, 3)


def four_by_two(r: Random) -> Item:
    """Four people, two attributes: 576 grids."""
    return random_puzzle(r, 4, 2)


def four_by_three(r: Random) -> Item:
    """Four people, three attributes: 13 824 grids."""
    return random_puzzle(r, 4, 3)


def five_by_two(r: Random) -> Item:
    """Five people, two attributes: 14 400 grids."""
    return random_puzzle(r, 5, 2)


TEMPLATES: tuple[tuple[str, Template], ...] = (
    ("easy", three_by_two),
    ("easy", three_by_three),
    ("medium", four_by_two),
    ("hard", four_by_three),
    ("hard", five_by_two),
)


def render() -> str:
    """Return the whole file."""
    return to_json_lines(generate_rows("logic", TEMPLATES, PER_TEMPLATE))


if __name__ == "__main__":
    write_samples(HERE, render())
