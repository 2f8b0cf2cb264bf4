"""One request and its answer, as they pass through the proxy."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gapbench.traffic.recording.protocols import Call
from gapbench.traffic.recording.stream_replies import StreamReading

MAX_KEPT_BYTES = 32 * 2**20
"""Of a request and of an answer; of a longer one only the size is recorded. What passes through has no limit."""


MAX_MEMORY_BYTES = 512 * 2**20
"""Of the bodies of all exchanges together, in progress or waiting to be written."""


class BodyMemory:
    """The memory that the bodies of all exchanges share. The loop takes, the thread that writes gives back.

    Args:
        limit_bytes: How much there is.

    Attributes:
        held_bytes: How much is taken.
    """

    def __init__(self, limit_bytes: int = MAX_MEMORY_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self._lock = threading.Lock()

    def take(self, size_bytes: int) -> bool:
        """Take some, and return True; or False if there is not so much."""
        with self._lock:
            if self.held_bytes + size_bytes > self.limit_bytes:
                return False
            self.held_bytes += size_bytes
            return True

    def give_back(self, size_bytes: int) -> None:
        """Give some back."""
        with self._lock:
            self.held_bytes -= size_bytes


@dataclass(slots=True)
class Body:
    """The body of a request or an answer.

    Attributes:
        memory: Where its pieces take their memory from.
        pieces: When each piece was read, and the piece.
        size_bytes: The size of all pieces.
        held_bytes: What it has taken of the memory.
        encoding: The value of ``content-encoding``, in lower case. Empty: none.
        not_kept: Why the pieces were not kept, only their size. None: they were.
    """

    memory: BodyMemory = field(default_factory=BodyMemory)
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    size_bytes: int = 0
    held_bytes: int = 0
    encoding: str = ""
    not_kept: str | None = None

    def add(self, at_s: float, piece: bytes) -> None:
        """Keep a piece, as long as there is room."""
        if self.count(piece):
            self.pieces.append((at_s, piece))

    def count(self, piece: bytes) -> bool:
        """Keep the size of a piece that is read elsewhere; return whether there is room for the piece."""
        size = len(piece)
        self.size_bytes += size
        if self.not_kept is not None:
            return False
        if self.size_bytes > MAX_KEPT_BYTES:
            self._drop(f"at most {MAX_KEPT_BYTES:,} are recorded")
            return False
        if not self.memory.take(size):
            self._drop(f"the recorder held {self.memory.limit_bytes:,} of other requests")
            return False
        self.held_bytes += size
        return True

    def _drop(self, why: str) -> None:
        """Keep no piece, only the size."""
        self.not_kept = why
        self.pieces.clear()
        self.memory.give_back(self.held_bytes)
        self.held_bytes = 0


@dataclass(slots=True)
class Exchange:
    """One request and its answer. Instants are on :data:`gapbench.clock.now`.

    Attributes:
        call: What was asked.
        provider: Who was asked. None: unknown.
        started_at: UTC time at which the request came.
        started_s: The same instant.
        labels: ``route``, ``user`` and ``session``, where the request had a header with them.
        keys: The keys in the request; none of them is written.
        request: The body of the request.
        reply: The body of the answer.
        reading: Reads the answer while it passes; ``reply`` has only its size then. None: it is read at the end.
        status: HTTP status of the answer. None: there was none.
        content_type: Of the answer.
        is_simulated: Whether a simulated provider answered.
        ended_s: When the last byte came, or when it was given up.
        error: What went wrong on the way. None: nothing.
        is_cancelled: Whether the client left before the end.
    """

    call: Call
    provider: str | None
    started_at: datetime
    started_s: float
    labels: Mapping[str, str]
    keys: tuple[str, ...] = ()
    request: Body = field(default_factory=Body)
    reply: Body = field(default_factory=Body)
    reading: StreamReading | None = None
    status: int | None = None
    content_type: str = ""
    is_simulated: bool = False
    ended_s: float | None = None
    error: str | None = None
    is_cancelled: bool = False

    @property
    def held_bytes(self) -> int:
        """The memory that both bodies hold."""
        return self.request.held_bytes + self.reply.held_bytes

    def add_reply(self, at_s: float, piece: bytes) -> None:
        """Keep or read a piece of the answer."""
        if self.reading is None:
            if piece:
                self.reply.add(at_s, piece)
        elif self.reply.count(piece):
            self.reading.feed(at_s, piece)
        else:
            self.reading.forget()

    def start_reading(self) -> None:
        """Read the answer while it passes, if its head says that it is a plain stream of events."""
        if self.content_type.startswith("text/event-stream") and self.reply.encoding in {"", "identity"}:
            self.reading = StreamReading(self.call.protocol)
