"""The reference implementation of a specification, and hidden tests that compare with it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from .domains import HOLDERS
from .specification import Rule, Specification

RECORDS = 12
"""Records of one hidden call."""
INPUTS = """def make_input(seed):
    def draw(values):
        nonlocal seed
        seed = seed * 1103515245 + 12345 & 0x7FFFFFFF
        return values[(seed >> 8) % len(values)]
    made, day = [], 0
    for _ in range({records}):
        day += draw((0, 1, 1, 2, 4, 9))
        made.append({{"{holder}": draw({holders!r}), "day": day, **{{name: draw(values) for name, values in POOLS.items()}}}})
    return made
"""


def rule_lines(rule: Rule, asked: set[int]) -> list[str]:
    """Return the Python of one rule.

    Args:
        rule: The rule.
        asked: Numbers of rules that conditions ask for.
    """
    if rule.is_withdrawn:
        return []
    lines = []
    number = str(rule.n)
    if rule.instead is not None:
        condition, other = rule.instead
        lines.append(f"n = {other} if {condition.code} else {rule.n}")
        number = "n"
    conditions = [] if rule.condition is None else [rule.condition.code]
    conditions += [f"not ({clause.code})" for clause in rule.unless]
    if len(conditions) > 1:
        conditions = [
            f"({code})" if " or " in code and not code.startswith("not (") else code for code in conditions
        ]
    body = rule.action.code.format(n=number).splitlines()
    if rule.number in asked:
        body.append(f"applied.add({rule.number})")
    if rule.ends:
        body.append("return amount")
    if conditions:
        return [*lines, f"if {' and '.join(conditions)}:", *(f"    {line}" for line in body)]
    return [*lines, *body]


def python_code(found: Specification) -> str:
    """Return the reference implementation."""
    d = found.domain
    bodies = [(number, rule_lines(found.rules[number - 1], set())) for number in found.order]
    text = "\n".join(line for _, lines in bodies for line in lines)
    asked = {
        number
        for number in found.order
        if f"{number} in applied" in text or f"{number} not in applied" in text
    }
    terms = [f"is_{term} = {clause.code}" for term, clause in found.definitions]
    inner = [
        *terms,
        *(f"if {clause.code}:\n    return -1" for clause in found.refusals),
        *(["applied = set()"] if asked else []),
    ]
    for number in found.order:
        lines = rule_lines(found.rules[number - 1], asked)
        if lines:
            inner += [f"# Rule {number}", *lines]
    inner.append("return amount")
    return (
        "def amount_of(p, h):\n"
        + textwrap.indent("\n".join(inner), "    ")
        + f"""


def {d.function}({d.nouns}):
    known, results = {{}}, []
    for p in {d.nouns}:
        h = known.setdefault(p["{d.holder}"], {{"count": 0, "sum": 0, "last": 0, "day": 0, "carried": 0}})
        amount = amount_of(p, h)
        results.append(amount)
        if amount >= 0:
            h["count"] += 1
            h["sum"] += amount
            h["last"] = amount
            h["day"] = p["day"]
    return results
"""
    )


def input_code(found: Specification, r: Random) -> str:
    """Return the Python that makes the hidden inputs from numbers; values stand at the edges of conditions."""
    d = found.domain
    pools: dict[str, tuple[Any, ...]] = {}
    for name, largest in d.numbers.items():
        edges = found.edges.get(name, set())
        values = {0, largest, *(r.randint(0, largest) for _ in range(12))}
        values |= {value for edge in edges for value in (edge - 1, edge, edge + 1) if value >= 0}
        pools[name] = tuple(sorted(values))
    pools |= d.choices | dict.fromkeys(d.flags, (True, False))
    return f"POOLS = {pools!r}\n" + INPUTS.format(records=RECORDS, holder=d.holder, holders=HOLDERS)


def defined(code: str) -> Mapping[str, Any]:
    """Return what this package's own Python defines."""
    space: dict[str, Any] = {}
    exec(code, space)  # noqa: S102 - this package's own text
    return space


@dataclass(frozen=True, slots=True)
class Hidden:
    """The hidden tests of a specification.

    Attributes:
        make: Makes the input of a number.
        code: The Python of ``make``.
        seeds: The number of each call.
        results: What each call must return.
    """

    make: Callable[[int], list[dict[str, Any]]]
    code: str
    seeds: list[int]
    results: list[list[int]]

    def text(self) -> str:
        """Return the tests as Python."""
        pairs = zip(self.seeds, self.results, strict=True)
        asserts = [f"assert candidate(make_input({seed})) == {wanted}" for seed, wanted in pairs]
        return self.code + "\n".join(asserts) + "\n"

    def finds(self, function: Callable[[Any], Any]) -> bool:
        """Say whether another function fails a test."""
        return any(
            function(self.make(seed)) != wanted for seed, wanted in zip(self.seeds, self.results, strict=True)
        )


def hidden_tests(found: Specification, function: Callable[[Any], Any], r: Random, calls: int) -> Hidden:
    """Return hidden tests with so many calls."""
    code = input_code(found, r)
    make = defined(code)["make_input"]
    seeds = r.sample(range(1, 1_000_000), calls)
    return Hidden(make, code, seeds, [function(make(seed)) for seed in seeds])
