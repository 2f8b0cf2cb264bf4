"""Blocks to be moved from one arrangement of stacks to another, with few places; any valid plan is right.

The measure is the length of a plan, in moves. On rungs 1 to 4 that is the shortest plan: each of so many blocks must move,
and moves once. On the others it is the plan of this file, which the shortest can only undercut. It is the measure of
PlanBench (arXiv 2206.10498), where one move is two steps: pick up, and put down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from gapbench.ladder import Item, Ladder, Rung

Stacks = list[list[int]]
"""The blocks at each place, from bottom to top."""
Move = tuple[int, int]
"""From which place to which."""
PLACES = "ABCDEF"
NEXT = -1
"""Less than any number of blocks in the way."""


def move(stacks: Stacks, step: Move) -> None:
    """Move the top block of one place onto another."""
    stacks[step[1]].append(stacks[step[0]].pop())


def settled(stack: Sequence[int], wanted: Sequence[int]) -> int:
    """Return how many blocks of a stack, from the bottom, are where they should end."""
    count = 0
    for block, other in zip(stack, wanted, strict=False):
        if block != other:
            break
        count += 1
    return count


def make_plan(start: Stacks, goal: Stacks) -> list[Move]:
    """Return the shortest of a few plans: one for each place that may be finished first, one for the nearest block first."""
    orders = [None, *range(len(goal))]
    return min((plan_in_order(start, goal, first) for first in orders), key=len)


def plan_in_order(start: Stacks, goal: Stacks, first: int | None) -> list[Move]:
    """Return a plan that puts one block after another into place.

    Args:
        start: What is now.
        goal: What is wanted.
        first: The place that is finished first. None: each time the block that takes the fewest moves.
    """
    stacks = [list(stack) for stack in start]
    height = {block: at for wanted in goal for at, block in enumerate(wanted)}
    plan: list[Move] = []

    def step(source: int, target: int) -> None:
        plan.append((source, target))
        move(stacks, (source, target))

    def aside(source: int, kept: set[int]) -> int:
        """Return where a block that is in the way does least harm: on blocks that are needed after it."""
        block = stacks[source][-1]
        free = [place for place in range(len(stacks)) if place != source and place not in kept]
        soonest = {
            place: min((height[b] for b in stacks[place][settled(stacks[place], goal[place]) :]), default=999)
            for place in free
        }
        above = [place for place in free if soonest[place] > height[block]]
        if above:
            return min(above, key=lambda place: (soonest[place], place))
        return max(free, key=lambda place: (soonest[place], -place))

    while True:
        cheapest: tuple[int, int, int, int] | None = None
        where = {block: (place, at) for place, stack in enumerate(stacks) for at, block in enumerate(stack)}
        for target, wanted in enumerate(goal):
            done = settled(stacks[target], wanted)
            if done == len(wanted):
                continue
            source, at = where[wanted[done]]
            in_the_way = len(stacks[source]) - 1 - at
            if source != target:
                in_the_way += len(stacks[target]) - done
            else:
                in_the_way = len(stacks[target]) - done
            if target == first:
                in_the_way = NEXT
            cheapest = min(cheapest or (999, 0, 0, 0), (in_the_way, target, source, wanted[done]))
        if cheapest is None:
            return plan
        _, target, source, block = cheapest
        while stacks[source][-1] != block:
            step(source, aside(source, {target}))
        if source == target:
            # It lies in its own stack, above one that must leave as well.
            parked = aside(source, set())
            step(source, parked)
            source = parked
        while len(stacks[target]) > settled(stacks[target], goal[target]):
            step(target, aside(target, {source}))
        step(source, target)


def shuffled(r: Random, blocks: int, places: int) -> Stacks:
    """Return an arrangement in which each block lies at a random place, in random order."""
    order = r.sample(range(1, blocks + 1), blocks)
    stacks: Stacks = [[] for _ in range(places)]
    for block in order:
        stacks[r.randrange(places)].append(block)
    return stacks


def few_moves(r: Random, blocks: int, places: int, moves: int) -> tuple[Stacks, Stacks, list[Move]]:
    """Return two arrangements, and a plan of so many moves, each of another block; no plan is shorter.

    Each block that is moved leaves a place that its blocks below keep, so that it must move in every plan.
    """
    while True:
        start = shuffled(r, blocks, places)
        stacks = [list(stack) for stack in start]
        plan: list[Move] = []
        moved: set[int] = set()
        for _ in range(moves):
            sources = [place for place, stack in enumerate(stacks) if stack and stack[-1] not in moved]
            if not sources:
                break
            source = r.choice(sources)
            target = r.choice([place for place in range(places) if place != source])
            moved.add(stacks[source][-1])
            plan.append((source, target))
            move(stacks, plan[-1])
        must_move = sum(
            len(stack) - settled(stack, wanted) for stack, wanted in zip(start, stacks, strict=True)
        )
        if len(plan) == must_move == moves:
            return start, stacks, plan


def write_plan(plan: Sequence[Move]) -> str:
    """Return a plan as it is asked for."""
    return ", ".join(f"{PLACES[source]}>{PLACES[target]}" for source, target in plan)


def write_stacks(stacks: Stacks) -> str:
    """Return an arrangement, one place a line."""
    return "\n".join(
        f"{place}: {' '.join(map(str, stack)) or 'empty'}"
        for place, stack in zip(PLACES, stacks, strict=False)
    )


def by_place(stacks: Stacks) -> Mapping[str, list[int]]:
    """Return an arrangement as the scorer reads it."""
    return dict(zip(PLACES, stacks, strict=False))


def draw(r: Random, rung: Rung) -> Item:
    """Return two arrangements."""
    blocks, places = int(rung.settings["blocks"]), int(rung.settings["places"])
    if rung.settings["moves"]:
        start, goal, plan = few_moves(r, blocks, places, int(rung.settings["moves"]))
    else:
        start = goal = shuffled(r, blocks, places)
        while start == goal:
            goal = shuffled(r, blocks, places)
        plan = make_plan(start, goal)
    slip = [*plan[:-1], (plan[-1][1], plan[-1][0])]
    stacks = [list(stack) for stack in start]
    told = []
    for source, target in plan:
        told.append(f"{stacks[source][-1]} {PLACES[source]}>{PLACES[target]}")
        move(stacks, (source, target))
    return Item(
        question=(
            f"Numbered blocks lie in stacks at the places {', '.join(PLACES[: places - 1])} and {PLACES[places - 1]}. "
            f"Each line gives a place and its blocks from bottom to top.\n\nNow:\n{write_stacks(start)}\n\n"
            f"Wanted:\n{write_stacks(goal)}\n\n"
            "A move takes the top block of one place and puts it on top of the stack at another place. There are no other "
            "places, and a stack may be as high as you like. Give moves that lead from what is now to exactly what is wanted."
        ),
        answer=write_plan(plan),
        slip=write_plan(slip),
        solution=f"The block, then its move: {', '.join(told)}",
        complexity=len(plan),
        extra={"start": by_place(start), "goal": by_place(goal)},
    )


def rung(complexity: int, blocks: int, places: int, moves: int = 0) -> Rung:
    """Return a rung; without a number of moves both arrangements are random."""
    return Rung(complexity, {"blocks": blocks, "places": places, "moves": moves})


LADDER = Ladder(
    name="reasoning/planning",
    measure="moves of a plan",
    rungs=[
        rung(1, 7, 6, 1),
        rung(2, 7, 5, 2),
        rung(3, 7, 4, 3),
        rung(4, 8, 4, 4),
        rung(8, 6, 4),
        rung(13, 7, 3),
        rung(23, 10, 3),
        rung(36, 13, 3),
        rung(63, 18, 3),
        rung(103, 24, 3),
        rung(180, 32, 3),
        rung(297, 42, 3),
        rung(480, 54, 3),
        rung(800, 70, 3),
    ],
    draw=draw,
)
