"""A joined worker's end of admission control: permits that the conductor hands out in slices, and that end.

While nothing limits the cell, no permit is needed. Else each request uses one: of those that the worker holds, or one that
it waits for. A permit ends after a few seconds, so a worker that the conductor cannot reach soon sends nothing more.
"""

from __future__ import annotations

import asyncio
from collections import deque

from gapbench import transport
from gapbench.execution.limits.admission import UNRESTRICTED_PERMIT, Permit
from gapbench.execution.machines.messages import PermitDemand, PermitGrant, PermitReturn
from gapbench.execution.workers.remote_admission import AdmissionProxy, SendMessage


class LeasedAdmission(AdmissionProxy):
    """The worker's end.

    Args:
        send: Sends a message to the conductor, after all attempts that have ended.
        is_unrestricted: Whether requests may be sent without a permit; the conductor announces changes.
        prefetch: Permits to hold in advance.
    """

    def __init__(self, send: SendMessage, is_unrestricted: bool, prefetch: int = 0) -> None:
        super().__init__(send, is_unrestricted)
        self._prefetch = prefetch
        self._held: deque[tuple[Permit, float]] = deque()
        self._waiting: deque[asyncio.Future[Permit | None]] = deque()
        self._used = 0
        self._last_demand: PermitDemand | None = None
        self._size: tuple[int, int | None] = (0, None)
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def acquire(self, input_chars: int, max_tokens: int | None) -> Permit | None:
        """Wait until a request may be sent. None: do not send it; it stays unfinished."""
        if self.is_unrestricted:
            return UNRESTRICTED_PERMIT
        self._size = (input_chars, max_tokens)
        self._return_ended()
        if self._held and not self._waiting:
            self._used += 1
            permit = self._held.popleft()[0]
            if len(self._held) * 2 <= self._prefetch:
                self._demand(self._prefetch)
            return permit
        future: asyncio.Future[Permit | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._demand(self._prefetch)
        return await future

    def receive(self, message: object) -> None:
        """Note a change, hand out permits, or give a reply to the coroutine that asked."""
        if not isinstance(message, PermitGrant):
            super().receive(message)
            if self.is_unrestricted:
                self._release_waiting(UNRESTRICTED_PERMIT)
            return
        if self._is_closed:
            return  # they were on the way when the cell ended; the conductor has settled them
        if message.is_refusal:
            self._last_demand = None  # the next request asks again
            self._release_waiting(None)
            return
        ends_s = transport.now() + message.lifetime_s
        self._held.extend((permit, ends_s) for permit in message.permits)
        while self._held and self._waiting:
            future = self._waiting.popleft()
            if not future.done():  # the coroutine may have been cancelled
                self._used += 1
                future.set_result(self._held.popleft()[0])
        if self._held and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(message.lifetime_s, self._end_permits)

    def close(self) -> None:
        """Give back the permits that are left, and take no more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._release_waiting(None)
        self._give_back(len(self._held))

    def _release_waiting(self, permit: Permit | None) -> None:
        waiting, self._waiting = self._waiting, deque()
        for future in waiting:
            if not future.done():
                future.set_result(permit)

    def _end_permits(self) -> None:
        self._timer = None
        self._return_ended()
        if self._held:
            after_s = max(0.0, self._held[0][1] - transport.now())
            self._timer = asyncio.get_running_loop().call_later(after_s, self._end_permits)

    def _return_ended(self) -> None:
        """Give back permits whose time is over; none is held in advance again before the next request."""
        now_s = transport.now()
        ended = sum(ends_s <= now_s for _, ends_s in self._held)
        if ended:
            self._demand(0)
            self._give_back(ended)

    def _give_back(self, count: int) -> None:
        if count:
            self._send(PermitReturn(tuple(self._held.popleft()[0] for _ in range(count))))

    def _demand(self, prefetch: int) -> None:
        """Tell the conductor how many permits are wanted, if that has changed."""
        needed = self._used + sum(not future.done() for future in self._waiting)
        demand = PermitDemand(needed, needed + prefetch, *self._size)
        if demand != self._last_demand:
            self._last_demand = demand
            self._send(demand)
