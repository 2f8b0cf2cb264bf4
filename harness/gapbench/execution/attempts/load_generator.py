"""Send requests by a load's rule: a number in flight, or a schedule. Each retry is a separate attempt.

This module does not know what a request is: ``send`` makes one attempt and returns how it ended. A request may go on
after an attempt, as an episode does turn by turn; it stays in flight until it ends.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from gapbench import transport
from gapbench.execution.attempts.session_order import group_by_session
from gapbench.execution.limits.adaptive_concurrency import AdaptiveLimiter
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.suite.plan import Load, PlannedRequest
from gapbench.values import Failure, ToolSet
from gapbench.values.policies import RetryPolicy

TIMER_RESOLUTION_S = 0.001
"""uvloop's timers have millisecond resolution and may fire 1 ms early; no request may be sent before it is due."""


@dataclass(frozen=True, slots=True)
class AttemptRequest:
    """One attempt to make.

    Attributes:
        planned: The request.
        number: Number of the attempt over all sessions, from 1.
        scheduled_s: When it is due, on :data:`gapbench.transport.now`.
        session_attempts: Number of the attempt in this session, from 1, without those that a quota refused; of an
            episode, at its present turn.
        quota_waited_s: Sum of the waits that such refusals asked for.
    """

    planned: PlannedRequest
    number: int
    scheduled_s: float
    session_attempts: int
    quota_waited_s: float = 0.0

    def with_tools(self, tools: ToolSet | None) -> AttemptRequest:
        """Return the attempt with the tools that its model may call now, which differ from the sample's in some episodes."""
        planned = self.planned
        if planned.sample.tools is tools:
            return self
        return replace(self, planned=replace(planned, sample=replace(planned.sample, tools=tools)))


class AttemptResult(NamedTuple):
    """How an attempt ended.

    Attributes:
        failure: How it failed. None: it brought an answer, or was not made.
        should_retry: Whether another attempt should follow.
        goes_on: Whether the request goes on with its next turn, which may be tried as often as a new request.
        wait_s: Seconds before the next turn.
    """

    failure: Failure | None
    should_retry: bool
    goes_on: bool = False
    wait_s: float = 0.0


Send = Callable[[AttemptRequest], Awaitable[AttemptResult]]
"""Makes one attempt, records it, and returns how it ended."""


class Places:
    """The places of requests in flight under a closed-loop load. Cells that share them follow each other without a pause.

    Args:
        load: The load.
    """

    def __init__(self, load: Load) -> None:
        self.count = int(load.value)
        self.limiter = AdaptiveLimiter(self.count) if load.is_adaptive else None
        self.free = asyncio.Semaphore(self.count)


async def run_load(
    load: Load,
    requests: Sequence[tuple[PlannedRequest, int]],
    send: Send,
    *,
    retries: RetryPolicy,
    stop_signal: StopSignal,
    seed: int,
    cell_start_s: float,
    first_due_s: float | None = None,
    places: Places | None = None,
    on_all_started: Callable[[], None] = lambda: None,
) -> None:
    """Send every request by the load's rule until each has its final attempt, or until stopped.

    Args:
        load: The load.
        requests: Each request with the number of attempts that earlier sessions made.
        send: Makes one attempt.
        retries: How long to wait before another attempt.
        stop_signal: Stops new sends.
        seed: Seed of the back-off's jitter.
        cell_start_s: The cell's start on :data:`gapbench.transport.now`; schedules count from it.
        first_due_s: Second of the schedule that falls on ``cell_start_s``. None: the due time of the first of
            ``requests``, so that a resumed cell does not wait for requests that are finished.
        places: Places that other cells share, of a closed-loop load. None: the cell has its own.
        on_all_started: Called when the last request has its place; of a closed-loop load only.
    """
    rng = random.Random(seed)  # noqa: S311 - jitter, not a secret
    if places is None and not load.is_open_loop:
        places = Places(load)
    limiter = None if places is None else places.limiter

    async def send_until_final(planned: PlannedRequest, attempts_made: int, scheduled_s: float) -> None:
        place = _Place(limiter)
        try:
            await send_turns(planned, attempts_made, scheduled_s, place)
        finally:
            place.leave()

    async def send_turns(
        planned: PlannedRequest, attempts_made: int, scheduled_s: float, place: _Place
    ) -> None:
        number, tries, quota_waited_s = attempts_made, 0, 0.0
        while stop_signal.reason is None:
            number += 1
            attempt = AttemptRequest(planned, number, scheduled_s, tries + 1, quota_waited_s)
            result = await place.send(send, attempt, stop_signal)
            if result.goes_on:
                tries, quota_waited_s = 0, 0.0
                scheduled_s = transport.now() + result.wait_s
                await _wait_until(scheduled_s, stop_signal)
                continue
            if result.failure is None or not result.should_retry:
                return
            if retries.is_quota_refusal(result.failure):
                # The model's admission control makes all its requests wait, in order.
                quota_waited_s += result.failure.retry_after_s or 0.0
                scheduled_s = transport.now()
                continue
            tries += 1
            wait_s = retries.backoff_s(result.failure, tries, rng)
            scheduled_s = transport.now() + wait_s
            await stop_signal.sleep(wait_s)

    if places is None:
        await _send_open_loop(requests, send_until_final, stop_signal, cell_start_s, first_due_s)
    else:
        # With adaptive concurrency only a few senders start at once.
        await _send_closed_loop(places, requests, send_until_final, stop_signal, on_all_started)


class _Place:
    """The place of one request among those in flight. It is kept while the request goes on, and left before a retry."""

    def __init__(self, limiter: AdaptiveLimiter | None) -> None:
        self._limiter = limiter
        self._number: int | None = None

    async def send(self, send: Send, attempt: AttemptRequest, stop_signal: StopSignal) -> AttemptResult:
        """Make one attempt when the limiter allows it; the request is due at that moment."""
        if self._limiter is None:
            return await send(attempt)
        number = self._number
        if number is None:
            number = self._number = await self._limiter.acquire()
            attempt = replace(attempt, scheduled_s=transport.now())
        if stop_signal.reason is not None:
            return AttemptResult(None, should_retry=False)
        result = await send(attempt)
        if not result.goes_on:
            self.leave()
        self._limiter.record_result(number, result.failure)
        return result

    def leave(self) -> None:
        """Count the request as no longer in flight."""
        if self._limiter is not None and self._number is not None:
            self._number = None
            self._limiter.release()


async def _wait_until(due_s: float, stop_signal: StopSignal) -> None:
    """Wait until an instant on :data:`gapbench.transport.now` has passed, or until stopped."""
    while (ahead_s := due_s - transport.now()) > 0 and stop_signal.reason is None:
        await stop_signal.sleep(max(ahead_s, TIMER_RESOLUTION_S))


SendUntilFinal = Callable[[PlannedRequest, int, float], Coroutine[None, None, None]]


async def _send_closed_loop(
    places: Places,
    requests: Sequence[tuple[PlannedRequest, int]],
    send_until_final: SendUntilFinal,
    stop_signal: StopSignal,
    on_all_started: Callable[[], None],
) -> None:
    """Keep every place taken; a request is due the moment a place is free."""
    left = len(requests)
    remaining = iter(requests)

    async def send_in_turn() -> None:
        nonlocal left
        while left:
            async with places.free:
                if stop_signal.reason is not None or not left:
                    return
                left -= 1
                if not left:
                    on_all_started()
                planned, attempts_made = next(remaining)
                await send_until_final(planned, attempts_made, transport.now())

    async with asyncio.TaskGroup() as group:
        for _ in range(min(places.count, left)):
            group.create_task(send_in_turn())


async def _send_open_loop(
    requests: Sequence[tuple[PlannedRequest, int]],
    send_until_final: SendUntilFinal,
    stop_signal: StopSignal,
    cell_start_s: float,
    first_due_s: float | None,
) -> None:
    """Send each request when it is due, regardless of how many are in flight; within a session, one after the other."""
    if not requests:
        return
    offset_s = (requests[0][0].due_s or 0.0) if first_due_s is None else first_due_s

    def due_time_s(planned: PlannedRequest) -> float:
        return cell_start_s + (planned.due_s or 0.0) - offset_s

    async def send_session(session: list[tuple[PlannedRequest, int]]) -> None:
        for place, (planned, attempts_made) in enumerate(session):
            due_s = due_time_s(planned)
            if place:
                answered_s = transport.now()
                due_s = max(due_s, answered_s) if planned.think_s is None else answered_s + planned.think_s
                await _wait_until(due_s, stop_signal)
            if stop_signal.reason is not None:
                return
            await send_until_final(planned, attempts_made, due_s)

    async with asyncio.TaskGroup() as group:
        for session in group_by_session(requests):
            planned, attempts_made = session[0]
            due_s = due_time_s(planned)
            await _wait_until(due_s, stop_signal)
            if stop_signal.reason is not None:
                return
            if len(session) == 1:
                group.create_task(send_until_final(planned, attempts_made, due_s))
            else:
                group.create_task(send_session(session))
