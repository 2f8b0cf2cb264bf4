"""Predict what a program prints: functions, closures, generators, recursion, lists under two names.

The measure is the number of statements that the program executes. CRUXEval (arXiv 2401.03065) asks the same of functions
of 3 to 13 lines, which execute a few dozen statements at most; its best model of 2024 is right in 81 % of them.
"""

from __future__ import annotations

from random import Random

from gapbench.ladder import Item, Ladder, Rung

from . import parts
from .program import Program, run, with_statements

STATEMENTS = (3, 6, 12, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400)
LEVELS = (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 8)
MODULI = (60, 40, 40, 97, 97, 97, 499, 499, 499, 499, 499, 499)


def one_step(r: Random) -> Program:
    """Return a program of one easy sum."""
    a, k = r.randint(11, 49), r.randint(2, 9)
    sum_ = r.choice((f"a + {k * 3}", f"a * {k}", f"a - {k}"))
    return Program((f"a = {a}", f"a = {sum_}"), (), ("a",), ())


def straight_program(r: Random, statements: int, m: int) -> Program:
    """Return a program without functions or loops."""
    if statements <= 3:
        return one_step(r)
    names = ["a", "b"]
    head = [f"{name} = {r.randint(5, m - 1)}" for name in names]
    steps = statements - len(names) - 1
    for step in range(steps):
        name, other = r.choice(names), r.choice(names)
        if step < steps - 1 and r.random() < 0.4:
            head += [
                f"if {parts.test_of(r, name, other, m)}:",
                f"    {name} = {parts.mix(r, name, other, m)}",
            ]
        else:
            head.append(f"{name} = {parts.mix(r, name, other, m)}")
    return Program(tuple(head), (), tuple(names), tuple(names))


def looped_program(r: Random, level: int, m: int) -> Program:
    """Return a program with functions and a loop.

    Args:
        r: The generator.
        level: From 1: how many kinds of parts it may use, and how many of them.
        m: Values are below it.
    """
    names = r.sample(parts.NAMES, len(parts.NAMES))
    head: list[str] = []
    setup = [f"t = {r.randint(1, m - 1)}", f"u = {r.randint(1, m - 1)}"]
    groups: list[list[str]] = []
    plain = [names.pop()]
    head += [*parts.plain_function(r, plain[0], m, ()), ""]
    groups.append([f"t = {plain[0]}(t, i)"])
    for _ in range(level // 2):
        name = names.pop()
        head += [
            *(
                parts.chained_function(r, name, m, plain[-1])
                if level >= 4
                else parts.plain_function(r, name, m, plain)
            ),
            "",
        ]
        plain.append(name)
    if len(plain) > 1:
        groups.append([f"u = {plain[-1]}(u, t)"])
    if level >= 2:
        setup.append(f"items = {[r.randrange(m) for _ in range(r.randint(4, 5))]}")
        for make in (
            parts.list_function,
            *((parts.search_function,) if level >= 3 else ()),
            *((parts.list_function,) if level >= 6 else ()),
        ):
            name = names.pop()
            head += [*make(r, name, m), ""]
            groups.append([f"u = (u + {name}(items, t)) % {m}"])
    if level >= 3:
        name, one, two = names.pop(), names.pop(), names.pop()
        head += [*parts.keeper(r, name, m), ""]
        setup += [f"{one} = {name}({r.randrange(m)})", f"{two} = {name}({r.randrange(m)})"]
        groups.append([f"t = (t + {one}(u)) % {m}"])
        groups.append([f"if {parts.test_of(r, 't', 'u', m)}:", f"    u = {two}(t)"])
        if level >= 5:
            groups.append([f"if t % {r.randint(3, 5)} == 0:", f"    {one}, {two} = {two}, {one}"])
    if level >= 4:
        name, one = names.pop(), names.pop()
        head += [*parts.giver(r, name, m), ""]
        setup.append(f"{one} = {name}({r.randint(2, m - 1)})")
        groups.append([f"t = (t + next({one})) % {m}"])
        if level >= 6:
            groups.append([f"for x in range(u % {r.randint(3, 4)}):", f"    u = (u + next({one}) * x) % {m}"])
    if level >= 5:
        setup += [f"grid = {[[r.randrange(m) for _ in range(3)] for _ in range(3)]}", "row = grid[1]"]
        groups += parts.grid_statements(r, m)
        if level >= 7:
            groups += parts.grid_statements(r, m)[:3]
    if level >= 6:
        name = names.pop()
        head += [*parts.recursive_function(r, name, m, 1 if level < 8 else 2), ""]
        groups.append([f"t = {name}(t + u, {min(level - 2, 8) if level < 8 else 4}) % {m}"])
    r.shuffle(groups)
    printed = ["t", "u"]
    if level >= 2:
        printed.append(f"sum(items) % {m}")
    if level >= 5:
        printed.append("grid[0][1] + grid[1][2] + grid[2][0]")
    body = tuple(line for group in groups for line in group)
    return Program((*head, *setup), body, tuple(printed), ("t", "u"))


def draw(r: Random, rung: Rung) -> Item:
    """Return a program that executes about so many statements, and what it prints."""
    statements, level, m = (int(rung.settings[key]) for key in ("statements", "level", "modulus"))
    make = straight_program if level == 0 else looped_program
    program, rounds = with_statements(lambda: make(r, statements if level == 0 else level, m), statements)
    done = run(program, rounds)
    if program.body:
        slip = run(program, rounds - 1).printed
        shown = [*done.rounds, f"printed: {done.printed}"]
    else:
        last = max(at for at, line in enumerate(program.head) if not line.startswith((" ", "if ")))
        slip = run(
            Program(program.head[:last] + program.head[last + 1 :], (), program.printed, ()), 0
        ).printed
        shown = [f"printed: {done.printed}"]
    return Item(
        question=program.text(rounds),
        answer=done.printed,
        slip=slip,
        solution="\n".join(shown),
        complexity=done.statements,
    )


LADDER = Ladder(
    name="coding/reading",
    measure="statements executed",
    rungs=[
        Rung(statements, {"statements": statements, "level": level, "modulus": modulus})
        for statements, level, modulus in zip(STATEMENTS, LEVELS, MODULI, strict=True)
    ],
    draw=draw,
)
