"""One problem whose direct solution is too slow, and the hidden tests that decide."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

DRAW = """def numbers(count, seed, least, most):
    made = []
    for _ in range(count):
        seed = seed * 1103515245 + 12345 & 0x7FFFFFFF
        made.append(least + (seed >> 8) % (most - least + 1))
    return made
"""
"""The same numbers on every machine."""

_MOST_INPUTS = 20
SMALL_INPUTS = 14


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of problem; its constants and its story are drawn.

    Attributes:
        name: Of the function to write.
        idea: What a fast solution needs: a word for those who know it.
        task: What must be computed, with ``{K}`` and the like for constants, and ``{items}`` for the story's words.
        stories: What the input is called in each disguise, by the names in ``task``.
        constants: By name, the least and the largest value; the hidden inputs take the same.
        solution: A fast solution, with the constants.
        slips: A text of the solution and the nearly right one in its place.
        inputs: Python of ``make_input(n, seed, big)``, which returns the arguments.
        size: Of the large input.
    """

    name: str
    idea: str
    task: str
    stories: Sequence[Mapping[str, str]]
    constants: Mapping[str, tuple[int, int]]
    solution: str
    slips: tuple[str, str]
    inputs: str
    size: int

    def draw(self, r: Random) -> tuple[str, str, str, str]:
        """Return a question, a solution, a nearly right one and hidden tests."""
        while True:
            values: dict[str, Any] = {name: r.randint(*limits) for name, limits in self.constants.items()}
            values |= r.choice(self.stories)
            # With some constants the nearly right solution is right: then others are drawn.
            for _ in range(_MOST_INPUTS):
                small = [
                    (r.choice((1, 2, 3, 5, 8, 12, 20, 30)), r.randint(1, 10**6)) for _ in range(SMALL_INPUTS)
                ]
                drawn = self._with_inputs(r, values, small)
                if drawn is not None:
                    return drawn

    def _with_inputs(
        self, r: Random, values: Mapping[str, Any], small: Sequence[tuple[int, int]]
    ) -> tuple[str, str, str, str] | None:
        """Return a question, its two solutions and its tests. None: no small input tells the solutions apart."""
        question = filled(self.task, values)
        solution = filled(self.solution.lstrip("\n"), values)
        slip = filled(self.solution.lstrip("\n").replace(*self.slips), values)
        inputs = DRAW + filled(self.inputs.lstrip("\n"), values)
        if not self.differ(inputs, solution, slip, small):
            return None
        reference = solution.replace(f"def {self.name}(", "def reference(")
        large = f"*make_input({self.size}, {r.randint(1, 10**6)}, True)"
        tests = (
            f"{inputs}\n{reference}\nright, small = 0, {small}\n"
            "for n, seed in small:\n"
            "    found, wanted = candidate(*make_input(n, seed, False)), reference(*make_input(n, seed, False))\n"
            "    right += found == wanted\n"
            "    assert found == wanted\n"
            f"assert right == len(small) and candidate({large}) == reference({large})\n"
        )
        return question, solution, slip, tests

    def differ(self, inputs: str, one: str, other: str, small: Sequence[tuple[int, int]]) -> bool:
        """Say whether two programs of this package give different results on a small input."""
        spaces: list[dict[str, Any]] = []
        for code in (inputs, one, other):
            spaces.append({})
            exec(code, spaces[-1])  # noqa: S102 - this package's own text
        make, first, second = spaces[0]["make_input"], spaces[1][self.name], spaces[2][self.name]
        return any(first(*make(n, seed, False)) != second(*make(n, seed, False)) for n, seed in small)


def filled(text: str, values: Mapping[str, Any]) -> str:
    """Return a text with the constants and words of a story in their places."""
    return re.sub(r"\{(\w+)\}", lambda m: str(values.get(m[1], m[0])), text)
