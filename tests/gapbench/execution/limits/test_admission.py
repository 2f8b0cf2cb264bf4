"""What a request holds while it waits is given back when it is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from gapbench.execution.limits.admission import UNRESTRICTED_PERMIT, AdmissionControl
from gapbench.execution.limits.rate_limiter import RateLimiter
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.values import Failure, Usage
from gapbench.values.policies import BreakerPolicy, RateLimits, RetryPolicy, RunPolicies
from tests.gapbench.execution.limits.test_rate_limiter import Clock
from tests.makers import model


def test_a_probe_that_is_cancelled_in_a_rate_limits_queue_is_the_next_ones() -> None:
    """One request a minute, and it is used up; the circuit is open. The first probe waits and is cancelled."""
    clock, minute_is_over = Clock(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        await minute_is_over.wait()
        await clock.sleep(seconds)

    async def main() -> str | None:
        limiter = RateLimiter(RateLimits(requests_per_min=1), sleep, clock)
        await limiter.acquire(0)
        policies = RunPolicies(breaker=BreakerPolicy(failures=1, probes=3, wait_s=0.0))
        admission = AdmissionControl(
            model(), policies, RetryBudget(RetryPolicy()), limiter, StopSignal(), lambda _: None
        )
        admission.record_result(UNRESTRICTED_PERMIT, Failure("server", "oops"), Usage())
        first = asyncio.create_task(admission.acquire(0, None))
        for _ in range(10):
            await asyncio.sleep(0)
        assert limiter._lock.locked()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        minute_is_over.set()
        permit = await asyncio.wait_for(admission.acquire(0, None), 5)
        return None if permit is None else permit.breaker_decision

    assert "probe" == asyncio.run(main())
