"""A dead endpoint is probed a few times and left alone; what was not sent is still to be done."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter

import pytest

from gapbench.execution.limits.admission import UNRESTRICTED_PERMIT, AdmissionControl
from gapbench.execution.limits.circuit_breaker import CircuitBreaker
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.values import Failure, Usage
from gapbench.values.policies import BreakerPolicy, RetryPolicy, RunPolicies
from tests.makers import model

ONE_ATTEMPT = RunPolicies(retries=RetryPolicy(max_attempts=1))


def breaker(said: list[str] | None = None, waits: list[float] | None = None, **rule: int) -> CircuitBreaker:
    async def sleep(seconds: float) -> None:
        if waits is not None:
            waits.append(seconds)
        await asyncio.sleep(0)

    tell = (said if said is not None else []).append
    return CircuitBreaker(BreakerPolicy(**rule), sleep, lambda: False, tell)


def test_failures_in_a_row_open_it() -> None:
    """Two and an answer do not; three do."""
    made = breaker(failures=3)
    for kind in ("server", "connect", None, "server", "server"):
        made.record_result(kind, "go")
    before = str(made.state)
    made.record_result("overloaded", "go")

    assert ("closed", "open") == (before, made.state)


@pytest.mark.parametrize("kind", ["rate_limit", "bad_request", "cancelled", "runner"])
def test_what_says_nothing_of_the_endpoint_does_not_open_it(kind: str) -> None:
    """It answers, or was not asked."""
    made = breaker(failures=1)
    made.record_result(kind, "go")

    assert "closed" == made.state


@pytest.mark.parametrize("kind", ["timeout", "cut_stream", "garbage"])
def test_an_endpoint_that_hangs_opens_it(kind: str) -> None:
    """A server that takes each request and never answers costs a night of deadlines."""
    made = breaker(failures=2)
    made.record_result(kind, "go")
    made.record_result(kind, "go")

    assert "open" == made.state


def test_a_rate_limit_between_failures_is_no_answer() -> None:
    """A gateway before a dead server sheds load too: the failures are still in a row."""
    made = breaker(failures=2)
    for kind in ("server", "rate_limit", "server"):
        made.record_result(kind, "go")

    assert "open" == made.state


def test_a_probe_that_is_refused_its_parameters_closes_it() -> None:
    """Only a living endpoint reads a request."""

    async def main() -> str:
        made = breaker(failures=1)
        made.record_result("connect", "go")
        made.record_result("bad_request", await made.acquire())
        return made.state

    assert "closed" == asyncio.run(main())


@pytest.mark.parametrize("kind", ["timeout", "rate_limit", "cut_stream", "runner"])
def test_probes_are_few_however_they_end(kind: str) -> None:
    """The waits double: without a last one they would soon be hours."""
    waits: list[float] = []

    async def main() -> str:
        made = breaker(waits=waits, failures=1, probes=3, wait_s=20)
        made.record_result("connect", "go")
        for _ in range(3):
            made.record_result(kind, await made.acquire())
        return made.state

    assert "given_up" == asyncio.run(main())
    assert [20, 40, 80] == waits


@pytest.mark.parametrize(("kind", "enough"), [("quota", 1), ("auth", 3), ("not_found", 3)])
def test_what_no_waiting_cures_gives_it_up(kind: str, enough: int) -> None:
    """Without a probe: no credit at once, a refused key at the third."""
    made = breaker()
    for _ in range(enough):
        assert "closed" == made.state
        made.record_result(kind, "go")

    assert "given_up" == made.state


TRIPPING = (
    "connect",
    "timeout",
    "cut_stream",
    "garbage",
    "overloaded",
    "server",
    "auth",
    "not_found",
    "quota",
)
ENOUGH = {"auth": 3, "not_found": 3, "quota": 1}
ALIVE = (None, "bad_request")
NEUTRAL = ("rate_limit", "cancelled", "runner")


def expected_end(kinds: list[str | None], failures: int) -> tuple[str, list[str]]:
    """Return the state and the failures that decided it, from the definition, prefix by prefix."""
    state: str = "closed"
    deciding: list[str] = []
    for end in range(1, len(kinds) + 1):
        alive = max((at for at in range(end) if kinds[at] in ALIVE), default=-1)
        row = [str(kind) for kind in kinds[alive + 1 : end] if kind in TRIPPING]
        for kind, enough in ENOUGH.items():
            if row.count(kind) >= enough:
                return "given_up", [kind] * enough
        if len(row) < failures:
            state, deciding = "closed", []
        elif state == "closed":
            state, deciding = "open", row
    return state, deciding


def described(deciding: list[str]) -> str:
    """Return the kinds and counts that a reason must name."""
    return " ".join(f"{deciding.count(kind)} {kind}" for kind in sorted(set(deciding)))


def named(reason: str) -> str:
    """Return the kinds and counts that a reason names."""
    total, kinds = re.fullmatch(r"(\d+) failures? in a row \((.*)\)", reason).groups()  # type: ignore[union-attr]
    parts = kinds.split(", ") if " " in kinds else [f"{total} {kinds}"]
    assert int(total) == sum(int(part.split()[0]) for part in parts)
    return " ".join(sorted(parts, key=lambda part: part.split()[1]))


def test_state_and_reason_follow_the_definition_on_any_sequence() -> None:
    """5,000 sequences of results: only a kind's own failures count for its threshold, and the first reason stays."""
    draw = random.Random(21)
    ends: Counter[str] = Counter()
    for _ in range(5_000):
        pool = draw.sample([*TRIPPING, *ALIVE, *NEUTRAL], draw.randrange(2, 7))
        kinds = [draw.choice(pool) for _ in range(draw.randrange(1, 25))]
        failures = draw.choice([1, 2, 3, 4, 10])
        said: list[str] = []
        made = breaker(said, failures=failures, probes=100)
        for kind in kinds:
            made.record_result(kind, "go")
        state, deciding = expected_end(kinds, failures)
        ends[state] += 1

        assert state == made.state, (kinds, failures)
        assert described(deciding) == (named(made.reason) if made.reason else ""), (kinds, failures)
        given_up = [line for line in said if line.startswith("given up")]
        assert given_up == (
            [f"given up after {made.reason}; --resume sends the remaining requests"]
            if state == "given_up"
            else []
        )

    assert min(ends.values()) > 500


def test_two_503_and_one_401_give_nothing_up() -> None:
    """Case 21: the limit of three is of refused keys alone."""
    made = breaker()
    for kind in ("overloaded", "overloaded", "auth"):
        made.record_result(kind, "go")

    assert ("closed", "") == (made.state, made.reason)


def test_late_results_do_not_change_the_reason() -> None:
    """In flight when the third key was refused: two time-outs and an answer come afterwards."""
    made = breaker()
    for kind in ("auth", "auth", "auth", "timeout", "timeout", None, "timeout"):
        made.record_result(kind, "go")

    assert ("given_up", "3 failures in a row (auth)") == (made.state, made.reason)


def test_a_probe_that_is_refused_the_key_once_is_a_failed_probe() -> None:
    """One 401 is not three: the probes go on, and the reason is what opened the circuit."""

    async def main() -> tuple[str, str]:
        made = breaker(failures=2, probes=2)
        for kind in ("server", "timeout"):
            made.record_result(kind, "go")
        made.record_result("auth", await made.acquire())
        assert "open" == made.state
        made.record_result("timeout", await made.acquire())
        return made.state, made.reason

    assert ("given_up", "2 failures in a row (1 server, 1 timeout), and 2 failed probes") == asyncio.run(
        main()
    )


def test_a_probe_that_is_answered_closes_it() -> None:
    """The others waited for it, and go on."""
    said: list[str] = []

    async def main() -> tuple[str, str, str]:
        made = breaker(said, failures=1)
        made.record_result("connect", "go")
        first = await made.acquire()
        second = asyncio.create_task(made.acquire())
        await asyncio.sleep(0)
        assert not second.done()
        made.record_result(None, first)
        return first, await second, made.state

    assert ("probe", "go", "closed") == asyncio.run(main())
    assert "the endpoint answers again" == said[-1]


def test_the_last_probe_that_fails_gives_it_up() -> None:
    """Three probes, each after twice the wait of the one before; then nothing is sent."""
    waits: list[float] = []

    async def main() -> tuple[str, str]:
        made = breaker(waits=waits, failures=1, probes=3, wait_s=20)
        made.record_result("connect", "go")
        for _ in range(3):
            made.record_result("connect", await made.acquire())
        return made.state, await made.acquire()

    assert ("given_up", "no") == asyncio.run(main())
    assert [20, 40, 80] == waits


def test_an_answer_to_a_request_sent_before_closes_it() -> None:
    """It was in flight when the circuit opened."""
    made = breaker(failures=1)
    made.record_result("server", "go")
    made.record_result(None, "go")

    assert "closed" == made.state


def test_a_late_failure_is_no_probe() -> None:
    """In flight when the circuit opened: it neither counts as a probe nor lets another one in."""
    made = breaker(failures=1, probes=1)
    for _ in range(5):
        made.record_result("server", "go")

    assert "open" == made.state


def test_a_wrong_key_is_no_outcome_of_the_first_requests() -> None:
    """Four at once are refused: each is to be tried again until it is sure, and then none stands."""
    gate = AdmissionControl(
        model(),
        ONE_ATTEMPT,
        RetryBudget(ONE_ATTEMPT.retries),
        None,
        StopSignal(),
        lambda _: None,
    )
    refused = Failure("auth", "no", None)
    said = []
    for _ in range(4):
        gate.record_result(UNRESTRICTED_PERMIT, refused, Usage())
        said.append(gate.decide_retry(refused, 1))

    assert [(False, True), (False, True), (False, False), (False, False)] == said


def test_a_request_that_alone_is_forbidden_ends() -> None:
    """Others are answered, so the key is right: after three tries its failure stands."""
    gate = AdmissionControl(
        model(),
        ONE_ATTEMPT,
        RetryBudget(ONE_ATTEMPT.retries),
        None,
        StopSignal(),
        lambda _: None,
    )
    refused = Failure("auth", "no", None)
    said = []
    for tries in (1, 2, 3):
        gate.record_result(UNRESTRICTED_PERMIT, None, Usage())
        gate.record_result(UNRESTRICTED_PERMIT, refused, Usage())
        said.append(gate.decide_retry(refused, tries))

    assert [(False, True), (False, True), (True, False)] == said


def test_a_breaker_left_while_it_waits_lets_the_next_one_probe() -> None:
    """The request that was to probe was cancelled; the place is free again."""

    async def main() -> str:
        over = asyncio.Event()

        async def sleep(seconds: float) -> None:
            await over.wait()

        made = CircuitBreaker(BreakerPolicy(failures=1), sleep, lambda: False, lambda _: None)
        made.record_result("server", "go")
        waiting = asyncio.create_task(made.acquire())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        over.set()
        return await made.acquire()

    assert "probe" == asyncio.run(main())
