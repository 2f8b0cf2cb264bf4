"""A line of words and instructions that change it, one after the other; the line that results is compared exactly.

The measure is the number of instructions, as in IFScale (arXiv 2507.11538), which has accuracy by number, from 10 to 500, for
published models. There each instruction counts alone; here one that is not kept spoils the line. Lines have more words on
higher rungs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from gapbench.ladder import Item, Ladder, Rung

WORDS = (
    "apple", "river", "stone", "cloud", "paper", "window", "garden", "silver", "market", "yellow", "orange", "engine", "island",
    "bottle", "camera", "desert", "forest", "guitar", "hammer", "jacket", "kitchen", "ladder", "mirror", "needle", "office",
    "pencil", "rabbit", "saddle", "table", "uncle", "valley", "wagon", "anchor", "bread", "candle", "dragon", "eagle", "fabric",
    "glove", "honey", "ink", "jungle", "kettle", "lemon", "meadow", "night", "ocean", "planet", "queen", "rope", "salt", "tower",
    "urban", "violet", "water", "year", "zebra", "art", "bell", "corn",
)  # fmt: skip
SIZES = (
    (1, 4), (2, 4), (3, 5), (5, 6), (9, 7), (15, 8), (26, 10), (45, 12), (75, 14), (130, 18), (220, 23), (380, 30),
)  # fmt: skip
"""Instructions and words of each rung."""
VOWELS = "aeiou"
SHOWN = 30
"""The solution of more instructions has every tenth line."""
MOST_LETTERS, FEWEST_LETTERS = 9, 3
Line = list[str]


class Instruction(NamedTuple):
    """A sentence without its full stop, and the line after it."""

    text: str
    line: Line


def plain(r: Random, line: Line) -> Instruction:
    """Return an instruction that moves whole words."""
    n = len(line)
    i, j = sorted(r.sample(range(n), 2))
    swapped = list(line)
    swapped[i], swapped[j] = swapped[j], swapped[i]
    k = r.randint(1, max(1, n // 2))
    rest = line[:j] + line[j + 1 :]
    kind = r.randrange(4)
    if kind == 0:
        return Instruction(f"swap word {i + 1} and word {j + 1}", swapped)
    if kind == 1:
        return Instruction("reverse the order of the words", line[::-1])
    if kind == 2:
        moved = "word" if k == 1 else f"{k} words"
        return Instruction(
            f"move the first {moved} to the end of the line, in the same order", line[k:] + line[:k]
        )
    return Instruction(f"move word {j + 1} to the front of the line", [line[j], *rest])


def resize(r: Random, line: Line, words: int) -> Instruction:
    """Return an instruction that adds or takes a word, so that the line keeps about its length."""
    i = r.randrange(len(line))
    if len(line) >= words:
        return Instruction(f"delete word {i + 1}", line[:i] + line[i + 1 :])
    new = r.choice([word for word in WORDS if word not in line])
    return Instruction(
        f'insert the word "{new}" right after word {i + 1}', [*line[: i + 1], new, *line[i + 1 :]]
    )


def sort(r: Random, line: Line) -> Instruction:
    """Return an instruction that sorts the line."""
    if r.random() < 0.5:
        return Instruction("sort the words alphabetically", sorted(line))
    return Instruction(
        "sort the words by their number of letters, shortest first; words with equally many letters keep their order",
        sorted(line, key=len),
    )


def spell(r: Random, line: Line) -> Instruction:
    """Return an instruction that changes the letters of one word or of two."""
    i, j = r.sample(range(len(line)), 2)
    a, b = line[i], line[j]
    new = list(line)
    kind = r.randrange(4)
    if kind == 0:
        new[i] = a[::-1]
        return Instruction(f"write word {i + 1} backwards", new)
    if kind == 1:
        new[i], new[j] = b[0] + a[1:], a[0] + b[1:]
        return Instruction(f"exchange the first letters of word {i + 1} and word {j + 1}", new)
    if kind == 2:
        new[i] = "".join("a" if letter == "z" else chr(ord(letter) + 1) for letter in a)
        return Instruction(
            f"replace each letter of word {i + 1} by the one after it in the alphabet, and z by a", new
        )
    if len(a) < MOST_LETTERS:
        new[i] = a + b[-1]
        return Instruction(f"add the last letter of word {j + 1} to the end of word {i + 1}", new)
    new[i] = a[1:]
    return Instruction(f"delete the first letter of word {i + 1}", new)


def spell_all(r: Random, line: Line) -> Instruction:
    """Return an instruction that changes the letters of many words."""
    step = r.choice((2, 3))
    every = f"every {'second' if step == 2 else 'third'} word (words {step}, {2 * step} and so on)"
    a, b = r.sample("abcdeghilmnoprstu", 2)
    kind = r.randrange(5)
    if kind == 0:
        return Instruction(
            f"in every word, replace each letter {a} by the letter {b}", [word.replace(a, b) for word in line]
        )
    if kind == 1:
        return Instruction(
            f"in {every}, move the first letter to the end of the word",
            [word[1:] + word[0] if n % step == 0 else word for n, word in enumerate(line, 1)],
        )
    if kind == 2:
        return Instruction(
            "write each word that begins with a vowel backwards",
            [word[::-1] if word[0] in VOWELS else word for word in line],
        )
    if kind == 3:
        return Instruction(
            f"delete the last letter of each word that has more than {FEWEST_LETTERS + 2} letters",
            [word[:-1] if len(word) > FEWEST_LETTERS + 2 else word for word in line],
        )
    return Instruction(
        f"double the last letter of each word that has fewer than {FEWEST_LETTERS + 2} letters",
        [word + word[-1] if len(word) < FEWEST_LETTERS + 2 else word for word in line],
    )


def branch(r: Random, line: Line) -> Instruction:
    """Return an instruction with a condition."""
    i, j = r.sample(range(len(line)), 2)
    k = r.randint(1, len(line) - 1)
    letter = r.choice("aeinorst")
    conditions = (
        (f"word {i + 1} has more letters than word {j + 1}", len(line[i]) > len(line[j])),
        (f"word {i + 1} comes before word {j + 1} in the alphabet", line[i] < line[j]),
        (f"word {k} contains the letter {letter}", letter in line[k - 1]),
        ("the line has an even number of words", len(line) % 2 == 0),
    )
    said, holds = r.choice(conditions)
    then, otherwise = r.choice((plain, spell))(r, line), r.choice((plain, spell))(r, line)
    return Instruction(
        f"if {said}, {then.text}; otherwise {otherwise.text}", (then if holds else otherwise).line
    )


def draw_instruction(r: Random, line: Line, words: int, kinds: Sequence[str]) -> Instruction:
    """Return a random instruction that changes the line."""
    makers: dict[str, Callable[[], Instruction]] = {
        "plain": lambda: plain(r, line),
        "resize": lambda: resize(r, line, words),
        "sort": lambda: sort(r, line),
        "spell": lambda: spell(r, line),
        "spell all": lambda: spell_all(r, line),
        "branch": lambda: branch(r, line),
    }
    while True:
        made = makers[r.choice(kinds)]()
        if (
            made.line != line
            and FEWEST_LETTERS <= min(map(len, made.line)) <= max(map(len, made.line)) <= MOST_LETTERS
        ):
            return made


def draw(r: Random, rung: Rung) -> Item:
    """Return a line and so many instructions; a reader who leaves out the last one slips."""
    count, words, kinds = (rung.settings[key] for key in ("instructions", "words", "kinds"))
    line = r.sample(WORDS, words)
    first, before, said, steps = line, line, [], []
    for number in range(1, count + 1):
        made = draw_instruction(r, line, words, kinds)
        before, line = line, made.line
        said.append(f"{number}. {made.text[0].upper()}{made.text[1:]}.")
        if count <= SHOWN or number % 10 == 0 or number == count:
            steps.append(f"{number}. {' '.join(line)}")
    question = (
        f"A line of words:\n{' '.join(first)}\n\nChange the line by these instructions, one after the other. Word 1 is the first word of the "
        f"line as it stands at that time; the vowels are a, e, i, o, u.\n"
        + "\n".join(said)
        + "\n\nWhat is the line in the end?"
    )
    return Item(question, " ".join(line), " ".join(before), "\n".join(steps))


SIMPLE = ("plain", "plain", "spell")
MIDDLE = ("plain", "resize", "spell", "spell all", "sort")
FULL = ("plain", "resize", "spell", "spell", "spell all", "spell all", "branch", "branch", "sort")
LADDER = Ladder(
    name="reasoning/instructions",
    measure="instructions",
    rungs=[
        Rung(
            count,
            {
                "instructions": count,
                "words": words,
                "kinds": SIMPLE if number < 3 else MIDDLE if number < 5 else FULL,
            },
        )
        for number, (count, words) in enumerate(SIZES, 1)
    ],
    draw=draw,
)
