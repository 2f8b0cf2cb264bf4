"""Holds a ladder against a second solver and against solvers with bounds.

Each built-in ladder ``category/name`` has a file ``tests/tasks/ladders/category_name.py`` with

- ``solve(row)``: the answer, found from the text of the question alone, by other code than the ladder's. It raises
  ``AmbiguousError`` when the question has no right answer, or more than one;
- ``BOUNDED``: five solvers by name, each limited in depth, memory, steps, care or the like. Each takes a row and returns
  its answer, or None when it gives up. Choose the bounds so that the curves fall at different rungs;
- where answers are not compared by ``==``: ``is_right(row, answer)``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from gapbench.ladder import Ladder
from gapbench.suite.tasks.builtin import builtin_folder
from gapbench.suite.tasks.ladder_file import load_ladder

Row = Mapping[str, Any]
Solver = Callable[[Row], Any]
EASY, HARD = 0.9, 0.2
"""A bounded solver is above the first share on the first rung, and below the second on the last."""


class AmbiguousError(Exception):
    """A question has no right answer, or more than one."""


@dataclass(frozen=True)
class Audited:
    """A ladder and its independent solvers."""

    name: str
    ladder: Ladder
    solve: Solver
    bounded: Mapping[str, Solver]
    is_right: Callable[[Row, Any], bool]

    def share_right(self, solver: Solver, rows: Sequence[Row]) -> float:
        """Return the share of rows that a solver answers correctly."""
        return sum(self.is_right(row, solver(row)) for row in rows) / len(rows)


def ladder_names() -> list[str]:
    """Return the names of the built-in ladders."""
    root = builtin_folder()
    return sorted(file.parent.relative_to(root).as_posix() for file in root.glob("*/*/ladder.py"))


def audited(name: str) -> Audited:
    """Return a built-in ladder with its solvers. Its rows have no images: solvers read the scene, and drawing takes time."""
    ladder = replace(load_ladder(builtin_folder() / name / "ladder.py"), images=None)
    solvers: ModuleType = importlib.import_module(f"tests.tasks.ladders.{name.replace('/', '_')}")
    is_right = getattr(solvers, "is_right", lambda row, answer: answer == row["answer"])
    return Audited(name, ladder, solvers.solve, solvers.BOUNDED, is_right)
