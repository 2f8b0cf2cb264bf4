"""Adaptive concurrency: what grows, what cuts, what pauses."""

from __future__ import annotations

import asyncio

import pytest

from gapbench import transport
from gapbench.errors import FailureKind
from gapbench.execution.attempts.load_generator import AttemptRequest, AttemptResult, run_load
from gapbench.execution.limits.adaptive_concurrency import INITIAL_LIMIT, AdaptiveLimiter
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.suite.plan import Load, PlannedRequest
from gapbench.values import Failure
from gapbench.values.policies import RetryPolicy
from tests.makers import sample


def fail(kind: FailureKind) -> Failure:
    return Failure(kind, "no")


def after(kinds: list[FailureKind | None], most: int = 64) -> AdaptiveLimiter:
    """Return a room after attempts sent one after the other that ended so."""
    room = AdaptiveLimiter(most)
    for number, kind in enumerate(kinds, 1):
        room._request_count = number
        room.record_result(number, None if kind is None else fail(kind))
    return room


def test_it_begins_by_doubling() -> None:
    """One place more for each answer: a round of n answers makes it 2n."""
    assert INITIAL_LIMIT + 4 == after([None] * 4).limit


def test_it_never_grows_past_its_most() -> None:
    """64."""
    assert 64 == after([None] * 500).limit


def test_a_refusal_halves_it() -> None:
    """4 + 12 answers are 16 places; one 429 makes 8."""
    assert 8 == after([*[None] * 12, "rate_limit"]).limit


def test_a_burst_of_refusals_cuts_once() -> None:
    """All of them were sent before the cut."""
    room = after([None] * 12)
    room._request_count = 20
    for number in range(13, 21):
        room.record_result(number, fail("rate_limit"))

    assert 8 == room.limit


def test_after_a_refusal_it_grows_by_one_a_round() -> None:
    """8 answers at 8 places: one place more, less the rounding of a round that grows."""
    assert 8.9 < after([*[None] * 12, "rate_limit", *[None] * 8]).limit <= 9


@pytest.mark.parametrize("kind", ["server", "overloaded", "timeout", "connect", "cut_stream"])
def test_a_server_in_trouble_pauses_growth_and_cuts_nothing(kind: FailureKind) -> None:
    """The next answer opens no place, the one after it does."""
    assert INITIAL_LIMIT == after([kind, None]).limit
    assert INITIAL_LIMIT + 1 == after([kind, None, None]).limit


@pytest.mark.parametrize("kind", ["auth", "bad_request", "not_found", "quota", "runner"])
def test_what_says_nothing_of_the_load_changes_nothing(kind: FailureKind) -> None:
    """Neither growth nor cut nor pause."""
    assert INITIAL_LIMIT + 1 == after([kind, None]).limit


def test_one_place_is_always_left() -> None:
    """However often it is refused."""
    assert 1 == after(["rate_limit"] * 20).limit


def test_a_load_stays_below_what_a_provider_takes() -> None:
    """A provider that refuses what is above 6 in flight: all 200 are answered, and few are refused."""
    refused = most = in_flight = 0

    async def send(attempt: AttemptRequest) -> Failure | None:
        nonlocal refused, most, in_flight
        in_flight += 1
        most = max(most, in_flight)
        over = in_flight > 6
        for _ in range(3):
            await asyncio.sleep(0)
        in_flight -= 1
        refused += over
        return fail("rate_limit") if over else None

    answered: set[str] = set()

    retries = RetryPolicy(max_attempts=50, max_wait_s=0.0)

    async def counting(attempt: AttemptRequest) -> AttemptResult:
        failure = await send(attempt)
        if failure is None:
            answered.add(attempt.planned.sample.sample_id)
        return AttemptResult(failure, retries.should_retry(failure, attempt.session_attempts))

    async def main() -> None:
        todo = [(PlannedRequest(sample(n), 0, "measure"), 0) for n in range(200)]
        await run_load(
            Load("adaptive", 64),
            todo,
            counting,
            retries=retries,
            stop_signal=StopSignal(),
            seed=1,
            cell_start_s=transport.now(),
        )

    asyncio.run(main())

    assert 200 == len(answered)
    assert most <= 8
    assert refused < 40
