"""One gate for all processes that send to a model: each worker asks the run's process, which holds it.

A worker asks only where there is something to decide: before a request while the circuit is open or limits are kept,
and after a failure. What passes freely and brings an answer costs no word but its row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from gapbench.execution.limits.admission import FREE, Entry, Gate
from gapbench.execution.workers import protocol
from gapbench.values import Response

Say = Callable[[object], None]
"""Puts a message into the pipe."""


class GateProxy:
    """A worker's end.

    Args:
        is_free: Whether requests pass without asking; the other end says when that changes.
        say: To the run's process, after all attempts that have ended.
    """

    def __init__(self, say: Say, *, is_free: bool) -> None:
        """Start with nothing asked."""
        self.is_free = is_free
        self._say = say
        self._asked = 0
        self._open: dict[int, asyncio.Future[Any]] = {}

    async def enter(self, input_chars: int, max_tokens: int | None) -> Entry | None:
        """Wait until a request may be sent; None: it must not, and is still to be done."""
        if self.is_free:
            return FREE
        entry: Entry | None = await self._answer(
            lambda number: protocol.Enter(number, input_chars, max_tokens)
        )
        return entry

    async def settle(self, entry: Entry, response: Response, tries: int) -> tuple[bool, bool]:
        """Count how a request ended; returns whether it stands for its request, and whether another follows."""
        failure, usage = response.failure, response.usage
        if failure is None:
            if entry != FREE:
                self._say(protocol.Settle(None, entry, None, usage, tries))
            return True, False
        final, again = await self._answer(
            lambda number: protocol.Settle(number, entry, failure, usage, tries)
        )
        return final, again

    def let_go(self, entry: Entry) -> None:
        """Say nothing: a worker lets go of requests only when the other end has gone, or the cell has broken."""

    def heard(self, answer: protocol.Answer) -> None:
        """Hand an answer to whoever asked."""
        waiting = self._open.pop(answer.number)
        if not waiting.done():  # whoever asked may have been cancelled
            waiting.set_result(answer.value)

    async def _answer(self, question: Callable[[int], object]) -> Any:
        self._asked += 1
        number = self._asked
        self._open[number] = asyncio.get_running_loop().create_future()
        waiting = self._open[number]
        self._say(question(number))
        return await waiting


class GateServer:
    """The run's end: the gate of one cell, for the workers that send it.

    Args:
        gate: The gate.
        tell_all: Puts a message into the pipes of all workers.
    """

    def __init__(self, gate: Gate, tell_all: Say) -> None:
        """Start with nobody waiting."""
        self._gate = gate
        self._tell_all = tell_all
        self._was_free = gate.is_free
        self._entering: set[asyncio.Task[None]] = set()

    def heard(self, message: protocol.Enter | protocol.Settle, say: Say) -> None:
        """Answer a worker: at once, or when its request may be sent.

        Args:
            message: What it asked.
            say: Puts a message into its pipe.
        """
        if isinstance(message, protocol.Enter):
            task = asyncio.create_task(self._enter(message, say))
            self._entering.add(task)
            task.add_done_callback(self._entering.discard)
            return
        self._gate.count(message.entry, message.failure, message.usage)
        self._tell_change()
        if message.number is not None:
            say(protocol.Answer(message.number, self._gate.verdict(message.failure, message.tries)))

    def answered(self) -> None:
        """Count a row that holds an answer: the endpoint lives."""
        self._gate.breaker.took(None, "go")
        self._tell_change()

    def close(self) -> None:
        """Let nobody in any more: who waits is told so."""
        for task in self._entering:
            task.cancel()

    async def _enter(self, message: protocol.Enter, say: Say) -> None:
        entry: Entry | None = None
        try:
            entry = await self._gate.enter(message.input_chars, message.max_tokens)
        finally:
            say(protocol.Answer(message.number, entry))

    def _tell_change(self) -> None:
        if self._gate.is_free != self._was_free:
            self._was_free = self._gate.is_free
            self._tell_all(protocol.Free(self._was_free))
