"""The parts of a program to read: functions of several kinds, and statements that use them.

Each function below draws one part and returns its lines. ``m`` is the modulus that keeps values small.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

NAMES = (
    "amble", "birch", "cobalt", "drift", "ember", "fable", "gravel", "hazel", "inlet", "juniper", "kettle", "lumen",
    "marble", "nimbus", "orchid", "pebble", "quarry", "ripple", "saddle", "timber", "umber", "velvet", "willow", "yarrow",
)  # fmt: skip


def choose_number(r: Random, m: int) -> int:
    """Return a small factor or term."""
    return r.randint(2, min(19, m - 1))


def mix(r: Random, x: str, y: str, m: int) -> str:
    """Return an expression of two values that stays below ``m``."""
    a, b = choose_number(r, m), choose_number(r, m)
    return r.choice(
        (
            f"({x} * {a} + {y} + {b}) % {m}",
            f"({x} + {y} * {a}) % {m}",
            f"({x} * {a} + {y}) % {m}",
            f"(abs({x} - {y}) * {a} + {b}) % {m}",
            f"(max({x}, {y}) * {a} + min({x}, {y})) % {m}",
        )
    )


def test_of(r: Random, x: str, y: str, m: int) -> str:
    """Return a condition that holds about half of the time."""
    return r.choice(
        (
            f"{x} > {y}",
            f"{x} % 2 == 0",
            f"{x} % 3 == {r.randrange(3)} or {y} % 2 == 1",
            f"{x} < {m // 2}",
            f"not ({x} % 2 == 1 and {y} < {2 * m // 3})",
            f"({x} + {y}) % 2 == {r.randrange(2)}",
        )
    )


def plain_function(r: Random, name: str, m: int, calls: Sequence[str]) -> list[str]:
    """Return a function of two numbers that may call another."""
    first, second = mix(r, "a", "b", m), mix(r, "b", "a", m)
    lines = [f"def {name}(a, b):"]
    if calls:
        other = r.choice(calls)
        lines += [f"    if {test_of(r, 'a', 'b', m)}:", f"        b = {other}({first}, a)"]
    else:
        lines += [f"    if {test_of(r, 'a', 'b', m)}:", f"        return {first}"]
    return [*lines, f"    return {second}"]


def chained_function(r: Random, name: str, m: int, other: str) -> list[str]:
    """Return a function that always calls the one before it, so that calls nest."""
    return [
        f"def {name}(a, b):",
        f"    c = {other}(b, a)",
        f"    if {test_of(r, 'c', 'a', m)}:",
        f"        c = {mix(r, 'c', 'b', m)}",
        f"    return {mix(r, 'c', 'a', m)}",
    ]


def keeper(r: Random, name: str, m: int) -> list[str]:
    """Return a function that makes functions, each with a total of its own."""
    limit = r.randint(m // 2, m - 2)
    return [
        f"def {name}(total):",
        "    def add(x):",
        "        nonlocal total",
        f"        total = {mix(r, 'total', 'x', m)}",
        f"        if total > {limit}:",
        f"            total = total - {r.randint(2, limit)}",
        "        return total",
        "    return add",
    ]


def giver(r: Random, name: str, m: int) -> list[str]:
    """Return a generator without end."""
    lines = [f"def {name}(n):", "    while True:", "        yield n"]
    k = r.choice((2, 3))
    kinds = (
        [f"        if n % {k} == 0:", f"            yield n // {k}"],
        [f"        for j in range(n % {k + 1}):", "            yield j + n % 5"],
    )
    return [*lines, *r.choice(kinds), f"        n = {mix(r, 'n', 'n // 2', m)}"]


def list_function(r: Random, name: str, m: int) -> list[str]:
    """Return a function that changes the list it is given."""
    most = r.randint(4, 6)
    kinds = (
        [f"    items.append(x % {m})", f"    if len(items) > {most}:", "        return items.pop(0)", "    return items[0]"],
        ["    k = x % len(items)", f"    items[k] = {mix(r, 'items[k]', 'x', m)}", "    return items[k - 1]"],
        [f"    items.insert(x % len(items), x % {m})", "    return items.pop()"],
        ["    k = x % len(items)", "    items[0], items[k] = items[k], items[0]", f"    return (items[k] + x) % {m}"],
    )  # fmt: skip
    return [f"def {name}(items, x):", *r.choice(kinds)]


def search_function(r: Random, name: str, m: int) -> list[str]:
    """Return a function that goes through a list and may stop early."""
    return [
        f"def {name}(items, x):",
        "    best = 0",
        "    for item in items:",
        f"        if item % {r.randint(3, 7)} == {r.randrange(3)}:",
        "            continue",
        f"        best = {mix(r, 'best', 'item', m)}",
        f"        if best > {r.randint(m // 2, m - 2)}:",
        "            break",
        f"    return (best + x) % {m}",
    ]


def recursive_function(r: Random, name: str, m: int, branches: int) -> list[str]:
    """Return a function that calls itself, once or twice."""
    again = f"{name}({mix(r, 'n', 'depth', m)}, depth - 1)"
    lines = [f"def {name}(n, depth):", "    if depth == 0 or n < 2:", "        return n"]
    if branches == 1:
        return [
            *lines,
            f"    found = {again}",
            f"    return (found * {choose_number(r, m)} + n + depth) % {m}",
        ]
    return [
        *lines,
        f"    left = {again}",
        f"    right = {name}(left // 2, depth - 1)",
        f"    return {mix(r, 'left', 'right', m)}",
    ]


def grid_statements(r: Random, m: int) -> list[list[str]]:
    """Return groups of statements on rows that may be one and the same list under two names."""
    return [
        ["row = grid[t % 3]"],
        [f"row[u % 3] = {mix(r, 'row[u % 3]', 't', m)}"],
        ["grid[u % 3] = row"],
        ["grid[0], grid[2] = grid[2], grid[0]"],
        [f"if {test_of(r, 't', 'u', m)}:", "    grid[u % 3] = list(row)", "    row = grid[(u + 1) % 3]"],
        [f"t = (t + grid[u % 3][t % 3]) % {m}"],
        [f"u = (u + sum(grid[t % 3])) % {m}"],
    ]
