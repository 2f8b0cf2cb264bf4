"""Exact probabilities of dependent draws, and exact numbers of words: each stage depends on those before it.

The measure is the number of stages: draws from a bag whose content each draw may change, or letters of a word where some
letters may not follow others. All ways to go through the stages grow as a power of it: 3 to the 30th on the last rung.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from gapbench.ladder import Item, Ladder, Rung

COLORS = ("red", "blue", "green", "white", "black", "yellow")
PUT_BACK, LEAVE_OUT, ADD, REPLACE = "back", "out", "add", "replace"
LETTERS = "ABCDEFG"
STAGES = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30)
TOLD_STAGES = 6
"""Longer solutions only count the contents of the bag, as there are too many to be listed."""
LEAST_DENOMINATOR = (0, 6, 8, 12, 12, 24, 50, 100)
"""By the number of draws. Smaller ones are guessed too often, or come of draws that do not depend on each other."""
Content = tuple[int, ...]
"""How many balls of each color."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to a ball that was drawn.

    Attributes:
        kind: One of the four.
        drawn: With REPLACE: only a ball of this color is replaced; others are put back.
        instead: With REPLACE: the color that comes in its place.
    """

    kind: str
    drawn: int = 0
    instead: int = 0

    def after(self, content: Content, color: int) -> Content:
        """Return the content of the bag after a ball of a color was drawn."""
        changed = list(content)
        if self.kind == LEAVE_OUT:
            changed[color] -= 1
        elif self.kind == ADD:
            changed[color] += 1
        elif self.kind == REPLACE and color == self.drawn:
            changed[color] -= 1
            changed[self.instead] += 1
        return tuple(changed)

    def text(self) -> str:
        """Return the rule in words."""
        if self.kind == LEAVE_OUT:
            return "the ball stays out of the bag."
        if self.kind == ADD:
            return "the ball goes back, together with one more ball of its color."
        if self.kind == REPLACE:
            drawn, instead = COLORS[self.drawn], COLORS[self.instead]
            return f"if the ball is {drawn}, it stays out and a {instead} ball goes in instead; else it goes back."
        return "the ball goes back."


def count_ways(
    start: Content, rules: Sequence[Rule], seen: Mapping[int, int]
) -> tuple[int, list[Counter[Content]]]:
    """Return how many equally likely ways agree with what was seen, and how many lead to each content, draw by draw.

    Args:
        start: The bag before the first draw.
        rules: One for each draw. None of them changes the number of balls by chance, so that all ways weigh the same.
        seen: Colors by the number of the draw, from 0.
    """
    ways: Counter[Content] = Counter({start: 1})
    history = [ways]
    for number, rule in enumerate(rules):
        following: Counter[Content] = Counter()
        for content, count in ways.items():
            for color, balls in enumerate(content):
                if balls and seen.get(number, color) == color:
                    following[rule.after(content, color)] += count * balls
        ways = following
        history.append(ways)
    return sum(ways.values()), history


def draw_rule(r: Random, colors: int, balls: int, most: int) -> Rule:
    """Return a rule that leaves three balls or more, and at most so many."""
    kinds = [PUT_BACK, REPLACE, REPLACE, REPLACE]
    kinds += [LEAVE_OUT] * 2 if balls > 3 else []
    kinds += [ADD] * 2 if balls < most else []
    kind = r.choice(kinds)
    if kind != REPLACE:
        return Rule(kind)
    drawn, instead = r.sample(range(colors), 2)
    return Rule(REPLACE, drawn, instead)


def say_seen(seen: Mapping[int, int], names: Sequence[str]) -> str:
    """Return which balls were drawn, in words."""
    parts = [f"the ball of draw {number + 1} is {names[color]}" for number, color in sorted(seen.items())]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def bag(r: Random, draws: int) -> Item:
    """Return a question about balls drawn from a bag."""
    colors, most = (3, 25) if draws < 3 else (3, 8)
    names = COLORS[:colors]
    while True:
        start = tuple(r.randint(1, 3) if draws > 2 else r.randint(2, 7) for _ in names)
        rules: list[Rule] = []
        balls = sum(start)
        for _ in range(draws):
            rules.append(draw_rule(r, colors, balls, most))
            balls += {LEAVE_OUT: -1, ADD: 1}.get(rules[-1].kind, 0)
        numbers = [*r.sample(range(draws - 1), min(draws - 1, 1 + draws // 6)), draws - 1]
        seen = {number: r.randrange(colors) for number in numbers}
        given: dict[int, int] = {}
        if draws > 2 and r.random() < 0.5:
            number = r.choice(numbers[:-1])
            given[number] = seen.pop(number)
        both, history = count_ways(start, rules, {**seen, **given})
        all_ways, _ = count_ways(start, rules, given)
        answer = Fraction(both, all_ways)
        if 0 < answer < 1 and answer.denominator >= LEAST_DENOMINATOR[min(draws, 7)]:
            break
    unchanged = [Rule(PUT_BACK)] * draws
    slip = Fraction(
        count_ways(start, unchanged, {**seen, **given})[0], count_ways(start, unchanged, given)[0]
    )
    if slip == answer:
        slip = Fraction(answer.numerator, answer.denominator + 1)
    held = [f"{count} {name}" for count, name in zip(start, names, strict=True)]
    told = [f"{', '.join(held[:-1])} and {held[-1]} balls"]
    lines = [f"Draw {number}: {rule.text()}" for number, rule in enumerate(rules, 1)]
    condition = f" if {say_seen(given, names)}" if given else ""
    return Item(
        question=(
            f"A bag holds {told[0]}. Balls are drawn one after another without looking; each ball that is then in the bag is "
            "equally likely. After each draw:\n" + "\n".join(lines) + "\n\n"
            f"What is the probability that {say_seen(seen, names)}{condition}?"
            + (" (This is a conditional probability.)" if given else "")
        ),
        answer=str(answer),
        slip=str(slip),
        solution=explain(history, names, both, all_ways),
    )


def explain(history: Sequence[Counter[Content]], names: Sequence[str], both: int, all_ways: int) -> str:
    """Return how the ways were counted."""
    lines = [f"Each ball counts as a way; a content of the bag is given as ({', '.join(names)})."]
    for number, ways in enumerate(history[1:], 1):
        listed = ", ".join(f"({', '.join(map(str, content))}): {ways[content]}" for content in sorted(ways))
        if len(history) - 1 > TOLD_STAGES:
            listed = f"{len(ways)} contents, {sum(ways.values())} ways"
        lines.append(f"Ways with the right balls after draw {number}: {listed}.")
    lines.append(f"{both} of {all_ways} ways: {Fraction(both, all_ways)}.")
    return "\n".join(lines)


def count_words(
    length: int, letters: str, follows: Mapping[str, str], letter: str
) -> list[dict[tuple[str, int], int]]:
    """Return, for each length, how many words end with a letter and hold another so many times."""
    ways = {(first, int(first == letter)): 1 for first in letters}
    history = [ways]
    for _ in range(length - 1):
        following: dict[tuple[str, int], int] = {}
        for (last, held), count in ways.items():
            for new in follows[last]:
                key = (new, held + (new == letter))
                following[key] = following.get(key, 0) + count
        ways = following
        history.append(ways)
    return history


def word(r: Random, length: int) -> Item:
    """Return a question about words in which some letters may not follow others."""
    letters = LETTERS[: r.randint(4, 6)]
    while True:
        follows = {
            letter: "".join(other for other in letters if r.random() > 0.3) or letter for letter in letters
        }
        banned = [a + b for a in letters for b in letters if b not in follows[a]]
        asked, end = r.choice(letters), r.choice(letters)
        history = count_words(length, letters, follows, asked)
        held = r.randint(1, max(1, length // 3))
        answer = history[-1].get((end, held), 0)
        free = count_words(length, letters, dict.fromkeys(letters, letters), asked)[-1].get((end, held), 0)
        if answer > length and free != answer and banned:
            break
    times = "once" if held == 1 else f"{held} times"
    return Item(
        question=(
            f"Words of {length} letters are made from the letters {', '.join(letters[:-1])} and {letters[-1]}; a letter may be used "
            "any number of times. Nowhere in a word may one of these pairs stand side by side in this order: "
            f"{', '.join(banned)}. How many such words end with {end} and hold the letter {asked} exactly {times}?"
        ),
        answer=str(answer),
        slip=str(free),
        solution="\n".join(
            [
                *(
                    f"Words of {at} letters with at most {held} {asked}: "
                    f"{sum(count for (_, has), count in ways.items() if has <= held)}."
                    for at, ways in enumerate(history, 1)
                ),
                f"Of the last, {answer} end with {end} and hold {asked} exactly {times}.",
            ]
        ),
    )


def draw(r: Random, rung: Rung) -> Item:
    """Return a question about a bag or about words; short words would leave too little to count."""
    stages = int(rung.complexity)
    return word(r, stages) if stages > 3 and r.random() < 0.4 else bag(r, stages)


LADDER = Ladder(
    name="reasoning/probability",
    measure="stages",
    rungs=[Rung(stages) for stages in STAGES],
    draw=draw,
)
