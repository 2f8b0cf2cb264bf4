"""A provider's limits kept from this side: token buckets that a request passes before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gapbench import transport
from gapbench.values.policies import Limits

BURST_SHARE = 0.1
"""Of a minute's allowance that may go out at once; the rest flows in evenly.

The bucket starts full, so a minute can see at most its size and a minute's flow: 0.1 + 0.9 of the limit.
"""
FIRST_GUESS_TOKENS = 256
"""Output that a request is thought to bring before any has come back and where no budget is set."""

NO_WAIT_S = 1e-6
"""Less than this is rounding: a clock need not move by it."""


class Bucket:
    """A token bucket that may be overdrawn once: a request larger than the bucket still passes alone.

    Args:
        per_min: What may flow in a minute.
        at_s: Now.
    """

    def __init__(self, per_min: float, at_s: float) -> None:
        """Start full."""
        self.size = max(1.0, per_min * BURST_SHARE)
        self.flow_per_s = max(per_min - self.size, per_min * 0.5) / 60.0
        self._level = self.size
        self._at_s = at_s

    def wait_s(self, amount: float, at_s: float) -> float:
        """Return the seconds until ``amount`` may pass; 0 when it may now."""
        self._fill(at_s)
        lacks = min(amount, self.size) - self._level
        return max(0.0, lacks / self.flow_per_s)

    def take(self, amount: float, at_s: float) -> None:
        """Let ``amount`` pass; a negative one gives back what was taken too much."""
        self._fill(at_s)
        self._level = min(self.size, self._level - amount)

    def _fill(self, at_s: float) -> None:
        self._level = min(self.size, self._level + (at_s - self._at_s) * self.flow_per_s)
        self._at_s = at_s


class Pacer:
    """Lets requests to one provider pass in order, none before its limits allow.

    Args:
        limits: See :class:`gapbench.values.policies.Limits`.
        sleep: Waits; ends early when the run is halted.
        clock: Now, in seconds.
        halted: Whether the run is.
    """

    def __init__(
        self,
        limits: Limits,
        sleep: Callable[[float], Awaitable[None]],
        clock: Callable[[], float] = transport.now,
        *,
        halted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Start with full buckets."""
        self._sleep = sleep
        self._clock = clock
        self._halted = halted
        at_s = clock()
        self._requests = Bucket(limits.requests_per_min, at_s) if limits.requests_per_min else None
        self._tokens = Bucket(limits.tokens_per_min, at_s) if limits.tokens_per_min else None
        self._until_s = at_s
        self._turn = asyncio.Lock()
        self._seen_tokens = 0
        self._seen = 0

    def expected_tokens(self, input_chars: int, max_tokens: int | None) -> float:
        """Return the tokens that a request is thought to use: a quarter of its characters, and a mean reply."""
        reply = self._seen_tokens / self._seen if self._seen else float(max_tokens or FIRST_GUESS_TOKENS)
        return input_chars / 4 + reply

    async def enter(self, tokens: float) -> float:
        """Wait until a request of about ``tokens`` may go; returns the tokens taken for it, 0 once the run is halted."""
        async with self._turn:
            while not self._halted() and (wait_s := self._wait_s(tokens)) > NO_WAIT_S:
                await self._sleep(wait_s)
            if self._halted():
                return 0.0
            at_s = self._clock()
            if self._requests is not None:
                self._requests.take(1, at_s)
            if self._tokens is not None:
                self._tokens.take(tokens, at_s)
        return tokens

    def _wait_s(self, tokens: float) -> float:
        at_s = self._clock()
        waits = [self._until_s - at_s]
        if self._requests is not None:
            waits.append(self._requests.wait_s(1, at_s))
        if self._tokens is not None:
            waits.append(self._tokens.wait_s(tokens, at_s))
        return max(0.0, *waits)

    def leave(self, taken: float, used: int | None, output_tokens: int | None) -> None:
        """Settle what a request was thought to use against what it did.

        Args:
            taken: What :meth:`enter` took.
            used: Input and output tokens by the provider's count. None: not told; the guess stands.
            output_tokens: The output's part, for the next guesses.
        """
        if used is not None and self._tokens is not None:
            self._tokens.take(used - taken, self._clock())
        if output_tokens is not None:
            self._seen += 1
            self._seen_tokens += output_tokens

    def pause(self, seconds: float) -> None:
        """Let nothing pass for as long as the provider asked."""
        self._until_s = max(self._until_s, self._clock() + seconds)
