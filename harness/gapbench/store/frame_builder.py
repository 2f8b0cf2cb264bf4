"""Builds a data frame part by part, so that a run is in memory once: not in both Arrow and pandas, nor in parts and whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

_THREADS = 2
_Array = np.ndarray[tuple[int], np.dtype[Any]]


class _ColumnBuilder(Protocol):
    """Collects one column for pandas."""

    def add(self, chunk: pa.ChunkedArray) -> None:
        """Add the column's values of the next part."""
        ...

    def finish(self) -> Any:
        """Return all values in the form that pandas takes."""
        ...


class FrameBuilder:
    """Collects the columns of a table whose parts come one after the other.

    Args:
        schema: Names and types. A dictionary becomes a category, and so do hashes of texts (unsigned 64 bits).
        texts: Dictionaries with nearly as many entries as rows.
        rows: Rows expected; more are accepted, but slower.
    """

    def __init__(self, schema: pa.Schema, texts: set[str], rows: int) -> None:
        self._builders = {field.name: _column_builder(field, texts, rows) for field in schema}

    def add(self, table: pa.Table) -> None:
        """Add the next part, in the columns and types of the schema."""
        for name, column in zip(self._builders, table.columns, strict=True):
            self._builders[name].add(column)

    def build(self) -> pd.DataFrame:
        """Return the whole table. The columns are released one by one, so this can be called once."""
        names = list(self._builders)
        # Arrow encodes texts without holding the interpreter lock.
        with ThreadPoolExecutor(_THREADS) as pool:
            made = pool.map(lambda name: self._builders.pop(name).finish(), names)
            frame = pd.DataFrame(dict(zip(names, made, strict=True)), copy=False)
        # Arrow keeps the memory of the parts for more of them; none follow.
        pa.default_memory_pool().release_unused()
        return frame


def _column_builder(field: pa.Field, texts: set[str], rows: int) -> _ColumnBuilder:
    kind = field.type
    if pa.types.is_dictionary(kind):
        return _TextBuilder(kind) if field.name in texts else _LabelBuilder(rows)
    if pa.types.is_uint64(kind):
        return _HashBuilder(rows)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return _NumberBuilder(kind, rows)
    return _ObjectBuilder(kind)


class _NumberBuilder:
    """Numbers and booleans as stored; floats once one is unknown. A column without any takes no memory."""

    def __init__(self, kind: pa.DataType, rows: int) -> None:
        self._array = _GrowingArray(kind.to_pandas_dtype(), rows)
        self._is_number = not pa.types.is_boolean(kind)
        self._unknown = 0

    def add(self, chunk: pa.ChunkedArray) -> None:
        if self._is_number and chunk.null_count == len(chunk):
            self._unknown += len(chunk)
            return
        self._add_unknown()
        for part in chunk.chunks:
            self._array.add(part.to_numpy(zero_copy_only=False))

    def finish(self) -> _Array:
        if self._unknown and not len(self._array):
            return np.broadcast_to(np.nan, self._unknown)
        self._add_unknown()
        return self._array.finish()

    def _add_unknown(self) -> None:
        if self._unknown:
            self._array.add(np.broadcast_to(np.nan, self._unknown))
            self._unknown = 0


class _LabelBuilder:
    """Texts of which there are few: a byte for each row, and each text once."""

    def __init__(self, rows: int) -> None:
        self._known: dict[str, int] = {}
        self._array = _GrowingArray(np.int8, rows)

    def add(self, chunk: pa.ChunkedArray) -> None:
        for part in chunk.chunks:
            places = [self._known.setdefault(text, len(self._known)) for text in part.dictionary.to_pylist()]
            codes = np.array([*places, -1], np.min_scalar_type(-max(1, len(self._known))))
            self._array.add(codes[part.indices.fill_null(len(places)).to_numpy()])

    def finish(self) -> pd.Categorical[Any]:
        labels = pd.Index(list(self._known), dtype=None if self._known else object)
        return _categorical(self._array.finish(), labels)


class _HashBuilder:
    """Hashes of texts, numbered in one go."""

    def __init__(self, rows: int) -> None:
        self._array = _GrowingArray(np.uint64, rows)

    def add(self, chunk: pa.ChunkedArray) -> None:
        for part in chunk.chunks:
            self._array.add(part.to_numpy())

    def finish(self) -> pd.Categorical[Any]:
        codes, hashes = pd.factorize(self._array.finish())
        return _categorical(codes.astype(np.int32), pd.Index(hashes))


class _ArrowBuilder:
    """Values kept as Arrow has them until all are there."""

    def __init__(self, kind: pa.DataType) -> None:
        self._kind = kind
        self._parts: list[pa.Array] = []

    def add(self, chunk: pa.ChunkedArray) -> None:
        self._parts += chunk.chunks

    def _concatenate(self) -> pa.ChunkedArray:
        column = pa.chunked_array(self._parts, self._kind)
        self._parts.clear()
        return column


class _TextBuilder(_ArrowBuilder):
    """Texts of which there are many, numbered in one go."""

    def finish(self) -> pd.Categorical[Any]:
        column = self._concatenate().unify_dictionaries()
        filling = _GrowingArray(np.int32, len(column))
        for part in column.chunks:
            filling.add(part.indices.fill_null(-1).to_numpy())
        texts = column.chunk(0).dictionary if column.num_chunks else pa.array([], pa.string())
        return _categorical(filling.finish(), pd.Index(texts.to_pandas()))


class _ObjectBuilder(_ArrowBuilder):
    """Instants, lists, and texts that are wanted as they are."""

    def finish(self) -> pd.Series[Any]:
        found: pd.Series[Any] = self._concatenate().to_pandas()
        return found


class _GrowingArray:
    """An array that is filled from the front; it widens or lengthens where what comes does not fit."""

    def __init__(self, kind: Any, rows: int) -> None:
        self._values: _Array = np.empty(rows, kind)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, given: _Array) -> None:
        start, stop = self._length, self._length + len(given)
        kind = np.result_type(self._values, given)
        if kind != self._values.dtype or stop > len(self._values):
            wider = np.empty(len(self._values) if stop <= len(self._values) else 2 * stop, kind)
            wider[:start] = self._values[:start]
            self._values = wider
        self._values[start:stop] = given
        self._length = stop

    def finish(self) -> _Array:
        # Much less than was expected need not keep the room of all.
        few = 2 * self._length < len(self._values)
        return self._values[: self._length].copy() if few else self._values[: self._length]


def _categorical(codes: _Array, labels: pd.Index) -> pd.Categorical[Any]:
    found: pd.Categorical[Any] = pd.Categorical.from_codes(
        codes, dtype=pd.CategoricalDtype(labels), validate=False
    )
    return found
