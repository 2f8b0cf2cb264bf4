"""Long logs with facts to find and to combine: links to follow from depot to depot, and deliveries to add up at the last.

The measure is the length of the text in thousands of tokens, times the facts that the answer needs. Length is that of RULER
(arXiv 2404.06654), which has accuracy by length for published models; facts are its hops (variable tracking) and needles
(aggregation). Links and deliveries are told in several wordings, among others of the same kind that do not matter.

Text counts four characters a token, as English in the usual tokenizers nearly does, and stays eight percent below the length
named, so that question and answer fit as well. Half a megabyte a prompt is not kept: rows are drawn when a suite is read.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

from gapbench.ladder import Item, Ladder, Rung

CHARS_PER_TOKEN = 4
FILLED = 0.92
SIZES = (
    (250, 1), (500, 1), (1_000, 2), (2_000, 3), (4_000, 4), (8_000, 6), (16_000, 8), (32_000, 11), (64_000, 16), (128_000, 24),
    (128_000, 60), (128_000, 150),
)  # fmt: skip
"""Tokens and facts of each rung."""
FACTS_BY_TURN = (1, 2, 3, 5, 8, 12)
"""Facts that the items of one length need, in turn."""
STARTS = (
    "Al", "Bir", "Cor", "Dun", "Esk", "Far", "Glen", "Hol", "Ivy", "Jar", "Kel", "Lar", "Mar", "Nor", "Or", "Pen", "Rig", "Sel",
    "Thorn", "Wex",
)  # fmt: skip
ENDS = ("by", "ford", "ham", "moor", "ton", "dale", "wick", "ley", "stead", "bury", "gate", "mouth")
PLACES = tuple(start + end for start in STARTS for end in ENDS)
SUBJECTS = (
    "The caretaker", "A visitor", "The night shift", "An inspector", "The driver", "A trainee", "The dispatcher", "A neighbor",
)  # fmt: skip
DEEDS = (
    "checked the locks", "counted the pallets", "swept the yard", "wrote down the weather", "repaired a lamp", "moved two crates",
    "waited for the van", "filed the papers", "watered the plants", "tested the alarm", "cleaned the windows", "sorted the labels",
)  # fmt: skip
PARTS = ("in the morning", "before noon", "at noon", "in the afternoon", "toward evening", "at night")
AFTER = (
    "and found nothing unusual", "and left again soon", "and made a note of it", "while it rained", "while the radio played",
    "and said little about it", "and needed help with it", "and was thanked for it",
)  # fmt: skip
LINKS = (
    "The {} depot sends its goods on to the {} depot.",
    "Whatever is stored at the {} depot is passed on to the {} depot.",
    "Vans take the goods of the {} depot to the {} depot.",
    "The next stop for goods from the {} depot is the {} depot.",
)
ARRIVALS = (
    "A delivery brought {1} {2} to the {0} depot.",
    "The {0} depot took in {1} {2}.",
    "At the {0} depot {1} {2} were unloaded.",
    "A supplier left {1} {2} at the {0} depot.",
)
GOODS = ("bolts", "hinges", "lamps", "tiles", "ropes", "valves")


class Hidden(NamedTuple):
    """What is hidden in a log.

    Attributes:
        sentences: In the order in which they stand there.
        start: The depot at which the goods begin.
        answer: The sum at the depot where they end up.
        slip: What a reader takes who misses a fact.
        solution: The facts that the answer needs.
    """

    sentences: list[str]
    start: str
    answer: int
    slip: int
    solution: list[str]


def hide(r: Random, facts: int, spare: int, good: str) -> Hidden:
    """Return links and deliveries: half of the facts each, and as many others as ``spare`` says."""
    hops = facts // 2
    names = r.sample(PLACES, len(PLACES))
    way, others = names[: hops + 1], names[hops + 1 :]
    placed: list[tuple[float, str]] = []
    solution: list[str] = []
    for a, b in pairwise(way):
        depth = r.random()
        placed.append((depth, r.choice(LINKS).format(a, b)))
        solution.append(placed[-1][1])
        if r.random() < 0.4:
            # An earlier link that this one replaces.
            placed.append((depth * r.random(), r.choice(LINKS).format(a, r.choice(others))))
    counts = [r.randint(101, 989) for _ in range(facts - hops)]
    for count in counts:
        placed.append((r.random(), r.choice(ARRIVALS).format(way[-1], count, good)))
        solution.append(placed[-1][1])
    # Other depots hand on only among themselves, each to one further down the list, so that no way leads into the right one.
    placed += [
        (r.random(), r.choice(LINKS).format(others[k], r.choice(others[k + 1 :])))
        for k in r.sample(range(len(others) - 1), min(spare // 2, len(others) - 1))
    ]
    elsewhere = r.randint(101, 989)
    placed.append((r.random(), r.choice(ARRIVALS).format(others[0], elsewhere, good)))
    for _ in range(spare - spare // 2):
        depot = r.choice(names)
        kind = r.choice([g for g in GOODS if g != good]) if depot == way[-1] else r.choice(GOODS)
        placed.append((r.random(), r.choice(ARRIVALS).format(depot, r.randint(101, 989), kind)))
    placed.sort()
    slip = sum(counts[:-1]) or elsewhere
    return Hidden([text for _, text in placed], way[0], sum(counts), slip, solution)


def write_log(r: Random, hidden: list[str], chars: int) -> str:
    """Return a text of about so many characters that holds sentences in their order."""
    length = sum(len(sentence) + 1 for sentence in hidden)
    filler: list[str] = []
    while length < chars:
        filler.append(
            f"{r.choice(SUBJECTS)} at the {r.choice(PLACES)} depot {r.choice(DEEDS)} {r.choice(PARTS)} {r.choice(AFTER)}."
        )
        length += len(filler[-1]) + 1
    total = len(filler) + len(hidden)
    spots = set(r.sample(range(total), len(hidden)))
    facts, others = iter(hidden), iter(filler)
    sentences = [next(facts) if place in spots else next(others) for place in range(total)]
    return "\n".join(" ".join(sentences[k : k + 8]) for k in range(0, total, 8))


def draw(r: Random, rung: Rung) -> Item:
    """Return a log and a question about it."""
    tokens, facts = rung.settings["tokens"], rung.settings["facts"]
    good = r.choice(GOODS)
    hidden = hide(r, facts, min(tokens // 100, 400), good)
    if facts == 1:
        asked = f"How many {good} arrived at the {hidden.start} depot in all?"
    else:
        asked = (
            f"Goods begin at the {hidden.start} depot and are sent on from depot to depot until they reach one that, by the log, sends "
            f"nothing on. If the log names two places to which a depot sends its goods, the later sentence holds. How many {good} "
            "arrived in all at the depot where the goods end up? Count only what was delivered there from outside."
        )
    log = write_log(r, hidden.sentences, int(tokens * CHARS_PER_TOKEN * FILLED) - len(asked) - 40)
    return Item(
        question=f"Here is the log of a company's depots.\n\n{log}\n\n{asked}",
        answer=hidden.answer,
        slip=hidden.slip,
        solution="\n".join(hidden.solution),
        extra={"tokens": tokens, "facts": facts},
    )


def size_rung(tokens: int, facts: int) -> Rung:
    """Return the rung of a length and a number of facts."""
    return Rung(tokens * facts / 1000, {"tokens": tokens, "facts": facts})


LADDER = Ladder(
    name="reasoning/haystack",
    measure="thousand tokens to read, times facts to combine",
    rungs=[size_rung(tokens, facts) for tokens, facts in SIZES],
    draw=draw,
)


def rows(tokens: int, count: int) -> list[dict[str, Any]]:
    """Return rows of one length, for the tasks ``reasoning/long-*``: from one fact to many, in turn.

    Args:
        tokens: The length of the texts.
        count: How many rows.
    """
    turns = len(FACTS_BY_TURN)
    ladder = Ladder(
        f"reasoning/haystack/{tokens}",
        LADDER.measure,
        [size_rung(tokens, facts) for facts in FACTS_BY_TURN],
        draw,
    )
    per_rung = -(-count // turns)
    drawn = ladder.rows(per_rung=per_rung)
    by_turn = [drawn[rung * per_rung + place] for place in range(per_rung) for rung in range(turns)]
    return by_turn[:count]
