"""The chunks of the few requests whose text was arriving at an instant that matters, found part by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from gapbench.store.reader import part_readers
from gapbench.store.schema import ATTEMPT_SCHEMA
from gapbench.values import ATTEMPT_KEY

if TYPE_CHECKING:
    import pandas as pd

_SPAN_COLUMNS = ["run_id", "cell_id", "first_token_s", "last_token_s"]
_CHUNK_COLUMNS = [*ATTEMPT_KEY, "chunk_s", "chunk_tokens"]
Instants = Mapping[tuple[str, str], Sequence[float]]
"""By (run_id, cell_id), seconds on the cell's clock."""


def read_chunks_at_instants(runs: Sequence[Path], instants: Instants) -> pd.DataFrame:
    """Return keys and chunks of the attempts whose text was arriving at one of their cell's instants.

    A part's lists of chunks are opened only where it holds such an attempt, and only these rows are kept, so that the
    chunks of a large run are never held at once.

    Args:
        runs: Run folders.
        instants: The instants.
    """
    wanted = pa.schema([ATTEMPT_SCHEMA.field(name) for name in _CHUNK_COLUMNS])
    tables = [wanted.empty_table()]
    spans = part_readers(runs, "attempts", ATTEMPT_SCHEMA, _SPAN_COLUMNS)
    chunks = part_readers(runs, "attempts", ATTEMPT_SCHEMA, _CHUNK_COLUMNS)
    for read_span, read_chunks in zip(spans, chunks, strict=True):
        kept = _is_streaming_at(read_span(), instants)
        if kept.any():
            tables.append(read_chunks().filter(pa.array(kept, pa.bool_())).cast(wanted))
    frame: pd.DataFrame = pa.concat_tables(tables).unify_dictionaries().to_pandas()
    return frame.astype({"run_id": str, "cell_id": str})


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
