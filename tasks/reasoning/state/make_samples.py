"""Writes samples.jsonl: ``python make_samples.py``; the same bytes every time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from tasks.items import Item, Template, generate_rows, to_json_lines, write_samples

HERE = Path(__file__).parent
PER_TEMPLATE = 6
NAMES = ("Ada", "Ben", "Chloe", "Dev", "Elif", "Femi", "Gita", "Hugo")
THINGS = ("key", "coin", "ring", "stamp", "pearl", "marble")
BOXES = ("red", "blue", "green", "yellow", "white")
WORDS = ("oak", "elm", "fir", "ash", "yew", "bay", "fig", "box")


def random_swaps(r: Random, steps: int) -> Item:
    """Things in boxes that are swapped; one who forgets the last swap slips."""
    boxes = list(r.sample(BOXES, 4))
    inside = dict(zip(boxes, r.sample(THINGS, 4), strict=True))
    told = [f"the {thing} is in the {box} box" for box, thing in inside.items()]
    said, before = [], dict(inside)
    for _ in range(steps):
        a, b = r.sample(boxes, 2)
        before = dict(inside)
        inside[a], inside[b] = inside[b], inside[a]
        said.append(f"what is in the {a} box and what is in the {b} box change places")
    where = next(box for box in boxes if before[box] != inside[box])
    question = f"At first {', '.join(told)}. Then, one after the other: {'; '.join(said)}. What is in the {where} box in the end?"
    return Item(question, inside[where], before[where])


def few_swaps(r: Random) -> Item:
    """Four swaps."""
    return random_swaps(r, 4)


def many_swaps(r: Random) -> Item:
    """Twelve swaps."""
    return random_swaps(r, 12)


def line_of_people(r: Random) -> Item:
    """A queue that people join, leave and jump."""
    line = r.sample(NAMES, 5)
    first = ", ".join(line)
    said: list[str] = []
    spare = [name for name in NAMES if name not in line]
    before = list(line)
    for _ in range(r.randint(5, 7)):
        before = list(line)
        step = r.randrange(3)
        if step == 0 and len(line) > 3:
            said.append(f"{line[0]} is served and leaves")
            line = line[1:]
        elif step == 1 and spare:
            said.append(f"{spare[0]} joins at the end")
            line = [*line, spare.pop(0)]
        else:
            k = r.randrange(1, len(line))
            said.append(f"{line[k]} moves to the very front")
            line = [line[k], *line[:k], *line[k + 1 :]]
    place = next((k for k in range(min(len(line), len(before))) if line[k] != before[k]), 0)
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
    question = f"A queue, front first: {first}. Then, one after the other: {'; '.join(said)}. Who is {words[place]} in the queue in the end?"
    return Item(question, line[place], before[place])


def program(r: Random) -> Item:
    """Assignments of a small program, without a loop."""
    values = {name: r.randint(1, 9) for name in "abc"}
    said = [f"{name} = {value}" for name, value in values.items()]
    before = dict(values)
    forms: tuple[tuple[str, Callable[[int, int], int]], ...] = (
        ("{x} = {x} + {y}", lambda x, y: x + y),
        ("{x} = {x} - {y}", lambda x, y: x - y),
        ("{x} = 2 * {y}", lambda _, y: 2 * y),
        ("{x} = max({x}, {y})", max),
    )
    for _ in range(r.randint(6, 9)):
        x, y = r.sample("abc", 2)
        form, work = r.choice(forms)
        before = dict(values)
        values[x] = work(values[x], values[y])
        said.append(form.format(x=x, y=y))
    which = next((name for name in "abc" if values[name] != before[name]), "a")
    question = (
        "These lines run one after the other:\n"
        + "\n".join(said)
        + f"\nWhat is the value of {which} in the end?"
    )
    return Item(question, str(values[which]), str(before[which]))


def stack(r: Random) -> Item:
    """A pile on which things are put and from which they are taken."""
    pile: list[str] = []
    said: list[str] = []
    queue: list[str] = []
    spare = list(r.sample(WORDS, len(WORDS)))
    for step in range(r.randint(8, 11)):
        if spare and (step < 3 or r.random() < 0.55):
            word = spare.pop()
            said.append(f"a plate marked {word} is put on top")
            pile.append(word)
            queue.append(word)
        elif len(pile) > 1:
            said.append("the top plate is taken away")
            pile.pop()
            queue.pop(0)
    question = f"A pile of plates is empty at first. Then, one after the other: {'; '.join(said)}. What is the mark of the plate on top in the end?"
    return Item(question, pile[-1], queue[-1] if queue[-1] != pile[-1] else pile[0])


def lights(r: Random) -> Item:
    """Switches that change a lamp and its neighbours."""
    count = r.randint(5, 7)
    lit, alone = [False] * count, [False] * count
    presses = [r.randrange(count) for _ in range(r.randint(4, 6))]
    for at in presses:
        alone[at] = not alone[at]
        for k in (at - 1, at, at + 1):
            if 0 <= k < count:
                lit[k] = not lit[k]
    question = (
        f"{count} lamps stand in a row, numbered from 1, all off. Pressing the button of a lamp changes that lamp and the ones right beside it, "
        f"from off to on or from on to off. The buttons {', '.join(str(at + 1) for at in presses)} are pressed in this order. "
        "How many lamps are on in the end?"
    )
    return Item(question, str(sum(lit)), str(sum(alone)))


TEMPLATES: tuple[tuple[str, Template], ...] = (
    ("easy", few_swaps),
    ("easy", stack),
    ("medium", line_of_people),
    ("medium", program),
    ("hard", many_swaps),
    ("hard", lights),
)


def render() -> str:
    """Return the whole file."""
    return to_json_lines(generate_rows("state", TEMPLATES, PER_TEMPLATE))


if __name__ == "__main__":
    write_samples(HERE, render())
