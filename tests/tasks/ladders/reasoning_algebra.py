"""Solvers of systems and polynomial steps: fraction-free elimination and sympy, and bounded ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product
from random import Random
from typing import Any

from sympy.polys.domains import ZZ
from sympy.polys.galoistools import (
    gf_add,
    gf_compose,
    gf_diff,
    gf_eval,
    gf_mul,
    gf_rem,
    gf_sqr,
    gf_strip,
)

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
TERM = re.compile(r"([+-]?)\s?(\d*)(x?)(?:_\{(\d+)\}|\^(\d+))?")


@dataclass
class System:
    """Rows of factors with the right side last, and the weights of the sum that is asked for."""

    rows: list[list[int]]
    weights: list[int]


@dataclass
class Chain:
    """A polynomial, highest power first, steps on it, and where its value is asked for."""

    start: list[int]
    steps: list[str]
    at: int
    modulus: int


def read_sum(text: str) -> dict[int, int]:
    """Return the factor of each index or power; a lone x is 1, a number 0."""
    found: dict[int, int] = {}
    for sign, size, x, index, power in TERM.findall(text):
        if not (size or x):
            continue
        place = int(index or power or 1) if x else 0
        if place in found:
            raise AmbiguousError("a term stands twice")
        found[place] = int(f"{sign}{size or 1}")
    return found


def read_polynomial(text: str) -> list[int]:
    found = read_sum(text)
    return [found.get(k, 0) for k in range(max(found), -1, -1)]


def read(row: Row) -> System | Chain:
    """Return what the question says."""
    text: str = row["question"]
    if "modulo" not in text:
        equations = [part.split(" = ") for part in re.findall(r"\$([^$]+ = [^$]+)\$", text)]
        n = len(equations)
        rows = [
            [read_sum(left).get(k, 0) for k in range(1, n + 1)] + [int(right)] for left, right in equations
        ]
        asked = re.search(r"value of \$(.+)\$\?", text)
        assert asked, text
        return System(rows, [read_sum(asked[1]).get(k, 0) for k in range(1, n + 1)])
    start = re.search(r"Begin with \$p\(x\) = (.+)\$\.", text)
    asked = re.search(r"What is \$p\((\d+)\)\$ in the end", text)
    assert start, text
    assert asked, text
    modulus = re.search(r"modulo (\d+)", text)
    assert modulus, text
    steps = re.findall(r"Replace \$p\(x\)\$ by (.+)\.", text)
    return Chain(read_polynomial(start[1]), steps, int(asked[1]), int(modulus[1]))


def eliminate(system: System, below: int | None = None) -> list[Fraction]:
    """Return the solution by elimination without fractions (Bareiss 1968), or nothing if a number is too large."""
    rows, n, last = [list(row) for row in system.rows], len(system.rows), 1
    for k in range(n):
        pivot = next((i for i in range(k, n) if rows[i][k]), None)
        if pivot is None:
            raise AmbiguousError("the system has no solution, or more than one")
        rows[k], rows[pivot] = rows[pivot], rows[k]
        for i in range(n):
            if i != k:
                rows[i] = [
                    (rows[k][k] * a - rows[i][k] * b) // last for a, b in zip(rows[i], rows[k], strict=True)
                ]
        last = rows[k][k]
        if below is not None and max(abs(a) for row in rows for a in row) >= below:
            return []
    return [Fraction(row[n], row[k]) for k, row in enumerate(rows)]


def advance(p: list[int], said: str, m: int) -> list[int]:
    """Do one step."""
    if match := re.fullmatch(r"the remainder of \$p\(x\)\$ on division by \$(.+)\$", said):
        return list(gf_rem(p, read_polynomial(match[1]), m, ZZ))
    if match := re.fullmatch(r"\$p\(x\) \\cdot \((.+)\)\$", said):
        return list(gf_mul(p, read_polynomial(match[1]), m, ZZ))
    if match := re.fullmatch(r"\$p\(x\) \+ (.+)\$", said):
        return list(gf_add(p, read_polynomial(match[1]), m, ZZ))
    if match := re.fullmatch(r"\$p\((x \+ \d+)\)\$", said):
        return list(gf_compose(p, read_polynomial(match[1]), m, ZZ))
    if said == "$p(x)^2$":
        return list(gf_sqr(p, m, ZZ))
    assert said == "its derivative $p'(x)$", said
    return list(gf_diff(p, m, ZZ))


def weigh(system: System, values: list[Fraction]) -> str:
    return write(sum((w * v for w, v in zip(system.weights, values, strict=True)), Fraction(0)))


def write(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return rf"{'-' if value < 0 else ''}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def run(chain: Chain, steps: int | None = None) -> str:
    p = chain.start
    for said in chain.steps[:steps]:
        p = advance(p, said, chain.modulus)
    return str(gf_eval(p, chain.at, chain.modulus, ZZ))


def solve(row: Row) -> str:
    """Solve without bounds."""
    told = read(row)
    return weigh(told, eliminate(told)) if isinstance(told, System) else run(told)


def with_size(unknowns: int, steps: int) -> Callable[[Row], str | None]:
    """Return a solver of systems up to a size, which does only the first so many steps on a polynomial."""

    def answer(row: Row) -> str | None:
        told = read(row)
        if isinstance(told, Chain):
            return run(told, steps)
        return weigh(told, eliminate(told)) if len(told.rows) <= unknowns else None

    return answer


def with_slips(one_in: int) -> Callable[[Row], str]:
    """Return a solver that misreads one in so many factors of each elimination step, or coefficients of a polynomial."""

    def answer(row: Row) -> str:
        told, r = read(row), Random(row["question"])
        if isinstance(told, System):
            n = len(told.rows)
            for _ in range(n * (n - 1)):
                if r.randrange(one_in) == 0:
                    told.rows[r.randrange(n)][r.randrange(n + 1)] += 1
            try:
                return weigh(told, eliminate(told))
            except AmbiguousError:
                return "0"
        p = told.start
        for said in told.steps:
            p = advance(p, said, told.modulus)
            p = gf_strip([(a + (r.randrange(one_in) == 0)) % told.modulus for a in p]) or [1]
        return str(gf_eval(p, told.at, told.modulus, ZZ))

    return answer


def with_room(digits: int, degree: int) -> Callable[[Row], str | None]:
    """Return a solver that gives up on numbers of more digits, and loses the powers of a polynomial above a degree."""

    def answer(row: Row) -> str | None:
        told = read(row)
        if isinstance(told, System):
            values = eliminate(told, 10**digits)
            return weigh(told, values) if values else None
        p = told.start
        for said in told.steps:
            p = advance(p, said, told.modulus)[-degree - 1 :] or [1]
        return str(gf_eval(p, told.at, told.modulus, ZZ))

    return answer


def by_trial(most: int) -> Callable[[Row], str | None]:
    """Return a solver that tries so many solutions of a system, and follows only the value of a polynomial."""

    def answer(row: Row) -> str | None:
        told = read(row)
        if isinstance(told, Chain):
            if not told.steps:
                return run(told)
            value = gf_eval(told.start, told.at, told.modulus, ZZ)
            for said in told.steps:
                value = gf_eval(advance([value], said, told.modulus), told.at, told.modulus, ZZ)
            return str(value)
        tops = sorted(range(-60, 61), key=abs)
        for q in range(2, 8):
            for values in islice(product(tops, repeat=len(told.rows)), most):
                if all(
                    sum(a * v for a, v in zip(row, values, strict=False)) == q * row[-1] for row in told.rows
                ):
                    return weigh(told, [Fraction(v, q) for v in values])
        return None

    return answer


BOUNDED = {
    "4 unknowns, 10 steps": with_size(4, 10),
    "8 unknowns, 40 steps": with_size(8, 40),
    "one slip in 200": with_slips(200),
    "numbers of 6 digits, degree 4": with_room(6, 4),
    "by trial": by_trial(2_000),
}
