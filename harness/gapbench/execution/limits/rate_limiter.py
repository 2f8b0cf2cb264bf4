"""Keep a provider's rate limits: every request passes token buckets before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gapbench import transport
from gapbench.values.policies import RateLimits

BURST_SHARE = 0.1
"""Share of a minute's allowance that may be sent at once; the rest is added evenly over the minute.

The bucket starts full, so a minute can see at most its size and a minute's flow: 0.1 + 0.9 of the limit.
"""
INITIAL_REPLY_TOKENS = 256
"""Assumed output tokens of a request while no reply has come back and no token limit is set."""

MIN_WAIT_S = 1e-6
"""A shorter wait is a rounding error: the clock may not move by it."""


class TokenBucket:
    """A token bucket that may go below zero: a request larger than the bucket passes once the bucket is full.

    Args:
        per_min: Amount that may pass in a minute.
        at_s: Now.
    """

    def __init__(self, per_min: float, at_s: float) -> None:
        self.capacity = max(1.0, per_min * BURST_SHARE)
        self.refill_per_s = max(per_min - self.capacity, per_min * 0.5) / 60.0
        self._level = self.capacity
        self._at_s = at_s

    def wait_s(self, amount: float, at_s: float) -> float:
        """Return the seconds until ``amount`` may pass; 0 if it may pass now."""
        self._refill(at_s)
        shortfall = min(amount, self.capacity) - self._level
        return max(0.0, shortfall / self.refill_per_s)

    def consume(self, amount: float, at_s: float) -> None:
        """Remove ``amount`` from the bucket; a negative amount is put back."""
        self._refill(at_s)
        self._level = min(self.capacity, self._level - amount)

    def _refill(self, at_s: float) -> None:
        self._level = min(self.capacity, self._level + (at_s - self._at_s) * self.refill_per_s)
        self._at_s = at_s


class RateLimiter:
    """Lets requests to one provider account pass in order, when its limits allow.

    Args:
        limits: See :class:`gapbench.values.policies.RateLimits`.
        sleep: Sleeps; returns early when the run is stopped.
        clock: Returns the current time in seconds.
        is_stopped: Returns whether the run is stopped.
    """

    def __init__(
        self,
        limits: RateLimits,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float] = transport.now,
        *,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._is_stopped = is_stopped
        at_s = clock()
        self._requests = TokenBucket(limits.requests_per_min, at_s) if limits.requests_per_min else None
        self._tokens = TokenBucket(limits.tokens_per_min, at_s) if limits.tokens_per_min else None
        self._lock = asyncio.Lock()
        self._output_tokens_seen = 0
        self._replies_seen = 0

    def estimate_tokens(self, input_chars: int, max_tokens: int | None) -> float:
        """Return the tokens that a request may use: a quarter of its characters, plus a mean reply."""
        reply = (
            self._output_tokens_seen / self._replies_seen
            if self._replies_seen
            else float(max_tokens or INITIAL_REPLY_TOKENS)
        )
        return input_chars / 4 + reply

    async def acquire(self, tokens: float) -> float:
        """Wait until a request of about ``tokens`` may be sent.

        Returns:
            The tokens reserved for it; 0 if the run was stopped.
        """
        async with self._lock:
            while not self._is_stopped() and (wait_s := self._wait_s(tokens)) > MIN_WAIT_S:
                await self._sleep(wait_s)
            if self._is_stopped():
                return 0.0
            at_s = self._clock()
            if self._requests is not None:
                self._requests.consume(1, at_s)
            if self._tokens is not None:
                self._tokens.consume(tokens, at_s)
        return tokens

    def _wait_s(self, tokens: float) -> float:
        at_s = self._clock()
        waits = [0.0]
        if self._requests is not None:
            waits.append(self._requests.wait_s(1, at_s))
        if self._tokens is not None:
            waits.append(self._tokens.wait_s(tokens, at_s))
        return max(waits)

    def release(self, reserved_tokens: float, used_tokens: int | None, output_tokens: int | None) -> None:
        """Settle what a request was thought to use against what it did.

        Args:
            reserved_tokens: What :meth:`acquire` took.
            used_tokens: Input and output tokens by the provider's count. None: not reported; the estimate is kept.
            output_tokens: The output's part, for the next guesses.
        """
        if used_tokens is not None and self._tokens is not None:
            self._tokens.consume(used_tokens - reserved_tokens, self._clock())
        if output_tokens is not None:
            self._replies_seen += 1
            self._output_tokens_seen += output_tokens

    def put_back(self, reserved_tokens: float) -> None:
        """Give back what :meth:`acquire` took for a request that was not sent."""
        at_s = self._clock()
        if self._requests is not None:
            self._requests.consume(-1, at_s)
        if self._tokens is not None:
            self._tokens.consume(-reserved_tokens, at_s)
