"""A Parquet file of its own, written in batches from columns and read row by row; its schema comes from a dataclass."""

from __future__ import annotations

import io
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

_ROWS_AT_ONCE = 2_000
_FRAME_ROWS = 20_000


class TableError(ValueError):
    """A file is not the Parquet table that it should be; the message is Arrow's, in one line."""


class TableWriter:
    """Writes rows to a Parquet file in batches.

    Args:
        file: Opened for writing.
        row: A dataclass whose fields are ``Annotated[type, meaning]``: the columns.
        metadata: Kept in the file's metadata.
        batch_rows: Rows of a row group.
    """

    def __init__(
        self, file: IO[bytes], row: type, metadata: Mapping[str, str], batch_rows: int = 20_000
    ) -> None:
        defer_pandas_import()
        self.row_count = 0
        self._schema = derive_schema(row)
        self._metadata = dict(metadata)
        self._rows: list[Sequence[Any]] = []
        self._batch_rows = batch_rows
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")

    def append(self, row: Sequence[Any]) -> None:
        """Add a row, its values in the order of the columns."""
        self._rows.append(row)
        self.row_count += 1
        if len(self._rows) >= self._batch_rows:
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


def iterate_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file as dicts, a few thousand in memory at a time.

    Raises:
        TableError: It is no Parquet file, or it is damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=None if columns is None else list(columns)):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as exc:
        raise TableError((str(exc) or type(exc).__name__).splitlines()[0][:200]) from exc


def read_file_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a Parquet file, without Arrow's own.

    Raises:
        TableError: It is no Parquet file, or it is damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            found = file.metadata.metadata or {}
    except (pa.ArrowException, OSError, ValueError) as exc:
        raise TableError((str(exc) or type(exc).__name__).splitlines()[0][:200]) from exc
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
    """Yield some columns of a Parquet file as frames of a row group's size; texts and labels are plain objects.

    Raises:
        TableError: It is no Parquet file, it is damaged, or it lacks a column.
    """
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_FRAME_ROWS, columns=list(columns)):
                yield batch.to_pandas(timestamp_as_object=False)
    except (pa.ArrowException, OSError, ValueError) as exc:
        raise TableError((str(exc) or type(exc).__name__).splitlines()[0][:200]) from exc
