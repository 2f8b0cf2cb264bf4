"""When requests are sent, and when again."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from gapbench import transport
from gapbench.errors import FailureKind
from gapbench.execution.attempts.load_generator import AttemptRequest, AttemptResult, run_load
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.suite.plan import Load, PlannedRequest
from gapbench.values import Failure
from gapbench.values.failure_kinds import FAILURE_KINDS
from gapbench.values.policies import RetryPolicy
from tests.makers import sample
from tests.virtual_time import run_virtually

NOW = RetryPolicy(max_attempts=3, max_wait_s=0.0)


def requests(count: int, due_s: Callable[[int], float] | None = None) -> list[tuple[PlannedRequest, int]]:
    return [(PlannedRequest(sample(n), 0, "measure", due_s(n) if due_s else None), 0) for n in range(count)]


class Sends:
    """Records attempts; fails as told, and lets go of the loop so that others can start."""

    def __init__(self, fail: dict[str, list[Failure | None]] | None = None) -> None:
        self.fail = fail or {}
        self.tries: list[AttemptRequest] = []
        self.in_flight = 0
        self.most_in_flight = 0

    async def __call__(self, attempt: AttemptRequest) -> Failure | None:
        self.tries.append(attempt)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        for _ in range(3):
            await asyncio.sleep(0)
        self.in_flight -= 1
        script = self.fail.get(attempt.planned.sample.sample_id, [])
        return script[attempt.session_attempts - 1] if attempt.session_attempts <= len(script) else None


def driven(
    load: Load,
    todo: list[tuple[PlannedRequest, int]],
    sends: Callable[[AttemptRequest], Awaitable[Failure | None]],
    *,
    retries: RetryPolicy = NOW,
    halt_after: int | None = None,
) -> None:
    async def main() -> None:
        halt = StopSignal()
        made = 0

        async def send(attempt: AttemptRequest) -> AttemptResult:
            nonlocal made
            made += 1
            failure = await sends(attempt)
            if halt_after is not None and made >= halt_after:
                halt.set("budget")
            again = retries.should_retry(failure, attempt.session_attempts, attempt.quota_waited_s)
            return AttemptResult(failure, again)

        await run_load(
            load, todo, send, retries=retries, stop_signal=halt, seed=1, cell_start_s=transport.now()
        )

    asyncio.run(main())


def test_concurrency_keeps_so_many_in_flight() -> None:
    """20 requests, 4 at a time."""
    sends = Sends()
    driven(Load("concurrency", 4), requests(20), sends)

    assert (20, 4) == (len(sends.tries), sends.most_in_flight)


def test_a_rate_sends_whatever_is_in_flight() -> None:
    """All due at once: ten in flight at once."""
    sends = Sends()
    driven(Load("rate", 1e6), requests(10, lambda _: 0.0), sends)

    assert 10 == sends.most_in_flight


def test_a_rates_schedule_is_kept() -> None:
    """Due every 10 ms; response time counts from there."""
    sends = Sends()
    driven(Load("rate", 100), requests(4, lambda n: n * 0.01), sends)
    scheduled = [attempt.scheduled_s - sends.tries[0].scheduled_s for attempt in sends.tries]

    assert [0.0, 0.01, 0.02, 0.03] == pytest.approx(scheduled)


def test_a_resumed_rate_starts_at_once() -> None:
    """What is left of the schedule is moved up; 100 s are not waited for."""
    sends = Sends()
    driven(Load("rate", 1), requests(2, lambda n: 100.0 + n * 0.001), sends)

    assert 2 == len(sends.tries)


def test_a_retry_is_an_attempt_of_its_own() -> None:
    """Two failures and an answer: attempts 1, 2, 3."""
    server = Failure("server", "oops")
    sends = Sends({"s0": [server, server, None]})
    driven(Load("concurrency", 1), requests(1), sends)

    assert [1, 2, 3] == [attempt.number for attempt in sends.tries]


def test_attempts_of_an_earlier_session_are_counted_on() -> None:
    """Two were made before the crash: the next is the third, with a full budget of its own."""
    planned = requests(1)[0][0]
    sends = Sends()
    driven(Load("concurrency", 1), [(planned, 2)], sends)

    assert [(3, 1)] == [(attempt.number, attempt.session_attempts) for attempt in sends.tries]


def test_attempts_end_when_the_sender_calls_it_settled() -> None:
    """A server that always fails: three attempts, and no fourth."""
    server = Failure("server", "oops")
    sends = Sends({"s0": [server] * 9})
    driven(Load("concurrency", 1), requests(1), sends)

    assert 3 == len(sends.tries)


@pytest.mark.parametrize("kind", ["auth", "bad_request", "not_found", "quota", "runner", "cancelled"])
def test_what_waiting_does_not_cure_is_not_retried(kind: FailureKind) -> None:
    """One attempt."""
    assert not FAILURE_KINDS[kind].is_retryable
    assert not RetryPolicy().should_retry(Failure(kind, "no"), 1)


@pytest.mark.parametrize("kind", [kind for kind, traits in FAILURE_KINDS.items() if traits.is_retryable])
def test_what_waiting_may_cure_is_retried(kind: FailureKind) -> None:
    """Until the attempts are used up."""
    assert RetryPolicy(3).should_retry(Failure(kind, "no"), 2)
    assert not RetryPolicy(3).should_retry(Failure(kind, "no"), 3)


def test_a_wait_longer_than_allowed_is_not_waited() -> None:
    """A provider in trouble that asks for ten minutes is left alone."""
    assert not RetryPolicy(max_wait_s=60).should_retry(Failure("overloaded", "no", 503, 600.0), 1)


def test_attempts_that_a_quota_refused_are_not_counted() -> None:
    """Two refusals that announce 5 s each, then a failure: it is the first counted attempt, after 10 s of waits."""
    refused, server = Failure("rate_limit", "no", 429, 5.0), Failure("server", "oops")
    tries: list[AttemptRequest] = []
    script = iter([refused, refused, server, None])

    async def scripted(attempt: AttemptRequest) -> Failure | None:
        tries.append(attempt)
        return next(script)

    driven(Load("concurrency", 1), requests(1), scripted)

    assert [(1, 1, 0.0), (2, 1, 5.0), (3, 1, 10.0), (4, 2, 10.0)] == [
        (attempt.number, attempt.session_attempts, attempt.quota_waited_s) for attempt in tries
    ]


def test_retry_after_is_honoured_and_jittered() -> None:
    """At least what was asked, at most the first back-off's ceiling on top."""
    waits = [
        RetryPolicy().backoff_s(Failure("rate_limit", "no", 429, 2.0), 1, random.Random(n)) for n in range(50)
    ]

    assert all(2.0 <= wait <= 2.0 + RetryPolicy().backoff_base_s for wait in waits)
    assert len(set(waits)) == 50


def test_back_off_grows_and_is_capped() -> None:
    """0.5, 1, 2 … seconds at most, never over max_wait_s."""
    retries = RetryPolicy(max_attempts=99, max_wait_s=5.0)
    most = [
        max(retries.backoff_s(Failure("server", "x"), n, random.Random(k)) for k in range(300))
        for n in (1, 2, 3, 20)
    ]

    assert most[0] <= 0.5 < most[1] <= 1.0 < most[2] <= 2.0 < most[3] <= 5.0


def test_a_halt_sends_nothing_new() -> None:
    """Halted after the third answer: what was in flight is finished, the other 16 are not sent."""
    sends = Sends()
    driven(Load("concurrency", 2), requests(20), sends, halt_after=3)

    assert len(sends.tries) <= 3 + 1
    assert 0 == sends.in_flight


def test_a_halt_ends_a_back_off() -> None:
    """A run stopped during a long wait stops at once."""
    limited = Failure("rate_limit", "no", 429, 50.0)
    sends = Sends({"s0": [limited] * 3})
    driven(Load("concurrency", 1), requests(1), sends, retries=RetryPolicy(), halt_after=1)

    assert 1 == len(sends.tries)


def turning(
    load: Load, todo: list[tuple[PlannedRequest, int]], turns: int, think_s: float
) -> list[AttemptRequest]:
    """Send requests of so many turns, the second try at each turn being the one that counts."""
    made: list[AttemptRequest] = []
    done: Counter[str] = Counter()

    async def main() -> None:
        async def send(attempt: AttemptRequest) -> AttemptResult:
            made.append(attempt)
            await asyncio.sleep(0)
            if attempt.session_attempts == 1:
                return AttemptResult(Failure("server", "oops"), should_retry=True)
            name = attempt.planned.sample.sample_id
            done[name] += 1
            return AttemptResult(None, should_retry=False, goes_on=done[name] < turns, wait_s=think_s)

        await run_load(
            load, todo, send, retries=NOW, stop_signal=StopSignal(), seed=1, cell_start_s=transport.now()
        )

    run_virtually(main())
    return made


def test_a_request_that_goes_on_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests of three turns, one at a time, each turn tried twice: numbers 1 to 6, tries 1 and 2 by turns."""
    monkeypatch.setattr(transport, "now", lambda: asyncio.get_running_loop().time())
    made = turning(Load("concurrency", 1), requests(2), 3, 0.0)

    assert ["s0"] * 6 + ["s1"] * 6 == [attempt.planned.sample.sample_id for attempt in made]
    assert [1, 2, 3, 4, 5, 6] == [attempt.number for attempt in made[:6]]
    assert [1, 2, 1, 2, 1, 2] == [attempt.session_attempts for attempt in made[:6]]


def test_the_next_turn_is_due_when_the_user_has_thought(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three turns with ten seconds between them: 0, 10 and 20."""
    monkeypatch.setattr(transport, "now", lambda: asyncio.get_running_loop().time())
    made = turning(Load("concurrency", 1), requests(1), 3, 10.0)

    assert [0, 10, 20] == [round(attempt.scheduled_s) for attempt in made if attempt.session_attempts == 1]


def test_a_request_that_goes_on_holds_one_of_few_adaptive_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """One place at most: the second request starts after the last turn of the first."""
    monkeypatch.setattr(transport, "now", lambda: asyncio.get_running_loop().time())
    made: list[str] = []

    async def main() -> None:
        async def send(attempt: AttemptRequest) -> AttemptResult:
            made.append(attempt.planned.sample.sample_id)
            await asyncio.sleep(1)
            return AttemptResult(None, should_retry=False, goes_on=attempt.number < 3)

        await run_load(
            Load("adaptive", 1), requests(2), send,
            retries=NOW, stop_signal=StopSignal(), seed=1, cell_start_s=transport.now(),
        )  # fmt: skip

    run_virtually(main())

    assert ["s0"] * 3 + ["s1"] * 3 == made
