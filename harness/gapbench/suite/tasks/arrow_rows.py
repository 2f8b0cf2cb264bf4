"""Rows of Parquet files and of Arrow's columns as Python values. Imports pyarrow, so it is imported only for such data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


class ParquetError(ValueError):
    """A file is not Parquet, or damaged."""


def parquet_rows(
    file: Path, rows_at_once: int, check_names: Callable[[list[str]], None]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file, after the names of its columns were checked.

    Args:
        file: The file.
        rows_at_once: Rows that are in memory at a time.
        check_names: Raises an error if the names will not do.

    Raises:
        ParquetError: The file is not Parquet, or damaged.
    """
    try:
        with pq.ParquetFile(file.absolute()) as table:
            check_names(table.schema_arrow.names)
            for batch in table.iter_batches(batch_size=rows_at_once):
                yield from batch_rows(batch)
    except (pa.ArrowException, UnicodeDecodeError) as exc:
        raise ParquetError(str(exc) or type(exc).__name__) from exc


def batch_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch. A 32-bit float has the digits that it is written with: 0.1, not 0.10000000149011612."""
    narrow = [field.name for field in batch.schema if _holds_narrow_floats(field.type)]
    types = {name: batch.schema.field(name).type for name in narrow}
    for row in batch.to_pylist():
        for name in narrow:
            row[name] = _widen(row[name], types[name])
        yield row


def _holds_narrow_floats(kind: pa.DataType) -> bool:
    inner = [kind.field(index).type for index in range(kind.num_fields)]
    return bool(
        pa.types.is_float16(kind) or pa.types.is_float32(kind) or any(map(_holds_narrow_floats, inner))
    )


def _widen(value: Any, kind: pa.DataType) -> Any:
    if value is None or not _holds_narrow_floats(kind):
        return value
    if pa.types.is_struct(kind):
        return {field.name: _widen(value[field.name], field.type) for field in kind}
    if isinstance(value, list):
        inner = kind.field(0).type
        return [_widen(one, inner) for one in value]
    if pa.types.is_map(kind) or not isinstance(value, float):
        return value
    narrow = np.float16 if pa.types.is_float16(kind) else np.float32
    return float(str(narrow(value)))
