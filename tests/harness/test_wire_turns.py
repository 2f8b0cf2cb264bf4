"""Tasks woken one at a time."""

from __future__ import annotations

import asyncio

from gapbench.transport.connection import FairWakeQueue


async def woken(cancel: int | None = None) -> list[tuple[int, int]]:
    """Wake four tasks at once; return who ran, each with the turns of the loop before it."""
    loop = asyncio.get_running_loop()
    turns = FairWakeQueue(loop)
    waiters = [loop.create_future() for _ in range(4)]
    ran: list[tuple[int, int]] = []
    passed = 0

    async def waiting(number: int) -> None:
        await waiters[number]
        ran.append((number, passed))

    tasks = [asyncio.create_task(waiting(number)) for number in range(4)]
    await asyncio.sleep(0)
    if cancel is not None:
        tasks[cancel].cancel()
        await asyncio.sleep(0)
    for waiter in waiters:
        turns.wake(waiter)
        turns.wake(waiter)  # more news before it has run is no second turn
    while not all(task.done() for task in tasks):
        passed += 1
        await asyncio.sleep(0)
    return ran


def test_each_has_a_turn_of_the_loop_of_its_own_in_the_order_of_their_news() -> None:
    ran = asyncio.run(woken())
    assert [number for number, _ in ran] == [0, 1, 2, 3]
    assert len({turn for _, turn in ran}) == 4


def test_one_that_was_cancelled_holds_nobody_up() -> None:
    assert [number for number, _ in asyncio.run(woken(cancel=1))] == [0, 2, 3]
