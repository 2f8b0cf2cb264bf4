"""Split a stream of bytes into JSON values: one a line, one after the other, or the items of one array.

Only one value is in memory at a time, and a value over the bound is passed over without being kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol

MAX_VALUE_BYTES = 128 * 2**20
"""Of one value; a longer one is counted and passed over."""
_CHUNK_BYTES = 2**20
_OUTSIDE = re.compile(rb'["{}\[\]]')
_IN_TEXT = re.compile(rb'["\\]')
_OPENING, _BRACKET, _QUOTE, _BACKSLASH = b"{[", 0x5B, 0x22, 0x5C


class PartReader(Protocol):
    """A stream that returns what it has, so that a cut one gives what is before the cut."""

    def read1(self, size: int = -1, /) -> bytes:
        """Return at least one byte, or none at the end."""
        ...


class LineReader(Protocol):
    """A stream of lines."""

    def readline(self, size: int = -1, /) -> bytes:
        """Return the next line with its end, at most ``size`` bytes of it."""
        ...


class JsonSpan(NamedTuple):
    """The bytes of one value.

    Attributes:
        line: Line of the stream at which it starts, from 1.
        data: Its bytes; of a value that is too long or cut, the first of them.
        problem: Why it cannot be read. None: it may be valid.
    """

    line: int
    data: bytes
    problem: str | None = None


def read_lines(stream: LineReader, max_bytes: int = MAX_VALUE_BYTES) -> Iterator[JsonSpan]:
    """Yield each line that is not blank; of a line over ``max_bytes`` only its start is read into memory."""
    number = 0
    while True:
        line = stream.readline(max_bytes + 1)
        if not line:
            return
        number += 1
        if len(line) > max_bytes and not line.endswith(b"\n"):
            size = len(line)
            while rest := stream.readline(_CHUNK_BYTES):
                size += len(rest)
                if rest.endswith(b"\n"):
                    break
            yield JsonSpan(number, line[:2000], f"a line of {size:,} bytes; the most is {max_bytes:,}")
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.isspace():
            yield JsonSpan(number, line)


def split_values(stream: PartReader, max_bytes: int = MAX_VALUE_BYTES) -> Iterator[JsonSpan]:
    """Yield each object of a stream that is an array of objects, or a sequence of objects over several lines.

    What is between the objects is passed over. An object that the stream ends in is yielded with that problem, and so is
    the end of the stream before the end of its array.
    """
    scanner = _Scanner()
    depth, open_arrays = 0, 0
    line, start_line = 1, 1
    value = _Value(max_bytes)
    while chunk := stream.read1(_CHUNK_BYTES):
        begin, counted = 0, 0
        for at, mark in scanner.marks(chunk):
            if mark in _OPENING:
                if depth == 0 and mark == _BRACKET:
                    open_arrays += 1  # the array that holds the objects
                    continue
                if depth == 0:
                    line += chunk.count(b"\n", counted, at)
                    start_line, begin, counted = line, at, at
                    value = _Value(max_bytes)
                depth += 1
            elif depth == 0:
                open_arrays -= 1
            else:
                depth -= 1
                if depth == 0:
                    value.add(chunk, begin, at + 1)
                    yield value.span(start_line)
        line += chunk.count(b"\n", counted)
        if depth:
            value.add(chunk, begin, len(chunk))
    if depth:
        yield value.span(start_line, "the file ends in the middle of this value")
    elif open_arrays > 0:
        yield JsonSpan(line, b"", "the file ends before its array does")


class _Value:
    """The bytes of one object, as far as they are within the bound."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept = bytearray()
        self._size = 0

    def add(self, chunk: bytes, begin: int, end: int) -> None:
        """Add a part of a chunk; beyond the bound only its size is kept."""
        self._size += end - begin
        if self._size <= self._max_bytes:
            self._kept += chunk[begin:end]
        else:
            del self._kept[2000:]

    def span(self, line: int, problem: str | None = None) -> JsonSpan:
        """Return what was kept."""
        if problem is None and self._size > self._max_bytes:
            problem = f"a value of {self._size:,} bytes; the most is {self._max_bytes:,}"
        return JsonSpan(line, bytes(self._kept if problem is None else self._kept[:2000]), problem)


class _Scanner:
    """Finds the brackets and braces of a stream that are not inside a text."""

    def __init__(self) -> None:
        self._is_text = False
        self._skipped = 0

    def marks(self, chunk: bytes) -> Iterator[tuple[int, int]]:
        """Yield the position and the byte of each."""
        position, self._skipped = self._skipped, 0
        while True:
            found = (_IN_TEXT if self._is_text else _OUTSIDE).search(chunk, position)
            if found is None:
                return
            at = found.start()
            position, mark = at + 1, chunk[at]
            if mark == _QUOTE:
                self._is_text = not self._is_text
            elif mark == _BACKSLASH:
                position += 1
                if position > len(chunk):
                    self._skipped = 1
                    return
            else:
                yield at, mark
