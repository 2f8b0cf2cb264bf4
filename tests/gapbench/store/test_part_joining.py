"""Small parts of attempts become one file when a writer is done, and nothing that reads a run can tell."""

from __future__ import annotations

import errno
import itertools
import shutil
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gapbench.errors import ResultsError
from gapbench.store import (
    RunFollower,
    RunWriter,
    numbered_files,
    payloads_beside,
    read_attempt_values,
    read_attempts,
    read_payload,
)
from gapbench.store.attempt_relation import AttemptRelation
from gapbench.store.part_files import closed_numbers, file_name, row_files
from gapbench.store.part_joining import MIN_PARTS, join_parts
from gapbench.store.run_folder import write_tables
from gapbench.store.verify import repair_run, verify_run
from gapbench.values import Attempt
from gapbench.view.run_files import closed_parts
from tests.makers import ATTEMPT, attempt, payload
from tests.run_folders import empty_manifest


def write(folder: Path, rows: list[Attempt], part_rows: int = 1) -> Path:
    with RunWriter(folder, part_rows) as writer:
        writer.write_manifest(empty_manifest())
        for row in rows:
            writer.add(row, payload(row))
    return folder


def rows_of(count: int, cell_id: str = ATTEMPT.cell_id, start: int = 0) -> list[Attempt]:
    return [attempt(sample_id=f"s{number}", cell_id=cell_id) for number in range(start, start + count)]


def names(folder: Path, kind: str = "attempts") -> list[str]:
    return sorted(path.name for path in folder.glob(f"{kind}-*"))


def issues(run: Path) -> list[tuple[str, str, str]]:
    """Return what `bench runs verify` finds, apart from the cells, which the manifest here does not list."""
    found = [(issue.kind, issue.file, issue.said) for issue in verify_run(run)]
    return [issue for issue in found if issue[2] != "has rows, but is not in run.json"]


def test_small_parts_become_one_file(tmp_path: Path) -> None:
    """20 parts of one row: one file with the rows in the order written; the payloads stay in 20 parts."""
    rows = rows_of(MIN_PARTS)
    run = write(tmp_path / "run", rows)

    assert ["attempts-00001-00020.parquet"] == names(run)
    assert rows == read_attempt_values(run)
    assert 20 == len(names(run, "payload")) == len(read_payload([run]))
    assert [] == issues(run)


def test_a_few_parts_are_left_as_they_are(tmp_path: Path) -> None:
    """19 parts: opening them takes no time."""
    run = write(tmp_path / "run", rows_of(MIN_PARTS - 1))

    assert 19 == len(names(run))


def test_the_parts_of_two_cells_stay_apart(tmp_path: Path) -> None:
    """12 parts of one cell, then 12 of another: two files, each with one cell in all rows."""
    run = write(tmp_path / "run", rows_of(12, "a|t|c1") + rows_of(12, "b|t|c1"))

    assert ["attempts-00001-00012.parquet", "attempts-00013-00024.parquet"] == names(run)
    labels, varying = AttemptRelation([run]).labels_of_parts(["cell_id"])
    assert (["a|t|c1", "b|t|c1"], []) == (labels["cell_id"].to_pylist(), varying)


def test_a_later_writer_goes_on_after_the_last_number(tmp_path: Path) -> None:
    """Parts 1 to 20 are one file; the next row is in part 21, and two files are too few to be joined."""
    run = write(tmp_path / "run", rows_of(20))
    write(run, rows_of(1, start=20))

    assert ["attempts-00001-00020.parquet", "attempts-00021.parquet"] == names(run)
    assert rows_of(21) == read_attempt_values(run)


def test_a_joined_file_is_joined_again(tmp_path: Path) -> None:
    """20 parts and 19 more: a file of 39."""
    run = write(tmp_path / "run", rows_of(20))
    write(run, rows_of(19, start=20))

    assert ["attempts-00001-00039.parquet"] == names(run)
    assert rows_of(39) == read_attempt_values(run)


def test_parts_beside_a_missing_one_are_not_joined_over_it(tmp_path: Path) -> None:
    """Part 11 was moved away: parts 1 to 10 and 12 to 22 become two files, and 11 is not counted as closed."""
    run = tmp_path / "run"
    with RunWriter(run, 1) as writer:
        writer.write_manifest(empty_manifest())
        for row in rows_of(19):
            writer.add(row, payload(row))
    (run / "attempts-00011.parquet").unlink()
    write(run, rows_of(3, start=19))

    assert ["attempts-00001-00010.parquet", "attempts-00012-00022.parquet"] == names(run)
    assert 11 not in closed_numbers(run)


@settings(max_examples=12)
@given(st.sets(st.integers(1, 20)))
def test_what_a_crash_leaves_beside_the_joined_file_does_not_count(
    tmp_path_factory: pytest.TempPathFactory, left: set[int]
) -> None:
    """Killed while the small parts were removed: any of them may be there, and each row still counts once."""
    folder = tmp_path_factory.mktemp("crash")
    rows = rows_of(20)
    run = write(folder / "run", rows)
    small = write(folder / "small", rows[:1]) / "attempts-00001.parquet"
    for number in left:
        shutil.copy(small, run / file_name("attempts", number))

    assert rows == read_attempt_values(run)
    assert 20 == AttemptRelation([run]).rows
    assert [
        ("leftover", file_name("attempts", number), "its rows are in a joined part already")
        for number in sorted(left)
    ] == issues(run)
    with RunWriter(run):
        pass
    assert ["attempts-00001-00020.parquet"] == names(run)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    """The first, second or third of three joined files cannot be written: the writer still ends well."""
    rows = [row for cell in "abc" for row in rows_of(8, f"{cell}|t|c1")]
    written = itertools.count(1)

    def write_or_fail(path: Path, tables: Iterable[pa.Table]) -> None:
        if next(written) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_tables(path, tables)

    monkeypatch.setattr("gapbench.store.part_joining.write_tables", write_or_fail)
    run = write(tmp_path / "run", rows)

    assert rows == read_attempt_values(run)
    assert [] == issues(run)
    # One file for each cell before the one that failed; the others still have 8 parts each.
    assert failing - 1 + 8 * (4 - failing) == len(names(run))


def test_a_damaged_part_is_left_for_verify(tmp_path: Path) -> None:
    """It is not joined, and neither is anything else; the next reader names it."""
    run = write(tmp_path / "run", rows_of(19))
    (run / "attempts-00003.parquet").write_bytes(b"PAR1 nothing")
    write(run, rows_of(1, start=19))

    assert 20 == len(names(run))
    with pytest.raises(ResultsError, match=r"attempts-00003\.parquet cannot be read"):
        read_attempts([run])


@settings(max_examples=12)
@given(seen=st.integers(0, 30), closed=st.integers(20, 30))
def test_a_follower_sees_each_row_once(
    tmp_path_factory: pytest.TempPathFactory, seen: int, closed: int
) -> None:
    """It read some rows from journals and parts before they became one file."""
    run = tmp_path_factory.mktemp("followed") / "run"
    rows = rows_of(closed)
    follower = RunFollower(run)
    found: list[Attempt] = []
    with RunWriter(run, 2) as writer:
        writer.write_manifest(empty_manifest())
        for number, row in enumerate(rows):
            if number == seen:
                found += follower.read_new()
            writer.add(row, payload(row))
    found += follower.read_new()

    assert [row.sample_id for row in rows] == [row.sample_id for row in found]


def test_payloads_are_found_by_number(tmp_path: Path) -> None:
    """The file of the parts 1 to 20 has the payloads 1 to 20 beside it, and not 21."""
    run = write(tmp_path / "run", rows_of(20))
    write(run, rows_of(1, start=20))
    first, second = numbered_files(run, "attempts").values()

    assert (20, 1) == (len(payloads_beside(first)), len(payloads_beside(second)))
    assert [] == payloads_beside(run / "run.json")


def test_rows_without_a_payload_are_removed_from_a_joined_file(tmp_path: Path) -> None:
    """One payload part lost its row: the repair drops that attempt, so that --resume repeats it."""
    run = write(tmp_path / "run", rows_of(20))
    table = pq.read_table(run / "payload-00007.parquet")
    pq.write_table(table.slice(0, 0), run / "payload-00007.parquet")

    assert [("damage", "attempts-00001-00020.parquet", "1 rows have no payload")] == issues(run)
    repair_run(run)
    assert [row for row in rows_of(20) if row.sample_id != "s6"] == read_attempt_values(run)


def test_a_lost_payload_part_keeps_the_figures(tmp_path: Path) -> None:
    """As without joining: the texts are lost, no attempt is dropped."""
    run = write(tmp_path / "run", rows_of(20))
    (run / "payload-00007.parquet").unlink()
    repair_run(run)

    assert [("damage", "attempts-00001-00020.parquet", "has no payload part")] == issues(run)
    assert 20 == len(read_attempts([run]))


def test_an_attempt_that_is_no_longer_final_is_marked_in_a_joined_file(tmp_path: Path) -> None:
    """Another attempt at the request follows."""
    rows = rows_of(20)
    run = write(tmp_path / "run", rows)
    with RunWriter(run) as writer:
        writer.mark_not_final([rows[4]])

    assert [replace(rows[4], final=False)] == [row for row in read_attempt_values(run) if not row.final]


def test_a_name_that_claims_a_billion_parts_takes_no_memory(tmp_path: Path) -> None:
    """A run folder may come from a stranger: numbers stay ranges wherever it is read, checked or shown."""
    run = write(tmp_path / "run", rows_of(2))
    huge = run / "attempts-00001-999999999.parquet"
    (run / "attempts-00001.parquet").rename(huge)
    tracemalloc.start()
    follower = RunFollower(run)

    assert ["s0"] == [row.sample_id for row in read_attempt_values(run)]
    assert ["s0"] == [row.sample_id for row in follower.read_new()]
    assert {1} == {part for part, _ in closed_parts(run, "payload", row_files(run))}
    assert 999_999_998 in closed_numbers(run)
    assert ("damage", huge.name, "has no payload part") in issues(run)
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


def test_a_damaged_file_that_claims_a_billion_parts_takes_no_memory(tmp_path: Path) -> None:
    """Another one is said to be joined into it."""
    run = write(tmp_path / "run", rows_of(2))
    damaged = run / "attempts-00001-999999999.parquet"
    (run / "attempts-00001.parquet").rename(damaged)
    shutil.copy(damaged, run / "attempts-00002-999999998.parquet")
    damaged.write_bytes(damaged.read_bytes()[:-9])
    tracemalloc.start()

    assert damaged.name in {name for _, name, _ in issues(run)}
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["attempts-00002-00001.parquet", "attempts-1-2-3.parquet"])
def test_a_name_that_is_no_range_is_ignored(tmp_path: Path, name: str) -> None:
    run = write(tmp_path / "run", rows_of(1))
    shutil.copy(run / "attempts-00001.parquet", run / name)

    assert rows_of(1) == read_attempt_values(run)


def test_small_parts_beside_a_damaged_joined_file_are_kept(tmp_path: Path) -> None:
    """They may be all that is left of its rows."""
    run = write(tmp_path / "run", rows_of(20))
    small = write(tmp_path / "small", rows_of(1)) / "attempts-00001.parquet"
    shutil.copy(small, run / "attempts-00001.parquet")
    (run / "attempts-00001-00020.parquet").write_bytes(b"PAR1 nothing")
    with RunWriter(run):
        pass

    assert (run / "attempts-00001.parquet").exists()


def test_joining_again_changes_nothing(tmp_path: Path) -> None:
    """A single file has no other to be joined to."""
    run = write(tmp_path / "run", rows_of(20))
    before = (run / "attempts-00001-00020.parquet").read_bytes()
    join_parts(run)

    assert before == (run / "attempts-00001-00020.parquet").read_bytes()
