"""Parse server-sent events from bytes, and the JSON in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from gapbench.errors import RunnerError
from gapbench.transport.error_mapping import redact_and_truncate

MAX_EVENT_BYTES = 16 * 2**20
MAX_STRAY_BYTES = 2_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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


class EventBlock(NamedTuple):
    """Complete events of one read, which is not taken apart until someone asks for them.

    Attributes:
        received_s: When the read arrived.
        text: The bytes of the read, from the start of an event that has data first to the empty line after another.
        parser: Parses them.
    """

    received_s: float
    text: bytes
    parser: EventParser

    def datas(self) -> list[bytes] | None:
        """Return the data of each event, if all have the form ``data: …``, as most providers send them. None: they have not."""
        if self.text.count(b"\n") != 2 * self.text.count(b"\n\ndata: ") + 2:
            return None
        return [data for data in self.text[6:-2].split(b"\n\ndata: ") if data.strip()]

    def events(self) -> list[Event]:
        """Return the events."""
        datas = self.datas()
        if datas is None:
            return self.parser.read_blocks(self.text[:-2].split(b"\n\n"), self.received_s)
        return [Event(self.received_s, "", data) for data in datas]


class EventBatch:
    """Events that a reader gets at once.

    Args:
        parts: Single events, and blocks of events that need not be taken apart one by one.
    """

    def __init__(self, parts: list[Event | EventBlock]) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[Event]:
        """Yield every event."""
        for part in self.parts:
            if isinstance(part, EventBlock):
                yield from part.events()
            else:
                yield part


def looks_like_events(start: bytes) -> bool:
    """Return whether a body that begins like this is an event stream, whatever its content type."""
    return (
        start.removeprefix(BYTE_ORDER_MARK)
        .lstrip()
        .startswith((b"data:", b"event:", b":", b"id:", b"retry:"))
    )


def decode_event(data: bytes) -> dict[str, Any]:
    """Return an event's JSON object.

    Raises:
        RunnerError: ``garbage`` if it is not one.
    """
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        raise RunnerError("garbage", f"an event is not JSON: {_excerpt(data)!r}") from exc
    if not isinstance(body, dict):
        raise RunnerError("garbage", f"an event is not a JSON object: {_excerpt(data)!r}")
    return body


def _excerpt(data: bytes) -> str:
    return redact_and_truncate(data[:4_000].decode("utf-8", "replace"))[:80]


class EventParser:
    """Incremental parser of the event-stream format (WHATWG HTML, section 9.2), with any line ending.

    Feed it each read; it returns the events that the read completed. An event without data, which servers send to keep
    a connection open, is none.

    Attributes:
        stray: The start of text that was not a field of an event, such as an error page at the end of a stream.
    """

    def __init__(self) -> None:
        self.stray = b""
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        # A byte-order mark may come first, and may be split over reads.
        self._is_start = True

    @property
    def is_finished(self) -> bool:
        """Whether everything fed so far was part of a complete event, so that :meth:`finish` has nothing to add."""
        return not self._partial and not self.stray

    def feed_block(self, read: bytes, received_s: float) -> EventBlock | None:
        """Return a read as a block of events, which takes less time than :meth:`feed`. None: it is not a block; use :meth:`feed`."""
        is_block = (
            not self._partial and read.startswith(b"data: ") and read.endswith(b"\n\n") and b"\r" not in read
        )
        if not is_block:
            return None
        self._is_start = False
        return EventBlock(received_s, read, self)

    def feed(self, chunk: bytes, received_s: float) -> list[Event]:
        """Return the events that ``chunk`` completes.

        Raises:
            RunnerError: ``garbage`` when one event grows past ``MAX_EVENT_BYTES``.
        """
        if self._is_start:
            chunk = b"".join((*self._partial, chunk))
            self._partial, self._partial_bytes = [], 0
            if BYTE_ORDER_MARK.startswith(chunk) and chunk != BYTE_ORDER_MARK:
                self._append_partial(chunk)
                return []
            self._is_start = False
            chunk = chunk.removeprefix(BYTE_ORDER_MARK)
        if self._partial:
            if b"\n" not in chunk and b"\r" not in chunk and not self._partial[-1].endswith(b"\r"):
                # The middle of a long line: joining it each time would take quadratic time.
                self._append_partial(chunk)
                return []
            chunk = b"".join((*self._partial, chunk))
            self._partial, self._partial_bytes = [], 0
        held = b""
        if b"\r" in chunk:
            # A lone CR at the end may be half of a CRLF: keep it for the next read.
            held = b"\r" if chunk.endswith(b"\r") else b""
            chunk = chunk[: len(chunk) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *blocks, rest = chunk.split(b"\n\n")
        if rest or held:
            self._append_partial(rest + held)
        return self.read_blocks(blocks, received_s)

    def read_blocks(self, blocks: Iterable[bytes], received_s: float) -> list[Event]:
        """Return the events of a part of the stream, given as what is between empty lines."""
        events: list[Event] = []
        for block in blocks:
            # The two forms that providers send; everything else is parsed line by line.
            if block.startswith(b"data: {") and b"\n" not in block:
                events.append(Event(received_s, "", block[6:]))
                continue
            if block.startswith(b"event: ") and block.count(b"\n") == 1:
                name, _, data = block.partition(b"\ndata: ")
                if data.startswith(b"{") and b"\n" not in name:
                    events.append(Event(received_s, name[7:].strip().decode("utf-8", "replace"), data))
                    continue
            event = self._parse_block(block, received_s)
            if event is not None:
                events.append(event)
        return events

    def finish(self, received_s: float) -> Event | None:
        """Return the last event if the stream ended without the empty line after it, or None.

        The format discards such an event. Servers that fail do send their error like this, and some ``[DONE]``, so it
        counts if it is complete JSON.
        """
        block = b"".join(self._partial).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._partial, self._partial_bytes = [], 0
        event = None if self._is_start else self._parse_block(block, received_s)
        if event is None or event.data.strip() == b"[DONE]":
            return event
        try:
            orjson.loads(event.data)
        except orjson.JSONDecodeError:
            self._add_stray(event.data)
            return None
        return event

    def _append_partial(self, partial: bytes) -> None:
        self._partial.append(partial)
        self._partial_bytes += len(partial)
        if self._partial_bytes > MAX_EVENT_BYTES:
            msg = f"one event of the stream is larger than {MAX_EVENT_BYTES} bytes"
            raise RunnerError("garbage", msg)

    def _add_stray(self, line: bytes) -> None:
        if len(self.stray) < MAX_STRAY_BYTES:
            self.stray += line[: MAX_STRAY_BYTES - len(self.stray)] + b"\n"

    def _parse_block(self, block: bytes, received_s: float) -> Event | None:
        """Parse the lines between two empty lines. A block without data is not an event: None."""
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
            elif line and not line.startswith((b":", b"id:", b"retry:")) and line not in {b"id", b"retry"}:
                self._add_stray(line)
        joined = b"\n".join(data)
        return Event(received_s, name, joined) if joined.strip() else None
