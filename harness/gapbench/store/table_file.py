"""A Parquet file of its own, written in batches from columns and read row by row; its schema comes from a dataclass."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq

from gapbench.store.lazy_pandas import defer_pandas_import
from gapbench.store.schema import derive_schema

if TYPE_CHECKING:
    import pandas as pd

MAX_TEXT_BYTES = 64 * 2**20
"""Of the texts of rows that wait to be written, and of a batch that is read: rows may be of 10 bytes or 40 MB."""
_ROWS_AT_ONCE = 500
"""A text that repeats is stored once and takes its size in each row, which the file's sizes do not tell."""
_FRAME_ROWS = 20_000
_CHANGED_BYTES = 16 * 2**20
"""Of new values that wait to be written: they are there as Python's texts and as Arrow's."""
_READ_BYTES = 2**20
_SMALL_CHARS = 1_000
"""A shorter text counts by its characters, which is quicker; only a longer one can matter."""


class TableError(ValueError):
    """A file is not the Parquet table that it should be; the message is Arrow's, in one line."""


class TableWriter:
    """Writes rows to a Parquet file in batches.

    Args:
        file: Opened for writing.
        row: A dataclass whose fields are ``Annotated[type, meaning]``: the columns.
        metadata: Kept in the file's metadata.
        batch_rows: Most rows of a row group.
        max_text_bytes: Most memory of the texts of a row group; one row may have more.
    """

    def __init__(
        self,
        file: IO[bytes],
        row: type,
        metadata: Mapping[str, str],
        batch_rows: int = 20_000,
        max_text_bytes: int = MAX_TEXT_BYTES,
    ) -> None:
        defer_pandas_import()
        self.row_count = 0
        self._schema = derive_schema(row)
        self._metadata = dict(metadata)
        self._rows: list[Sequence[Any]] = []
        self._batch_rows = batch_rows
        self._max_text_bytes = max_text_bytes
        self._text_bytes = 0
        self._texts = [at for at, field in enumerate(self._schema) if pa.types.is_string(field.type)]
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")

    def append(self, row: Sequence[Any]) -> None:
        """Add a row, its values in the order of the columns."""
        self._rows.append(row)
        self.row_count += 1
        for at in self._texts:
            text = row[at]
            if text is not None:
                size = len(text)
                self._text_bytes += size if size < _SMALL_CHARS else sys.getsizeof(text)
        if len(self._rows) >= self._batch_rows or self._text_bytes >= self._max_text_bytes:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()  # after an error too, while the file is open; a second close does nothing

    def close(self, metadata: Mapping[str, str]) -> None:
        """Write what is left, with more metadata."""
        self._flush()
        self._writer.add_key_value_metadata({**self._metadata, **metadata})
        self._writer.close()

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._rows = []
        self._text_bytes = 0


def rewrite_rows(
    source: Path, target: IO[bytes], row: type, changes: Iterator[tuple[int, Mapping[str, Any]]]
) -> None:
    """Copy a table that :class:`TableWriter` wrote, with other values in some of its rows.

    Args:
        source: The table.
        target: Opened for writing.
        row: The dataclass of its columns.
        changes: Number of a row, from 0, and its new values by column; in the order of the rows.

    Raises:
        TableError: It is no Parquet file, or it is damaged.
    """
    schema = derive_schema(row)
    with _as_table_errors(), pq.ParquetWriter(target, schema, compression="zstd") as writer:
        start, change = 0, next(changes, None)
        for batch in _iterate_batches(source, schema.names, _FRAME_ROWS):
            done, size = 0, 0
            waiting: dict[int, Mapping[str, Any]] = {}
            while change is not None and change[0] < start + batch.num_rows:
                at = change[0] - start
                waiting[at] = change[1]
                size += sum(sys.getsizeof(value) for value in change[1].values())
                change = next(changes, None)
                if size >= _CHANGED_BYTES:
                    writer.write_batch(_with_values(batch, done, at + 1, waiting))
                    done, size, waiting = at + 1, 0, {}
            if done < batch.num_rows:
                writer.write_batch(_with_values(batch, done, batch.num_rows, waiting))
            start += batch.num_rows
        writer.add_key_value_metadata(read_file_metadata(source))


def _with_values(
    batch: pa.RecordBatch, start: int, end: int, changes: Mapping[int, Mapping[str, Any]]
) -> pa.RecordBatch:
    """Return some rows of a batch, those of ``changes`` with other values."""
    part = batch.slice(start, end - start)
    for name in dict.fromkeys(name for values in changes.values() for name in values):
        field = batch.schema.field(name)
        column = part.column(name).to_pylist()
        for at, values in changes.items():
            if name in values:
                column[at - start] = values[name]
        part = part.set_column(batch.schema.get_field_index(name), field, pa.array(column, field.type))
    return part


@contextmanager
def _as_table_errors() -> Iterator[None]:
    """Raise Arrow's errors, also those of texts that are no UTF-8, as TableError."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as exc:
        raise TableError((str(exc) or type(exc).__name__).splitlines()[0][:200]) from exc


def _iterate_batches(path: Path, columns: Sequence[str] | None, most_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of a Parquet file, of fewer rows where they are large."""
    with pq.ParquetFile(path, buffer_size=_READ_BYTES) as file:
        names = None if columns is None else list(columns)
        for number in range(file.metadata.num_row_groups):
            group = file.metadata.row_group(number)
            row_bytes = group.total_byte_size // max(1, group.num_rows)
            rows = max(1, min(most_rows, MAX_TEXT_BYTES // max(1, row_bytes)))
            yield from file.iter_batches(rows, row_groups=[number], columns=names)


def iterate_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file as dicts, at most 500 or about 64 MiB in memory at a time.

    Raises:
        TableError: It is no Parquet file, or it is damaged.
    """
    with _as_table_errors():
        for batch in _iterate_batches(path, columns, _ROWS_AT_ONCE):
            yield from batch.to_pylist()


def read_file_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a Parquet file, without Arrow's own.

    Raises:
        TableError: It is no Parquet file, or it is damaged.
    """
    with _as_table_errors(), pq.ParquetFile(path) as file:
        found = file.metadata.metadata or {}
    return {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in found.items()
        if not key.startswith(b"ARROW:")
    }


@contextmanager
def open_zstd(raw: IO[bytes]) -> Iterator[io.BufferedReader]:
    """Unpack a zstandard stream while it is read; errors as for :func:`open_packed`."""
    with open_packed(raw, "zstd") as stream:
        yield stream


@contextmanager
def open_packed(raw: IO[bytes], codec: Literal["zstd", "brotli"]) -> Iterator[io.BufferedReader]:
    """Unpack a stream while it is read.

    Raises:
        OSError: On reading, where the stream is damaged or cut.
    """
    with pa.CompressedInputStream(pa.PythonFile(raw, "r"), codec) as stream:
        yield io.BufferedReader(stream)


def iterate_frames(path: Path, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Yield some columns of a Parquet file as frames of at most 20,000 rows or 64 MiB; texts and labels are plain objects.

    Raises:
        TableError: It is no Parquet file, it is damaged, or it lacks a column.
    """
    with _as_table_errors():
        for batch in _iterate_batches(path, columns, _FRAME_ROWS):
            yield batch.to_pandas(timestamp_as_object=False)
