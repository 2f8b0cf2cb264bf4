"""Logic grids: who lives in which house and has what, from clues.

The measure is the size of the search space, (N!)^M for N houses and M attributes, as its logarithm to the base 10. It is
that of ZebraLogic (arXiv 2502.01100), whose puzzles go from 2x2 to 6x6 and which has accuracy by search space for
published models. The clues have its forms too.

Each clue is kept only if steps of sound inference need it, and these steps alone lead to the whole grid. That proves that
there is one solution, without a search.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial
from random import Random
from typing import NamedTuple

from gapbench.ladder import Item, Ladder, Rung

ATTRIBUTES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("{}", "is {}", "name", ("Ada", "Ben", "Chloe", "Dev", "Elif", "Femi", "Gita", "Hugo", "Ines", "Jonas")),
    ("the one who drinks {}", "drinks {}", "drink", ("tea", "coffee", "milk", "juice", "water", "cocoa", "lemonade", "cider", "soda", "broth")),
    ("the one with the {}", "has the {}", "pet", ("cat", "dog", "parrot", "rabbit", "hamster", "turtle", "goldfish", "pony", "lizard", "goose")),
    ("the one who plays the {}", "plays the {}", "instrument", ("flute", "piano", "drum", "violin", "harp", "guitar", "trumpet", "organ", "cello", "banjo")),
    ("the one who drives the {} car", "drives the {} car", "color of the car", ("red", "blue", "green", "white", "black", "yellow", "brown", "gray", "pink", "silver")),
    ("the one from {}", "comes from {}", "home town", ("Oslo", "Lima", "Pune", "Kyoto", "Bern", "Quito", "Accra", "Turin", "Cork", "Tampa")),
    ("the {}", "works as a {}", "job", ("baker", "nurse", "pilot", "tailor", "judge", "farmer", "miner", "painter", "plumber", "barber")),
    ("the one who grows {}", "grows {}", "flower", ("roses", "tulips", "lilies", "daisies", "poppies", "irises", "orchids", "asters", "pansies", "violets")),
    ("the one who likes {}", "likes {}", "sport", ("tennis", "chess", "rowing", "golf", "hockey", "judo", "skiing", "boxing", "cycling", "fencing")),
    ("the one who eats {}", "eats {}", "fruit", ("apples", "plums", "grapes", "cherries", "pears", "figs", "melons", "dates", "mangoes", "limes")),
)  # fmt: skip
SIZES = ((4, 1), (4, 2), (4, 3), (5, 3), (5, 4), (6, 4), (6, 5), (7, 5), (7, 7), (8, 8), (9, 8), (9, 9))
EASY = {"at": 4, "same": 4, "direct": 1, "not at": 1}
MIDDLE = {"at": 1, "same": 5, "direct": 3, "next": 2, "left": 2, "apart": 1, "not at": 1, "not same": 1}
HARD = {"same": 3, "direct": 2, "next": 3, "left": 3, "apart": 2, "not at": 2, "not same": 2}
FORMS = {
    "at": "{} lives in house {}",
    "not at": "{} does not live in house {}",
    "same": "{} {}",
    "not same": "{} is not {}",
    "direct": "{} lives directly to the left of {}",
    "left": "{} lives somewhere to the left of {}",
    "next": "{} lives right beside {}",
}
APART = {2: "Exactly one house stands between {} and {}", 3: "Exactly two houses stand between {} and {}"}


class Clue(NamedTuple):
    """What a sentence says of one or two values.

    Attributes:
        kind: A key of ``FORMS``, or ``apart``.
        i: The first value, attribute times N plus place in the attribute.
        j: The second value, or -1.
        k: A house from 0, or how far apart two houses are; else 0.
    """

    kind: str
    i: int
    j: int
    k: int


class Grid:
    """Which houses each value may still be in: one bit per house."""

    def __init__(self, count: int, attributes: int) -> None:
        self.count = count
        self.houses = [(1 << count) - 1] * (count * attributes)
        self.about: list[list[Clue]] = [[] for _ in self.houses]
        self.order: dict[int, None] = {}
        """Values in the order in which their houses were found."""

    def is_solved(self) -> bool:
        """Say whether each value has one house left."""
        return len(self.order) == len(self.houses)

    def add(self, clues: Sequence[Clue]) -> None:
        """Take in clues and all that follows."""
        changed: list[int] = []
        for clue in clues:
            self.about[clue.i].append(clue)
            if clue.j >= 0:
                self.about[clue.j].append(clue)
            changed += self.revise(clue)
        self.settle(changed)

    def says_new(self, clue: Clue) -> bool:
        """Say whether a clue rules out a house that is still open."""
        before = self.houses[clue.i], self.houses[clue.j]
        changed = self.revise(clue)
        self.houses[clue.i], self.houses[clue.j] = before
        return bool(changed)

    def copy(self) -> Grid:
        """Return the same state, to go on from."""
        other = Grid.__new__(Grid)
        other.count, other.houses = self.count, list(self.houses)
        other.about, other.order = [list(clues) for clues in self.about], dict(self.order)
        return other

    def settle(self, changed: Sequence[int]) -> None:
        """Draw conclusions until nothing new follows."""
        queue = dict.fromkeys(changed)
        count, houses = self.count, self.houses
        while queue:
            i = next(iter(queue))
            del queue[i]
            mask, start = houses[i], i - i % count
            if mask & (mask - 1) == 0:
                self.order[i] = None
                for v in range(start, start + count):
                    if v != i and houses[v] & mask:
                        houses[v] &= ~mask
                        queue[v] = None
            # A house that only one value of the attribute may be in is its own.
            once = twice = 0
            for other in houses[start : start + count]:
                twice |= once & other
                once |= other
            once &= ~twice
            for v in range(start, start + count):
                only = houses[v] & once
                if only and only != houses[v]:
                    houses[v] = only
                    queue[v] = None
            for clue in self.about[i]:
                for v in self.revise(clue):
                    queue[v] = None

    def revise(self, clue: Clue) -> tuple[int, ...]:
        """Strike the houses that one clue rules out, and return the values that lost some."""
        kind, i, j, k = clue
        a = self.houses[i]
        if j < 0:
            new = a & (1 << k) if kind == "at" else a & ~(1 << k)
            self.houses[i] = new
            return (i,) if new != a else ()
        b = self.houses[j]
        new, other = allowed_houses(kind, k, a, b)
        if new == a and other == b:
            return ()
        self.houses[i], self.houses[j] = new, other
        return (i,) * (new != a) + (j,) * (other != b)


def allowed_houses(kind: str, k: int, a: int, b: int) -> tuple[int, int]:
    """Return the houses that two values may keep under a clue about both."""
    if kind == "same":
        return a & b, a & b
    if kind == "not same":
        return (a & ~b if b & (b - 1) == 0 else a), (b & ~a if a & (a - 1) == 0 else b)
    if kind == "direct":
        return a & (b >> 1), b & (a << 1)
    if kind == "left":
        last, first = 1 << (b.bit_length() - 1), a & -a
        return a & (last - 1), b & ~((first << 1) - 1)
    return a & ((b << k) | (b >> k)), b & ((a << k) | (a >> k))


def draw_clue(r: Random, kind: str, truth: Sequence[int], count: int) -> Clue | None:
    """Return a random true clue of a kind, or None if the values drawn give none."""
    i = r.randrange(len(truth))
    if kind == "at":
        return Clue(kind, i, -1, truth[i])
    if kind == "not at":
        house = r.randrange(count)
        return Clue(kind, i, -1, house) if house != truth[i] else None
    j = r.randrange(len(truth))
    gap = truth[j] - truth[i]
    same_attribute = i // count == j // count
    if i == j or (same_attribute and kind in {"same", "not same"}):
        return None
    fits = {
        "same": gap == 0,
        "not same": gap != 0,
        "direct": gap == 1,
        "left": gap > 0,
        "next": abs(gap) == 1,
        "apart": abs(gap) in APART,
    }
    if not fits[kind]:
        return None
    if kind in {"same", "not same"} and i > j:
        i, j = j, i
    return Clue(kind, i, j, abs(gap) if kind in {"next", "apart"} else 0)


def collect_clues(
    r: Random, truth: Sequence[int], count: int, attributes: int, weights: dict[str, int]
) -> list[Clue]:
    """Return clues from which the grid follows, each of which said something new when it was added."""
    kinds, shares = list(weights), list(weights.values())
    grid, clues = Grid(count, attributes), []
    while not grid.is_solved():
        clue = draw_clue(r, r.choices(kinds, shares)[0], truth, count)
        if clue is not None and grid.says_new(clue):
            grid.add([clue])
            clues.append(clue)
    return clues


def drop_clues(clues: list[Clue], count: int, attributes: int) -> list[Clue]:
    """Return clues without those that the others make needless."""
    so_far, kept = Grid(count, attributes), []
    for place, clue in enumerate(clues):
        without = so_far.copy()
        without.add(clues[place + 1 :])
        if not without.is_solved():
            kept.append(clue)
            so_far.add([clue])
    return kept


def infer(clues: Sequence[Clue], count: int, attributes: int) -> Grid:
    """Return what follows from clues."""
    grid = Grid(count, attributes)
    grid.add(clues)
    return grid


def name_value(i: int, count: int, told: Sequence[tuple[str, list[str]]]) -> str:
    """Return the subject of a sentence about a value."""
    subject, values = told[i // count]
    return subject.format(values[i % count])


def write_clue(
    clue: Clue, count: int, told: Sequence[tuple[str, list[str]]], predicates: Sequence[str]
) -> str:
    """Return a clue as a sentence."""
    subject = name_value(clue.i, count, told)
    if clue.kind in {"at", "not at"}:
        text = FORMS[clue.kind].format(subject, clue.k + 1)
    elif clue.kind == "same":
        values = told[clue.j // count][1]
        text = FORMS["same"].format(subject, predicates[clue.j // count].format(values[clue.j % count]))
    else:
        form = APART[clue.k] if clue.kind == "apart" else FORMS[clue.kind]
        text = form.format(subject, name_value(clue.j, count, told))
    return f"{text[0].upper()}{text[1:]}."


def draw(r: Random, rung: Rung) -> Item:
    """Return a grid with one solution; the question is for the attribute that is found last."""
    count, attributes, weights = (rung.settings[key] for key in ("houses", "attributes", "weights"))
    chosen = [ATTRIBUTES[0], *sorted(r.sample(ATTRIBUTES[1:], attributes - 1), key=ATTRIBUTES.index)]
    told = [(subject, r.sample(values, count)) for subject, _, _, values in chosen]
    predicates = [predicate for _, predicate, _, _ in chosen]
    truth = [house for _ in chosen for house in r.sample(range(count), count)]
    clues = collect_clues(r, truth, count, attributes, weights)
    clues = drop_clues(clues, count, attributes)
    r.shuffle(clues)
    grid = infer(clues, count, attributes)
    order = list(grid.order)
    about = order[-1] // count
    noun = chosen[about][2]
    row = [""] * count
    for value, house in zip(told[about][1], truth[about * count : about * count + count], strict=True):
        row[house] = value
    a, b = r.sample(range(count), 2)
    slip = list(row)
    slip[a], slip[b] = slip[b], slip[a]
    listed = "\n".join(
        f"{n[0].upper()}{n[1:]}: {', '.join(sorted(values))}"
        for (_, _, n, _), (_, values) in zip(chosen, told, strict=True)
    )
    question = (
        f"{count} houses stand in a row, numbered 1 to {count} from left to right. One person lives in each. The persons differ in everything "
        f"listed here, and each value belongs to exactly one of them.\n{listed}\n\nClues:\n"
        + "\n".join(f"{n}. {write_clue(clue, count, told, predicates)}" for n, clue in enumerate(clues, 1))
        + f"\n\nFor houses 1 to {count} in this order: what is the {noun} of the person who lives there?"
    )
    steps = [f"{name_value(i, count, told)}: house {truth[i] + 1}" for i in order]
    return Item(question, ", ".join(row), ", ".join(slip), "\n".join(steps), extra={"clues": len(clues)})


def log10_space(count: int, attributes: int) -> float:
    """Return the logarithm of (N!)^M to one decimal, from whole numbers alone."""
    space, digits = factorial(count) ** attributes, 0
    while space >= 10 ** (digits + 1):
        digits += 1
    tenths = next(k for k in range(10, -1, -1) if 10 ** (10 * digits + k) <= space**10)
    return digits + tenths / 10


LADDER = Ladder(
    name="reasoning/logic",
    measure="log10 of the search space (N!)^M",
    rungs=[
        Rung(
            log10_space(houses, attributes),
            {
                "houses": houses,
                "attributes": attributes,
                "weights": EASY if number < 2 else MIDDLE if number < 5 else HARD,
            },
        )
        for number, (houses, attributes) in enumerate(SIZES)
    ],
    draw=draw,
)
