"""Solvers of draws and words: every way one by one, backward recursion, a transfer matrix, and bounded counters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise, product
from random import Random
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
Bag = tuple[tuple[str, int], ...]
ALL_WAYS = 800
"""Up to so many ways, each is followed on its own."""


@dataclass(frozen=True)
class Draws:
    """Balls by color, what follows each draw, and what is asked about the draws."""

    bag: Bag
    rules: tuple[str, ...]
    asked: Mapping[int, str]
    given: Mapping[int, str]

    def after(self, bag: Bag, number: int, color: str) -> Bag:
        """Return the bag after draw ``number``, from 1."""
        rule, held = self.rules[number - 1], dict(bag)
        if rule == "the ball stays out of the bag.":
            held[color] -= 1
        elif rule == "the ball goes back, together with one more ball of its color.":
            held[color] += 1
        elif rule != "the ball goes back.":
            match = re.fullmatch(
                r"if the ball is (\w+), it stays out and a (\w+) ball goes in instead; else it goes back.",
                rule,
            )
            assert match, rule
            if color == match[1]:
                held[color] -= 1
                held[match[2]] += 1
        return tuple(held.items())


@dataclass(frozen=True)
class Words:
    """Letters, pairs that are not allowed, and what is asked."""

    length: int
    letters: str
    banned: frozenset[str]
    end: str
    letter: str
    times: int


def read_words(text: str) -> Words:
    """Return a question about words."""
    match = re.fullmatch(
        r"Words of (\d+) letters are made from the letters ([A-G, ]+) and ([A-G]); a letter may be used any number of times\. "
        r"Nowhere in a word may one of these pairs stand side by side in this order: ([A-G, ]+)\. "
        r"How many such words end with ([A-G]) and hold the letter ([A-G]) exactly (?:(once)|(\d+) times)\?",
        text,
    )
    assert match, text
    letters = "".join(match[2].split(", ")) + match[3]
    return Words(
        int(match[1]), letters, frozenset(match[4].split(", ")), match[5], match[6], int(match[8] or 1)
    )


def read_draws(text: str) -> Draws:
    """Return a question about draws."""
    head, *lines, blank, question = text.split("\n")
    assert blank == ""
    bag = tuple((color, int(count)) for count, color in re.findall(r"(\d+) (\w+)[, ]", head))
    rules = tuple(line.partition(": ")[2] for line in lines)
    assert [line.partition(": ")[0] for line in lines] == [f"Draw {n}" for n in range(1, len(lines) + 1)]
    asked, _, given = question.partition(" if ")
    seen = [
        {int(number): color for number, color in re.findall(r"the ball of draw (\d+) is (\w+)", part)}
        for part in (asked, given)
    ]
    if set(seen[0]) & set(seen[1]):
        raise AmbiguousError("a draw is both asked and given")
    return Draws(bag, rules, seen[0], seen[1])


def solve(row: Row) -> str:
    """Return the exact value."""
    text = row["question"]
    return str(
        value_of_words(read_words(text)) if text.startswith("Words") else value_of_draws(read_draws(text))
    )


def value_of_draws(asked: Draws) -> Fraction:
    """Follow each way on its own if they are few, else go backward from the last draw."""
    number = len(asked.rules)
    if len(asked.bag) ** number <= ALL_WAYS:
        both = given = Fraction(0)
        for colors in product([color for color, _ in asked.bag], repeat=number):
            chance, bag = Fraction(1), asked.bag
            for at, color in enumerate(colors, 1):
                held = dict(bag)
                chance *= Fraction(held[color], sum(held.values()))
                if not chance:
                    break
                bag = asked.after(bag, at, color)
            agrees = all(colors[at - 1] == color for at, color in asked.given.items())
            given += chance * agrees
            both += chance * (agrees and all(colors[at - 1] == color for at, color in asked.asked.items()))
        return both / given

    @cache
    def chance_from(bag: Bag, at: int, with_asked: bool) -> Fraction:
        if at > number:
            return Fraction(1)
        seen = asked.given.get(at) or (asked.asked.get(at) if with_asked else None)
        total = sum(count for _, count in bag)
        return sum(
            (
                Fraction(count, total) * chance_from(asked.after(bag, at, color), at + 1, with_asked)
                for color, count in bag
                if count and seen in {None, color}
            ),
            Fraction(0),
        )

    return chance_from(asked.bag, 1, True) / chance_from(asked.bag, 1, False)


def value_of_words(asked: Words) -> int:
    """Try each word if they are few, else multiply transfer matrices whose entries count the letter in high digits."""
    letters = asked.letters
    if len(letters) ** asked.length <= ALL_WAYS:
        return sum(
            word[-1] == asked.end
            and word.count(asked.letter) == asked.times
            and not any(a + b in asked.banned for a, b in pairwise(word))
            for word in product(letters, repeat=asked.length)
        )
    shift = 3 * asked.length + 1
    weight = {letter: 1 << shift if letter == asked.letter else 1 for letter in letters}
    row = dict(weight)
    for _ in range(asked.length - 1):
        row = {
            new: weight[new] * sum(row[last] for last in letters if last + new not in asked.banned)
            for new in letters
        }
    return row[asked.end] >> shift * asked.times & (1 << shift) - 1


State = tuple[Any, ...]
Step = Callable[[State, int], Iterator[tuple[State, int]]]


def as_steps(row: Row) -> tuple[State, int, Step, Callable[[State], tuple[bool, bool]], bool]:
    """Return a question as a walk: its start, its length, its steps with their weights, and what an end counts for.

    An end tells whether it agrees with all that is asked, and whether with what is given.
    """
    text = row["question"]
    if text.startswith("Words"):
        words = read_words(text)

        def letters(state: State, _: int) -> Iterator[tuple[State, int]]:
            for new in words.letters:
                if state[0] + new not in words.banned:
                    yield (new, state[1] + (new == words.letter)), 1

        return ("", 0), words.length, letters, lambda s: (s == (words.end, words.times), True), False
    draws = read_draws(text)

    def balls(state: State, at: int) -> Iterator[tuple[State, int]]:
        bag, is_asked = state
        for color, count in bag:
            if count and draws.given.get(at, color) == color:
                yield (draws.after(bag, at, color), is_asked and draws.asked.get(at, color) == color), count

    return (draws.bag, True), len(draws.rules), balls, lambda s: (s[1], True), True


def way_by_way(most: int) -> Callable[[Row], str | None]:
    """Return a solver that follows each way on its own, so many steps in all."""

    def answer(row: Row) -> str | None:
        start, length, steps, end, is_share = as_steps(row)
        left, both, given = most, 0, 0
        stack = [(start, 1, 1)]
        while stack:
            state, at, weight = stack.pop()
            if at > length:
                counts = end(state)
                both, given = both + weight * counts[0], given + weight * counts[1]
                continue
            for following, factor in steps(state, at):
                left -= 1
                if not left:
                    return None
                stack.append((following, at + 1, weight * factor))
        return str(Fraction(both, given) if is_share else both)

    return answer


def together(
    *, memory: int = 10**9, most: int = 10**9, one_in: int = 0, digits: int = 0
) -> Callable[[Row], str | None]:
    """Return a solver that takes ways to the same state together.

    Args:
        memory: Gives up when there are more states at once.
        most: Gives up after so many additions.
        one_in: One addition in so many is off by one. 0: none.
        digits: Keeps only so many leading digits of each number. 0: all.
    """

    def answer(row: Row) -> str | None:
        start, length, steps, end, is_share = as_steps(row)
        r, ways, done = Random(row["question"]), {start: 1}, 0
        for at in range(1, length + 1):
            new: dict[State, int] = {}
            for state, weight in ways.items():
                for following, factor in steps(state, at):
                    done += 1
                    slip = int(one_in > 0 and r.randrange(one_in) == 0)
                    new[following] = new.get(following, 0) + weight * factor + slip
            ways = {state: leading(weight, digits) for state, weight in new.items()}
            if len(ways) > memory or done > most:
                return None
        both = sum(weight for state, weight in ways.items() if end(state)[0])
        return str(Fraction(both, max(1, sum(ways.values()))) if is_share else both)

    return answer


def leading(number: int, digits: int) -> int:
    """Return a number with zeros after its first digits."""
    unit = 10 ** max(0, len(str(number)) - digits) if digits else 1
    return number // unit * unit


BOUNDED = {
    "200 steps, way by way": way_by_way(200),
    "12 states in mind": together(memory=12),
    "400 additions": together(most=400),
    "one slip in 80": together(one_in=80),
    "4 digits": together(digits=4),
}
