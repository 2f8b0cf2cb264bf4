"""Bytes to HTTP/1.1 requests: bodies by length or in chunks, bounded in size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

MAX_HEAD_BYTES = 64 * 2**10
MAX_BODY_BYTES = 64 * 2**20


class HttpRequest(NamedTuple):
    """One request.

    Attributes:
        method: Such as ``POST``.
        path: Percent-decoded, without the query.
        headers: Lower-case names.
        body: Whole.
        query: Its parameters; of one that is given twice, the last.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str]


class RefusedRequestError(ValueError):
    """A request that cannot be read; the connection is of no more use."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the HTTP status to answer with."""
        super().__init__(message)
        self.status = status


class RequestParser:
    """Incremental reader of a connection's requests."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._buffer = bytearray()
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._body = bytearray()
        self._length = 0
        self._is_chunked = False
        self._has_sent_continue = False

    def feed(self, data: bytes) -> None:
        """Take what the socket gave."""
        self._buffer += data

    def needs_100_continue(self) -> bool:
        """Say, once a request, whether the client waits for ``100 Continue`` before it sends the body."""
        if self._head is None or self._has_sent_continue:
            return False
        self._has_sent_continue = self._head[2].get("expect", "").lower() == "100-continue"
        return self._has_sent_continue

    def next_request(self) -> HttpRequest | None:
        """Return the next request; None: it is not complete.

        Raises:
            RefusedRequestError: It is too large or not HTTP.
        """
        if self._head is None and not self._read_head():
            return None
        assert self._head is not None
        complete = self._read_chunked_body() if self._is_chunked else self._read_sized_body()
        if not complete:
            return None
        method, target, headers = self._head
        path, _, query = target.partition("?")
        request = HttpRequest(method, unquote(path), headers, bytes(self._body), dict(parse_qsl(query)))
        self._head, self._has_sent_continue = None, False
        self._body.clear()
        return request

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if (len(self._buffer) if end < 0 else end) > MAX_HEAD_BYTES:
            raise RefusedRequestError(431, f"headers of more than {MAX_HEAD_BYTES} bytes")
        if end < 0:
            return False
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise RefusedRequestError(400, f"not an HTTP/1.1 request line: {first[:80]!r}")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        self._is_chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            raise RefusedRequestError(400, f"content-length: found {length[:40]!r}; expected a whole number")
        self._length = int(length)
        self._check_body_size(self._length)
        self._head = words[0], words[1], headers
        return True

    def _read_sized_body(self) -> bool:
        if len(self._buffer) < self._length:
            return False
        self._body += self._buffer[: self._length]
        del self._buffer[: self._length]
        return True

    def _read_chunked_body(self) -> bool:
        """Move complete chunks to the body; True at the last. Trailers are dropped."""
        while (line_end := self._buffer.find(b"\r\n")) >= 0:
            line = bytes(self._buffer[:line_end]).partition(b";")[0].strip()
            try:
                size = int(line, 16)
            except ValueError:
                raise RefusedRequestError(400, f"not a chunk size: {line[:40]!r}") from None
            start = line_end + 2
            self._check_body_size(len(self._body) + size)
            if size == 0:
                end = self._buffer.find(b"\r\n\r\n", line_end)
                if end < 0:
                    return False
                del self._buffer[: end + 4]
                return True
            if len(self._buffer) < start + size + 2:
                return False
            self._body += self._buffer[start : start + size]
            del self._buffer[: start + size + 2]
        return False

    @staticmethod
    def _check_body_size(size: int) -> None:
        if not 0 <= size <= MAX_BODY_BYTES:
            raise RefusedRequestError(413, f"a body of more than {MAX_BODY_BYTES} bytes")
