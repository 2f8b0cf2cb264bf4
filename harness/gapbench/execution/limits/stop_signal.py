"""The signal that stops a load."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class StopSignal:
    """Tells a load to send nothing new; requests in flight are finished.

    Args:
        leader: Another signal; when it is set, this one is too. :func:`follow_stop_signal` also wakes who waits. None:
            there is none.
    """

    def __init__(self, leader: StopSignal | None = None) -> None:
        self._leader = leader
        self._reason: str | None = None
        self._event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def reason(self) -> str | None:
        """Why, for the user. None: not set."""
        if self._reason is None and self._leader is not None:
            return self._leader.reason
        return self._reason

    def set(self, reason: str) -> None:
        """Set the signal; the first reason is kept."""
        self._reason = self.reason or reason
        self._event.set()

    def set_from_thread(self, reason: str) -> None:
        """Ask from another thread than that of the event loop."""
        self._reason = self.reason or reason
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._event.set)

    def attach(self) -> None:
        """Note the running event loop, which :meth:`set_from_thread` must wake up."""
        self._loop = asyncio.get_running_loop()
        if self.reason is not None:
            self._event.set()

    async def wait(self) -> None:
        """Wait until the signal is set."""
        await self._event.wait()

    async def sleep(self, seconds: float) -> None:
        """Sleep, but wake when the signal is set."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)


@contextmanager
def follow_stop_signal(leader: StopSignal) -> Iterator[StopSignal]:
    """Yield a stop signal of its own that is also set when ``leader`` is."""
    own = StopSignal(leader)
    forward_stop = asyncio.create_task(leader.wait())
    forward_stop.add_done_callback(lambda done: None if done.cancelled() else own.set(leader.reason or ""))
    try:
        yield own
    finally:
        forward_stop.cancel()
