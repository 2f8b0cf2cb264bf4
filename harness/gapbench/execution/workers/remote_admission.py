"""Admission control across processes: workers ask the parent process, which decides for all of them.

A worker asks only when there is something to decide: before a request while the circuit is open, a quota is used up or rate limits apply,
and after a failure. A request that needs neither costs no message besides its row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from gapbench.execution.limits.admission import UNRESTRICTED_PERMIT, AdmissionControl, Permit
from gapbench.execution.workers import protocol
from gapbench.values import Response, Usage

SendMessage = Callable[[object], None]
"""Sends a message to the other process."""


class AdmissionProxy:
    """The worker's end.

    Args:
        send: Sends a message to the parent, after all attempts that have ended.
        is_unrestricted: Whether requests may be sent without asking; the parent announces changes.
    """

    def __init__(self, send: SendMessage, is_unrestricted: bool) -> None:
        self.is_unrestricted = is_unrestricted
        self._send = send
        self._last_number = 0
        self._pending: dict[int, asyncio.Future[Any]] = {}

    async def acquire(self, input_chars: int, max_tokens: int | None) -> Permit | None:
        """Wait until a request may be sent. None: do not send it; it stays unfinished."""
        if self.is_unrestricted:
            return UNRESTRICTED_PERMIT
        permit: Permit | None = await self._ask(
            lambda number: protocol.AcquireRequest(number, input_chars, max_tokens)
        )
        return permit

    async def finish_request(
        self, permit: Permit, response: Response, session_attempts: int, quota_waited_s: float
    ) -> tuple[bool, bool]:
        """Count the result of an attempt; returns whether it is final, and whether another follows."""
        failure, usage = response.failure, response.usage
        waited = (session_attempts, quota_waited_s)
        if failure is None:
            if permit != UNRESTRICTED_PERMIT:
                self._send(protocol.FinishRequest(None, permit, None, usage, *waited))
            return True, False
        final, should_retry = await self._ask(
            lambda number: protocol.FinishRequest(number, permit, failure, usage, *waited)
        )
        return final, should_retry

    def cancel_request(self, permit: Permit) -> None:
        """Do nothing: a worker abandons requests only if the parent has gone or the cell has failed."""

    def receive(self, message: object) -> None:
        """Note a change, or give a reply to the coroutine that asked."""
        if isinstance(message, protocol.AdmissionChanged):
            self.is_unrestricted = message.is_unrestricted
        elif isinstance(message, protocol.AdmissionReply):
            # A reply may be to a question of an earlier cell, whose coroutine was cancelled.
            future = self._pending.pop(message.number, None)
            if future is not None and not future.done():
                future.set_result(message.value)

    def close(self) -> None:
        """Do nothing: the cell has ended, and nothing is left to give back."""

    async def _ask(self, make_request: Callable[[int], object]) -> Any:
        self._last_number += 1
        number = self._last_number
        self._pending[number] = asyncio.get_running_loop().create_future()
        future = self._pending[number]
        self._send(make_request(number))
        return await future


class AdmissionServer:
    """The parent's end: admission control of one cell for its workers.

    Args:
        admission: The model's admission control.
        broadcast: Sends a message to all workers.
    """

    def __init__(self, admission: AdmissionControl, broadcast: SendMessage) -> None:
        self._admission = admission
        self._broadcast = broadcast
        self._was_unrestricted = admission.is_unrestricted
        self._acquire_tasks: set[asyncio.Task[None]] = set()

    def handle_request(
        self, message: protocol.AcquireRequest | protocol.FinishRequest, send: SendMessage
    ) -> None:
        """Answer a worker: at once, or when its request may be sent.

        Args:
            message: The worker's question.
            send: Sends a message to the worker.
        """
        if isinstance(message, protocol.AcquireRequest):
            task = asyncio.create_task(self._acquire(message, send))
            self._acquire_tasks.add(task)
            task.add_done_callback(self._acquire_tasks.discard)
            return
        self._admission.record_result(message.permit, message.failure, message.usage)
        self._broadcast_change()
        if message.number is not None:
            send(
                protocol.AdmissionReply(
                    message.number,
                    self._admission.decide_retry(
                        message.failure, message.session_attempts, message.quota_waited_s
                    ),
                )
            )

    def record_success(self) -> None:
        """Count an attempt with an answer: the endpoint is alive."""
        self._admission.record_result(UNRESTRICTED_PERMIT, None, Usage())
        self._broadcast_change()

    def close(self) -> None:
        """Admit no further requests and answer pending ones with a refusal."""
        for task in self._acquire_tasks:
            task.cancel()

    async def _acquire(self, message: protocol.AcquireRequest, send: SendMessage) -> None:
        permit: Permit | None = None
        try:
            permit = await self._admission.acquire(message.input_chars, message.max_tokens)
        finally:
            send(protocol.AdmissionReply(message.number, permit))

    def _broadcast_change(self) -> None:
        if self._admission.is_unrestricted != self._was_unrestricted:
            self._was_unrestricted = self._admission.is_unrestricted
            self._broadcast(protocol.AdmissionChanged(self._was_unrestricted))
