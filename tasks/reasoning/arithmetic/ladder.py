"""Chains of quantities: each is given by those before it, in any order and among others that are not needed.

The measure is the number of operations between what is given and what is asked, as in GSM-Infinite (arXiv 2502.05252).
On its hard subset, where operations are implied, accuracy falls below one half at 24 operations for DeepSeek-V3, 26 for
Claude 3.5 Sonnet, 70 for o3-mini and 100 for DeepSeek-R1.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from gapbench.ladder import Item, Ladder, Rung

COLORS = (
    "red",
    "blue",
    "green",
    "white",
    "black",
    "yellow",
    "brown",
    "gray",
    "pink",
    "orange",
    "purple",
    "silver",
)
HOLDERS = (
    "box", "cup", "jar", "bag", "tin", "bowl", "crate", "drawer", "basket", "bucket", "case", "tray", "sack", "chest", "pot",
    "barrel", "vase", "pouch", "tub", "chute",
)  # fmt: skip
SIZES = ("tiny", "small", "large", "huge")
THINGS = ("marbles", "coins", "stamps", "buttons", "beads", "screws", "nuts", "tickets")
LARGEST = 999
"""No quantity exceeds it, so that every operation stays one of mental arithmetic."""
STEPS = (1, 2, 3, 4, 6, 9, 13, 19, 28, 42, 64, 100, 150, 240, 400)


@dataclass(frozen=True, slots=True)
class Quantity:
    """What one holder holds.

    Attributes:
        name: Of the holder.
        value: How much it holds.
        sentence: How the question gives it.
        sum: How the value follows, for the solution.
        slip: The value that a misread sentence gives.
    """

    name: str
    value: int
    sentence: str
    sum: str
    slip: int


def derive(r: Random, name: str, things: str, before: Quantity, other: Quantity | None) -> Quantity:
    """Return a quantity given by the one before it, and perhaps by another."""
    a = before.value
    fits: list[Quantity] = []
    k = r.randint(2, 60)
    if a + k <= LARGEST:
        fits += [Quantity(name, a + k, f"holds {k} {things} more than {before.name}", f"{a} + {k}", a - k)]
    k = r.randint(2, 60)
    if a - k >= 2:
        fits += [Quantity(name, a - k, f"holds {k} {things} fewer than {before.name}", f"{a} - {k}", a + k)]
    for factor, word in ((2, "twice"), (3, "three times"), (5, "five times")):
        if a * factor <= LARGEST // 2:
            said = f"holds {word} as many {things} as {before.name}"
            fits += [Quantity(name, a * factor, said, f"{a} * {factor}", a * factor + 1)]
    for factor, word in ((2, "half"), (3, "a third"), (4, "a quarter")):
        if a % factor == 0 and a // factor >= 5:
            said = f"holds {word} of what {before.name} holds"
            fits += [Quantity(name, a // factor, said, f"{a} / {factor}", a * factor)]
    for percent in (10, 20, 25, 50):
        if a * percent % 100 == 0 and a * (100 + percent) // 100 <= LARGEST:
            said = f"holds {percent} % more {things} than {before.name}"
            value = a * (100 + percent) // 100
            fits += [Quantity(name, value, said, f"{a} * {100 + percent} / 100", a + percent)]
    if other is not None:
        b = other.value
        if a + b <= LARGEST:
            said = f"holds as many {things} as {before.name} and {other.name} together"
            fits += [Quantity(name, a + b, said, f"{a} + {b}", abs(a - b))]
        if abs(a - b) >= 2:
            said = f"holds as many {things} as {before.name} and {other.name} differ by"
            fits += [Quantity(name, abs(a - b), said, f"|{a} - {b}|", a + b)]
    return r.choice(fits)


def draw(r: Random, rung: Rung) -> Item:
    """Return a chain of so many operations, with quantities beside it that are not needed."""
    steps, spare, things = int(rung.settings["steps"]), int(rung.settings["spare"]), r.choice(THINGS)
    pool = [f"the {color} {holder}" for color in COLORS for holder in HOLDERS]
    if steps + 1 + spare > len(pool):
        pool = [f"the {size} {name.removeprefix('the ')}" for size in SIZES for name in pool]
    names = r.sample(pool, steps + 1 + spare)
    first = r.randint(5, 60)
    given = Quantity(names[0], first, f"holds {first} {things}", str(first), first + 1)
    chain = [given]
    for name in names[1 : steps + 1]:
        earlier = r.choice(chain[:-1]) if len(chain) > 1 and r.random() < 0.25 else None
        chain.append(derive(r, name, things, chain[-1], earlier))
    beside = list(chain[:-1])
    for name in names[steps + 1 :]:
        beside.append(derive(r, name, things, r.choice(beside), None))
    told = [*chain, *beside[len(chain) - 1 :]]
    if rung.settings["shuffled"]:
        r.shuffle(told)
    sentences = " ".join(f"{q.name[0].upper()}{q.name[1:]} {q.sentence}." for q in told)
    return Item(
        question=f"{sentences} How many {things} does {chain[-1].name} hold?",
        answer=chain[-1].value,
        slip=chain[-1].slip,
        solution="\n".join(
            [f"{given.name}: {first}", *(f"{q.name}: {q.sum} = {q.value}" for q in chain[1:])]
        ),
    )


LADDER = Ladder(
    name="reasoning/arithmetic",
    measure="operations",
    rungs=[Rung(steps, {"steps": steps, "spare": steps // 3, "shuffled": steps > 3}) for steps in STEPS],
    draw=draw,
)
