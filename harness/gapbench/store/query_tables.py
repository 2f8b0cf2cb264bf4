"""Arrow tables of a run for a query engine: rows of open journals, and later scores. Closed parts it reads itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from gapbench.store.reader import parse_started_at, read_journal_rows
from gapbench.store.schema import ROW_SCHEMAS, SCORE_SCHEMA
from gapbench.store.score_overlay import read_scores, score_tables

Kind = Literal["attempts", "payload", "trajectories"]
_KINDS: tuple[Kind, ...] = ("attempts", "payload", "trajectories")


def journal_tables(
    journals: Mapping[int, Path],
    columns: Mapping[Kind, Sequence[str]],
    numbers: Collection[int] | None = None,
) -> dict[Kind, pa.Table]:
    """Return the rows of open journals, after ``part`` (number of the journal) and ``row_in_part``.

    A table without rows is left out.

    Args:
        journals: The journals, by number.
        columns: The columns of each table that is wanted.
        numbers: Only these journals. None: all.

    Raises:
        FileGoneError: One of them became a part.
    """
    rows: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in _KINDS if kind in columns}
    for number, path in journals.items():
        if numbers is not None and number not in numbers:
            continue
        for place, line in enumerate(read_journal_rows(path)):
            where = {"part": number, "row_in_part": place}
            for kind, found in rows.items():
                row = line.table(kind)
                if row is not None:
                    found.append({**parse_started_at(row), **where})
    # Most runs have none, and pyarrow imports pandas for a table without rows as well, which takes a second.
    return {kind: _table(found, ROW_SCHEMAS[kind], columns[kind]) for kind, found in rows.items() if found}


def later_scores(run: Path) -> pa.Table | None:
    """Return the newest later score of each attempt that has one, or None if the run has none.

    ``success`` says whether it is 1, as the trajectory table does.

    Raises:
        ResultsError: A table cannot be read.
    """
    if not score_tables(run):
        return None
    scores = pa.Table.from_pandas(read_scores(run), schema=SCORE_SCHEMA, preserve_index=False)
    success = [None if score is None else score == 1.0 for score in scores.column("score").to_pylist()]
    return scores.append_column("success", pa.array(success, pa.bool_()))


def _table(rows: list[dict[str, Any]], schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
    fields = [pa.field("part", pa.int32()), pa.field("row_in_part", pa.int64())]
    fields += [pa.field(name, schema.field(name).type) for name in columns]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))
