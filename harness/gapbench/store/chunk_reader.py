"""Reads the chunks of the few requests whose text was arriving at given instants, part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gapbench.store.part_facts import column_range
from gapbench.store.reader import part_readers
from gapbench.store.schema import ATTEMPT_SCHEMA
from gapbench.values import ATTEMPT_KEY

if TYPE_CHECKING:
    import pandas as pd

_SPAN_COLUMNS = ["run_id", "cell_id", "first_token_s", "last_token_s"]
_CHUNK_COLUMNS = [*ATTEMPT_KEY, "chunk_s", "chunk_tokens"]
Instants = Mapping[tuple[str, str], Sequence[float]]
"""Seconds on the cell's clock, by (run_id, cell_id)."""


def read_chunks_at_instants(runs: Sequence[Path], instants: Instants) -> pd.DataFrame:
    """Return keys and chunks of the attempts whose text was arriving at one of their cell's instants.

    A part's lists of chunks are read only if it holds such an attempt, and only these rows are kept, so that the chunks
    of a large run are never in memory at once.

    Args:
        runs: Run folders.
        instants: The instants.
    """
    wanted = pa.schema([ATTEMPT_SCHEMA.field(name) for name in _CHUNK_COLUMNS])
    tables = [wanted.empty_table()]
    asked: dict[Path, bool] = {}

    def is_needed(path: Path) -> bool:
        if path not in asked:
            asked[path] = _may_be_streaming_at(path, instants)
        return asked[path]

    spans = part_readers(runs, "attempts", ATTEMPT_SCHEMA, _SPAN_COLUMNS, is_needed=is_needed)
    chunks = part_readers(runs, "attempts", ATTEMPT_SCHEMA, _CHUNK_COLUMNS, is_needed=is_needed)
    for read_span, read_chunks in zip(spans, chunks, strict=True):
        kept = _is_streaming_at(read_span(), instants)
        if kept.any():
            tables.append(read_chunks().filter(pa.array(kept, pa.bool_())).cast(wanted))
    frame: pd.DataFrame = pa.concat_tables(tables).unify_dictionaries().to_pandas()
    return frame.astype({"run_id": str, "cell_id": str})


def _may_be_streaming_at(path: Path, instants: Instants) -> bool:
    """Return whether a part can hold a row whose text was arriving at one of its cell's instants, by its footer alone."""
    try:
        status = path.stat()
        ranges = _read_ranges(path, (status.st_size, status.st_mtime_ns))
    except (pa.ArrowInvalid, OSError):
        return True  # Reading it says what is wrong.
    if ranges is None:
        return True
    run, cell, first_s, last_s = ranges
    return any(
        run[0] <= run_id <= run[1]
        and cell[0] <= cell_id <= cell[1]
        and any(first_s[0] <= at_s <= last_s[1] for at_s in due)
        for (run_id, cell_id), due in instants.items()
    )


@lru_cache(200_000)
def _read_ranges(path: Path, _version: tuple[int, int]) -> tuple[tuple[Any, Any], ...] | None:
    """Return the ranges of the columns of spans in a part; None: its footer does not tell.

    Each model asks for all parts of its runs, so the answers are kept until the part changes.
    """
    footer = pq.read_metadata(path.absolute())
    found = [known for name in _SPAN_COLUMNS if (known := column_range(footer, name)) is not None]
    return tuple(found) if len(found) == len(_SPAN_COLUMNS) else None


def _is_streaming_at(part: pa.Table, instants: Instants) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which rows of a part had text arriving at one of their cell's instants."""
    first_s, last_s = (part[name].to_numpy() for name in ("first_token_s", "last_token_s"))
    kept = np.zeros(part.num_rows, dtype=bool)
    run_ids, run_of = _dictionary_codes(part["run_id"])
    cell_ids, cell_of = _dictionary_codes(part["cell_id"])
    for run_number, run_id in enumerate(run_ids):
        for cell_number, cell_id in enumerate(cell_ids):
            due = instants.get((run_id, cell_id), ())
            if due:
                mine = (run_of == run_number) & (cell_of == cell_number)
                for at_s in due:
                    kept |= mine & (first_s <= at_s) & (at_s <= last_s)
    return kept


def _dictionary_codes(
    column: pa.ChunkedArray,
) -> tuple[list[str], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return the distinct texts of a column and the place of each row's among them."""
    array = column.unify_dictionaries().combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    return array.dictionary.to_pylist(), array.indices.to_numpy(zero_copy_only=False)
