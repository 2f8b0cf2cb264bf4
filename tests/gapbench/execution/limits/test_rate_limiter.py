"""A provider's limits are kept from this side."""

from __future__ import annotations

import asyncio

import pytest

from gapbench.execution.limits.rate_limiter import RateLimiter, TokenBucket
from gapbench.values.policies import RateLimits


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def __call__(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.at_s += seconds


def sent_at(limits: RateLimits, tokens: list[float]) -> list[float]:
    """Return when each request of so many tokens went."""
    clock = Clock()

    async def main() -> list[float]:
        pacer = RateLimiter(limits, clock.sleep, clock)
        times = []
        for amount in tokens:
            await pacer.acquire(amount)
            times.append(clock.at_s)
        return times

    return asyncio.run(main())


def most_in_a_minute(times: list[float], amounts: list[float]) -> float:
    return max(
        sum(amount for at, amount in zip(times, amounts, strict=True) if start <= at < start + 60.0)
        for start in times
    )


def test_no_minute_sees_more_requests_than_allowed() -> None:
    """60 a minute, 300 requests as fast as they may go: 6 at once, then 54 a minute."""
    times = sent_at(RateLimits(requests_per_min=60), [0.0] * 300)

    assert most_in_a_minute(times, [1.0] * 300) <= 60
    assert (300 - 6) / 54 * 60 == pytest.approx(times[-1], rel=0.01)


def test_no_minute_sees_more_tokens_than_allowed() -> None:
    """6,000 a minute in requests of 100."""
    times = sent_at(RateLimits(tokens_per_min=6_000), [100.0] * 300)

    assert most_in_a_minute(times, [100.0] * 300) <= 6_000 + 1e-6


def test_the_tighter_limit_holds() -> None:
    """Tokens allow 600 requests a minute, requests 60."""
    both = sent_at(RateLimits(60, 6_000), [10.0] * 100)

    assert sent_at(RateLimits(requests_per_min=60), [10.0] * 100) == pytest.approx(both)


def test_a_request_larger_than_the_bucket_passes_alone() -> None:
    """Else it would wait for ever; what it took too much is made up by the next."""
    times = sent_at(RateLimits(tokens_per_min=600), [1_000.0, 10.0])

    assert 0.0 == times[0]
    assert times[1] > 90


def test_what_was_guessed_too_high_is_given_back() -> None:
    """Taken 50, used 10: 40 may pass again."""
    bucket = TokenBucket(600, 0.0)
    bucket.consume(50, 0.0)
    assert bucket.wait_s(50, 0.0) > 0
    bucket.consume(10 - 50, 0.0)

    assert 0.0 == bucket.wait_s(50, 0.0)


def test_replies_teach_what_the_next_will_bring() -> None:
    """100 characters are 25 tokens; the budget is the guess until the first reply."""
    pacer = RateLimiter(RateLimits(tokens_per_min=1_000), Clock().sleep, Clock())
    assert 25 + 512 == pacer.estimate_tokens(100, 512)
    pacer.release(537, used_tokens=45, output_tokens=20)

    assert 25 + 20 == pacer.estimate_tokens(100, 512)
