"""A cell that machines send ends in order, also when something fails in this process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from gapbench.errors import BenchError
from gapbench.execution.attempts.attempt_row import AttemptContext
from gapbench.execution.attempts.request_sender import CompletedAttempt
from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.budgets import SpendBudget
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.spend_leases import SpendLeases
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.machines import messages
from gapbench.execution.machines.machine_cell import MachineCell
from gapbench.execution.machines.permit_desk import PermitDesk
from gapbench.execution.workers import protocol
from gapbench.values import Response, Timing, Usage
from gapbench.values.policies import RetryPolicy, RunPolicies
from tests.makers import model, plan

TIMING = Timing(1.0, 1.5, 2.0, None, 3.5, 4.0)
ROW = protocol.AttemptMessage(
    0, {}, (), Response("1", "", TIMING, Usage()), AttemptContext(1, True, 0.5, None, 1)
)


@dataclass
class Link:
    """A worker's connection by hand: it asks for two permits, and sends one row."""

    number: int = 0
    machine: Any = field(default_factory=lambda: SimpleNamespace(id="a"))
    share: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})
    started: set[int] = field(default_factory=set)
    sent: list[object] = field(default_factory=list)
    granted: asyncio.Event = field(default_factory=asyncio.Event)
    step: int = 0

    def send(self, message: object) -> None:
        self.sent.append(message)
        if isinstance(message, messages.PermitGrant):
            self.granted.set()

    async def read(self) -> object:
        self.step += 1
        if self.step == 1:
            return messages.PermitDemand(2, 2, 10, 5)
        await self.granted.wait()
        return protocol.AttemptBatch((ROW,), (0,))


def test_a_cell_that_fails_here_gives_back_what_its_machines_held() -> None:
    """Three dollars, two permits of one dollar are out, and the first row cannot be recorded.

    Both count as spent, since the machine may have used them, and nothing stays set aside: the next model can start. The
    machine is told to send nothing more.
    """
    budget, stop = SpendBudget(Decimal(3)), StopSignal()

    async def deliver(_: CompletedAttempt) -> None:
        raise BenchError("the scorer broke")

    async def main() -> list[object]:
        admission = AdmissionControl(
            model(), RunPolicies(), RetryBudget(RetryPolicy()), None, stop, lambda _: None
        )
        leases = SpendLeases(budget, Decimal(1), "m", stop)
        cell = MachineCell(
            plan().cells[0], deliver, stop, {"a": 0.0}, None,
            lambda broadcast: PermitDesk(admission, leases, broadcast),
        )  # fmt: skip
        link = Link()
        with pytest.raises(BenchError, match="the scorer broke"):
            await cell.run([link], 0.0)  # type: ignore[list-item]  # a link by hand
        return link.sent

    sent = asyncio.run(main())

    assert [2, 0] == [budget.assumed_usd, budget.leased_usd]
    assert protocol.StopSending("the cell failed") == sent[-1]
