"""When a request counts as due: what this program makes it wait for is not the provider's time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gapbench import transport
from gapbench.execution.attempts.lag_meter import LagMeter
from gapbench.execution.attempts.load_generator import run_load
from gapbench.execution.attempts.request_sender import CompletedAttempt, RequestSender
from gapbench.execution.limits.admission import UNRESTRICTED_PERMIT, Permit
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.suite.plan import Load
from gapbench.values.policies import RetryPolicy, Timeouts
from tests.gapbench.execution.test_run import ANSWERS
from tests.makers import ScriptedRunner, model, plan
from tests.virtual_time import run_virtually


class SlowPermits:
    """Hands out a permit after three seconds, as a conductor whose budget is nearly spent."""

    async def acquire(self, input_chars: int, max_tokens: int | None) -> Permit:
        await asyncio.sleep(3)
        return UNRESTRICTED_PERMIT

    def cancel_request(self, permit: Permit) -> None:
        return None

    async def finish_request(self, *_: Any) -> tuple[bool, bool]:
        return True, False


@pytest.fixture(autouse=True)
def _virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "now", lambda: asyncio.get_running_loop().time())


@pytest.mark.parametrize(
    ("load", "due"),
    [
        (Load("concurrency", 1), [3, 6, 9]),
        (Load("rate", 1.0, duration_s=3.0), None),
    ],
    ids=["closed loop", "schedule"],
)
def test_a_request_of_a_closed_loop_is_due_when_its_permit_is_there(
    load: Load, due: list[int] | None
) -> None:
    """One at a time, each waits 3 s for its permit: none is late. On a schedule the wait makes it late."""
    made = plan(model("m"), count=3, load=load)
    cell = made.cells[0]
    found: list[CompletedAttempt] = []

    async def main() -> None:
        async def deliver(completed: CompletedAttempt) -> None:
            found.append(completed)

        meter = LagMeter.start()
        sender = RequestSender(
            cell, ScriptedRunner(cell.model, ANSWERS), Timeouts(), meter, deliver, SlowPermits()
        )
        await run_load(
            cell.load, [(planned, 0) for planned in cell.requests], sender.send,
            retries=RetryPolicy(max_attempts=1), stop_signal=StopSignal(), seed=1, cell_start_s=transport.now(),
        )  # fmt: skip
        meter.stop()

    run_virtually(main())
    late_s = [(done.response.timing.sent_s or 0.0) - done.context.scheduled_s for done in found]
    scheduled = [round(done.context.scheduled_s) for done in found]

    if due is not None:
        assert due == scheduled
        assert [0.0] * 3 == pytest.approx(late_s)
    else:
        assert [3.0] * len(late_s) == pytest.approx(late_s)
