"""Turns exchanges into lines, and has a thread append them, so that no stream waits for the disk."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable

from gapbench.formatting import count_of
from gapbench.traffic.recording.exchange import BodyMemory, Exchange
from gapbench.traffic.recording.line_builder import LineBuilder
from gapbench.traffic.recording.record_file import RecordFile

_MAX_WAITING_LINES = 100_000
"""Beyond, an exchange is passed on and not recorded: the disk has stopped."""
_SMALL_BYTES = 64 * 2**10
"""An exchange with at most this much to read becomes a line in the event loop: a hand-over to the thread takes as long."""
_UNREADABLE = "a request cannot be recorded"
_Line = Exchange | bytes | None
_Done = tuple[asyncio.AbstractEventLoop, Callable[[], None]]
_Job = tuple[_Line, int, "_Done | None"]


class RecordWriter:
    """Writes exchanges in the order in which they end.

    Args:
        new_builder: Makes what makes the lines; the loop and the thread have one each.
        file: Takes them; the caller closes it after :meth:`close`.
        report: Told of trouble, a line of text for the user each; called from the thread.
        memory: What the bodies of all exchanges share; the proxy takes for them, and the writer gives back.

    Attributes:
        written: Exchanges in the file.
        sizes_only: Those of which a body was too large, or came when the memory was full: only its size is in the file.
        lost: Exchanges that were passed on and not recorded.
    """

    def __init__(
        self,
        new_builder: Callable[[], LineBuilder],
        file: RecordFile,
        report: Callable[[str], None],
        memory: BodyMemory | None = None,
    ) -> None:
        self._loop_builder = new_builder()
        self._thread_builder = new_builder()
        self._file = file
        self._report = report
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._last_problem: str | None = None
        self.memory = memory or BodyMemory()
        self.written = 0
        self.sizes_only = 0
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name="record writer", daemon=True)
        self._thread.start()

    def submit(self, exchange: Exchange, done: Callable[[], None] | None = None) -> None:
        """Have an exchange written, without waiting for it.

        Args:
            exchange: It; its bodies grow no more.
            done: Called in the running loop when it is in the file, or cannot be written.
        """
        size = exchange.request.size_bytes + (exchange.reply.size_bytes if exchange.reading is None else 0)
        line: _Line = exchange
        if self._jobs.qsize() >= _MAX_WAITING_LINES:
            line = None
        elif size <= _SMALL_BYTES:
            line = _build(self._loop_builder, exchange)
        job_done = None if done is None else (asyncio.get_running_loop(), done)
        self._count_sizes_only(exchange)
        self._jobs.put((line, exchange.held_bytes, job_done))

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _count_sizes_only(self, exchange: Exchange) -> None:
        body = next((one for one in (exchange.request, exchange.reply) if one.not_kept is not None), None)
        if body is None:
            return
        self.sizes_only += 1
        if self.sizes_only == 1:
            self._report(f"a request is recorded with sizes only: {body.size_bytes:,} bytes; {body.not_kept}")

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            line, held_bytes, done = job
            self._write(line)
            self.memory.give_back(held_bytes)
            if done is not None:
                loop, tell = done
                if not loop.is_closed():  # the loop may have ended while this one was written
                    loop.call_soon_threadsafe(tell)

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
