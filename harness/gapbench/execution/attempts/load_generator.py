"""When to send: a number in flight or a schedule; retries and back-off as attempts of their own.

Nothing here knows what a request is: ``send`` does one attempt and says how it ended.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gapbench import transport
from gapbench.execution.limits.adaptive_concurrency import Room
from gapbench.execution.limits.retry import Retries
from gapbench.execution.limits.stop_signal import Halt
from gapbench.suite.plan import Load, Planned
from gapbench.values import Failure

TICK_S = 0.001
"""uvloop's timers tick in milliseconds and may come one early; no request leaves before it is due."""


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt to be made.

    Attributes:
        planned: The request.
        number: Which attempt, from 1.
        scheduled_s: When it is meant to be sent, on :data:`gapbench.transport.now`.
        tries: The same, counted in this session alone.
    """

    planned: Planned
    number: int
    scheduled_s: float
    tries: int


class Ended(NamedTuple):
    """How an attempt ended.

    Attributes:
        failure: None: it brought an answer, or was not made.
        again: Whether another attempt is to follow.
    """

    failure: Failure | None
    again: bool


Send = Callable[[Try], Awaitable[Ended]]
"""Makes one attempt, records it, and says how it ended."""


async def drive(
    load: Load,
    requests: Sequence[tuple[Planned, int]],
    send: Send,
    *,
    retries: Retries,
    halt: Halt,
    seed: int,
    zero_s: float,
    first_due_s: float | None = None,
) -> None:
    """Send every request by the load's rule until each has its final attempt, or until halted.

    Args:
        load: The rule.
        requests: Each request with the number of attempts already made at it in an earlier session.
        send: Makes one attempt.
        retries: How long to wait before another attempt.
        halt: Stops new sends.
        seed: Of the back-off's jitter.
        zero_s: The cell's start on :data:`gapbench.transport.now`; schedules count from it.
        first_due_s: Which second of the schedule falls on ``zero_s``. None: that of the first of ``requests``, so that
            a resumed cell does not wait for what is done.
    """
    draw = random.Random(seed)  # noqa: S311 - jitter, not a secret
    room = Room(int(load.value)) if load.kind == "adaptive" else None

    async def see_through(planned: Planned, made: int, scheduled_s: float) -> None:
        tries = 0
        while halt.reason is None:
            tries += 1
            if room is None:
                ended = await send(Try(planned, made + tries, scheduled_s, tries))
            else:
                ended = await _within(room, send, planned, made + tries, tries, halt)
            if ended.failure is None or not ended.again:
                return
            wait_s = retries.wait_s(ended.failure, tries, draw)
            scheduled_s = transport.now() + wait_s
            await halt.sleep(wait_s)

    if load.on_schedule:
        await _on_schedule(requests, see_through, halt, zero_s, first_due_s)
    else:
        # With room to be found, few of the places begin at once.
        await _in_flight(int(load.value), iter(requests), see_through, halt, one_a_turn=room is None)


async def _within(room: Room, send: Send, planned: Planned, number: int, tries: int, halt: Halt) -> Ended:
    """Make one attempt when there is room for it; a request is due the moment it has a place."""
    entered = await room.enter()
    try:
        if halt.reason is not None:
            return Ended(None, again=False)
        ended = await send(Try(planned, number, transport.now(), tries))
    finally:
        room.leave()
    room.saw(entered, ended.failure)
    return ended


SeeThrough = Callable[[Planned, int, float], Coroutine[None, None, None]]


async def _in_flight(
    places: int,
    waiting: Iterator[tuple[Planned, int]],
    see_through: SeeThrough,
    halt: Halt,
    *,
    one_a_turn: bool,
) -> None:
    """Keep ``places`` requests in flight; a request is due the moment a place is free."""

    async def place() -> None:
        for planned, made in waiting:
            if halt.reason is not None:
                return
            await see_through(planned, made, transport.now())

    async with asyncio.TaskGroup() as group:
        for _ in range(places):
            group.create_task(place())
            if one_a_turn:
                # The first replies must not wait unread until the last first request is built.
                await asyncio.sleep(0)


async def _on_schedule(
    requests: Sequence[tuple[Planned, int]],
    see_through: SeeThrough,
    halt: Halt,
    zero_s: float,
    first_due_s: float | None,
) -> None:
    """Send each request when it is due, however many are in flight."""
    if not requests:
        return
    shift_s = (requests[0][0].due_s or 0.0) if first_due_s is None else first_due_s
    async with asyncio.TaskGroup() as group:
        for planned, made in requests:
            due_s = zero_s + (planned.due_s or 0.0) - shift_s
            while (ahead_s := due_s - transport.now()) > 0 and halt.reason is None:
                await halt.sleep(max(ahead_s, TICK_S))
            if halt.reason is not None:
                return
            group.create_task(see_through(planned, made, due_s))
