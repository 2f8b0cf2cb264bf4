"""A run on disk survives what can happen to it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gapbench.errors import ResultsError
from gapbench.store import RunWriter, read_attempt_values, read_attempts, read_manifest, read_payload, runs_in
from gapbench.store.journal import JournalSettings
from gapbench.values import Attempt
from tests.makers import ATTEMPT, attempt, payload
from tests.run_folders import empty_manifest


def write(folder: Path, rows: list[Attempt], part_rows: int = 5_000) -> None:
    with RunWriter(folder, part_rows) as writer:
        writer.write_manifest(empty_manifest())
        for row in rows:
            writer.add(row, payload(row))


def test_a_row_comes_back_as_it_went(tmp_path: Path) -> None:
    """Every field, lists and instants too."""
    write(tmp_path / "run", [ATTEMPT])

    assert read_attempt_values(tmp_path / "run") == [ATTEMPT]


def test_an_open_journal_is_read_too(tmp_path: Path) -> None:
    """A run can be looked at while it is under way; instants come back from JSON."""
    writer = RunWriter(tmp_path / "run").open()
    writer.write_manifest(empty_manifest())
    writer.add(ATTEMPT, payload(ATTEMPT))
    frame = read_attempts([tmp_path / "run"])
    writer.close()

    assert len(frame) == 1
    assert datetime(2026, 2, 12, tzinfo=UTC) == frame["started_at"][0]


def test_parts_are_closed_at_their_size(tmp_path: Path) -> None:
    """Seven rows in parts of three: 3 + 3 + 1, and no journal left."""
    write(tmp_path / "run", [attempt(sample_id=f"s{number}") for number in range(7)], part_rows=3)

    parts = sorted((tmp_path / "run").glob("attempts-*.parquet"))
    assert [pq.ParquetFile(part).metadata.num_rows for part in parts] == [3, 3, 1]
    assert list((tmp_path / "run").glob("journal-*")) == []


def test_sigkill_loses_no_finished_row(tmp_path: Path) -> None:
    """A writer killed after 50 adds leaves 50 rows, read at once and kept by the next writer."""
    folder = tmp_path / "run"
    code = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[2])\n"
        "from tests.makers import attempt, payload\nfrom tests.run_folders import empty_manifest\nfrom gapbench.store import RunWriter\nfrom pathlib import Path\n"
        "writer = RunWriter(Path(sys.argv[1]), 20).open()\nwriter.write_manifest(empty_manifest())\n"
        "for n in range(50):\n    row = attempt(sample_id=f's{n}')\n    writer.add(row, payload(row))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(Path(__file__).parents[3])], check=False
    )

    assert ended.returncode == -signal.SIGKILL
    assert len(read_attempts([folder])) == 50
    write(folder, [attempt(sample_id="s50")])
    assert len(read_attempt_values(folder)) == 51
    assert len(read_payload([folder])) == 51
    assert list(folder.glob("journal-*")) == []


def test_a_journal_whose_part_was_closed_counts_once(tmp_path: Path) -> None:
    """A crash between the rename and the deletion leaves both; the part wins."""
    folder = tmp_path / "run"
    write(folder, [ATTEMPT])
    (folder / "journal-00001.jsonl").write_bytes(b"[{}, {}]\n")

    assert len(read_attempts([folder])) == 1
    write(folder, [attempt(sample_id="s1")])
    assert len(read_attempts([folder])) == 2


def test_a_half_line_at_the_end_is_ignored(tmp_path: Path) -> None:
    """The torn tail of a journal does not hide the whole lines before it."""
    folder = tmp_path / "run"
    writer = RunWriter(folder).open()
    writer.write_manifest(empty_manifest())
    writer.add(ATTEMPT, payload(ATTEMPT))
    with (folder / "journal-00001.jsonl").open("ab") as file:
        file.write(b'[{"run_id": "ru')

    assert len(read_attempts([folder])) == 1
    writer.close()


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """Two processes on one run would each pay for the same requests."""
    with RunWriter(tmp_path / "run"), pytest.raises(ResultsError, match="being written by another process"):
        RunWriter(tmp_path / "run").open()


def test_an_unwritable_folder_is_said(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "results").write_text("")

    with pytest.raises(
        ResultsError,
        match=r"cannot write results to .*: Not a directory; check the path, or choose another folder",
    ):
        RunWriter(tmp_path / "results" / "run").open()


def test_a_full_disk_is_said_and_keeps_what_was_written(tmp_path: Path) -> None:
    """The journal goes to a device that is always full."""
    full = JournalSettings(open_file=lambda _: Path("/dev/full").open("wb", buffering=0))  # noqa: SIM115 - the journal closes it
    writer = RunWriter(tmp_path / "run", journal_settings=full).open()
    writer.write_manifest(empty_manifest())

    with pytest.raises(ResultsError, match=os.strerror(errno.ENOSPC)):
        writer.add(ATTEMPT, payload(ATTEMPT))
    writer.close()


def test_a_folder_without_manifest_is_no_run(tmp_path: Path) -> None:
    """The word says what a run folder is."""
    with pytest.raises(ResultsError, match=r"not a run folder: it has no run\.json"):
        read_manifest(tmp_path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A meaning that changed must not be read with the old one."""
    (tmp_path / "run.json").write_text('{"schema": 99}')

    with pytest.raises(ResultsError, match="schema 99, this gapbench reads up to 1"):
        read_manifest(tmp_path)


def test_a_newer_part_is_refused(tmp_path: Path) -> None:
    """Also when only the part is newer."""
    write(tmp_path, [])
    table = pa.table({"run_id": ["x"]}).replace_schema_metadata({"gapbench.schema": "2"})
    pq.write_table(table, tmp_path / "attempts-00001.parquet")

    with pytest.raises(ResultsError, match="schema 2"):
        read_attempts([tmp_path])


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    """The word names the file and what would do."""
    write(tmp_path, [])
    (tmp_path / "attempts-00001.parquet").write_bytes(b"PAR1 nothing")

    with pytest.raises(ResultsError, match=r"attempts-00001\.parquet cannot be read"):
        read_attempts([tmp_path])


def test_an_older_part_lacks_a_column_and_is_read_as_null(tmp_path: Path) -> None:
    """Columns may be added; rows written before have null there."""
    write(tmp_path, [ATTEMPT])
    part = tmp_path / "attempts-00001.parquet"
    table = pq.read_table(part).drop_columns(["service_tier"])
    pq.write_table(table, part)

    assert read_attempts([tmp_path], ["sample_id", "service_tier"])["service_tier"].isna().all()


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    """A million rows must not cost their lists."""
    write(tmp_path, [ATTEMPT])

    assert list(read_attempts([tmp_path], ["outcome", "score"]).columns) == ["outcome", "score"]


def test_an_older_part_lacks_a_coded_text(tmp_path: Path) -> None:
    """Texts that are wanted as categories are null there too, though Parquet is asked for them by name."""
    write(tmp_path, [ATTEMPT])
    part = tmp_path / "attempts-00001.parquet"
    pq.write_table(pq.read_table(part).drop_columns(["response_id"]), part)
    found = read_attempts([tmp_path], ["sample_id", "response_id"], categorical=["sample_id", "response_id"])

    assert [ATTEMPT.sample_id] == found["sample_id"].tolist()
    assert found["response_id"].isna().all()


def test_an_image_is_kept_once(tmp_path: Path) -> None:
    """Media go by hash."""
    with RunWriter(tmp_path) as writer:
        writer.add_media("abc", b"first")
        writer.add_media("abc", b"first")

    assert (tmp_path / "media" / "abc").read_bytes() == b"first"


def test_runs_are_found_in_a_results_folder(tmp_path: Path) -> None:
    """Folders with a manifest, and no others."""
    write(tmp_path / "b", [])
    write(tmp_path / "a", [])
    (tmp_path / "c").mkdir()

    assert [path.name for path in runs_in(tmp_path)] == ["a", "b"]
