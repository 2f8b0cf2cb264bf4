"""A DuckDB connection over the rows of one run: ``attempts`` and ``payloads``, with open journals and later scores."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from gapbench.errors import ResultsError
from gapbench.store.reader import parse_started_at, read_journal_rows
from gapbench.store.schema import ATTEMPT_SCHEMA, PAYLOAD_SCHEMA
from gapbench.store.score_overlay import read_scores, score_tables
from gapbench.view.run_files import closed_parts, open_journals

KEY = ("cell_id", "sample_id", "repeat", "attempt")
"""The fields that identify an attempt within a run."""
ATTEMPT_COLUMNS = (
    *KEY, "task", "category", "model_id", "phase", "final", "load_kind", "load_value", "outcome", "failure_kind",
    "finish_reason", "http_status", "score", "answer", "scorer", "prompt_sha256", "input_tokens", "output_tokens",
    "scheduled_s", "sent_s", "first_token_s", "done_s", "from_cache", "model_served", "simulated",
)  # fmt: skip
PAYLOAD_COLUMNS = (*KEY, "messages", "reply", "reasoning", "target", "reason", "error")
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    # Nothing is ever fetched: no extension, no remote file.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "2GB",
    "preserve_insertion_order": "false",
}


@contextmanager
def open_database(
    run: Path | None = None, parts: Collection[int] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection in memory, closed when the block ends; with a run, its views ``attempts`` and ``payloads``.

    Args:
        run: The run folder. None: no views.
        parts: Only the rows of these parts, which saves opening the other files. None: all.

    Raises:
        ResultsError: A file of the run cannot be read.
    """
    connection = duckdb.connect(config=_SETTINGS)
    try:
        if run is not None:
            _define_rows(connection, run, parts)
        yield connection
    except duckdb.Error as exc:
        where = f"{run}: " if run is not None else ""
        raise ResultsError(
            f"{where}its rows cannot be read ({_first_line(exc)}); `bench runs verify` names the damaged file"
        ) from exc
    finally:
        connection.close()


def rows_of(connection: duckdb.DuckDBPyConnection, query: str, values: Any = ()) -> list[dict[str, Any]]:
    """Return the result of a query, one mapping for each row."""
    done = connection.execute(query, values)
    names = [column[0] for column in done.description or ()]
    return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


def sql_text(text: str) -> str:
    """Return text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0]


def _define_rows(connection: duckdb.DuckDBPyConnection, run: Path, chosen: Collection[int] | None) -> None:
    journal = _journal_tables(run, chosen)
    scored = bool(score_tables(run))
    if scored:
        scores = read_scores(run)
        connection.register("later_scores", pa.Table.from_pandas(scores, preserve_index=False))
    for name, kind, schema, columns, replaced in (
        ("attempts", "attempts", ATTEMPT_SCHEMA, ATTEMPT_COLUMNS, ("scorer", "outcome", "score", "answer")),
        ("payloads", "payload", PAYLOAD_SCHEMA, PAYLOAD_COLUMNS, ("reason",)),
    ):
        connection.register(f"journal_{name}", journal[name])
        parts = [
            path for number, path in closed_parts(run, kind).items() if chosen is None or number in chosen
        ]
        listed = ", ".join(columns)
        stored = f"SELECT part, row_in_part, {listed} FROM journal_{name}"
        if parts:
            files = "[" + ", ".join(map(sql_text, parts)) + "]"
            there = _columns_there(connection, files)
            # A column that an older part lacks is null, as in the reader of the store.
            shown = ", ".join(
                column if column in there else f"{_null(schema, column)} AS {column}" for column in columns
            )
            stored += (
                " UNION ALL SELECT CAST(regexp_extract(filename, '([0-9]+)\\.parquet$', 1) AS INTEGER) AS part, "
                f"file_row_number AS row_in_part, {shown} "
                f"FROM read_parquet({files}, union_by_name=true, filename=true, file_row_number=true)"
            )
        if scored:
            new = ", ".join(
                f"CASE WHEN s.attempt IS NULL THEN t.{column} ELSE s.{column} END AS {column}"
                if column in replaced
                else f"t.{column}"
                for column in columns
            )
            same = " AND ".join(f"CAST(t.{key} AS VARCHAR) = CAST(s.{key} AS VARCHAR)" for key in KEY)
            stored = (
                f"SELECT t.part, t.row_in_part, {new} FROM ({stored}) t LEFT JOIN later_scores s ON {same}"
            )
        connection.execute(f"CREATE VIEW {name} AS {stored}")


def _columns_there(connection: duckdb.DuckDBPyConnection, files: str) -> set[str]:
    found = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({files}, union_by_name=true)").fetchall()
    return {str(row[0]) for row in found}


def _null(schema: pa.Schema, column: str) -> str:
    kind = schema.field(column).type
    if pa.types.is_floating(kind):
        return "CAST(NULL AS DOUBLE)"
    return "CAST(NULL AS BIGINT)" if pa.types.is_integer(kind) else "CAST(NULL AS VARCHAR)"


def _journal_tables(run: Path, chosen: Collection[int] | None) -> dict[str, pa.Table]:
    """Return the rows of the open journals as tables with their part and their row in it."""
    attempts: list[dict[str, Any]] = []
    payloads: list[dict[str, Any]] = []
    for number, path in open_journals(run).items():
        if chosen is not None and number not in chosen:
            continue
        try:
            pairs = read_journal_rows(path)
        except FileNotFoundError:  # It became a part since the folder was listed; the next look reads that.
            continue
        for place, (attempt, payload) in enumerate(pairs):
            where = {"part": number, "row_in_part": place}
            attempts.append({**parse_started_at(attempt), **where})
            payloads.append({**payload, **where})
    return {
        "attempts": _table(attempts, ATTEMPT_SCHEMA, ATTEMPT_COLUMNS),
        "payloads": _table(payloads, PAYLOAD_SCHEMA, PAYLOAD_COLUMNS),
    }


def _table(rows: list[dict[str, Any]], schema: pa.Schema, columns: tuple[str, ...]) -> pa.Table:
    fields = [pa.field("part", pa.int32()), pa.field("row_in_part", pa.int64())]
    fields += [pa.field(name, schema.field(name).type) for name in columns]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))
