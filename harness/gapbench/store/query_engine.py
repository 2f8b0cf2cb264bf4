"""The DuckDB of this process, in memory: started when it is first needed, spilling to a temporary folder, fetching nothing."""

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
_SETTINGS: dict[str, Any] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "memory_limit": MEMORY_LIMIT,
    "max_temp_directory_size": MAX_SPILL,
}


class _Engine:
    """Starting a DuckDB takes longer than most queries, so there is one, and a connection for each query."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._database: duckdb.DuckDBPyConnection | None = None

    def connect(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if self._database is None:
                self._database = _start()
            return self._database.cursor()

    def give_up(self) -> None:
        with self._lock:
            self._database = None

    def shut_down(self) -> None:
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None
        for folder in _SPILL_FOLDERS:
            shutil.rmtree(folder, ignore_errors=True)


_ENGINE = _Engine()
_SPILL_FOLDERS: list[str] = []


def connect(*, keep_footers: bool = False) -> duckdb.DuckDBPyConnection:
    """Return a new connection with tables of its own. Instants are in UTC.

    Args:
        keep_footers: Whether the footers of the Parquet files that it reads stay in memory for the next connections.
    """
    connection = _ENGINE.connect()
    connection.execute("SET TimeZone = 'UTC'")
    if keep_footers:
        connection.execute("SET parquet_metadata_cache = true")
    return connection


def give_up() -> None:
    """Start another DuckDB at the next call: after an error of its own, this one refuses every query."""
    _ENGINE.give_up()


def shut_down() -> None:
    """End DuckDB and remove what it spilled, in a process that ends without its exit handlers."""
    _ENGINE.shut_down()


def _start() -> duckdb.DuckDBPyConnection:
    import duckdb  # noqa: PLC0415 - a tenth of a second, which a run that only sends does not need

    folder = tempfile.mkdtemp(prefix="gapbench-")
    _SPILL_FOLDERS.append(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return duckdb.connect(config={**_SETTINGS, "threads": usable_cpus(), "temp_directory": folder})
