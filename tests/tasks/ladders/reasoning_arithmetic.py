"""Solvers of chains of quantities: equations read from the text, then solved as a system or with bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from random import Random
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

FACTORS = {"twice": 2, "three times": 3, "five times": 5}
PARTS = {"half": 2, "a third": 3, "a quarter": 4}
Rule = tuple[tuple[str, ...], Callable[..., Fraction]]
"""The quantities that a quantity needs, and how its value follows from theirs."""


def read(row: Mapping[str, Any]) -> tuple[dict[str, Rule], str]:
    """Return the rule of each quantity in the order of the text, and the quantity that is asked for."""
    *sentences, asked = re.split(r"(?<=[.?]) ", row["question"])
    rules: dict[str, Rule] = {}
    for sentence in sentences:
        match = re.fullmatch(r"(The(?: \w+){2,3}) holds (.*)\.", sentence)
        assert match, sentence
        name = match[1].lower()
        if name in rules:
            raise AmbiguousError(f"{name} is given twice")
        rules[name] = rule(match[2])
    match = re.fullmatch(r"How many \w+ does (the(?: \w+){2,3}) hold\?", asked)
    assert match, asked
    return rules, match[1]


def rule(said: str) -> Rule:
    """Return the rule of one sentence."""
    if m := re.fullmatch(r"(\d+) \w+", said):
        value = Fraction(m[1])
        return (), lambda: value
    if m := re.fullmatch(r"(\d+) \w+ (more|fewer) than (the(?: \w+){2,3}?)", said):
        step = Fraction(m[1]) * (1 if m[2] == "more" else -1)
        return (m[3],), lambda a: a + step
    if m := re.fullmatch(r"(twice|three times|five times) as many \w+ as (the(?: \w+){2,3}?)", said):
        factor = FACTORS[m[1]]
        return (m[2],), lambda a: a * factor
    if m := re.fullmatch(r"(half|a third|a quarter) of what (the(?: \w+){2,3}?) holds", said):
        part = PARTS[m[1]]
        return (m[2],), lambda a: a / part
    if m := re.fullmatch(r"(\d+) % more \w+ than (the(?: \w+){2,3}?)", said):
        share = 1 + Fraction(int(m[1]), 100)
        return (m[2],), lambda a: a * share
    if m := re.fullmatch(r"as many \w+ as (the(?: \w+){2,3}?) and (the(?: \w+){2,3}?) together", said):
        return (m[1], m[2]), lambda a, b: a + b
    m = re.fullmatch(r"as many \w+ as (the(?: \w+){2,3}?) and (the(?: \w+){2,3}?) differ by", said)
    assert m, said
    return (m[1], m[2]), lambda a, b: abs(a - b)


def solve(row: Mapping[str, Any]) -> int:
    """Go over the rules until nothing new follows."""
    rules, asked = read(row)
    known: dict[str, Fraction] = {}
    while len(known) < len(rules):
        new = {
            name: how(*(known[need] for need in needs))
            for name, (needs, how) in rules.items()
            if name not in known and all(need in known for need in needs)
        }
        if not new:
            raise AmbiguousError("a quantity does not follow")
        known |= new
    if known[asked].denominator != 1:
        raise AmbiguousError("the answer is no whole number")
    return int(known[asked])


def within_passes(passes: int) -> Callable[[Mapping[str, Any]], int | None]:
    """Return a reader who reads the text so many times from start to end, and takes in what follows at once."""

    def answer(row: Mapping[str, Any]) -> int | None:
        rules, asked = read(row)
        known: dict[str, Fraction] = {}
        for _ in range(passes):
            for name, (needs, how) in rules.items():
                if name not in known and all(need in known for need in needs):
                    known[name] = how(*(known[need] for need in needs))
        return None if asked not in known else int(known[asked])

    return answer


def within_depth(depth: int) -> Callable[[Mapping[str, Any]], int | None]:
    """Return a solver that goes back from the question so many sentences deep."""

    def answer(row: Mapping[str, Any]) -> int | None:
        rules, asked = read(row)

        def value(name: str, left: int) -> Fraction | None:
            needs, how = rules[name]
            if needs and left == 0:
                return None
            found = [value(need, left - 1) for need in needs]
            return None if any(part is None for part in found) else how(*found)

        found = value(asked, depth)
        return None if found is None else int(found)

    return answer


def within_steps(steps: int) -> Callable[[Mapping[str, Any]], int | None]:
    """Return a solver that does so many operations in all, needed or not, in any order that works."""

    def answer(row: Mapping[str, Any]) -> int | None:
        rules, asked = read(row)
        known: dict[str, Fraction] = {}
        left, progress = steps, True
        while progress and asked not in known:
            progress = False
            for name, (needs, how) in rules.items():
                if name not in known and all(need in known for need in needs):
                    if needs and left == 0:
                        return None
                    left -= bool(needs)
                    known[name] = how(*(known[need] for need in needs))
                    progress = True
        return None if asked not in known else int(known[asked])

    return answer


def with_memory(places: int) -> Callable[[Mapping[str, Any]], int | None]:
    """Return a reader in order who keeps the last so many quantities, and reads five times."""

    def answer(row: Mapping[str, Any]) -> int | None:
        rules, asked = read(row)
        known: dict[str, Fraction] = {}
        for _ in range(5):
            for name, (needs, how) in rules.items():
                if name not in known and all(need in known for need in needs):
                    known[name] = how(*(known[need] for need in needs))
                    if name == asked:
                        return int(known[name])
                    while len(known) > places:
                        del known[next(iter(known))]
        return None

    return answer


def with_slips(one_in: int) -> Callable[[Mapping[str, Any]], int]:
    """Return a solver that is off by one in one of so many operations."""

    def answer(row: Mapping[str, Any]) -> int:
        rules, asked = read(row)
        r = Random(row["question"])
        known: dict[str, Fraction] = {}
        while asked not in known:
            for name, (needs, how) in rules.items():
                if name not in known and all(need in known for need in needs):
                    slip = 1 if needs and r.randrange(one_in) == 0 else 0
                    known[name] = how(*(known[need] for need in needs)) + slip
        return round(known[asked])

    return answer


BOUNDED = {
    "reads 20 times": within_passes(20),
    "80 sentences deep": within_depth(80),
    "160 operations": within_steps(160),
    "remembers 12": with_memory(12),
    "one slip in 30": with_slips(30),
}
