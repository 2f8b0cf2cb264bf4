"""Long documents with facts to find: the rows of ``reasoning/long-*``, made when a suite is read.

A prompt of 128 000 tokens is half a megabyte, so it is not kept but written anew: the same seed, the same
text. Text counts four characters a token, as English in the usual tokenizers nearly does, and stays eight
percent below the length named, so that question and answer fit as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

CHARS_PER_TOKEN = 4
FILLED = 0.92
PLACES = (
    "Aldby", "Birk", "Corran", "Dunmoor", "Eskdale", "Farley", "Glenrow", "Holt", "Ivybank", "Jarrow", "Kelder", "Larne",
    "Marlow", "Norby", "Orford", "Penrith", "Quern", "Rigg", "Selby", "Thorne", "Ulva", "Varley", "Wharram", "Yarm",
)  # fmt: skip
PEOPLE = (
    "Ada Brandt", "Ben Okafor", "Chloe Nguyen", "Dev Sharma", "Elif Demir", "Femi Adeyemi", "Gita Rao", "Hugo Lindqvist",
    "Ines Duarte", "Jonas Weber", "Kira Novak", "Liam Byrne", "Mei Tanaka", "Nils Dahl", "Omar Haddad", "Pia Rossi",
)  # fmt: skip
SUBJECTS = (
    "The caretaker",
    "A visitor",
    "The night shift",
    "An inspector",
    "The driver",
    "A trainee",
    "The dispatcher",
    "A neighbour",
)
DEEDS = (
    "checked the locks", "counted the pallets", "swept the yard", "wrote down the weather", "repaired a lamp", "moved two crates",
    "waited for the van", "filed the papers", "watered the plants", "tested the alarm", "cleaned the windows", "sorted the labels",
)  # fmt: skip
PARTS = ("in the morning", "before noon", "at noon", "in the afternoon", "towards evening", "at night")
AFTER = (
    "and found nothing unusual", "and left again soon", "and made a note of it", "while it rained", "while the radio played",
    "and said little about it", "and needed help with it", "and was thanked for it",
)  # fmt: skip


class Fact(NamedTuple):
    """A sentence, and how far into the text it stands, from 0 to 1."""

    text: str
    depth: float


class HaystackQuestion(NamedTuple):
    """What is hidden, what is asked, what is right, and what a reader takes who stops too early."""

    facts: tuple[Fact, ...]
    text: str
    answer: int
    slip: int


def generate_filler(r: Random) -> Iterator[str]:
    """Yield sentences without end; none holds a number of five digits."""
    while True:
        yield (
            f"{r.choice(SUBJECTS)} at the {r.choice(PLACES)} depot {r.choice(DEEDS)} {r.choice(PARTS)} {r.choice(AFTER)}."
        )


def random_code(r: Random) -> int:
    """Return a number of five digits."""
    return r.randint(10_000, 99_999)


def single(r: Random) -> HaystackQuestion:
    """One fact among others of its kind."""
    place, *others = r.sample(PLACES, 4)
    right, *wrong = (random_code(r) for _ in range(4))
    facts = [Fact(f"The door code of the {place} depot is {right}.", r.uniform(0.05, 0.95))]
    facts += [
        Fact(f"The door code of the {p} depot is {c}.", r.random())
        for p, c in zip(others, wrong, strict=True)
    ]
    return HaystackQuestion(tuple(facts), f"What is the door code of the {place} depot?", right, wrong[0])


def latest(r: Random) -> HaystackQuestion:
    """A fact that is changed twice; the last one holds."""
    place, other = r.sample(PLACES, 2)
    first, second, third, off = (random_code(r) for _ in range(4))
    depths = sorted(r.uniform(0.02, 0.98) for _ in range(3))
    facts = (
        Fact(f"The door code of the {place} depot is {first}.", depths[0]),
        Fact(f"From here on the door code of the {place} depot is {second} instead.", depths[1]),
        Fact(f"From here on the door code of the {place} depot is {third} instead.", depths[2]),
        Fact(f"From here on the door code of the {other} depot is {off} instead.", r.random()),
    )
    return HaystackQuestion(
        facts, f"What is the door code of the {place} depot at the end of the log?", third, first
    )


def two_hops(r: Random) -> HaystackQuestion:
    """Who runs a depot, and that person's badge."""
    place, other = r.sample(PLACES, 2)
    who, someone = r.sample(PEOPLE, 2)
    right, wrong = random_code(r), random_code(r)
    facts = (
        Fact(f"The {place} depot is run by {who}.", r.random()),
        Fact(f"The {other} depot is run by {someone}.", r.random()),
        Fact(f"{who} carries the badge {right}.", r.random()),
        Fact(f"{someone} carries the badge {wrong}.", r.random()),
    )
    return HaystackQuestion(
        facts, f"What is the number of the badge of the person who runs the {place} depot?", right, wrong
    )


def three_hops(r: Random) -> HaystackQuestion:
    """Where a lorry went, who runs that depot, and that person's badge."""
    place, other = r.sample(PLACES, 2)
    who, someone = r.sample(PEOPLE, 2)
    lorry, decoy = r.sample(("grey", "orange", "purple", "striped"), 2)
    right, wrong = random_code(r), random_code(r)
    facts = (
        Fact(f"The {lorry} lorry belongs to the {place} depot.", r.random()),
        Fact(f"The {decoy} lorry belongs to the {other} depot.", r.random()),
        Fact(f"The {place} depot is run by {who}.", r.random()),
        Fact(f"The {other} depot is run by {someone}.", r.random()),
        Fact(f"{who} carries the badge {right}.", r.random()),
        Fact(f"{someone} carries the badge {wrong}.", r.random()),
    )
    text = (
        f"What is the number of the badge of the person who runs the depot that the {lorry} lorry belongs to?"
    )
    return HaystackQuestion(facts, text, right, wrong)


def total(r: Random) -> HaystackQuestion:
    """Three deliveries to one depot, to be added up."""
    place, other = r.sample(PLACES, 2)
    counts = [r.randint(1_000, 9_999) for _ in range(3)]
    facts = [Fact(f"A delivery brought {count} bolts to the {place} depot.", r.random()) for count in counts]
    facts.append(
        Fact(f"A delivery brought {r.randint(1_000, 9_999)} bolts to the {other} depot.", r.random())
    )
    text = f"How many bolts did all deliveries named in the log bring to the {place} depot together?"
    return HaystackQuestion(tuple(facts), text, sum(counts), sum(counts[:2]))


KINDS = (
    ("easy", single),
    ("easy", single),
    ("medium", latest),
    ("medium", two_hops),
    ("hard", three_hops),
    ("hard", total),
)


def make_document(r: Random, facts: tuple[Fact, ...], chars: int) -> str:
    """Return a text of about ``chars`` characters with each fact at its depth."""
    sentences: list[str] = []
    length = sum(len(fact.text) + 1 for fact in facts)
    source = generate_filler(r)
    while length < chars:
        sentences.append(next(source))
        length += len(sentences[-1]) + 1
    count = len(sentences)
    # From the deepest up, so that facts keep their order even where two fall into one place.
    for fact in sorted(facts, key=lambda fact: -fact.depth):
        sentences.insert(round(fact.depth * count), fact.text)
    return "\n".join(" ".join(sentences[k : k + 8]) for k in range(0, len(sentences), 8))


def rows(tokens: int, count: int) -> list[dict[str, Any]]:
    """Return ``count`` rows whose documents have about ``tokens`` tokens, the kinds in turn."""
    made = []
    for number in range(count):
        tier, kind = KINDS[number % len(KINDS)]
        r = Random(f"haystack/{tokens}/{number}/1")
        question = kind(r)
        while question.answer == question.slip:
            question = kind(r)
        made.append(
            {
                "id": f"{kind.__name__.replace('_', '-')}-{number + 1:02}",
                "tier": tier,
                "kind": kind.__name__,
                "document": make_document(r, question.facts, int(tokens * CHARS_PER_TOKEN * FILLED)),
                "question": question.text,
                "answer": question.answer,
                "slip": question.slip,
            }
        )
    return made
