"""Programs to read: drawn in a small subset of Python, counted and run.

A program has functions, some that keep a state or give values one at a time, and a loop that calls them. All its values
are whole numbers from 0, and lists of them. The number of rounds of the loop is chosen so that the program executes as
many statements as asked.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MOST_ROUNDS = 100_000


@dataclass(frozen=True, slots=True)
class Program:
    """A program before the number of its rounds is known.

    Attributes:
        head: Lines before the loop.
        body: Lines of the loop, not indented. (): no loop.
        printed: Expressions that the last line prints.
        shown: Variables that the solution shows after each round.
    """

    head: tuple[str, ...]
    body: tuple[str, ...]
    printed: tuple[str, ...]
    shown: tuple[str, ...]

    def text(self, rounds: int) -> str:
        """Return the program with so many rounds."""
        lines = list(self.head)
        if self.body:
            lines += [f"for i in range({rounds}):", *(f"    {line}" for line in self.body)]
        return "\n".join([*lines, f"print({', '.join(self.printed)})"]) + "\n"


class EnoughError(Exception):
    """The program has executed as many statements as asked."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program did.

    Attributes:
        statements: Executed, each statement of a body as often as it was.
        printed: What it printed; "" when it was stopped.
        rounds: Values shown after each round, as lines.
        last_round: The value of ``i`` when it ended.
    """

    statements: int
    printed: str
    rounds: tuple[str, ...]
    last_round: int


def _counted(text: str, shown: tuple[str, ...]) -> ast.Module:
    """Return the program with a call of ``_count`` before each statement, and of ``_show`` after each round."""
    tree = ast.parse(text)
    count = ast.parse("_count()").body[0]
    show = ast.parse(f"_show(i, {', '.join(shown)})").body[0]
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                setattr(node, name, [part for one in block for part in (count, one)])
        is_main = isinstance(node, ast.For) and isinstance(node.target, ast.Name) and node.target.id == "i"
        if is_main and isinstance(node, ast.For):
            node.body = [*node.body, show]
    return ast.fix_missing_locations(tree)


def run(program: Program, rounds: int, enough: int | None = None) -> Outcome:
    """Return what a program of this package does.

    Args:
        program: The program.
        rounds: Of its loop.
        enough: Stop after so many statements. None: run to the end.
    """
    done = 0
    said: list[str] = []
    shown: list[str] = []

    def count() -> None:
        nonlocal done
        done += 1
        if done == enough:
            raise EnoughError

    def show(number: int, *values: Any) -> None:
        pairs = zip(program.shown, values, strict=True)
        shown.append(f"i = {number}: " + ", ".join(f"{name} = {value}" for name, value in pairs))

    space: dict[str, Any] = {
        "_count": count,
        "_show": show,
        "print": lambda *values: said.append(" ".join(map(str, values))),
    }
    code = compile(_counted(program.text(rounds), program.shown), "program", "exec")
    with contextlib.suppress(EnoughError):
        exec(code, space)  # noqa: S102 - this package's own text
    return Outcome(done, "".join(said), tuple(shown), space.get("i", 0))


def with_statements(make: Callable[[], Program], statements: int) -> tuple[Program, int]:
    """Return a drawn program and the rounds that make it execute about so many statements."""
    program = make()
    if not program.body:
        return program, 0
    stopped = run(program, MOST_ROUNDS, statements)
    return program, max(2, stopped.last_round)
