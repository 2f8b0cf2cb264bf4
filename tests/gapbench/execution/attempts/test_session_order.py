"""Sessions of a replay: the order within each, the think time, and which worker sends it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench import transport
from gapbench.execution.attempts.load_generator import AttemptRequest, AttemptResult, run_load
from gapbench.execution.attempts.session_order import deal_sessions
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.suite.plan import Load, PlannedRequest
from gapbench.values import Failure
from gapbench.values.policies import RetryPolicy
from tests.makers import sample
from tests.virtual_time import run_virtually

ONCE = RetryPolicy(max_attempts=1, max_wait_s=0.0)
Sent = tuple[int, float, float]
"""Number of a request, when it was sent, and when it was answered."""


def request(number: int, due_s: float, session: str | None, think_s: float | None = None) -> PlannedRequest:
    return PlannedRequest(sample(number), 0, "measure", due_s, None, False, session, think_s)


def sent(requests: list[PlannedRequest], reply_s: float, fails: bool = False) -> list[Sent]:
    """Return what a replay sends to a server that takes ``reply_s`` for each answer, in virtual time."""
    made: list[Sent] = []

    async def send(attempt: AttemptRequest) -> AttemptResult:
        start_s = transport.now()
        await asyncio.sleep(reply_s)
        made.append((int(attempt.planned.sample.sample_id[1:]), start_s, transport.now()))
        return AttemptResult(Failure("server", "x") if fails else None, should_retry=False)

    async def main() -> None:
        todo = [(planned, 0) for planned in requests]
        await run_load(
            Load("replay", 1.0), todo, send, retries=ONCE, stop_signal=StopSignal(), seed=1, cell_start_s=0.0
        )

    run_virtually(main())
    return sorted(made)


@pytest.fixture(autouse=True)
def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "now", lambda: asyncio.get_running_loop().time())


def test_arrivals_without_sessions_are_the_tables_under_a_slow_server() -> None:
    """60 s for each answer; all are sent at their times, within the clock's millisecond."""
    dues = [0.0, 0.5, 0.5, 3.0]
    made = sent([request(number, due_s, None) for number, due_s in enumerate(dues)], 60.0)

    assert dues == pytest.approx([start_s for _, start_s, _ in made], abs=0.002)


def test_a_session_goes_on_when_its_answer_has_come_and_the_user_has_thought() -> None:
    """The table says 2 s after the start, of which 1 s to think; an answer of 10 s makes it 11."""
    made = sent([request(0, 0.0, "a"), request(1, 2.0, "a", 1.0)], 10.0)

    assert [0.0, 11.0] == pytest.approx([start_s for _, start_s, _ in made], abs=0.002)


def test_a_fast_answer_brings_the_next_request_forward() -> None:
    """Answered after 0.1 s, then 1 s to think: 1.1, not the table's 2."""
    made = sent([request(0, 0.0, "a"), request(1, 2.0, "a", 1.0)], 0.1)

    assert 1.1 == pytest.approx(made[1][1], abs=0.002)


@pytest.mark.parametrize(("reply_s", "expected"), [(0.1, 2.0), (10.0, 10.0)])
def test_without_a_think_time_a_request_keeps_its_own_time_if_it_can(reply_s: float, expected: float) -> None:
    """But it never goes before the answer."""
    made = sent([request(0, 0.0, "a"), request(1, 2.0, "a")], reply_s)

    assert expected == pytest.approx(made[1][1], abs=0.002)


def test_a_session_goes_on_after_a_failure() -> None:
    """The user of the log did, too."""
    made = sent([request(0, 0.0, "a"), request(1, 2.0, "a", 1.0)], 0.5, fails=True)

    assert 2 == len(made)


@given(
    st.lists(
        st.tuples(st.sampled_from([None, "a", "b", "c"]), st.floats(0, 5), st.none() | st.floats(0, 3)),
        max_size=25,
    ),
    st.floats(0.01, 8),
)
def test_no_request_of_a_session_is_sent_before_the_answer_to_the_one_before(
    rows: list[tuple[str | None, float, float | None]], reply_s: float
) -> None:
    """Whatever the times; and every request is sent once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transport, "now", lambda: asyncio.get_running_loop().time())
        ordered = sorted(rows, key=lambda row: row[1])
        requests = [
            request(number, due_s, session, think_s)
            for number, (session, due_s, think_s) in enumerate(ordered)
        ]
        made = sent(requests, reply_s)

    assert list(range(len(rows))) == [number for number, _, _ in made]
    answered: dict[str, float] = {}
    for number, start_s, done_s in made:
        session = ordered[number][0]
        if session is not None:
            assert start_s >= answered.get(session, 0.0)
            answered[session] = done_s


def test_a_session_is_dealt_to_one_worker() -> None:
    """The others in turn: a to 0, b to 1, one without a session to 0, and the rest of a and b where they were."""
    sessions = ["a", "b", None, "b", "a", None]
    requests = [request(number, 0.0, session) for number, session in enumerate(sessions)]

    assert [0, 1, 0, 1, 0, 1] == [hand for _, hand in deal_sessions(range(6), 2, requests)]


def test_requests_without_sessions_are_dealt_in_turn() -> None:
    """As cards."""
    assert [(4, 0), (7, 1), (9, 2), (10, 0)] == list(deal_sessions([4, 7, 9, 10], 3, ()))
