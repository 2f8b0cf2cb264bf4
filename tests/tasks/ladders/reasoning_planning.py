"""Solvers of blocks to be moved: sorting by digits from one stack, a search for the shortest plan, and bounded planners."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

Stacks = tuple[tuple[int, ...], ...]
Plan = list[tuple[int, int]]
SHORT = 4
"""Up to this length the search for a shorter plan is done."""


def read(row: Mapping[str, Any]) -> tuple[Stacks, Stacks]:
    """Return what is now and what is wanted."""
    now, wanted = re.split(r"Wanted:", row["question"].partition("Now:")[2])
    found = []
    for text in (now, wanted):
        lines = re.findall(r"^([A-F]): (empty|[\d ]+)$", text, re.MULTILINE)
        assert [name for name, _ in lines] == list("ABCDEF"[: len(lines)])
        found.append(tuple(() if said == "empty" else tuple(map(int, said.split())) for _, said in lines))
    start, goal = found
    blocks = sorted(block for stack in start for block in stack)
    if len(set(blocks)) != len(blocks) or blocks != sorted(block for stack in goal for block in stack):
        raise AmbiguousError("a block is missing, or there twice")
    return start, goal


def after(stacks: Stacks, source: int, target: int) -> Stacks:
    """Return the arrangement after a move."""
    moved = list(stacks)
    moved[target] = (*moved[target], moved[source][-1])
    moved[source] = moved[source][:-1]
    return tuple(moved)


def is_right(row: Mapping[str, Any], answer: str | None) -> bool:
    """Return whether a plan leads to what is wanted."""
    if answer is None:
        return False
    stacks, goal = read(row)
    for step in answer.split(", ") if answer else []:
        match = re.fullmatch("([A-F])>([A-F])", step)
        assert match, step
        source, target = ("ABCDEF".index(name) for name in match.groups())
        if source == target or max(source, target) >= len(stacks) or not stacks[source]:
            return False
        stacks = after(stacks, source, target)
    return stacks == goal


def written(plan: Plan) -> str:
    return ", ".join(f"{'ABCDEF'[source]}>{'ABCDEF'[target]}" for source, target in plan)


def search(start: Stacks, goal: Stacks, most: int) -> Plan | None:
    """Return the shortest plan, breadth first, looking at so many arrangements at most; None without one."""
    came: dict[Stacks, tuple[Stacks, tuple[int, int]] | None] = {start: None}
    queue = [start]
    for stacks in queue:
        if stacks == goal:
            plan: Plan = []
            while (back := came[stacks]) is not None:
                stacks, step = back  # noqa: PLW2901 - back to the start
                plan.append(step)
            return plan[::-1]
        for source, stack in enumerate(stacks):
            for target in range(len(stacks)) if stack else ():
                following = after(stacks, source, target)
                if target != source and following not in came:
                    if len(came) == most:
                        return None
                    came[following] = (stacks, (source, target))
                    queue.append(following)
    return None


def reachable(stacks: Stacks, moves: int) -> set[Stacks]:
    """Return the arrangements within so many moves. A move can be undone, so it serves both ends."""
    found, edge = {stacks}, {stacks}
    for _ in range(moves):
        edge = {
            after(one, source, target)
            for one in edge
            for source, stack in enumerate(one)
            if stack
            for target in range(len(one))
            if source != target
        } - found
        found |= edge
    return found


def solve(row: Mapping[str, Any]) -> str:
    """Gather all blocks in one stack, sort it digit by digit with two others, and deal it out."""
    start, goal = read(row)
    shortest = row["complexity"]
    if row["rung"] <= SHORT and reachable(start, shortest // 2) & reachable(
        goal, shortest - 1 - shortest // 2
    ):
        raise AmbiguousError("there is a shorter plan")
    stacks = [list(stack) for stack in start]
    plan: Plan = []

    def step(source: int, target: int) -> None:
        plan.append((source, target))
        stacks[target].append(stacks[source].pop())

    for place in range(1, len(stacks)):
        while stacks[place]:
            step(place, 0)
    dealt = [block for wanted in goal[1:] for block in wanted]
    rank = {block: at for at, block in enumerate([*goal[0], *reversed(dealt)])}
    for digit in range(len(rank).bit_length()):
        while stacks[0]:
            step(0, 1 + (rank[stacks[0][-1]] >> digit) % 2)
        for place in (1, 2):
            while stacks[place]:
                step(place, 0)
    for place, wanted in enumerate(goal):
        for _ in wanted if place else ():
            step(0, place)
    return written(plan)


def within_arrangements(most: int) -> Callable[[Mapping[str, Any]], str | None]:
    """Return a planner that searches breadth first and looks at so many arrangements."""

    def answer(row: Mapping[str, Any]) -> str | None:
        plan = search(*read(row), most)
        return None if plan is None else written(plan)

    return answer


def straight(row: Mapping[str, Any]) -> str | None:
    """Move only blocks that can go to where they end; give up when there is none."""
    stacks, goal = read(row)
    plan: Plan = []
    while stacks != goal:
        steps = [
            (source, target)
            for source, stack in enumerate(stacks)
            for target, wanted in enumerate(goal)
            if stack
            and stack != goal[source][: len(stack)]
            and (*stacks[target], stack[-1]) == wanted[: len(stacks[target]) + 1]
        ]
        if not steps:
            return None
        plan.append(steps[0])
        stacks = after(stacks, *steps[0])
    return written(plan)


def dig(row: Mapping[str, Any], *, depth: int = 10**6, moves: int = 10**6, one_in: int = 0) -> str | None:
    """Build the wanted stacks one after another, each from the bottom, and put aside what lies in the way.

    Args:
        row: The question.
        depth: Give up when more blocks lie above one that is needed.
        moves: Give up after so many.
        one_in: One move in so many goes from the wrong place. 0: none.
    """
    start, goal = read(row)
    stacks = [list(stack) for stack in start]
    plan: Plan = []

    def step(source: int, target: int) -> None:
        plan.append((source, target))
        stacks[target].append(stacks[source].pop())

    def spare(*taken: int) -> int:
        return min((len(stack), place) for place, stack in enumerate(stacks) if place not in taken)[1]

    for target, wanted in enumerate(goal):
        for at, block in enumerate(wanted):
            if stacks[target][at : at + 1] == [block] and stacks[target][:at] == list(wanted[:at]):
                continue
            source = next(place for place, stack in enumerate(stacks) if block in stack)
            if len(stacks[source]) - stacks[source].index(block) > depth or len(plan) > moves:
                return None
            aside = spare(source, target)
            while stacks[source][-1] != block:
                step(source, aside)
            if source == target:
                source = spare(target, aside)
                step(target, source)
            while len(stacks[target]) > at:
                step(target, aside)
            step(source, target)
        while len(stacks[target]) > len(wanted):
            step(target, spare(target))
    if len(plan) > moves:
        return None
    r = Random(row["question"])
    slips = [one_in and r.randrange(one_in) == 0 for _ in plan]
    places = len(stacks)
    return written(
        [
            (source, target) if not slip else ((source + 1) % places, source)
            for (source, target), slip in zip(plan, slips, strict=True)
        ]
    )


BOUNDED = {
    "2,000 arrangements": within_arrangements(2000),
    "only straight into place": straight,
    "3 blocks deep": lambda row: dig(row, depth=3),
    "one slip in 80": lambda row: dig(row, one_in=80),
    "150 moves": lambda row: dig(row, moves=150),
}
