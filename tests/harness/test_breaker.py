"""A dead endpoint is probed a few times and left alone; what was not sent is still to be done."""

from __future__ import annotations

import asyncio

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
