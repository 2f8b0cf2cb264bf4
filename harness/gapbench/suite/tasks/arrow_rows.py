"""Rows of Arrow's columns as Python values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa


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
