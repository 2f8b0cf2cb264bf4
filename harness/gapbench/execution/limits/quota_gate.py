"""Hold a model's requests back while its provider's quota is used up.

A 429 with Retry-After says when the provider accepts requests again. Until then no request of the model is sent.
Afterwards they pass in the order in which they came: one, and one more at once with each answer, as in TCP's slow start
(RFC 5681, section 3.1). A further refusal starts again with one; from half of the number that was reached, the number
then grows by a quarter per round of answers, because refused requests cost time and bring nothing.
The gate opens when no request waits any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from gapbench import transport

GROWTH_PER_ROUND = 0.25
"""Requests more at once after each round of answers, above half of what the last refusal ended."""
MIN_WAIT_S = 1e-6
"""A shorter wait is a rounding error: the clock may not move by it."""
OPEN_ROUND = 0
"""The round of requests that passed while the gate was open."""


class QuotaGate:
    """Lets a model's requests pass when its quota allows.

    Args:
        max_wait_s: Longest time without an answer that is spent on waiting, as the provider asks.
        sleep: Sleeps; returns early when the run is stopped.
        is_stopped: Returns whether no request is to be sent any more.
        clock: Returns the current time in seconds.
    """

    def __init__(
        self,
        max_wait_s: float,
        sleep: Callable[[float], Awaitable[None]],
        is_stopped: Callable[[], bool],
        clock: Callable[[], float] = transport.now,
    ) -> None:
        self._max_wait_s = max_wait_s
        self._sleep = sleep
        self._is_stopped = is_stopped
        self._clock = clock
        self._is_open = True
        self._round = self._last_round = OPEN_ROUND
        self._limit = 1.0
        self._slow_start_end = float("inf")
        self._in_flight = 0
        self._waiting = 0
        self._paused_until_s = 0.0
        self._refused_since_s: float | None = None
        # A lock wakes its waiters in order.
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether requests pass without waiting."""
        return self._is_open

    async def acquire(self) -> int | None:
        """Wait until a request may be sent.

        Returns:
            The round in which it is sent, for :meth:`release`, :meth:`record_answer` and :meth:`record_refusal`.
            None: do not send it, no request is to be sent any more.
        """
        if self._is_open:
            return OPEN_ROUND
        self._waiting += 1
        try:
            async with self._lock:
                while not self._is_stopped():
                    wait_s = self._paused_until_s - self._clock()
                    if wait_s <= MIN_WAIT_S and self._in_flight < int(self._limit):
                        self._in_flight += 1
                        return self._round
                    self._changed.clear()
                    await self._wait_for_change(wait_s if wait_s > MIN_WAIT_S else None)
            return None
        finally:
            self._waiting -= 1

    async def _wait_for_change(self, at_most_s: float | None) -> None:
        """Wait until a request has ended, or until the pause is over."""
        changed = asyncio.ensure_future(self._changed.wait())
        waits: list[asyncio.Future[Any]] = [changed]
        if at_most_s is not None:
            waits.append(asyncio.ensure_future(self._sleep(at_most_s)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
                with suppress(asyncio.CancelledError):
                    await wait

    def release(self, sent_round: int) -> None:
        """Count a request as no longer in flight.

        Args:
            sent_round: What :meth:`acquire` returned for it.
        """
        if sent_round != OPEN_ROUND:
            self._in_flight -= 1
        self._changed.set()

    def record_answer(self, sent_round: int) -> None:
        """Let more requests be in flight after one that was not refused; call it after :meth:`release`."""
        self._refused_since_s = None
        if self._is_open or sent_round != self._round:
            return
        if self._limit < self._slow_start_end:
            self._limit += 1.0
        else:
            self._limit += GROWTH_PER_ROUND / self._limit
        if not self._waiting:
            self._is_open, self._round = True, OPEN_ROUND
            self._limit, self._slow_start_end = 1.0, float("inf")
        self._changed.set()

    def record_refusal(self, sent_round: int, retry_after_s: float) -> str | None:
        """Send nothing before the time that the provider announced; call it after :meth:`release`.

        Args:
            sent_round: What :meth:`acquire` returned for the request.
            retry_after_s: The wait that the provider asks for.

        Returns:
            Why waiting is pointless, to follow "given up after". None if it is not.
        """
        at_s = self._clock()
        self._paused_until_s = max(self._paused_until_s, at_s + retry_after_s)
        self._changed.set()
        # Requests sent before the last refusal was known report a limit that has already been lowered.
        if self._is_open:
            self._is_open = False
            self._last_round += 1
            self._round = self._last_round
        elif sent_round == self._round:
            self._slow_start_end = max(1.0, self._limit / 2)
            self._limit = 1.0
            self._last_round += 1
            self._round = self._last_round
        if self._refused_since_s is None:
            self._refused_since_s = at_s
        waited_s = at_s - self._refused_since_s
        if waited_s + retry_after_s <= self._max_wait_s:
            return None
        return (
            f"{waited_s:.0f} s of rate-limit replies (429) without an answer, and the provider asks for {retry_after_s:.0f} s more; "
            f"raise retries.quota_wait_s ({self._max_wait_s:g}), or set the model's limits: {{requests_per_min: …}}"
        )
