"""The thread that turns exchanges into lines and appends them, so that no stream waits for either."""

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
_Job = tuple[Exchange, "asyncio.Future[None] | None"]


class RecordWriter:
    """Writes exchanges in the order in which they end.

    Args:
        builder: Makes the lines.
        file: Takes them; the caller closes it after :meth:`close`.
        report: Told of trouble, a line of text for the user each; called from the thread.

    Attributes:
        written: Exchanges in the file.
        lost: Exchanges that were passed on and not recorded.
    """

    def __init__(self, builder: LineBuilder, file: RecordFile, report: Callable[[str], None]) -> None:
        self._builder = builder
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
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(exchange, done)
        await asyncio.wait((done,), timeout=max_wait_s)

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _put(self, exchange: Exchange, done: asyncio.Future[None] | None) -> None:
        size = exchange.request.size_bytes + exchange.reply.size_bytes
        if self._waiting_bytes > MAX_WAITING_BYTES:
            exchange.request.pieces.clear()
            exchange.reply.pieces.clear()
            exchange.request.is_whole = exchange.reply.is_whole = False
        self._waiting_bytes += size
        self._jobs.put((exchange, done))

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            exchange, done = job
            self._write(exchange)
            self._waiting_bytes -= exchange.request.size_bytes + exchange.reply.size_bytes
            if done is not None:
                # The loop may have ended while this one was written.
                loop = done.get_loop()
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_settle, done)

    def _write(self, exchange: Exchange) -> None:
        problem = None
        if self._file.is_full:
            problem = f"{self._file.path} is as large as --max-gib allows"
        else:
            try:
                self._file.append(self._builder.build(exchange))
            except OSError as exc:
                problem = f"cannot write {self._file.path}: {exc.strerror or exc}"
            except Exception as exc:  # noqa: BLE001 - one odd exchange must not end the recording
                problem = f"a request cannot be recorded: {type(exc).__name__}"
        if problem is None:
            self.written += 1
            if self._last_problem is not None:
                self._report(f"recording again; {count_of(self.lost, 'request')} not recorded so far")
        else:
            self.lost += 1
            if problem != self._last_problem:
                self._report(f"{problem}; requests are passed on and not recorded")
        self._last_problem = problem


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
