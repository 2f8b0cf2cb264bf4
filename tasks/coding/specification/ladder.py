"""Write a function from a specification whose rules, definitions, exceptions and changes act on each other.

The measure is the number of clauses: definitions, rules, exceptions, sentences on the order, refusals and changes. All of
them meet in one function, and one that is misread fails the hidden tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from random import Random

from gapbench.ladder import Item, Ladder, Rung

from .reference import defined, hidden_tests, python_code
from .specification import Specification, compose, render

CLAUSES = (1, 2, 4, 6, 9, 14, 20, 30, 45, 65, 95, 140)


def careless(found: Specification) -> Iterator[Specification]:
    """Yield the specification as one reads it who overlooks one exception, or else one rule, or mistakes a number."""
    for at, rule in enumerate(found.rules):
        if (rule.unless or rule.instead) and not rule.is_withdrawn:
            read = deepcopy(found)
            read.rules[at].unless, read.rules[at].instead = [], None
            yield read
    for at in range(len(found.rules) - 1, 0, -1):
        if not found.rules[at].is_withdrawn:
            read = deepcopy(found)
            read.rules[at].is_withdrawn = True
            yield read
    read = deepcopy(found)
    read.rules[0].n += 1
    yield read


def draw(r: Random, rung: Rung) -> Item:
    """Return a specification of so many clauses, its reference implementation and hidden tests."""
    clauses = int(rung.settings["clauses"])
    while True:
        found = compose(r, clauses)
        code, name = python_code(found), found.domain.function
        function = defined(code)[name]
        tests = hidden_tests(found, function, r, calls=24 + clauses // 4)
        if varied(tests.results):
            break
    slip = next(text for text in map(python_code, careless(found)) if tests.finds(defined(text)[name]))
    shown = tests.make(r.randint(1, 9999))[:3]
    records = "".join(f"    {record},\n" for record in shown)
    return Item(
        question=f"{render(found, r)}\nExample\n{name}([\n{records}]) returns {function(shown)}\n",
        answer=code,
        slip=slip,
        solution=f"Rules in the order in which they are applied: {', '.join(map(str, in_force(found)))}.",
        extra={"entry_point": name, "test": tests.text()},
    )


def in_force(found: Specification) -> list[int]:
    """Return the numbers of the rules that are not withdrawn, in the order in which they are applied."""
    return [number for number in found.order if not found.rules[number - 1].is_withdrawn]


def varied(results: list[list[int]]) -> bool:
    """Say whether most records have a result of their own, and few are refused."""
    plain = [value for result in results for value in result]
    return len(set(plain)) >= 8 and plain.count(-1) * 4 < len(plain)


LADDER = Ladder(
    name="coding/specification",
    measure="clauses that interact",
    rungs=[Rung(clauses, {"clauses": clauses}) for clauses in CLAUSES],
    draw=draw,
)
