"""A machine is lost when it does not answer, and not when this process was too busy to read its answers."""

from __future__ import annotations

import asyncio

import pytest

from gapbench.execution.machines import messages
from gapbench.execution.machines.machine import LOST_PINGS, PING_S, Machine

PROOF = messages.Proof("", "a", 2)


class Line:
    """A control connection by hand: it answers, or it does not."""

    def __init__(self) -> None:
        self.received_s = 0.0
        self.problem: str | None = None
        self.pings: list[messages.ClockPing] = []
        self.answers: asyncio.Queue[object] = asyncio.Queue()
        self.is_aborted = False

    def send(self, message: object) -> None:
        if isinstance(message, messages.ClockPing):
            self.pings.append(message)

    async def read(self) -> object:
        return await self.answers.get()

    def abort(self) -> None:
        self.is_aborted = True

    def close(self) -> None: ...


def silent_for(pings: int, loop_late_s: float, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine after so many pings without an answer, each of which took so much longer than it should."""
    at_s = [100.0]
    monkeypatch.setattr("gapbench.transport.now", lambda: at_s[0])

    async def main() -> Machine:
        ticks: asyncio.Queue[None] = asyncio.Queue()

        async def sleep(seconds: float) -> None:
            await ticks.get()
            at_s[0] += seconds + loop_late_s

        line = Line()
        machine = Machine("id", PROOF, "a", line, lambda *_: None, lambda _: None, sleep=sleep)  # type: ignore[arg-type]  # a line by hand
        for _ in range(pings):
            ticks.put_nowait(None)
            for _ in range(5):
                await asyncio.sleep(0)
        assert len(line.pings) >= min(pings, LOST_PINGS)
        machine.close("over")
        await asyncio.sleep(0)
        return machine

    return asyncio.run(main())


def test_a_machine_that_never_answers_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven questions of two seconds: 14 s."""
    assert "it has not answered for 14 s" == silent_for(LOST_PINGS, 0.0, monkeypatch).lost


def test_one_question_less_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """It still counts as there when the run ends."""
    assert "over" == silent_for(LOST_PINGS - 1, 0.0, monkeypatch).lost


def test_a_busy_conductor_loses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own loop stood still for two pings' time each time: what it did not hear proves nothing."""
    assert "over" == silent_for(3 * LOST_PINGS, 2 * PING_S, monkeypatch).lost
