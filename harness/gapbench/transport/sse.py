"""Bytes to server-sent events."""

from __future__ import annotations

from typing import NamedTuple

from gapbench.errors import RunnerError

MAX_EVENT_BYTES = 16 * 2**20


class Event(NamedTuple):
    """One server-sent event.

    Attributes:
        received_s: When the read that completed it arrived, on :data:`gapbench.transport.now`.
        name: The ``event:`` field; "" when there was none.
        data: The ``data:`` lines joined by newlines, undecoded.
    """

    received_s: float
    name: str
    data: bytes


def is_plain(read: bytes) -> bool:
    """Say whether a read is one whole ``data: …`` event and nothing else, as most providers send them."""
    return (
        read.startswith(b"data: ")
        and read.find(b"\n") == len(read) - 2
        and read.endswith(b"\n\n")
        and b"\r" not in read
    )


class EventParser:
    """Incremental reader of the event-stream format (WHATWG HTML, section 9.2), any line ending.

    Feed it reads as they come; it returns the events that each read completed.
    """

    def __init__(self) -> None:
        """Start with nothing buffered."""
        self._rest: list[bytes] = []
        self._size = 0

    @property
    def is_between(self) -> bool:
        """Whether no event is half read."""
        return not self._rest

    def feed(self, read: bytes, received_s: float) -> list[Event]:
        """Return the events that ``read`` completes.

        Raises:
            RunnerError: ``garbage`` when one event grows past ``MAX_EVENT_BYTES``.
        """
        if self._rest:
            if b"\n" not in read and b"\r" not in read and not self._rest[-1].endswith(b"\r"):
                # The middle of a long line: joining it each time would cost its length squared.
                self._keep(read)
                return []
            read = b"".join((*self._rest, read))
            self._rest, self._size = [], 0
        held = b""
        if b"\r" in read:
            # A lone CR at the end may be half of a CRLF: keep it for the next read.
            held = b"\r" if read.endswith(b"\r") else b""
            read = read[: len(read) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *blocks, rest = read.split(b"\n\n")
        if rest or held:
            self._keep(rest + held)
        events: list[Event] = []
        for block in blocks:
            # The two forms that providers send; all else is read line by line.
            if block.startswith(b"data: ") and b"\n" not in block:
                events.append(Event(received_s, "", block[6:]))
                continue
            if block.startswith(b"event: ") and block.count(b"\n") == 1:
                name, _, data = block.partition(b"\ndata: ")
                if data and b"\n" not in name:
                    events.append(Event(received_s, name[7:].strip().decode("utf-8", "replace"), data))
                    continue
            event = _read_block(block, received_s)
            if event is not None:
                events.append(event)
        return events

    def _keep(self, rest: bytes) -> None:
        self._rest.append(rest)
        self._size += len(rest)
        if self._size > MAX_EVENT_BYTES:
            msg = f"one event of the stream is larger than {MAX_EVENT_BYTES} bytes"
            raise RunnerError("garbage", msg)


def _read_block(block: bytes, received_s: float) -> Event | None:
    """Read the lines between two blank ones; a block without data is no event."""
    name = ""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        if line.startswith(b"data:"):
            data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line.startswith(b"event:"):
            name = line[6:].strip().decode("utf-8", "replace")
        elif line in {b"data", b"event"}:
            # A field name alone is the field with an empty value.
            if line == b"data":
                data.append(b"")
            else:
                name = ""
    return Event(received_s, name, b"\n".join(data)) if data else None
