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

    def set(self, reason: str) -> None:
        """Ask; the first reason stands."""
        self.reason = self.reason or reason
        self._event.set()

    async def wait(self) -> None:
        """Wait until asked."""
        await self._event.wait()

    async def sleep(self, seconds: float) -> None:
        """Sleep, but wake when asked to halt."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
