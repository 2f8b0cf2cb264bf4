"""The conductor's end of admission control for joined workers: it hands out permits of one account and one budget."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from gapbench.execution.limits.admission import UNRESTRICTED_PERMIT, AdmissionControl, Permit
from gapbench.execution.limits.spend_leases import SpendLeases
from gapbench.execution.machines.messages import PermitDemand, PermitGrant, PermitReturn
from gapbench.execution.workers import protocol
from gapbench.execution.workers.remote_admission import AdmissionServer, SendMessage

LEASE_S = 5.0
"""How long a worker may hold a permit: what a cut link can cost at most is what was handed out in this time."""
MAX_PREFETCH = 64


@dataclass
class _Account:
    """What one worker has of a cell's permits.

    Attributes:
        send: Sends a message to it.
        demand: What it wants.
        granted: Permits that it got and did not give back.
        in_use: Permits for which neither a row nor the permit itself has come back.
        unfinished: Those of them that limits wait for: neither a result nor the permit itself has come back.
        task: Hands out permits.
        changed: Set when the demand changes.
    """

    send: SendMessage
    demand: PermitDemand = field(default_factory=lambda: PermitDemand(0, 0, 0, None))
    granted: int = 0
    in_use: int = 0
    unfinished: Counter[Permit] = field(default_factory=Counter)
    task: asyncio.Task[None] | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, permit: Permit) -> None:
        """Count a permit that is handed out."""
        self.granted += 1
        self.in_use += 1
        if permit != UNRESTRICTED_PERMIT:
            self.unfinished[permit] += 1

    def end(self, permit: Permit) -> bool:
        """Count the end of a permit; returns whether the worker had it."""
        if permit == UNRESTRICTED_PERMIT:
            return True
        if permit not in self.unfinished:
            return False
        self.unfinished[permit] -= 1
        if not self.unfinished[permit]:
            del self.unfinished[permit]
        return True


class PermitDesk:
    """Hands out the permits of one cell.

    Args:
        admission: The model's admission control.
        leases: Sets dollars aside. None: the run has no budget, or the model's calls cost nothing.
        broadcast: Sends a message to all workers.
    """

    def __init__(
        self, admission: AdmissionControl, leases: SpendLeases | None, broadcast: SendMessage
    ) -> None:
        self._admission = admission
        self._leases = leases
        # With a budget, requests always need permits, so a change of the limits is of no interest to workers.
        self._server = AdmissionServer(admission, broadcast if leases is None else lambda _: None)
        self._accounts: dict[int, _Account] = {}

    @property
    def is_unrestricted(self) -> bool:
        """Whether workers may send without permits."""
        return self._leases is None and self._admission.is_unrestricted

    def prefetch(self, workers: int) -> int:
        """Return the permits that one of so many workers may hold in advance.

        Only dollars are held in advance. A rate limit's permit is for now: used later, it could be one too many for a
        minute, so under such a limit each request waits for a round trip.

        Args:
            workers: Number of workers.
        """
        if self._leases is None or not self._admission.is_unrestricted:
            return 0
        return min(MAX_PREFETCH, self._leases.prefetch(workers))

    def open_account(self, worker: int, send: SendMessage) -> None:
        """Let a worker ask.

        Args:
            worker: Its number.
            send: Sends a message to it.
        """
        account = self._accounts[worker] = _Account(send)
        account.task = asyncio.create_task(self._hand_out(account))

    def receive(self, worker: int, message: object) -> bool:
        """Handle a worker's message; returns whether it was one about permits that it has."""
        account = self._accounts[worker]
        if isinstance(message, PermitDemand):
            account.demand = message
            account.changed.set()
        elif isinstance(message, PermitReturn):
            for permit in message.permits[: account.in_use]:
                if not account.end(permit):
                    return False
                self._admission.take_back(permit)
                account.granted -= 1
                self._settle(account)
            account.changed.set()
        elif isinstance(message, protocol.FinishRequest) and account.end(message.permit):
            self._server.handle_request(message, account.send)
        else:
            return False
        return True

    def record_row(self, worker: int, *, is_answer: bool) -> None:
        """Count an attempt whose row was recorded and charged.

        Args:
            worker: Number of the worker that made it.
            is_answer: Whether it brought an answer.
        """
        if is_answer:
            self._server.record_success()
        self._settle(self._accounts[worker])

    def close_account(self, worker: int, *, is_lost: bool) -> None:
        """Give a worker no more permits.

        Args:
            worker: Its number.
            is_lost: Whether it is unknown what it did with those that it holds. False: all its rows have come.
        """
        account = self._accounts[worker]
        if account.task is not None:
            account.task.cancel()
        if self._leases is not None and account.in_use:
            if is_lost:
                self._leases.forfeit(account.in_use)
            else:
                self._leases.settle(account.in_use)
        account.in_use = 0
        # Other requests may wait for one of them, such as the only probe of an endpoint.
        for permit in account.unfinished.elements():
            self._admission.cancel_request(permit)
        account.unfinished.clear()

    def close(self) -> None:
        """Admit no further requests, and answer pending questions with a refusal.

        A worker whose account is still open counts as lost: the cell ended before it said what it did with its permits.
        """
        self._server.close()
        for worker in self._accounts:
            self.close_account(worker, is_lost=True)

    def _settle(self, account: _Account) -> None:
        if account.in_use:
            account.in_use -= 1
            if self._leases is not None:
                self._leases.settle()

    async def _hand_out(self, account: _Account) -> None:
        ready: list[Permit] = []

        def flush() -> None:
            if ready:
                account.send(PermitGrant(tuple(ready), LEASE_S))
                ready.clear()

        loop = asyncio.get_running_loop()
        while True:
            await account.changed.wait()
            account.changed.clear()
            while account.granted < self._target(account.demand):
                permit = await self._acquire(account.demand)
                if permit is None:
                    flush()
                    account.send(PermitGrant((), LEASE_S, is_refusal=True))
                    break
                account.begin(permit)
                ready.append(permit)
                if len(ready) == 1:
                    # Those that are there at once go in one message.
                    loop.call_soon(flush)

    def _target(self, demand: PermitDemand) -> int:
        return demand.wanted if self._admission.is_calm else demand.needed

    async def _acquire(self, demand: PermitDemand) -> Permit | None:
        if self._leases is not None and not await self._leases.reserve():
            return None
        try:
            permit = await self._admission.acquire(demand.input_chars, demand.max_tokens)
        except BaseException:
            self._unreserve()
            raise
        if permit is None:
            self._unreserve()
        return permit

    def _unreserve(self) -> None:
        if self._leases is not None:
            self._leases.settle()
