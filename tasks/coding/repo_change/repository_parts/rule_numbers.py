"""Templates of number functions: two whole numbers in, one out, with the rule in the docstring and a fault that breaks it.

A template draws its constants, so that no two functions compute the same. A fault is a text of the body and what stands
there instead; the docstring then says more than the code does.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple


class Draft(NamedTuple):
    """A function without its name.

    Attributes:
        says: The docstring, as one or more lines.
        body: The lines below it, indented by four.
        fault: A text that stands once in the body, and the faulty one.
        calls: Functions that it calls.
    """

    says: str
    body: str
    fault: tuple[str, str]
    calls: tuple[str, ...] = ()


def brackets(r: Random, x: str, y: str) -> Draft:
    """Return a rate by thresholds."""
    a, b, c = sorted(r.sample(range(8, 240), 3))
    p, q, s, t = (r.randint(2, 60) for _ in range(4))
    step = r.randint(3, 9)
    body = f"""    if {x} < {a}:
        rate = {p}
    elif {x} < {b}:
        rate = {q + 61}
    elif {x} < {c}:
        rate = {s + 122}
    else:
        rate = {t + 183}
    return rate + {y} // {step}
"""
    says = (
        f"Return the rate for ``{x}``: {p} below {a}, {q + 61} below {b}, {s + 122} below {c}, else {t + 183}.\n\n"
        f"    One is added for each full {step} of ``{y}``.\n    "
    )
    return Draft(says, body, r.choice([(f"< {b}:", f"<= {b}:"), (f"{y} // {step}", f"-(-{y} // {step})")]))


def progressive(r: Random, x: str, y: str) -> Draft:
    """Return a sum over bands."""
    a, b = r.randint(5, 40), r.randint(20, 90)
    p, q, s = r.sample(range(2, 12), 3)
    every = r.randint(3, 9)
    body = f"""    total = min({x}, {a}) * {p}
    if {x} > {a}:
        total += min({x} - {a}, {b}) * {q}
    if {x} > {a + b}:
        total += ({x} - {a + b}) * {s}
    started = -(-{y} // {every})
    return total + started
"""
    says = (
        f"Return what ``{x}`` adds up to: {p} for each of the first {a}, {q} for each of the next {b}, {s} for each further one.\n\n"
        f"    One is added for each started {every} of ``{y}``.\n    "
    )
    return Draft(
        says,
        body,
        r.choice(
            [(f"({x} - {a + b}) * {s}", f"({x} - {a}) * {s}"), (f"-(-{y} // {every})", f"{y} // {every}")]
        ),
    )


def stepped(r: Random, x: str, y: str) -> Draft:
    """Return a sum rounded to a step."""
    step, most = r.randint(6, 30), r.randint(300, 900)
    body = f"""    value = {x} + {y}
    over = value % {step}
    if over:
        value += {step} - over
    return min(value, {most})
"""
    says = (
        f"Return ``{x}`` plus ``{y}``, rounded up to the next multiple of {step}; one that is a multiple stays.\n\n"
        f"    The result is never above {most}.\n    "
    )
    return Draft(
        says,
        body,
        r.choice(
            [
                (f"    if over:\n        value += {step} - over\n", f"    value += {step} - over\n"),
                (f"{x} + {y}", f"{x} + max({y}, 1)"),
            ]
        ),
    )


def digits(r: Random, x: str, y: str) -> Draft:
    """Return a weighted sum of digits."""
    first, second, modulus = r.choice([(3, 1, 97), (2, 1, 89), (7, 3, 83), (5, 2, 79)])
    body = f"""    total = {y}
    for place, digit in enumerate(reversed(str({x}))):
        weight = {first} if place % 2 == 0 else {second}
        total += int(digit) * weight
    return total % {modulus}
"""
    says = (
        f"Return the check number of ``{x}``: its digits from the right, weighted {first}, {second}, {first}, {second}, and so on.\n\n"
        f"    ``{y}`` is added to the sum, and the remainder by {modulus} is the result.\n    "
    )
    return Draft(says, body, r.choice([(f"reversed(str({x}))", f"str({x})"), (f"total = {y}", "total = 0")]))


def shrinking(r: Random, x: str, y: str) -> Draft:
    """Return how often a number can be reduced."""
    part, least, most = r.randint(4, 11), r.randint(4, 19), r.randint(14, 26)
    body = f"""    left = {x}
    for round_ in range({most}):
        if left < {least} + {y}:
            return round_
        left -= -(-left // {part})
    return {most}
"""
    says = (
        f"Return how often ``{x}`` can lose a {part}th of itself, rounded up, until it is below {least} plus ``{y}``.\n\n"
        f"    The count ends at {most}.\n    "
    )
    return Draft(
        says,
        body,
        r.choice(
            [(f"-(-left // {part})", f"left // {part}"), (f"left < {least} + {y}", f"left <= {least} + {y}")]
        ),
    )


def calendar(r: Random, x: str, y: str) -> Draft:
    """Return the days of work in a stretch."""
    free = sorted(r.sample(range(7), 2))
    every = r.randint(9, 23)
    body = f"""    count = 0
    for day in range({y}):
        weekday = ({x} + day) % 7
        if weekday in ({free[0]}, {free[1]}):
            continue
        if ({x} + day) % {every} == 0:
            continue
        count += 1
    return count
"""
    says = (
        f"Return how many of the ``{y}`` days from day ``{x}`` on are worked.\n\n"
        f"    Day d is weekday d % 7. The weekdays {free[0]} and {free[1]} are free, and so is every day whose number {every} divides.\n    "
    )
    return Draft(
        says,
        body,
        r.choice([(f"({x} + day) % {every}", f"day % {every}"), (f"range({y})", f"range(1, {y} + 1)")]),
    )


def rounds(r: Random, x: str, y: str) -> Draft:
    """Return a level after rounds."""
    more, limit, share, cycle = r.randint(5, 60), r.randint(60, 260), r.randint(2, 5), r.randint(5, 11)
    body = f"""    level = {x}
    for _ in range({y} % {cycle}):
        level += {more}
        if level > {limit}:
            level -= level // {share}
    return level
"""
    says = (
        f"Return the level after ``{y}`` % {cycle} rounds from ``{x}`` on.\n\n"
        f"    Each round adds {more}; a level that is then above {limit} loses one part in {share}, rounded down.\n    "
    )
    return Draft(
        says,
        body,
        r.choice(
            [(f"level > {limit}", f"level > {limit + more}"), (f"level // {share}", f"-(-level // {share})")]
        ),
    )


def table(r: Random, x: str, y: str) -> Draft:
    """Return an entry of a table."""
    size = r.randint(6, 9)
    entries = {key: r.randint(10, 400) for key in sorted(r.sample(range(size + 4), size))}
    other, step = r.randint(3, 9), r.randint(2, 7)
    listed = ", ".join(f"{key}: {value}" for key, value in entries.items())
    body = f"""    entries = {{{listed}}}
    key = ({x} + {y} // {step}) % {size + 4}
    if key in entries:
        return entries[key]
    return {other} * key
"""
    says = (
        f"Return the entry of the key (``{x}`` + ``{y}`` // {step}) % {size + 4}.\n\n"
        f"    The entries are {listed}; a key without one gives {other} times the key.\n    "
    )
    key = r.choice(list(entries))
    wrong = {
        "one": (f"{key}: {entries[key]}", f"{key}: {entries[key] + r.choice([-9, 9, 10])}"),
        "two": (f"{other} * key", f"{other} + key"),
    }
    body_fault = wrong[r.choice(["one", "two"])]
    return Draft(says, body, body_fault if body.count(body_fault[0]) == 1 else wrong["two"])


def divisors(r: Random, x: str, y: str) -> Draft:
    """Return a count of numbers with and without divisors."""
    p, q = r.choice([(2, 3), (3, 5), (2, 7), (3, 4), (5, 3)])
    span, more = r.randint(40, 90), r.randint(2, 6)
    body = f"""    count = 0
    for number in range(1, {x} % {span} + 1):
        if number % {p} == 0 and number % {q} != 0:
            count += 1
    return count * {more} + {y}
"""
    says = (
        f"Return {more} times a count, plus ``{y}``.\n\n"
        f"    Counted are the numbers from 1 to ``{x}`` % {span}, both included, that {p} divides and {q} does not.\n    "
    )
    return Draft(says, body, r.choice([(f"% {span} + 1)", f"% {span})"), (f" and number % {q} != 0", "")]))


LEAVES = (brackets, progressive, stepped, digits, shrinking, calendar, rounds, table, divisors)


def larger(r: Random, x: str, y: str, f: str, g: str) -> Draft:
    """Return the larger of two calls."""
    a, b = r.randint(1, 30), r.randint(1, 12)
    body = f"""    first = {f}({x} + {a}, {y})
    second = {g}({x}, {y} + {b})
    return max(first, second)
"""
    says = (
        f"Return the larger of ``{f}`` of (``{x}`` + {a}, ``{y}``) and ``{g}`` of (``{x}``, ``{y}`` + {b})."
    )
    return Draft(says, body, r.choice([("max(", "min("), (f"{x} + {a}", f"{x}")]), (f, g))


def difference(r: Random, x: str, y: str, f: str, g: str) -> Draft:
    """Return a sum less a constant."""
    k = r.randint(4, 40)
    body = f"""    total = {f}({x}, {y}) + {g}({y}, {x} % 50)
    return max(total - {k}, 0)
"""
    says = (
        f"Return ``{f}`` of (``{x}``, ``{y}``) plus ``{g}`` of (``{y}``, ``{x}`` % 50), less {k}.\n\n"
        "    The result is never below 0.\n    "
    )
    return Draft(
        says,
        body,
        r.choice([(f"{g}({y}, {x} % 50)", f"{g}({x}, {y} % 50)"), (f"- {k}", f"- {k + 1}")]),
        (f, g),
    )


def branching(r: Random, x: str, y: str, f: str, g: str) -> Draft:
    """Return one of two calls."""
    limit, a = r.randint(20, 120), r.randint(2, 15)
    body = f"""    found = {f}({x}, {y})
    if found >= {limit}:
        return {g}(found, {y} + {a})
    return found + {a}
"""
    says = (
        f"Return ``{f}`` of (``{x}``, ``{y}``) plus {a} while that is below {limit}.\n\n"
        f"    From {limit} on, return ``{g}`` of it and of ``{y}`` + {a} instead.\n    "
    )
    return Draft(
        says,
        body,
        r.choice(
            [(f"{g}(found, {y} + {a})", f"{g}({x}, {y} + {a})"), (f"return found + {a}", "return found")]
        ),
        (f, g),
    )


def summing(r: Random, x: str, y: str, f: str, g: str) -> Draft:
    """Return a total over days."""
    cycle, step = r.randint(3, 6), r.randint(2, 20)
    body = f"""    total = 0
    for day in range({y} % {cycle} + 1):
        total += {f}({x} + day * {step}, day)
    return {g}(total, {y})
"""
    says = (
        f"Return ``{g}`` of a total and of ``{y}``.\n\n"
        f"    The total runs over the days from 0 to ``{y}`` % {cycle}, both included: ``{f}`` of (``{x}`` + {step} * day, day).\n    "
    )
    return Draft(
        says,
        body,
        r.choice([(f"% {cycle} + 1)", f"% {cycle})"), (f"day * {step}, day)", f"day * {step}, {y})")]),
        (f, g),
    )


def spread(r: Random, x: str, y: str, f: str, g: str) -> Draft:
    """Return a distance between two calls."""
    step = r.randint(3, 40)
    body = f"""    low = {f}({x}, {y})
    high = {f}({x} + {step}, {y})
    return {g}(abs(high - low), {y} + 1)
"""
    says = (
        f"Return ``{g}`` of a distance and of ``{y}`` + 1.\n\n"
        f"    The distance is the one between ``{f}`` of (``{x}``, ``{y}``) and of (``{x}`` + {step}, ``{y}``), without its sign.\n    "
    )
    return Draft(
        says, body, r.choice([("abs(high - low)", "max(high - low, 0)"), (f"{y} + 1)", f"{y})")]), (f, g)
    )


COMPOSITES = (larger, difference, branching, summing, spread)
