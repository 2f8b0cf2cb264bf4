"""Connections to the one DuckDB of a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from gapbench.errors import ResultsError
from gapbench.view.database import open_database
from tests.run_folders import make_answers, write_run

READ_ONE = """
import sys
from pathlib import Path
from gapbench.view.cache import ViewCache
from gapbench.view.samples import read_sample
from gapbench.view.samples_table import samples_table
table = samples_table(Path(sys.argv[1]), ViewCache(Path(sys.argv[2])))
print(read_sample(table, 0)["sample_id"], "pandas" in sys.modules)
"""


def test_two_runs_that_are_open_at_once_do_not_mix(tmp_path: Path) -> None:
    """Each connection has views of its own: 2 rows of one run, 3 of the other."""
    one = write_run(tmp_path / "one", make_answers("open-a", 1, 2))
    other = write_run(tmp_path / "other", make_answers("open-a", 1, 3))
    with open_database(one) as first, open_database(other) as second:
        counts = [
            connection.execute("SELECT count(*) FROM attempts").fetchall()[0][0]
            for connection in (first, second, first)
        ]

    assert [2, 3, 2] == counts


def test_a_database_that_broke_is_replaced(tmp_path: Path) -> None:
    """After an internal error DuckDB refuses every query; the next reader gets another."""
    run = write_run(tmp_path / "run", make_answers("open-a", 1, 2))
    with open_database(run) as before:
        before.execute("SET memory_limit = '1GB'")
    with pytest.raises(ResultsError), open_database(run):
        raise duckdb.InternalException("broken")
    with open_database(run) as after:
        limit = after.execute("SELECT current_setting('memory_limit')").fetchall()[0][0]

        assert limit == "1.8 GiB"
        assert 2 == after.execute("SELECT count(*) FROM attempts").fetchall()[0][0]


def test_a_sample_of_a_closed_run_is_read_without_pandas(tmp_path: Path) -> None:
    """It takes a second to import, for which the first reader would wait."""
    run = write_run(tmp_path / "run", make_answers("open-a", 1, 2))
    command = [sys.executable, "-c", READ_ONE, str(run), str(tmp_path / "cache")]
    read = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "0 False" == read.stdout.strip()


def test_a_run_without_rows_has_empty_tables(tmp_path: Path) -> None:
    """A run that has only just started has the columns and no row."""
    (tmp_path / "run").mkdir()
    with open_database(tmp_path / "run") as connection:
        rows = connection.execute("SELECT part, task, score FROM attempts").fetchall()

    assert [] == rows
