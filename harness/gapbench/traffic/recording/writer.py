"""Turns exchanges into lines, and has a thread append them, so that no stream waits for the disk."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable

from gapbench.formatting import count_of
from gapbench.traffic.recording.exchange import Exchange
from gapbench.traffic.recording.line_builder import LineBuilder
from gapbench.traffic.recording.record_file import RecordFile

MAX_WAITING_BYTES = 512 * 2**20
"""Of exchanges that wait to be written; beyond, an exchange is passed on and not recorded."""
_SMALL_BYTES = 64 * 2**10
"""An exchange with at most this much to read becomes a line in the event loop: a hand-over to the thread takes as long."""
_UNREADABLE = "a request cannot be recorded"
_Line = Exchange | bytes | None
_Job = tuple[_Line, int, "asyncio.Future[None] | None"]


class RecordWriter:
    """Writes exchanges in the order in which they end.

    Args:
        new_builder: Makes what makes the lines; the loop and the thread have one each.
        file: Takes them; the caller closes it after :meth:`close`.
        report: Told of trouble, a line of text for the user each; called from the thread.

    Attributes:
        written: Exchanges in the file.
        lost: Exchanges that were passed on and not recorded.
    """

    def __init__(
        self, new_builder: Callable[[], LineBuilder], file: RecordFile, report: Callable[[str], None]
    ) -> None:
        self._loop_builder = new_builder()
        self._thread_builder = new_builder()
        self._file = file
        self._report = report
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._last_problem: str | None = None
        self.written = 0
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name="record writer", daemon=True)
        self._thread.start()

    def submit(self, exchange: Exchange) -> None:
        """Have an exchange written, without waiting for it."""
        self._put(exchange, None)

    async def write(self, exchange: Exchange, max_wait_s: float) -> None:
        """Return when an exchange is in the file, cannot be written, or ``max_wait_s`` have passed."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._put(exchange, done)
        given_up = loop.call_later(max_wait_s, _settle, done)  # asyncio.wait_for takes 20 µs more
        try:
            await done
        finally:
            given_up.cancel()

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _put(self, exchange: Exchange, done: asyncio.Future[None] | None) -> None:
        size = exchange.request.size_bytes + (exchange.reply.size_bytes if exchange.reading is None else 0)
        if self._waiting_bytes > MAX_WAITING_BYTES:
            exchange.request.drop()
            exchange.reply.drop()
        self._waiting_bytes += size
        line: _Line = exchange
        if size <= _SMALL_BYTES:
            line = _build(self._loop_builder, exchange)
        self._jobs.put((line, size, done))

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            line, size, done = job
            self._write(line)
            self._waiting_bytes -= size
            if done is not None:
                # The loop may have ended while this one was written.
                loop = done.get_loop()
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_settle, done)

    def _write(self, given: _Line) -> None:
        problem = None
        if self._file.is_full:
            problem = f"{self._file.path} is as large as --max-gib allows"
        else:
            line = _build(self._thread_builder, given) if isinstance(given, Exchange) else given
            try:
                if line is None:
                    problem = _UNREADABLE
                else:
                    self._file.append(line)
            except OSError as exc:
                problem = f"cannot write {self._file.path}: {exc.strerror or exc}"
        if problem is None:
            self.written += 1
            if self._last_problem is not None:
                self._report(f"recording again; {count_of(self.lost, 'request')} not recorded so far")
        else:
            self.lost += 1
            if problem != self._last_problem:
                self._report(f"{problem}; requests are passed on and not recorded")
        self._last_problem = problem


def _build(builder: LineBuilder, exchange: Exchange) -> bytes | None:
    """Return the line of an exchange. None: it cannot be made; one odd exchange must not end the recording."""
    try:
        return builder.build(exchange)
    except Exception:  # noqa: BLE001 - what is in it comes from both sides of the network
        return None


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
