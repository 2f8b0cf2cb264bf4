"""A provider's limits kept from this side: token buckets that a request passes before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gapbench import transport
from gapbench.values.policies import RateLimits

BURST_SHARE = 0.1
"""Of a minute's allowance that may go out at once; the rest flows in evenly.

The bucket starts full, so a minute can see at most its size and a minute's flow: 0.1 + 0.9 of the limit.
"""
INITIAL_REPLY_TOKENS = 256
"""Output that a request is thought to bring before any has come back and where no budget is set."""

MIN_WAIT_S = 1e-6
"""Less than this is rounding: a clock need not move by it."""


class TokenBucket:
    """A token bucket that may be overdrawn once: a request larger than the bucket still passes alone.

    Args:
        per_min: What may flow in a minute.
        at_s: Now.
    """

    def __init__(self, per_min: float, at_s: float) -> None:
        """Start full."""
        self.capacity = max(1.0, per_min * BURST_SHARE)
        self.refill_per_s = max(per_min - self.capacity, per_min * 0.5) / 60.0
        self._level = self.capacity
        self._at_s = at_s

    def wait_s(self, amount: float, at_s: float) -> float:
        """Return the seconds until ``amount`` may pass; 0 when it may now."""
        self._refill(at_s)
        shortfall = min(amount, self.capacity) - self._level
        return max(0.0, shortfall / self.refill_per_s)

    def consume(self, amount: float, at_s: float) -> None:
        """Let ``amount`` pass; a negative one gives back what was taken too much."""
        self._refill(at_s)
        self._level = min(self.capacity, self._level - amount)

    def _refill(self, at_s: float) -> None:
        self._level = min(self.capacity, self._level + (at_s - self._at_s) * self.refill_per_s)
        self._at_s = at_s


class RateLimiter:
    """Lets requests to one provider pass in order, none before its limits allow.

    Args:
        limits: See :class:`gapbench.values.policies.RateLimits`.
        sleep: Waits; ends early when the run is halted.
        clock: Now, in seconds.
        is_stopped: Whether the run is.
    """

    def __init__(
        self,
        limits: RateLimits,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float] = transport.now,
        *,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Start with full buckets."""
        self._sleep = sleep
        self._clock = clock
        self._is_stopped = is_stopped
        at_s = clock()
        self._requests = TokenBucket(limits.requests_per_min, at_s) if limits.requests_per_min else None
        self._tokens = TokenBucket(limits.tokens_per_min, at_s) if limits.tokens_per_min else None
        self._paused_until_s = at_s
        self._lock = asyncio.Lock()
        self._output_tokens_seen = 0
        self._replies_seen = 0

    def estimate_tokens(self, input_chars: int, max_tokens: int | None) -> float:
        """Return the tokens that a request is thought to use: a quarter of its characters, and a mean reply."""
        reply = (
            self._output_tokens_seen / self._replies_seen
            if self._replies_seen
            else float(max_tokens or INITIAL_REPLY_TOKENS)
        )
        return input_chars / 4 + reply

    async def acquire(self, tokens: float) -> float:
        """Wait until a request of about ``tokens`` may go; returns the tokens taken for it, 0 once the run is halted."""
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
        waits = [self._paused_until_s - at_s]
        if self._requests is not None:
            waits.append(self._requests.wait_s(1, at_s))
        if self._tokens is not None:
            waits.append(self._tokens.wait_s(tokens, at_s))
        return max(0.0, *waits)

    def release(self, reserved_tokens: float, used_tokens: int | None, output_tokens: int | None) -> None:
        """Settle what a request was thought to use against what it did.

        Args:
            reserved_tokens: What :meth:`acquire` took.
            used_tokens: Input and output tokens by the provider's count. None: not told; the guess stands.
            output_tokens: The output's part, for the next guesses.
        """
        if used_tokens is not None and self._tokens is not None:
            self._tokens.consume(used_tokens - reserved_tokens, self._clock())
        if output_tokens is not None:
            self._replies_seen += 1
            self._output_tokens_seen += output_tokens

    def pause(self, seconds: float) -> None:
        """Let nothing pass for as long as the provider asked."""
        self._paused_until_s = max(self._paused_until_s, self._clock() + seconds)
