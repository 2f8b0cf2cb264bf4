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
from gapbench.execution.limits.adaptive_concurrency import AdaptiveLimiter
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.suite.plan import Load, PlannedRequest
from gapbench.values import Failure
from gapbench.values.policies import RetryPolicy

TIMER_RESOLUTION_S = 0.001
"""uvloop's timers tick in milliseconds and may come one early; no request leaves before it is due."""


@dataclass(frozen=True, slots=True)
class AttemptRequest:
    """One attempt to be made.

    Attributes:
        planned: The request.
        number: Which attempt, from 1.
        scheduled_s: When it is meant to be sent, on :data:`gapbench.transport.now`.
        session_attempts: The same, counted in this session alone.
    """

    planned: PlannedRequest
    number: int
    scheduled_s: float
    session_attempts: int


class AttemptResult(NamedTuple):
    """How an attempt ended.

    Attributes:
        failure: None: it brought an answer, or was not made.
        should_retry: Whether another attempt is to follow.
    """

    failure: Failure | None
    should_retry: bool


Send = Callable[[AttemptRequest], Awaitable[AttemptResult]]
"""Makes one attempt, records it, and says how it ended."""


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
) -> None:
    """Send every request by the load's rule until each has its final attempt, or until halted.

    Args:
        load: The rule.
        requests: Each request with the number of attempts already made at it in an earlier session.
        send: Makes one attempt.
        retries: How long to wait before another attempt.
        stop_signal: Stops new sends.
        seed: Of the back-off's jitter.
        cell_start_s: The cell's start on :data:`gapbench.transport.now`; schedules count from it.
        first_due_s: Which second of the schedule falls on ``cell_start_s``. None: that of the first of ``requests``, so that
            a resumed cell does not wait for what is done.
    """
    rng = random.Random(seed)  # noqa: S311 - jitter, not a secret
    limiter = AdaptiveLimiter(int(load.value)) if load.kind == "adaptive" else None

    async def send_until_final(planned: PlannedRequest, attempts_made: int, scheduled_s: float) -> None:
        session_attempts = 0
        while stop_signal.reason is None:
            session_attempts += 1
            if limiter is None:
                result = await send(
                    AttemptRequest(planned, attempts_made + session_attempts, scheduled_s, session_attempts)
                )
            else:
                result = await _send_within_limit(
                    limiter, send, planned, attempts_made + session_attempts, session_attempts, stop_signal
                )
            if result.failure is None or not result.should_retry:
                return
            wait_s = retries.backoff_s(result.failure, session_attempts, rng)
            scheduled_s = transport.now() + wait_s
            await stop_signal.sleep(wait_s)

    if load.is_open_loop:
        await _send_open_loop(requests, send_until_final, stop_signal, cell_start_s, first_due_s)
    else:
        # With room to be found, few of the places begin at once.
        await _send_closed_loop(
            int(load.value),
            iter(requests),
            send_until_final,
            stop_signal,
            yield_between_starts=limiter is None,
        )


async def _send_within_limit(
    limiter: AdaptiveLimiter,
    send: Send,
    planned: PlannedRequest,
    number: int,
    session_attempts: int,
    stop_signal: StopSignal,
) -> AttemptResult:
    """Make one attempt when there is room for it; a request is due the moment it has a place."""
    request_number = await limiter.acquire()
    try:
        if stop_signal.reason is not None:
            return AttemptResult(None, should_retry=False)
        result = await send(AttemptRequest(planned, number, transport.now(), session_attempts))
    finally:
        limiter.release()
    limiter.record_result(request_number, result.failure)
    return result


SendUntilFinal = Callable[[PlannedRequest, int, float], Coroutine[None, None, None]]


async def _send_closed_loop(
    concurrency: int,
    remaining: Iterator[tuple[PlannedRequest, int]],
    send_until_final: SendUntilFinal,
    stop_signal: StopSignal,
    *,
    yield_between_starts: bool,
) -> None:
    """Keep ``concurrency`` requests in flight; a request is due the moment a place is free."""

    async def send_in_turn() -> None:
        for planned, attempts_made in remaining:
            if stop_signal.reason is not None:
                return
            await send_until_final(planned, attempts_made, transport.now())

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(send_in_turn())
            if yield_between_starts:
                # The first replies must not wait unread until the last first request is built.
                await asyncio.sleep(0)


async def _send_open_loop(
    requests: Sequence[tuple[PlannedRequest, int]],
    send_until_final: SendUntilFinal,
    stop_signal: StopSignal,
    cell_start_s: float,
    first_due_s: float | None,
) -> None:
    """Send each request when it is due, however many are in flight."""
    if not requests:
        return
    offset_s = (requests[0][0].due_s or 0.0) if first_due_s is None else first_due_s
    async with asyncio.TaskGroup() as group:
        for planned, attempts_made in requests:
            due_s = cell_start_s + (planned.due_s or 0.0) - offset_s
            while (ahead_s := due_s - transport.now()) > 0 and stop_signal.reason is None:
                await stop_signal.sleep(max(ahead_s, TIMER_RESOLUTION_S))
            if stop_signal.reason is not None:
                return
            group.create_task(send_until_final(planned, attempts_made, due_s))
