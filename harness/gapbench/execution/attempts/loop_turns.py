"""Share the event loop: one long step of Python in each of its iterations."""

from __future__ import annotations

import asyncio
from collections import deque


class LoopTurns:
    """Lets those who wait go on one by one, in their order, each in an iteration of the event loop of its own.

    Building a request or the rows of a reply takes milliseconds. When many replies end at once, all their tasks would run
    in the same iteration, and what other servers send meanwhile would be read late. Between two turns the loop reads its
    sockets and runs its timers.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_scheduled = False

    async def wait(self) -> None:
        """Wait until it is the caller's turn."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._give_turn)
        await turn

    def _give_turn(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # a cancelled task has left
                turn.set_result(None)
                break
        self._is_scheduled = bool(self._waiting)
        if self._is_scheduled:
            asyncio.get_running_loop().call_soon(self._give_turn)
