"""Read the records of a file, whatever holds them: JSON lines, a JSON array, CSV, Parquet or lines of text; gzip and zstd."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import orjson

from gapbench.errors import DocumentError
from gapbench.store.table_file import TableError, iterate_rows, open_zstd
from gapbench.traffic.json_values import MAX_VALUE_BYTES, JsonSpan, read_lines, split_values

MAX_CELL_CHARS = 2**27
SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".log", ".txt")
PACKED_SUFFIXES = (".gz", ".zst")
_SEPARATORS = (",", ";", "\t")
_NO_CELL = frozenset({"", "NULL", "null", "\\N", "NaN", "nan", "NaT", "<NA>"})
"""How SQL clients and pandas write that a cell has no value. ``None`` is not among them: a model may have said it."""


_SEVERAL = re.compile(rb"\}\s*\{")
_UTF_16 = "is text in UTF-16; save it as UTF-8, such as with `iconv -f UTF-16 -t UTF-8`"
_FOREIGN = {
    b"PK\x03\x04": "is a zip archive or a workbook; unpack it, or save it as CSV",
    b"BZh": "is packed with bzip2; unpack it, or pack it with gzip or zstd",
    b"\xfd7zXZ\x00": "is packed with xz; unpack it, or pack it with gzip or zstd",
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
}
"""What is no log as it is, by its first bytes, and what to do."""


Stream = io.BufferedReader | gzip.GzipFile


class Item(NamedTuple):
    """One record of a file.

    Attributes:
        line: Line at which it starts, from 1; in Parquet the row.
        value: The record: a dict, or of a text log the line. None: it cannot be read.
        raw: What the file holds there, at least the start of it.
        problem: Why it cannot be read. None: it was.
    """

    line: int
    value: Any
    raw: bytes = b""
    problem: str | None = None


def name_without_packing(path: PurePath) -> str:
    """Return the lower-case name of a file without the suffix of its compression."""
    name = path.name.lower()
    for suffix in PACKED_SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def read_items(path: Path, shown: str) -> Iterator[Item]:
    """Yield the records of a file; one that cannot be read is yielded with its problem.

    Args:
        path: The file; what it holds counts more than how it is named.
        shown: How messages name it.

    Raises:
        DocumentError: The file cannot be opened, or is no file of its kind at all.
    """
    name = name_without_packing(path)
    head = _first_bytes(path, shown)
    if name.endswith(".parquet") or head.startswith(b"PAR1"):
        yield from _read_parquet(path, shown)
        return
    foreign = next((words for magic, words in _FOREIGN.items() if head.startswith(magic)), None)
    if foreign is not None:
        raise DocumentError(foreign, file=shown)
    with open_unpacked(path, shown) as stream:
        try:
            if name.endswith((".csv", ".tsv")):
                yield from _read_csv(stream, shown)
            else:
                yield from _read_text(stream)
        except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as exc:
            yield Item(0, None, problem=f"the file is cut or damaged, the rest is lost: {exc}")


def may_lack_its_end(path: Path) -> bool:
    """Return whether a table of text ends without a line end: if it was cut in its last cell, nothing else tells."""
    if not path.name.lower().endswith((".csv", ".tsv")):
        return False  # JSON that is cut cannot be read, and neither can what is packed
    with path.open("rb") as raw:
        if not raw.seek(0, io.SEEK_END):
            return False
        raw.seek(-1, io.SEEK_END)
        return raw.read(1) not in (b"\n", b"\r")


def _first_bytes(path: Path, shown: str) -> bytes:
    try:
        with path.open("rb") as raw:
            return raw.read(8)
    except (OSError, ValueError) as exc:
        said = getattr(exc, "strerror", None) or str(exc)
        raise DocumentError(
            f"cannot be read: {said}; check the path and its permissions", file=shown
        ) from exc


@contextmanager
def open_unpacked(path: Path, shown: str) -> Iterator[Stream]:
    """Open a file for reading; gzip and zstd are recognized by their first bytes.

    Raises:
        DocumentError: The file cannot be read.
    """
    try:
        raw = path.open("rb")
    except (OSError, ValueError) as exc:
        said = getattr(exc, "strerror", None) or str(exc)
        raise DocumentError(
            f"cannot be read: {said}; check the path and its permissions", file=shown
        ) from exc
    with raw:
        head = raw.peek(4)[:4]
        if head[:2] == b"\x1f\x8b":
            with gzip.open(raw, "rb") as stream:
                yield stream
        elif head == b"\x28\xb5\x2f\xfd":
            with open_zstd(raw) as unpacked:
                yield unpacked
        else:
            yield raw


def parse_lines(spans: Iterable[JsonSpan]) -> Iterator[Item]:
    """Yield the value of each line, or its values where a line has several: some services write objects right after each other."""
    for span in spans:
        item = parse_item(span)
        if item.problem is None or span.problem is not None or not _SEVERAL.search(span.data):
            yield item
            continue
        values = [*map(parse_item, split_values(io.BytesIO(span.data)))]
        yield from (value._replace(line=span.line) for value in values) if len(values) > 1 else [item]


def parse_item(span: JsonSpan) -> Item:
    """Return the value of some bytes. NaN, which Python's json writes and JSON lacks, is read too."""
    if span.problem is not None:
        return Item(span.line, None, span.data, span.problem)
    try:
        return Item(span.line, orjson.loads(span.data), span.data)
    except orjson.JSONDecodeError as exc:
        problem = str(exc)
    try:
        return Item(span.line, json.loads(span.data), span.data)
    except (ValueError, RecursionError):
        return Item(span.line, None, span.data, f"not JSON: {problem}")


def _read_text(stream: Stream) -> Iterator[Item]:
    """JSON in any layout, or lines of text."""
    head = stream.peek(64)[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:1] == b"[" and head[1:].lstrip()[:1] in (b"{", b"]", b""):
        yield from map(parse_item, split_values(stream))
    elif head[:1] == b"{":
        yield from _read_objects(stream)
    else:
        for span in read_lines(stream):
            text = span.data.decode("utf-8", "replace").rstrip("\r\n")
            yield Item(span.line, text if span.problem is None else None, span.data, span.problem)


def _read_objects(stream: Stream) -> Iterator[Item]:
    """JSON lines; if the first line is no value by itself, objects that go over several lines."""
    first = stream.readline(MAX_VALUE_BYTES + 1).removeprefix(b"\xef\xbb\xbf")
    # A first line that ends like a value may be broken, among others.
    if not first.rstrip().endswith(b"}") and parse_item(JsonSpan(1, first)).problem is not None:
        yield from map(parse_item, split_values(_Joined(first, stream)))
        return
    rest = (span._replace(line=span.line + 1) for span in read_lines(stream))
    yield from parse_lines(chain((JsonSpan(1, first),), rest))


class _Joined:
    """A stream that starts with bytes that were read from it already."""

    def __init__(self, head: bytes, rest: Stream) -> None:
        self._head = head
        self._rest = rest

    def read1(self, size: int = -1, /) -> bytes:
        if self._head:
            found, self._head = self._head[:size], self._head[size:]
            return found
        return self._rest.read1(size)


def _read_csv(stream: Stream, shown: str) -> Iterator[Item]:
    """A table with a header; an empty cell is unknown, and so is one with the text that stands for none."""
    csv.field_size_limit(max(MAX_CELL_CHARS, csv.field_size_limit()))
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
    try:
        yield from _read_table(text, shown)
    finally:
        text.detach()  # the caller closes the stream


def _read_table(text: io.TextIOWrapper, shown: str) -> Iterator[Item]:
    header_line = text.readline(MAX_CELL_CHARS)
    header, separator = _split_header(header_line)
    twice = next((name for at, name in enumerate(header) if name and name in header[:at]), None)
    if twice is not None:
        raise DocumentError(
            f"has two columns {twice!r}, and one value of them would be lost; rename one", file=shown
        )
    reader = csv.reader(text, delimiter=separator)
    start = 2
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            yield Item(start, None, problem=f"not CSV, and the rest of the file is lost: {exc}")
            return
        line, start = start, reader.line_num + 2
        if not cells:
            continue
        raw = separator.join(cell[:2000] for cell in cells[:2000]).encode("utf-8", "replace")[:2000]
        if len(cells) != len(header):
            yield Item(line, None, raw, f"has {len(cells)} cells, and the header {len(header)}")
            continue
        # Keys without a value stay: they tell the form.
        yield Item(
            line,
            {
                name: None if cell in _NO_CELL else cell
                for name, cell in zip(header, cells, strict=True)
                if name
            },
            raw,
        )


def _split_header(line: str) -> tuple[list[str], str]:
    for separator in _SEPARATORS:
        names = next(csv.reader([line], delimiter=separator), [])
        if len(names) > 1:
            return [name.strip() for name in names], separator
    return [line.strip()], ","


def _read_parquet(path: Path, shown: str) -> Iterator[Item]:
    try:
        for number, row in enumerate(iterate_rows(path), 1):
            yield Item(number, row, b"")
    except TableError as exc:
        raise DocumentError(f"cannot be read as Parquet: {exc}; was it copied whole?", file=shown) from exc
