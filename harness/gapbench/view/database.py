"""A DuckDB connection over the rows of one run: ``attempts``, ``payloads`` and ``trajectories``, with open journals and later scores.

A process has one DuckDB in memory, since starting one takes longer than most queries. Each connection has its own temporary
views and tables, and everything that is made here is temporary.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb

from gapbench.errors import FileGoneError, ResultsError
from gapbench.store.live_runs import read_listed
from gapbench.store.part_files import RowFiles, row_files
from gapbench.store.query_tables import Kind, journal_tables, later_scores
from gapbench.store.schema import describe_columns
from gapbench.store.score_overlay import REPLACED_IN
from gapbench.view.run_files import closed_parts

KEY = ("cell_id", "sample_id", "repeat", "attempt")
"""The fields that identify an attempt within a run."""
ATTEMPT_COLUMNS = (
    *KEY, "task", "category", "model_id", "phase", "final", "load_kind", "load_value", "outcome", "failure_kind",
    "finish_reason", "http_status", "score", "answer", "scorer", "prompt_sha256", "input_tokens", "output_tokens",
    "scheduled_s", "sent_s", "first_token_s", "done_s", "from_cache", "model_served", "simulated",
    "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "image_count", "trajectory_id", "turn",
    "tool_wait_s",
)  # fmt: skip
PAYLOAD_COLUMNS = (
    *KEY,
    "messages",
    "reply",
    "reasoning",
    "target",
    "reason",
    "error",
    "calls",
    "state_changes",
)
TRAJECTORY_COLUMNS = tuple(name for name, _, _, _ in describe_columns("trajectories") if name != "run_id")
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
    """Yield a connection in memory, closed when the block ends; with a run, it has the views of its tables.

    They are ``attempts``, ``payloads`` and ``trajectories``.

    Args:
        run: The run folder. None: no views.
        parts: Only the rows of these parts, which saves opening the other files. None: all.

    Raises:
        FileGoneError: The run changed while it was read.
        ResultsError: A file of the run cannot be read.
    """
    connection = _DUCKDB.connect()
    files: list[Path] = []
    try:
        if run is not None:
            files = read_listed(lambda: _define_rows(connection, run, parts))
        yield connection
    except duckdb.Error as exc:
        if isinstance(exc, duckdb.FatalException | duckdb.InternalException):
            _DUCKDB.give_up()
        if not all(path.exists() for path in files):
            raise _changed(run) from exc
        where = f"{run}: " if run is not None else ""
        raise ResultsError(
            f"{where}its rows cannot be read ({_first_line(exc)}); `bench runs verify` names the damaged file"
        ) from exc
    finally:
        connection.close()


class _Duckdb:
    """The DuckDB of this process, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._database: duckdb.DuckDBPyConnection | None = None

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection."""
        with self._lock:
            if self._database is None:
                self._database = duckdb.connect(config=_SETTINGS)
            return self._database.cursor()

    def give_up(self) -> None:
        """Start another at the next call: after an error of its own, this one refuses every query."""
        with self._lock:
            self._database = None


_DUCKDB = _Duckdb()


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


def _changed(run: Path | None) -> FileGoneError:
    return FileGoneError(f"{run}: parts were joined while it was read; read it again")


def _define_rows(
    connection: duckdb.DuckDBPyConnection, run: Path, chosen: Collection[int] | None
) -> list[Path]:
    """Define the views, and return the files of attempts that they read.

    Raises:
        FileGoneError: The run changed meanwhile.
    """
    files = row_files(run)
    try:
        _define_views(connection, run, chosen, files)
    except duckdb.IOException as exc:
        if all(path.exists() for path in files.parts.values()):
            raise
        raise _changed(run) from exc
    return list(files.parts.values())


def _define_views(
    connection: duckdb.DuckDBPyConnection, run: Path, chosen: Collection[int] | None, files: RowFiles
) -> None:
    columns_of: dict[Kind, tuple[str, ...]] = {
        "attempts": ATTEMPT_COLUMNS,
        "payload": PAYLOAD_COLUMNS,
        "trajectories": TRAJECTORY_COLUMNS,
    }
    journals = journal_tables(files.journals, columns_of, chosen)
    scores = later_scores(run)
    if scores is not None:
        connection.register("later_scores", scores)
    views: tuple[tuple[str, Kind, tuple[str, ...], tuple[str, ...]], ...] = (
        ("attempts", "attempts", ATTEMPT_COLUMNS, ("scorer", "outcome", "score", "answer")),
        ("payloads", "payload", PAYLOAD_COLUMNS, ("reason",)),
        ("trajectories", "trajectories", TRAJECTORY_COLUMNS, REPLACED_IN["trajectories"]),
    )
    for name, kind, columns, replaced in views:
        parts = [found for found in closed_parts(run, kind, files) if chosen is None or found[0] in chosen]
        sources = [_select_parts(connection, kind, columns, parts)] if parts else []
        if kind in journals:
            connection.register(f"journal_{name}", journals[kind])
            sources.append(f"SELECT part, row_in_part, {', '.join(columns)} FROM journal_{name}")
        stored = " UNION ALL ".join(sources or [_select_nothing(kind, columns)])
        if scores is not None:
            stored = _with_later_scores(stored, columns, replaced)
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {stored}")


def _select_parts(
    connection: duckdb.DuckDBPyConnection,
    kind: Kind,
    columns: Sequence[str],
    parts: Sequence[tuple[int, str]],
) -> str:
    """Return a query over closed parts. A column that they lack is null, as in the reader of the store."""
    files = "[" + ", ".join(sql_text(path) for _, path in parts) + "]"
    numbers = [number for number, _ in parts]
    described = connection.execute(
        f"DESCRIBE SELECT * FROM read_parquet({files}, union_by_name=true)"
    ).fetchall()
    there = {str(row[0]) for row in described}
    shown = [name if name in there else null for name, null in _nulls(kind, columns).items()]
    return (
        f"SELECT CAST(list_extract({numbers}, CAST(file_index + 1 AS BIGINT)) AS INTEGER) AS part, "
        f"file_row_number AS row_in_part, {', '.join(shown)} FROM read_parquet({files}, union_by_name=true)"
    )


def _select_nothing(kind: Kind, columns: Sequence[str]) -> str:
    """Return a query without rows, for a run that has none yet."""
    nulls = ", ".join(_nulls(kind, columns).values())
    return f"SELECT CAST(NULL AS INTEGER) AS part, CAST(NULL AS BIGINT) AS row_in_part, {nulls} WHERE false"


def _nulls(kind: Kind, columns: Sequence[str]) -> dict[str, str]:
    """Return a null of the right type for each column."""
    types = {name: stored for name, stored, _, _ in describe_columns(kind)}
    return {name: f"CAST(NULL AS {_sql_type(types[name])}) AS {name}" for name in columns}


def _with_later_scores(stored: str, columns: Sequence[str], replaced: Collection[str]) -> str:
    """Return a query in which a later score takes the place of the attempt's own."""
    new = ", ".join(
        f"CASE WHEN s.attempt IS NULL THEN t.{column} ELSE s.{column} END AS {column}"
        if column in replaced
        else f"t.{column}"
        for column in columns
    )
    same = " AND ".join(f"CAST(t.{key} AS VARCHAR) = CAST(s.{key} AS VARCHAR)" for key in KEY)
    return f"SELECT t.part, t.row_in_part, {new} FROM ({stored}) t LEFT JOIN later_scores s ON {same}"


def _sql_type(stored: str) -> str:
    """Return the type of SQL for a type of the store, such as ``double``."""
    names = {"double": "DOUBLE", "int32": "INTEGER", "int64": "BIGINT", "bool": "BOOLEAN"}
    return names.get(stored, "VARCHAR")
