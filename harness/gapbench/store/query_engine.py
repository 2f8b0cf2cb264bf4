"""DuckDB in memory: started when it is first needed, spilling to a temporary folder, fetching nothing."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from threading import Lock
from typing import TYPE_CHECKING, Any

from gapbench.cpus import usable_cpus

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "1200MB"
"""Memory of DuckDB itself; what does not fit goes to a temporary folder, which is removed when the process ends."""
MAX_SPILL = "50GB"
"""Largest size of that folder."""
MAX_GAP_BYTES = 16_384
"""Bytes between two needed columns of a Parquet file, at most, that are read to read both at once."""
_FETCHES_NOTHING: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}


class QueryEngine:
    """A DuckDB in memory. Starting one takes longer than most queries, so there is one, and a connection for each query.

    Args:
        settings: Further settings of DuckDB.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._lock = Lock()
        self._database: duckdb.DuckDBPyConnection | None = None

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a new connection with tables of its own."""
        with self._lock:
            if self._database is None:
                self._database = self._start()
            return self._database.cursor()

    def give_up(self) -> None:
        """Start another DuckDB at the next call: after an error of its own, this one refuses every query."""
        with self._lock:
            self._database = None

    def shut_down(self) -> None:
        """End DuckDB and remove what it spilled, in a process that ends without its exit handlers."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None
        for folder in _SPILL_FOLDERS:
            shutil.rmtree(folder, ignore_errors=True)

    def _start(self) -> duckdb.DuckDBPyConnection:
        import duckdb  # noqa: PLC0415 - a tenth of a second, which a run that only sends does not need

        folder = tempfile.mkdtemp(prefix="gapbench-")
        _SPILL_FOLDERS.append(folder)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        config = {**_FETCHES_NOTHING, "max_temp_directory_size": MAX_SPILL, **self._settings}
        database = duckdb.connect(config={**config, "threads": usable_cpus(), "temp_directory": folder})
        # Of files that are not in memory DuckDB else reads the columns between those that it needs, the long lists of chunks too.
        database.execute(f"SET GLOBAL parquet_prefetch_column_gap = {MAX_GAP_BYTES}")
        return database


_SPILL_FOLDERS: list[str] = []
_ANALYSIS = QueryEngine(memory_limit=MEMORY_LIMIT)


def connect(*, keep_footers: bool = False) -> duckdb.DuckDBPyConnection:
    """Return a new connection of the analysis. Instants are in UTC.

    Args:
        keep_footers: Whether the footers of the Parquet files that it reads stay in memory for the next connections.
    """
    connection = _ANALYSIS.connect()
    connection.execute("SET TimeZone = 'UTC'")
    if keep_footers:
        connection.execute("SET parquet_metadata_cache = true")
    return connection


def give_up() -> None:
    """See :meth:`QueryEngine.give_up`."""
    _ANALYSIS.give_up()


def shut_down() -> None:
    """See :meth:`QueryEngine.shut_down`."""
    _ANALYSIS.shut_down()
