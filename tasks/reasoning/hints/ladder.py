"""Long texts that hint at what is asked: no word of the question stands in the sentences that answer it.

As in NoLiMa (arXiv 2502.05167), a reader who looks for the words of the question finds nothing: the text says that someone's
balcony faces the Charles Bridge, and asked is who lives in Czechia. From rung 3 on, what is found leads on to someone else,
again by a hint. The measure is the length of the text in tokens, as there; a token is counted as four characters. The texts
are long, so they are not kept in a file but drawn when a suite is read.
"""

from __future__ import annotations

import itertools
from random import Random

from gapbench.ladder import Item, Ladder, Rung

from .knowledge import (
    DEEDS,
    FIRST_NAMES,
    HOME_HINTS,
    HOMES,
    LAST_NAMES,
    RELATIONS,
    TIMES,
    WORK,
    WORK_HINTS,
)

CHARS_PER_TOKEN = 4
FILLED = 0.92
"""Of the length; the rest is for the question and the answer."""
PARAGRAPH = 12
NAMES = tuple(f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES)
KINDS = tuple(RELATIONS)


class Text:
    """A text that grows sentence by sentence.

    Attributes:
        sentences: In the order in which they were written.
        chars: Their length.
    """

    def __init__(self, r: Random) -> None:
        self.r = r
        self.sentences: list[str] = []
        self.chars = 0

    def add(self, sentence: str) -> str:
        """Add a sentence, and return it."""
        self.sentences.append(sentence)
        self.chars += len(sentence) + 1
        return sentence

    def home(self, name: str, place: int) -> str:
        """Hint at where someone lives."""
        return self.add(self.r.choice(HOME_HINTS).format(x=name, it=HOMES[place][0]))

    def work(self, name: str, place: int) -> str:
        """Hint at someone's occupation."""
        return self.add(self.r.choice(WORK_HINTS).format(x=name, it=WORK[place][0]))

    def relation(self, kind: str, name: str, other: str) -> str:
        """Hint at what another is to someone."""
        return self.add(self.r.choice(RELATIONS[kind]).format(x=name, y=other))


def other_than(r: Random, count: int, place: int | None) -> int:
    """Return a place below ``count`` that is not the one given."""
    if place is None:
        return r.randrange(count)
    found = r.randrange(count - 1)
    return found + (found >= place)


def draw(r: Random, rung: Rung) -> Item:
    """Return a text about many people, and a question about one of them."""
    tokens, links = int(rung.complexity), int(rung.settings["links"])
    names = r.sample(NAMES, min(len(NAMES), 40 + tokens // 20))
    chain, others = names[: links + 1], names[links + 1 :]
    text = Text(r)
    asks_home = r.random() < 0.5
    home, work = (r.randrange(len(HOMES)), None) if asks_home else (None, r.randrange(len(WORK)))
    told = []
    if home is not None:
        landmark, city, country = HOMES[home]
        told = [f"{landmark} is in {city}, {country}: {text.home(chain[0], home)}"]
        question = f"the person who lives in {country if rung.settings['countries'] else city}"
    else:
        assert work is not None
        occupation = WORK[work][1]
        told = [f"This is the work of {occupation}: {text.work(chain[0], work)}"]
        question = f"the person who works as {occupation}"
    for name, other in itertools.pairwise(chain):
        kind = r.choice(KINDS)
        told.append(f"The {kind}: {text.relation(kind, name, other)}")
        question = f"the {kind} of {question}"
        # A reader who takes any relation for the right one goes astray.
        text.relation(r.choice([k for k in KINDS if k != kind]), name, r.choice(others))
    text.sentences, needles = [], text.sentences
    for name in chain[1:]:
        text.home(name, other_than(r, len(HOMES), home))
    size = tokens * CHARS_PER_TOKEN * FILLED
    scarce = tokens <= 500
    for name in others:
        if text.chars >= size:
            break
        if scarce:
            if r.random() < 0.5:
                text.home(name, other_than(r, len(HOMES), home))
            else:
                text.work(name, other_than(r, len(WORK), work))
            continue
        if r.random() < 0.7:
            text.home(name, other_than(r, len(HOMES), home))
        if r.random() < 0.7:
            text.work(name, other_than(r, len(WORK), work))
        for kind in KINDS:
            if r.random() < 0.3:
                text.relation(kind, name, r.choice(names))
        text.add(f"{name} {r.choice(DEEDS)} {r.choice(TIMES)}.")
    sentences = needles + text.sentences
    r.shuffle(sentences)
    paragraphs = [" ".join(sentences[at : at + PARAGRAPH]) for at in range(0, len(sentences), PARAGRAPH)]
    slip = r.choice([name for name in names[:12] if name != chain[-1]])
    return Item(
        question="\n\n".join([*paragraphs, f"Who is {question}?"]),
        answer=chain[-1],
        slip=slip,
        solution="\n".join(told),
        extra={"links": links},
    )


def make_rung(tokens: int, links: int) -> Rung:
    """Return the rung of a length, at which so many relations are to be followed."""
    return Rung(tokens, {"links": links, "countries": tokens >= 1000})


LADDER = Ladder(
    name="reasoning/hints",
    measure="tokens",
    rungs=[
        make_rung(250, 0),
        make_rung(500, 0),
        make_rung(1_000, 1),
        make_rung(2_000, 1),
        make_rung(4_000, 2),
        make_rung(8_000, 2),
        make_rung(16_000, 3),
        make_rung(32_000, 4),
        make_rung(64_000, 6),
        make_rung(96_000, 8),
        make_rung(128_000, 10),
    ],
    draw=draw,
)
