"""Solvers of statements about numbers: elimination with exact fractions, and bounded readers who substitute."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
Equation = tuple[dict[str, int], int]
"""Factors by name, and what the products add up to."""
UNKNOWN, CONTRADICTION = "cannot be determined", "contradiction"
TIMES = {"": 1, "twice ": 2, "three times ": 3}
NUMBER = r"((?:[Tt]wice |[Tt]hree times )?)([A-Z]\w+(?: [A-Z]\w+)?)'s number"
FORMS: tuple[tuple[re.Pattern[str], Callable[[Sequence[str]], tuple[int, int, int]]], ...] = (
    (re.compile(rf"{NUMBER} is (\d+)\."), lambda g: (1, 0, int(g[2]))),
    (re.compile(rf"{NUMBER} and {NUMBER} add up to (\d+)\."), lambda g: (1, 1, int(g[4]))),
    (re.compile(rf"{NUMBER} equals {NUMBER}\."), lambda _: (1, -1, 0)),
    (
        re.compile(rf"{NUMBER} is (\d+) (more|less) than {NUMBER}\."),
        lambda g: (1, -1, int(g[2]) * (1 if g[3] == "more" else -1)),
    ),
)


def read(row: Row) -> tuple[list[Equation], str]:
    """Return the statements as equations, and the name that is asked about."""
    _, *lines, blank, asked = row["question"].split("\n")
    assert blank == ""
    match = re.fullmatch(r"What is ([\w ]+)'s number\?", asked)
    assert match, asked
    return [equation(line) for line in lines], match[1]


def equation(line: str) -> Equation:
    """Return the equation of a statement."""
    for pattern, values in FORMS:
        match = pattern.fullmatch(line)
        if match:
            first, second, total = values(match.groups())
            parts = re.findall(NUMBER, line)
            factors = {name: TIMES[times.lower()] for times, name in parts}
            assert len(parts) == len(factors) == 1 + bool(second), line
            names = [name for _, name in parts]
            if second:
                factors[names[1]] *= second
            factors[names[0]] *= first
            return factors, total
    raise AmbiguousError(f"{line!r} says nothing that can be read")


def solve(row: Row) -> str:
    """Eliminate one number after another from all equations."""
    equations, asked = read(row)
    solved: dict[str, tuple[dict[str, Fraction], Fraction]] = {}
    for given, sum_ in equations:
        factors = {name: Fraction(factor) for name, factor in given.items()}
        total = Fraction(sum_)
        for name in [name for name in factors if name in solved]:
            by = factors.pop(name)
            for other, factor in solved[name][0].items():
                factors[other] = factors.get(other, Fraction(0)) + by * factor
            total -= by * solved[name][1]
        factors = {name: factor for name, factor in factors.items() if factor}
        if not factors:
            if total:
                return CONTRADICTION
            continue
        name, pivot = next(iter(factors.items()))
        rest = {other: -factor / pivot for other, factor in factors.items() if other != name}
        constant = total / pivot
        for key, (others, value) in solved.items():
            if name in others:
                by = others.pop(name)
                for other, factor in rest.items():
                    others[other] = others.get(other, Fraction(0)) + by * factor
                solved[key] = ({k: f for k, f in others.items() if f}, value + by * constant)
        solved[name] = (rest, constant)
    if asked not in solved or solved[asked][0]:
        return UNKNOWN
    if solved[asked][1].denominator != 1:
        raise AmbiguousError("the value is no whole number")
    return str(solved[asked][1])


Line = tuple[Fraction, Fraction]
"""A number as ``a * t + b``, where t is the number that is asked for."""


def reader(
    *,
    passes: int = 10**6,
    steps: int = 10**6,
    memory: int = 10**6,
    depth: int = 10**6,
    forward: bool = False,
) -> Callable[[Row], str | None]:
    """Return a reader who calls the number asked for t, and reads until nothing new follows.

    Args:
        passes: Readings of the text from start to end; then gives up.
        steps: Numbers found in all; then gives up.
        memory: Numbers kept; the oldest are forgotten.
        depth: Statements in a row; what would take more is left out.
        forward: Starts with the numbers that are given, not with t.
    """

    def answer(row: Row) -> str | None:
        equations, asked = read(row)
        deep = {asked: 0}
        known: dict[str, Line] = {} if forward else {asked: (Fraction(1), Fraction(0))}
        value: Fraction | None = None
        found, new, left, left_out = 0, True, passes, False
        while new and left:
            new, left = False, left - 1
            for factors, total in equations:
                unknown = [name for name in factors if name not in known]
                if not unknown:
                    a = sum(factor * known[name][0] for name, factor in factors.items())
                    b = total - sum(factor * known[name][1] for name, factor in factors.items())
                    if a == 0 and b:
                        return CONTRADICTION
                    if a and value is not None and value != b / a:
                        return CONTRADICTION
                    if a:
                        value = b / a
                elif len(unknown) == 1 and (len(factors) == 1 or len(known) > 0):
                    by = factors[unknown[0]]
                    others = [(factor, known[name]) for name, factor in factors.items() if name in known]
                    a = -sum(factor * line[0] for factor, line in others) / Fraction(by)
                    b = (total - sum(factor * line[1] for factor, line in others)) / Fraction(by)
                    at = 1 + max((deep[name] for name in factors if name in known), default=0)
                    if at > depth:
                        left_out = True
                        continue
                    deep[unknown[0]] = at
                    known[unknown[0]] = (Fraction(a), Fraction(b))
                    found, new = found + 1, True
                    if found > steps:
                        return None
                    while len(known) > memory:
                        del known[next(name for name in known if name != asked)]
        if forward:
            if asked in known:
                return str(known[asked][1])
            return UNKNOWN if known else None
        if value is None:
            return None if new or left_out else UNKNOWN
        return str(value)

    return answer


BOUNDED = {
    "from given numbers, 3 times": reader(forward=True, passes=3),
    "12 numbers found": reader(steps=12),
    "remembers 8, reads 10 times": reader(memory=8, passes=10),
    "10 statements deep": reader(depth=10),
    "reads 3 times": reader(passes=3),
}
