"""Write a function that must be fast: the direct solution is right and takes minutes.

The measure is the place of the needed idea in the usual order of a textbook, from none to a price that stands for a limit. LiveCodeBench Pro
(arXiv 2506.11928) sorts contest problems in the same way, by how hard the idea is to find.
"""

from __future__ import annotations

from random import Random

from gapbench.ladder import Item, Ladder, Rung

from .harder import HARDER
from .simpler import SIMPLER

PROBLEMS = (*SIMPLER, *HARDER)
IDEAS = (
    ("one pass",),
    ("two loops",),
    ("table",),
    ("running totals",),
    ("sorting",),
    ("queue", "stack"),
    ("heap", "two queues"),
    ("merging",),
    ("dynamic programming",),
    ("counting by maximum",),
    ("lines",),
    ("convex cost",),
    ("smaller side",),
    ("penalty",),
)
"""What the problems of each rung need."""
DIRECT = 2
"""Up to this rung the direct way is fast enough."""


def draw(r: Random, rung: Rung) -> Item:
    """Return one of the rung's problems with drawn constants, in one of its disguises."""
    ideas = rung.settings["ideas"]
    problem = r.choice([one for one in PROBLEMS if one.idea in ideas])
    question, solution, slip, tests = problem.draw(r)
    way = f"Needs: {problem.idea}. The direct way would take minutes."
    if rung.complexity <= DIRECT:
        way = f"The direct way is fast enough: {problem.idea}."
    limit = (
        f"It is called with up to {problem.size:,} items and must answer within 5 seconds, in plain Python."
    )
    return Item(
        question=f"{question} {limit}",
        answer=solution,
        slip=slip,
        solution=way,
        extra={"entry_point": problem.name, "test": tests},
    )


LADDER = Ladder(
    name="coding/performance",
    measure="place of the needed idea",
    rungs=[Rung(place, {"ideas": ideas}) for place, ideas in enumerate(IDEAS, 1)],
    draw=draw,
)
