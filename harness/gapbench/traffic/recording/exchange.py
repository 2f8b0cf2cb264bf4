"""One request and its answer, as they pass through the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gapbench.traffic.recording.protocols import Call
from gapbench.traffic.recording.stream_replies import StreamReading

MAX_KEPT_BYTES = 32 * 2**20
"""Of a request and of an answer; of a longer one only the size is recorded. What passes through has no limit."""


@dataclass(slots=True)
class Body:
    """The body of a request or an answer.

    Attributes:
        pieces: When each piece was read, and the piece.
        size_bytes: The size of all pieces.
        encoding: The value of ``content-encoding``, in lower case. Empty: none.
        is_whole: Whether all pieces were kept.
    """

    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    size_bytes: int = 0
    encoding: str = ""
    is_whole: bool = True

    def add(self, at_s: float, piece: bytes) -> None:
        """Keep a piece, as long as there is room."""
        self.size_bytes += len(piece)
        if self.size_bytes <= MAX_KEPT_BYTES:
            self.pieces.append((at_s, piece))
        else:
            self.drop()

    def count(self, piece: bytes) -> None:
        """Keep the size of a piece that is read elsewhere."""
        self.size_bytes += len(piece)
        if self.size_bytes > MAX_KEPT_BYTES:
            self.drop()

    def drop(self) -> None:
        """Keep no piece, only the size."""
        self.is_whole = False
        self.pieces.clear()


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

    def start_reading(self) -> None:
        """Read the answer while it passes, if its head says that it is a plain stream of events."""
        if self.content_type.startswith("text/event-stream") and self.reply.encoding in {"", "identity"}:
            self.reading = StreamReading(self.call.protocol)
