"""Heads and bodies of HTTP/1.1 messages (RFC 9112).

A message that two programs could read in two ways is refused. The lines of a head stay as they came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

MAX_HEAD_BYTES = 256 * 2**10
_MAX_CHUNK_LINE_BYTES = 4 * 2**10
_HEAD_END = b"\r\n\r\n"
_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}) ([^\x00-\x20\x7f]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([^\x00-\x08\x0a-\x1f\x7f]*))?")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00\r\n]*)")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n\x00]*)?")
_LENGTH = re.compile(rb"[0-9]{1,15}")
HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
        b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
"""Headers about one connection (RFC 9110, section 7.6.1)."""


class MessageError(ValueError):
    """A message that cannot be passed on. Its text quotes nothing of the message, which has keys.

    Attributes:
        status: What a client is answered.
    """

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class Framing(Enum):
    """How the end of a body is known."""

    NONE = auto()
    LENGTH = auto()
    CHUNKED = auto()
    CLOSE = auto()


class Field(NamedTuple):
    """A header.

    Attributes:
        name: In lower case.
        value: Without spaces at its ends.
        line: As it came, without its line end.
    """

    name: bytes
    value: bytes
    line: bytes


@dataclass(slots=True)
class Head:
    """The head of a request or an answer.

    Attributes:
        fields: The headers, in their order.
        minor_version: 1 for HTTP/1.1, 0 for HTTP/1.0.
        method: Of a request.
        target: Of a request: path and query.
        status: Of an answer.
        reason: Of an answer: the words after the status.
        framing: How its body ends.
        length: With :attr:`Framing.LENGTH` the bytes of the body.
    """

    fields: list[Field]
    minor_version: int
    method: str = ""
    target: str = ""
    status: int = 0
    reason: bytes = b""
    framing: Framing = Framing.NONE
    length: int = 0

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of a header, whose name is given in lower case."""
        return [field.value for field in self.fields if field.name == name]

    def text(self, name: bytes) -> str:
        """Return the first value of a header as a text; empty: there is none."""
        for field in self.fields:
            if field.name == name:
                return field.value.decode("utf-8", "replace")
        return ""

    def tokens(self, name: bytes) -> set[bytes]:
        """Return the words of a header that is a list, in lower case."""
        return {word.strip().lower() for value in self.values(name) for word in value.split(b",")}

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection may carry another message."""
        tokens = self.tokens(b"connection")
        return b"close" not in tokens if self.minor_version else b"keep-alive" in tokens

    def end_to_end(self) -> Iterator[Field]:
        """Yield the headers that are not about one connection, without a repeated length."""
        left_out = HOP_BY_HOP
        tokens = self.tokens(b"connection")
        if tokens:
            left_out = HOP_BY_HOP | (tokens - {b"content-length", b"host"})
        has_length = self.framing is Framing.CHUNKED
        for field in self.fields:
            if field.name in left_out:
                continue
            if field.name == b"content-length":
                if has_length:
                    continue
                has_length = True
            yield field


def split_head(data: bytes | bytearray) -> tuple[bytes, bytes] | None:
    """Return the head at the start of some bytes, and what comes after. None: its end is not there yet.

    Raises:
        MessageError: It is too long.
    """
    end = data.find(_HEAD_END, 0, MAX_HEAD_BYTES)
    if end < 0:
        if len(data) >= MAX_HEAD_BYTES:
            raise MessageError(f"headers of more than {MAX_HEAD_BYTES:,} bytes", 431)
        return None
    return bytes(data[:end]), bytes(data[end + 4 :])


def read_request_head(head: bytes) -> Head:
    """Return the head of a request.

    Raises:
        MessageError: It is not one, or it does not tell for sure where its body ends.
    """
    first, _, lines = head.partition(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise MessageError("not the first line of an HTTP/1.1 request")
    found = Head(_fields(lines), int(match[3]), method=match[1].decode(), target=match[2].decode("latin-1"))
    coding, length = _coding(found), _length(found)
    if coding is not None:
        if length is not None or not found.minor_version:
            raise MessageError("a body with a length and in chunks")
        if coding != b"chunked":
            raise MessageError("an unknown transfer-encoding", 501)
        found.framing = Framing.CHUNKED
    elif length:
        found.framing, found.length = Framing.LENGTH, length
    return found


def read_answer_head(head: bytes, method: str) -> Head:
    """Return the head of an answer to a request of a method.

    Raises:
        MessageError: It is not one, or it does not tell for sure where its body ends.
    """
    first, _, lines = head.partition(b"\r\n")
    match = _STATUS_LINE.fullmatch(first)
    if match is None:
        raise MessageError("not the status line of an HTTP/1.1 answer")
    found = Head(_fields(lines), int(match[1]), status=int(match[2]), reason=match[3] or b"")
    if method == "HEAD" or found.status < 200 or found.status in {204, 304}:
        return found
    coding, length = _coding(found), _length(found)
    if coding is not None:
        if coding != b"chunked" or not found.minor_version:
            raise MessageError("an unknown transfer-encoding")
        found.framing = Framing.CHUNKED
    elif length is None:
        found.framing = Framing.CLOSE
    elif length:
        found.framing, found.length = Framing.LENGTH, length
    return found


def _fields(lines: bytes) -> list[Field]:
    found = []
    for line in lines.split(b"\r\n") if lines else ():
        match = _FIELD.fullmatch(line)
        if match is None:
            raise MessageError("a line that is not a header")
        found.append(Field(match[1].lower(), match[2].rstrip(b" \t"), line))
    return found


def _coding(head: Head) -> bytes | None:
    values = head.values(b"transfer-encoding")
    return b",".join(values).strip().lower() if values else None


def _length(head: Head) -> int | None:
    values = {word.strip() for value in head.values(b"content-length") for word in value.split(b",")}
    if not values:
        return None
    first = values.pop()
    if values or _LENGTH.fullmatch(first) is None:
        raise MessageError("a content-length that is not a number, or two of them")
    return int(first)


class BodyReader:
    """Takes the bytes of one body out of those of a connection.

    Args:
        framing: How it ends.
        length: With :attr:`Framing.LENGTH` its bytes.

    Attributes:
        is_complete: Whether its end has come.
    """

    __slots__ = (
        "_is_in_chunk",
        "_is_in_trailers",
        "_left",
        "_rest",
        "_trailer_bytes",
        "framing",
        "is_complete",
    )

    def __init__(self, framing: Framing, length: int = 0) -> None:
        self.framing = framing
        self.is_complete = framing is Framing.NONE
        self._left = length
        self._rest = b""
        self._is_in_chunk = False
        self._is_in_trailers = False
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what some bytes hold of the body, and what comes after its end.

        Raises:
            MessageError: They are no chunks.
        """
        if self.is_complete:
            return b"", data
        if self.framing is Framing.CHUNKED:
            return self._feed_chunks(data)
        if self.framing is Framing.CLOSE:
            return data, b""
        if len(data) < self._left:
            self._left -= len(data)
            return data, b""
        self.is_complete = True
        return data[: self._left], data[self._left :]

    def end(self) -> bool:
        """Return whether the body is complete, now that its connection has ended."""
        self.is_complete = self.is_complete or self.framing is Framing.CLOSE
        return self.is_complete

    def _feed_chunks(self, data: bytes) -> tuple[bytes, bytes]:
        if self._rest:
            data, self._rest = self._rest + data, b""
        pieces: list[bytes] = []
        at, size = 0, len(data)
        while at < size and not self.is_complete:
            if self._left:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                continue
            if self._is_in_chunk:
                if size - at < 2:
                    break
                if data[at : at + 2] != b"\r\n":
                    raise MessageError("a chunk that is longer than its size")
                self._is_in_chunk = False
                at += 2
                continue
            end = data.find(b"\r\n", at)
            if (size if end < 0 else end) - at > _MAX_CHUNK_LINE_BYTES:
                raise MessageError("a chunk's first line that is too long")
            if end < 0:
                break
            self._read_line(data[at:end])
            at = end + 2
        if self.is_complete:
            return b"".join(pieces), data[at:]
        self._rest = data[at:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces), b""

    def _read_line(self, line: bytes) -> None:
        """Read the first line of a chunk, or a line after the last; trailers are passed over."""
        if self._is_in_trailers:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > MAX_HEAD_BYTES:
                raise MessageError("trailers that are too long")
            self.is_complete = not line
            return
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise MessageError("a chunk without its size")
        self._left = int(match[1], 16)
        self._is_in_chunk = self._left > 0
        self._is_in_trailers = self._left == 0


def frame(payload: bytes, framing: Framing, *, is_end: bool) -> bytes:
    """Return a piece of a body as it is sent; with ``is_end`` it is the last, and may be empty."""
    if framing is not Framing.CHUNKED:
        return payload
    chunk = b"%x\r\n%b\r\n" % (len(payload), payload) if payload else b""
    return chunk + b"0\r\n\r\n" if is_end else chunk
