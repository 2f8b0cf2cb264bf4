"""Long steps that share the event loop."""

from __future__ import annotations

import asyncio

from gapbench.execution.attempts.loop_turns import LoopTurns


async def count_steps(senders: int, *, cancelled: int | None = None) -> list[tuple[int, int]]:
    """Let so many tasks wait for their turn; return who went on, and in which iteration of the loop."""
    turns, loop = LoopTurns(), asyncio.get_running_loop()
    iteration = 0
    seen: list[tuple[int, int]] = []

    def next_iteration() -> None:
        nonlocal iteration
        iteration += 1
        if len(seen) < senders - (cancelled is not None):
            loop.call_soon(next_iteration)

    async def step(number: int) -> None:
        await turns.wait()
        seen.append((number, iteration))

    tasks = [asyncio.create_task(step(number)) for number in range(senders)]
    loop.call_soon(next_iteration)
    if cancelled is not None:
        await asyncio.sleep(0)
        tasks[cancelled].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seen


def test_each_goes_on_in_an_iteration_of_its_own() -> None:
    """Five that wait at once go on in their order, in five consecutive iterations."""
    seen = asyncio.run(count_steps(5))

    assert [0, 1, 2, 3, 4] == [number for number, _ in seen]
    first = seen[0][1]
    assert [first, first + 1, first + 2, first + 3, first + 4] == [iteration for _, iteration in seen]


def test_one_that_left_takes_no_turn() -> None:
    """The second of three is cancelled: the others go on."""
    seen = asyncio.run(count_steps(3, cancelled=1))

    assert [0, 2] == [number for number, _ in seen]


def test_turns_begin_again_after_all_went_on() -> None:
    """The queue runs empty and is used again."""

    async def twice() -> int:
        turns = LoopTurns()
        await turns.wait()
        await asyncio.sleep(0)
        await turns.wait()
        return 2

    assert 2 == asyncio.run(twice())
