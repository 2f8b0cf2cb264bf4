"""A quota that says when it opens again loses no request, whatever its form and however many requests wait."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from gapbench import transport
from gapbench.execution.attempts.load_generator import AttemptRequest, AttemptResult, run_load
from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.rate_limiter import RateLimiter
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.suite.plan import Load, PlannedRequest
from gapbench.values import Failure, Response, Timing, Usage
from gapbench.values.policies import RateLimits, RetryPolicy, RunPolicies
from tests.makers import model, sample
from tests.virtual_time import run_virtually


class Quota(Protocol):
    """What a provider allows."""

    def refuse_s(self, at_s: float) -> float | None:
        """Return the wait that a request at this time is told, or None if it is accepted."""


@dataclass
class FixedWindow:
    """So many requests in each minute of the clock."""

    size: int
    window_s: float = 60.0
    seen: Counter[int] = field(default_factory=Counter)

    def refuse_s(self, at_s: float) -> float | None:
        number = int(at_s // self.window_s)
        if self.seen[number] >= self.size:
            return (number + 1) * self.window_s - at_s
        self.seen[number] += 1
        return None


@dataclass
class SlidingWindow:
    """So many requests in any minute."""

    size: int
    window_s: float = 60.0
    accepted_s: deque[float] = field(default_factory=deque)

    def refuse_s(self, at_s: float) -> float | None:
        while self.accepted_s and self.accepted_s[0] <= at_s - self.window_s:
            self.accepted_s.popleft()
        if len(self.accepted_s) >= self.size:
            return self.accepted_s[0] + self.window_s - at_s
        self.accepted_s.append(at_s)
        return None


@dataclass
class Bucket:
    """A token bucket: a burst of ``size``, then one request every ``60 / size`` seconds."""

    size: int
    level: float = field(init=False)
    last_s: float = 0.0

    def __post_init__(self) -> None:
        self.level = float(self.size)

    def refuse_s(self, at_s: float) -> float | None:
        self.level = min(self.size, self.level + (at_s - self.last_s) * self.size / 60)
        self.last_s = at_s
        if self.level >= 1:
            self.level -= 1
            return None
        return (1 - self.level) * 60 / self.size + 1e-9


@dataclass
class Outcome:
    """What a simulated run brought.

    Attributes:
        finals: Final attempts by request: "answer" or the failure kind.
        refused: Attempts that the quota refused.
        early: Attempts of a request that was told to wait and was sent before that.
        took_s: Virtual seconds.
        lines: What the user was shown.
        state: The circuit breaker's state at the end.
    """

    finals: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    early: int = 0
    took_s: float = 0.0
    lines: list[str] = field(default_factory=list)
    state: str = ""
    reason: str = ""


def simulate(
    quota: Quota,
    load: Load,
    count: int,
    *,
    service_s: float = 1.0,
    retries: RetryPolicy | None = None,
    faults: float = 0.0,
    limits: RateLimits | None = None,
    seed: int = 0,
) -> Outcome:
    """Send so many requests through the real load generator and admission control to a provider with a quota.

    Args:
        quota: What the provider allows; it announces waits exactly.
        load: The load.
        count: Number of requests.
        service_s: Time of an answer; a refusal takes a tenth of it.
        retries: The policy. None: the default one.
        faults: Share of accepted requests that end with a 500 all the same.
        limits: The model's limits. None: none.
        seed: Seed of service times and faults.
    """
    found = Outcome()
    policies = RunPolicies(retries or RetryPolicy())
    draw = random.Random(seed)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        stop = StopSignal()
        limiter = RateLimiter(limits, stop.sleep, loop.time) if limits else None
        control = AdmissionControl(
            model(), policies, RetryBudget(policies.retries), limiter, stop, found.lines.append, loop.time
        )
        may_send_s: dict[str, float] = {}

        async def send(attempt: AttemptRequest) -> AttemptResult:
            permit = await control.acquire(100, 10)
            if permit is None:
                return AttemptResult(None, should_retry=False)
            name = attempt.planned.sample.sample_id
            found.early += loop.time() < may_send_s.get(name, 0.0) - 1e-6
            wait_s = quota.refuse_s(loop.time())
            failure: Failure | None = None
            if wait_s is not None:
                found.refused += 1
                may_send_s[name] = loop.time() + wait_s
                failure = Failure("rate_limit", "slow down", 429, wait_s)
                await asyncio.sleep(service_s / 10)
                # The wait was announced when the request arrived.
                may_send_s[name] = min(may_send_s[name], loop.time() + wait_s)
            else:
                await asyncio.sleep(service_s * draw.uniform(0.5, 1.5))
                if draw.random() < faults:
                    failure = Failure("server", "oops", 500)
            timing = Timing(None, None, None, None, None, loop.time())
            response = Response("", "", timing, Usage(), failure=failure)
            final, again = await control.finish_request(
                permit, response, attempt.session_attempts, attempt.quota_waited_s
            )
            if final:
                assert name not in found.finals
                found.finals[name] = "answer" if failure is None else failure.kind
            return AttemptResult(failure, again)

        todo = [(PlannedRequest(sample(n), 0, "measure"), 0) for n in range(count)]
        await run_load(
            load, todo, send, retries=policies.retries, stop_signal=stop, seed=1, cell_start_s=transport.now()
        )
        found.took_s = loop.time()
        found.state, found.reason = control.breaker.state, control.breaker.reason

    run_virtually(main())
    return found


QUOTAS = {"fixed": FixedWindow, "sliding": SlidingWindow, "bucket": Bucket}


@pytest.mark.parametrize("adaptive", [False, True], ids=["plain", "adaptive"])
@pytest.mark.parametrize("concurrency", [1, 2, 4, 16, 64, 256])
@pytest.mark.parametrize("form", list(QUOTAS))
def test_no_request_is_lost_at_any_concurrency(form: str, concurrency: int, adaptive: bool) -> None:
    """Quotas of 1 to 90 a minute, slow and fast answers: every request is answered, and none was sent too early."""
    draw = random.Random(f"{form} {concurrency} {adaptive}")
    for _ in range(4):
        size = draw.choice([1, 3, 10, 30, 90])
        count = draw.randrange(1, 6 * size + 20)
        load = Load("adaptive" if adaptive else "concurrency", concurrency)
        ended = simulate(
            QUOTAS[form](size), load, count, service_s=draw.choice([0.01, 0.5, 5.0]), seed=draw.randrange(100)
        )

        assert {"answer": count} == Counter(ended.finals.values())
        assert 0 == ended.early
        assert "closed" == ended.state


def test_case_19() -> None:
    """40 requests, 30 a minute: plain at 4 in flight lost 5, adaptive at 16 lost 8."""
    for load in (Load("concurrency", 4), Load("adaptive", 16)):
        ended = simulate(SlidingWindow(30), load, 40, service_s=0.01)

        assert {"answer": 40} == Counter(ended.finals.values())
        assert ended.took_s < 2 * 60


@pytest.mark.parametrize(("form", "refused_each"), [("fixed", 0.1), ("sliding", 0.5), ("bucket", 1.0)])
def test_it_goes_on_gently(form: str, refused_each: float) -> None:
    """64 in flight, 30 a minute, 300 requests: few are refused after the first burst, and the quota is used.

    34 of the first 64 must be refused. A bucket lets one request pass every 2 s and answers at once here, so each of the
    other 270 may be tried once before its time; a window lets many pass.
    """
    ended = simulate(QUOTAS[form](30), Load("concurrency", 64), 300, service_s=0.05)

    assert ended.refused <= 34 + refused_each * 270
    # 300 requests at 30 a minute take 9 to 10 minutes however they are sent.
    assert ended.took_s <= 1.05 * 600


def test_a_quota_beside_failures_keeps_the_tries_for_the_failures() -> None:
    """A tenth of the accepted requests fail: three tries each are enough for 200, refusals are not among them."""
    ended = simulate(SlidingWindow(30), Load("concurrency", 16), 200, faults=0.1, seed=3)

    assert 200 == len(ended.finals)
    assert Counter(ended.finals.values())["rate_limit"] == 0
    # 0.1 cubed of 200 is 0.2.
    assert Counter(ended.finals.values())["server"] <= 2


def test_limits_below_the_quota_are_never_refused() -> None:
    """The way to avoid refused requests: limits: {requests_per_min: 30}."""
    ended = simulate(SlidingWindow(30), Load("concurrency", 16), 100, limits=RateLimits(requests_per_min=30))

    assert 0 == ended.refused
    assert {"answer": 100} == Counter(ended.finals.values())


@dataclass
class Never:
    """A quota of nothing."""

    wait_s: float = 30.0

    def refuse_s(self, at_s: float) -> float | None:
        return self.wait_s


def test_a_quota_that_never_opens_gives_the_model_up_and_ends_no_request() -> None:
    """30 s each time, 100 s at most: after 90 s it would be 120. Nothing is final, so --resume sends all."""
    ended = simulate(Never(), Load("concurrency", 8), 50, retries=RetryPolicy(quota_wait_s=100.0))

    assert {} == ended.finals
    assert "given_up" == ended.state
    assert ended.took_s < 100
    assert "429" in ended.reason
    assert "retries.quota_wait_s (100)" in ended.reason


def test_an_announced_wait_beyond_the_budget_is_not_begun() -> None:
    """A quota of the day: nobody waits for it, and the user learns which key allows it."""
    ended = simulate(Never(86_400.0), Load("concurrency", 8), 50)

    assert {} == ended.finals
    assert ended.took_s < 2
    assert "the provider asks for 86400 s more" in ended.reason


def test_a_request_refused_again_and_again_ends() -> None:
    """Its own waits may add up to 100 s: the sixth of 20 s is too many. The user is told why."""
    policy = RetryPolicy(quota_wait_s=100.0)
    waits = [20.0 * number for number in range(7)]
    refusal = Failure("rate_limit", "too large", 429, 20.0)

    assert [True] * 5 + [False] * 2 == [policy.should_retry(refusal, 1, waited_s) for waited_s in waits]


def test_zero_turns_the_waiting_off() -> None:
    """A refusal is then a failed attempt like any other."""
    policy = RetryPolicy(max_attempts=3, quota_wait_s=0.0)
    refusal = Failure("rate_limit", "no", 429, 20.0)

    assert [True, True, False] == [policy.should_retry(refusal, tries) for tries in (1, 2, 3)]


@pytest.mark.parametrize("retry_after_s", [None, 0.0])
def test_a_429_that_announces_no_wait_uses_up_a_try(retry_after_s: float | None) -> None:
    """Nothing says when the quota opens, so three tries it is."""
    policy = RetryPolicy(max_attempts=3)
    refusal = Failure("rate_limit", "no", 429, retry_after_s)

    assert [True, True, False] == [policy.should_retry(refusal, tries) for tries in (1, 2, 3)]


def test_a_stopped_run_ends_its_waits_at_once() -> None:
    """All 16 wait for a minute; the stop comes after 5 s."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        stop = StopSignal()
        policies = RunPolicies()
        control = AdmissionControl(
            model(), policies, RetryBudget(policies.retries), None, stop, lambda _: None, loop.time
        )
        refusal = Failure("rate_limit", "no", 429, 60.0)

        async def send(attempt: AttemptRequest) -> AttemptResult:
            permit = await control.acquire(1, 1)
            if permit is None:
                return AttemptResult(None, should_retry=False)
            control.record_result(permit, refusal, Usage())
            return AttemptResult(refusal, control.decide_retry(refusal, 1)[1])

        loop.call_later(5.0, stop.set, "interrupted")
        todo = [(PlannedRequest(sample(n), 0, "measure"), 0) for n in range(16)]
        await run_load(
            Load("concurrency", 16), todo, send, retries=policies.retries, stop_signal=stop, seed=1, cell_start_s=0.0
        )  # fmt: skip
        return loop.time()

    assert 5.0 == run_virtually(main())


def test_a_cancelled_wait_leaves_the_gate_to_the_others() -> None:
    """The first in line is cancelled during the pause: the second passes after it."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        policies = RunPolicies()
        stop = StopSignal()
        control = AdmissionControl(
            model(), policies, RetryBudget(policies.retries), None, stop, lambda _: None, loop.time
        )
        first = await control.acquire(1, 1)
        assert first is not None
        control.record_result(first, Failure("rate_limit", "no", 429, 60.0), Usage())
        waiting = [asyncio.create_task(control.acquire(1, 1)) for _ in range(2)]
        await asyncio.sleep(1)
        waiting[0].cancel()
        assert await waiting[1] is not None
        return loop.time()

    assert 60.0 == run_virtually(main())
