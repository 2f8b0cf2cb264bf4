"""Parse one HTTP/1.1 response incrementally (RFC 9112): the head at once, the body on demand.

Reads are stored with their timestamps and parsed later in one pass, so that no work between two reads of a stream delays
the next timestamp.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

import httpx2

MAX_HEAD_BYTES = 64 * 2**10
BATCH_BYTES = 64 * 2**10
"""When a body is this far ahead of its reader, the reader is woken."""

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: [^\r\n\0]*)?")
_HEADER_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,12})[ \t]*(?:;[^\r\n]*)?")
_KNOWN_CHUNK_SIZES = {b"%x" % size: size for size in range(1, 4_096)}
_SEVERAL_CHUNKS_BYTES = 1_024
"""A read of so many bytes usually has several chunks."""
_HEAD_END = b"\r\n\r\n"
_KNOWN_HEADS = 16


class Framing(Enum):
    """How a response marks the end of its body."""

    CHUNKED = auto()
    LENGTH = auto()
    CLOSE = auto()


class ResponseParser:
    """One response in progress.

    Attributes:
        status: HTTP status. None: the head is not complete yet.
        headers: Lower-case names; repeated headers are joined by commas.
        first_byte_s: When the read with the end of the head arrived.
        is_complete: Whether the body is complete.
        is_reusable: Whether the connection can carry another request.
        has_started: Whether at least one byte has arrived.
        ended_s: When the read that completed the response arrived. None: it is not complete.
        unread_bytes: Bytes of the body that were not taken yet.
    """

    __slots__ = (
        "_body_left",
        "_chunk_left",
        "_fault",
        "_framing",
        "_head",
        "_payloads",
        "_reads",
        "_rest",
        "_trailing",
        "ended_s",
        "first_byte_s",
        "has_started",
        "headers",
        "is_complete",
        "is_reusable",
        "status",
        "unread_bytes",
    )  # fmt: skip

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.first_byte_s: float | None = None
        self.is_complete = False
        self.ended_s: float | None = None
        self.is_reusable = True
        self.has_started = False
        self.unread_bytes = 0
        self._head = b""
        self._framing = Framing.CLOSE
        self._reads: list[tuple[float, bytes]] = []
        self._payloads: list[tuple[float, bytes]] = []
        self._rest = b""
        self._chunk_left = 0
        self._body_left = 0
        self._trailing = -1
        # After a fault the meaning of the next byte is unknown. Nothing after it is read, or it could complete the response.
        self._fault: httpx2.RemoteProtocolError | None = None

    def feed(self, data: bytes, at_s: float) -> bool:
        """Add one read; return whether the reader should wake: at the end, or after ``BATCH_BYTES``.

        Raises:
            httpx2.RemoteProtocolError: The bytes are not an HTTP response.
        """
        if self._fault is not None:
            raise self._fault
        if self.status is None:
            self.has_started = True
            try:
                data = self._read_head(data, at_s)
            except httpx2.RemoteProtocolError as exc:
                self._fault = exc
                raise
            if self.status is None:
                return False
        if data:
            if self.is_complete:
                # Unrequested bytes could be mistaken for the next response.
                self.is_reusable = False
                return True
            self._reads.append((at_s, data))
            self.unread_bytes += len(data)
            if self._framing is Framing.CHUNKED:
                if len(data) < 4 or data.endswith(_HEAD_END):
                    self._read_body()
            elif self._framing is Framing.LENGTH and self.unread_bytes >= self._body_left:
                self._read_body()
        if self.is_complete:
            self.ended_s = at_s
            return True
        return self.unread_bytes >= BATCH_BYTES

    def pop_payloads(self) -> list[tuple[float, bytes]]:
        """Return the body since the last call, as (arrival time, bytes).

        Raises:
            httpx2.RemoteProtocolError: The bytes are not an HTTP response; what is before the fault is returned first.
        """
        try:
            self._read_body()
        except httpx2.RemoteProtocolError:
            if not self._payloads:
                raise
        payloads, self._payloads = self._payloads, []
        self.unread_bytes = 0
        return payloads

    def feed_eof(self, at_s: float) -> bool:
        """Process the end of the connection; return whether the response is complete."""
        self.is_reusable = False
        if self.status is not None and not self.is_complete:
            self._read_body()
            if self._framing is Framing.CLOSE:
                self.is_complete, self.ended_s = True, at_s
        return self.is_complete

    def _read_head(self, data: bytes, at_s: float) -> bytes:
        """Read heads, 1xx included, until the final one; return the bytes after it."""
        self._head += data
        while True:
            head, end, rest = self._head.partition(_HEAD_END)
            if len(head) > MAX_HEAD_BYTES:
                msg = f"the response's head is larger than {MAX_HEAD_BYTES} bytes"
                raise httpx2.RemoteProtocolError(msg)
            if not end:
                _check_status_line_start(self._head)
                return b""
            found = _parse_head(head)
            self._head = rest
            if found.status < 200 and found.status != 101:
                continue
            self._head = b""
            self.headers = found.headers
            self._framing, self._body_left = found.framing, found.body_bytes
            self.is_complete, self.is_reusable = found.is_all, found.is_reusable
            self.first_byte_s = at_s
            self.status = found.status
            return rest

    def _read_body(self) -> None:
        reads, self._reads = self._reads, []
        if self._fault is not None:
            raise self._fault
        if self._framing is Framing.CHUNKED:
            try:
                for at_s, data in reads:
                    pieces: list[bytes] = []
                    try:
                        self._read_chunks(data, pieces)
                    finally:
                        # What came in one read has one time: joined, its events are parsed together.
                        if pieces:
                            self._payloads.append((at_s, b"".join(pieces)))
            except httpx2.RemoteProtocolError as exc:
                self._fault = exc
                raise
        elif self._framing is Framing.LENGTH:
            for at_s, data in reads:
                if len(data) > self._body_left:
                    data = data[: self._body_left]  # noqa: PLW2901 - bytes after the body are ignored
                    self.is_reusable = False
                self._body_left -= len(data)
                self._payloads.append((at_s, data))
            self.is_complete = self.is_complete or self._body_left == 0
        else:
            self._payloads += reads

    def _read_chunks(self, data: bytes, pieces: list[bytes]) -> None:
        """Parse one read of a chunked body (RFC 9112, section 7.1), and append the body's bytes to ``pieces``."""
        if self.is_complete:
            self.is_reusable = False
            return
        if self._rest:
            data, self._rest = self._rest + data, b""
        at, end = 0, len(data)
        may_be_plain = end >= _SEVERAL_CHUNKS_BYTES
        while at < end:
            if self._chunk_left:
                at = self._read_chunk_rest(data, at, pieces)
                continue
            if self._trailing >= 0:
                self._read_trailers(data[at:])
                return
            if may_be_plain:
                may_be_plain = False
                at += _read_plain_chunks(data[at:], pieces)
                continue
            eol = data.find(b"\r\n", at)
            if eol < 0:
                self._rest = data[at:]
                if len(self._rest) > 256:
                    raise httpx2.RemoteProtocolError(f"illegal chunk size: {self._rest[:80]!r}")
                return
            line = data[at:eol]
            size = _KNOWN_CHUNK_SIZES.get(line)
            if size is None:
                match = _CHUNK_SIZE.fullmatch(line)
                if match is None:
                    raise httpx2.RemoteProtocolError(f"illegal chunk size: {line[:80]!r}")
                size = int(match[1], 16)
                if size == 0:
                    self._trailing = 0
                    at = eol + 2
                    continue
            start = eol + 2
            stop = start + size
            at = stop + 2
            if at <= end:
                pieces.append(data[start:stop])
                if data[stop:at] != b"\r\n":
                    raise httpx2.RemoteProtocolError("a chunk is longer than its size")
            else:
                self._chunk_left = size + 2
                at = start

    def _read_chunk_rest(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Continue a chunk that an earlier read did not complete; return the position after it."""
        left = self._chunk_left
        piece = data[at : at + left]
        self._chunk_left = left - len(piece)
        payload = piece[: max(0, left - 2)]
        if payload:
            pieces.append(payload)
        ending = piece[len(payload) :]
        expected = b"\r\n"[2 - min(left, 2) :][: len(ending)]
        if ending != expected:
            raise httpx2.RemoteProtocolError("a chunk is longer than its size")
        return at + len(piece)

    def _read_trailers(self, data: bytes) -> None:
        """Skip the trailers; an empty line ends the response."""
        while True:
            line, eol, rest = data.partition(b"\r\n")
            if not eol:
                self._trailing += len(data)
                if self._trailing > MAX_HEAD_BYTES:
                    raise httpx2.RemoteProtocolError(f"trailers larger than {MAX_HEAD_BYTES} bytes")
                self._rest = data
                return
            if not line:
                self.is_complete = True
                self.is_reusable = self.is_reusable and not rest
                return
            self._trailing += len(line)
            data = rest


def _read_plain_chunks(data: bytes, pieces: list[bytes]) -> int:
    """Append the payloads of the whole chunks at the start of ``data``, and return how many bytes they take.

    One split takes a tenth of the time of a loop. It needs payloads without a line break of HTTP, as events are; if there
    are others, or sizes in a rare form, nothing is appended and 0 is returned.
    """
    parts = data.split(b"\r\n")
    # What follows the last line break is not whole.
    count = (len(parts) - 1) // 2 * 2
    sizes, payloads = parts[0:count:2], parts[1:count:2]
    found, expected = list(map(len, payloads)), list(map(_KNOWN_CHUNK_SIZES.get, sizes))
    if found and found[-1] != expected[-1]:
        # The end of the body, or the first line of another payload.
        del sizes[-1], payloads[-1], found[-1], expected[-1]
    if found != expected:
        return 0
    pieces += payloads
    # Each line break of the chunks that were taken, and what is before it, is off the rest.
    return len(data) - sum(map(len, parts[2 * len(found) :])) - 2 * (len(parts) - 1 - 2 * len(found))


def _check_status_line_start(head: bytes) -> None:
    """Reject bytes that cannot become a status line, instead of waiting for a server that speaks another protocol."""
    if not b"HTTP/1.".startswith(head[:7]):
        raise httpx2.RemoteProtocolError(f"illegal status line: {head[:80]!r}")


class _Head(NamedTuple):
    """The head of a response.

    Attributes:
        status: HTTP status.
        headers: By lower-case name; not to be changed, since it is kept.
        framing: How the body ends.
        body_bytes: Length of a body of a known length.
        is_all: Whether there is no body.
        is_reusable: Whether the connection can carry another request after the body.
    """

    status: int
    headers: dict[str, str]
    framing: Framing = Framing.CLOSE
    body_bytes: int = 0
    is_all: bool = False
    is_reusable: bool = False


@lru_cache(_KNOWN_HEADS)
def _parse_head(head: bytes) -> _Head:
    """Read a head without its last line break. Most servers send the same one for a second or longer."""
    status_line, _, lines = head.partition(b"\r\n")
    match = _STATUS_LINE.fullmatch(status_line)
    if match is None:
        raise httpx2.RemoteProtocolError(f"illegal status line: {status_line[:80]!r}")
    status, is_old = int(match[2]), match[1] == b"0"
    if status < 200 and status != 101:
        return _Head(status, {})
    headers = _parse_headers(lines)
    connection = headers.get("connection", "").lower()
    is_reusable = "keep-alive" in connection if is_old else "close" not in connection
    coding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if status in {204, 304}:
        return _Head(status, headers, is_all=True, is_reusable=is_reusable)
    if coding is not None:
        if coding.lower() != "chunked" or is_old:
            raise httpx2.RemoteProtocolError(f"unknown transfer-encoding {coding[:80]!r}")
        return _Head(status, headers, Framing.CHUNKED, is_reusable=is_reusable)
    if length is None:
        return _Head(status, headers)
    lengths = {part.strip() for part in length.split(",")}
    first = lengths.pop()
    if lengths or not first.isascii() or not first.isdigit() or len(first) > 15:
        raise httpx2.RemoteProtocolError(f"illegal content-length {length[:80]!r}")
    return _Head(status, headers, Framing.LENGTH, int(first), int(first) == 0, is_reusable)


def _parse_headers(lines: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines.split(b"\r\n") if lines else ():
        name, colon, value = line.partition(b":")
        if (
            not colon
            or _HEADER_NAME.fullmatch(name) is None
            or b"\n" in value
            or b"\r" in value
            or b"\0" in value
        ):
            raise httpx2.RemoteProtocolError(f"illegal header line: {line[:80]!r}")
        key = name.decode("ascii").lower()
        text = value.strip(b" \t").decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
