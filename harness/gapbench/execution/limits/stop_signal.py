"""The signal that stops a load."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class StopSignal:
    """Asks a load to send nothing new; what is in flight is let finish.

    Attributes:
        reason: Why, for the user. None: not halted.
    """

    def __init__(self) -> None:
        """Start unhalted."""
        self.reason: str | None = None
        self._event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def set(self, reason: str) -> None:
        """Ask; the first reason stands."""
        self.reason = self.reason or reason
        self._event.set()

    def set_from_thread(self, reason: str) -> None:
        """Ask from another thread than that of the event loop."""
        self.reason = self.reason or reason
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._event.set)

    def attach(self) -> None:
        """Note the running event loop, which :meth:`set_from_thread` must wake up."""
        self._loop = asyncio.get_running_loop()
        if self.reason is not None:
            self._event.set()

    async def wait(self) -> None:
        """Wait until asked."""
        await self._event.wait()

    async def sleep(self, seconds: float) -> None:
        """Sleep, but wake when asked to halt."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
