"""A joined part with a damaged row group: the others are kept, and only its requests are repeated."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gapbench.store import RunWriter, read_attempt_values, read_payload
from gapbench.store.part_files import numbered_files
from gapbench.store.verify import repair_run, verify_run
from gapbench.values import Attempt
from tests.makers import payload
from tests.run_folders import make_attempt, make_episode, manifest, trajectory_of, write_run

GROUP = 8
"""Rows of a row group here; gapbench writes 10,240."""


def write_joined(folder: Path, rows: list[Attempt]) -> tuple[Path, Path]:
    """Write a run whose parts of one row were joined; return it and its only part of attempts."""
    with RunWriter(folder, 1) as writer:
        writer.write_manifest(manifest(rows))
        for row in rows:
            writer.add(row, payload(row), trajectory_of(rows, row))
    (path,) = numbered_files(folder, "attempts").values()
    pq.write_table(pq.read_table(path), path, row_group_size=GROUP, write_page_checksum=True)
    return folder, path


def damage(path: Path, group: int, column: int) -> None:
    """Flip a bit in the last byte of a column of a row group."""
    chunk = pq.read_metadata(path).row_group(group).column(column)
    first = min(chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset)
    data = bytearray(path.read_bytes())
    data[first + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(data)


def repeat(run: Path, rows: list[Attempt]) -> None:
    """Add rows as a resumed run does."""
    with RunWriter(run) as writer:
        for row in rows:
            writer.add(row, payload(row), trajectory_of(rows, row))


@pytest.mark.parametrize("seed", range(12))
def test_the_rows_of_other_groups_are_kept(tmp_path: Path, seed: int) -> None:
    """Any column of any one or two groups: what is lost is theirs alone, and once repeated the run is whole."""
    rng = random.Random(seed)
    rows = [
        make_attempt(run_id="run", sample_id=f"s{n}", scheduled_s=rng.random())
        for n in range(rng.randint(20, 40))
    ]
    run, path = write_joined(tmp_path / "run", rows)
    footer = pq.read_metadata(path)
    groups = rng.sample(range(footer.num_row_groups), rng.choice([1, 2]))
    for group in groups:
        damage(path, group, rng.randrange(footer.num_columns))
    lost = [row for n, row in enumerate(rows) if n // GROUP in groups]

    (found, *_) = verify_run(run)
    assert found.said.endswith(f"; {len(lost)} of {len(rows)} rows are lost")
    assert "the other rows are kept; --resume repeats the lost requests" in found.repair
    repair_run(run)
    assert [] == verify_run(run)
    assert [row for row in rows if row not in lost] == read_attempt_values(run)
    assert path.name in {kept.name for kept in (run / "damaged").iterdir()}
    repeat(run, lost)
    assert [] == verify_run(run)
    assert sorted(row.sample_id for row in rows) == sorted(read_payload([run])["sample_id"])


def test_an_episode_that_lost_a_turn_is_repeated_as_a_whole(tmp_path: Path) -> None:
    """Groups of 8 rows, and episodes of 3 turns: those that reach into the lost group are lost, too."""
    episodes = [make_episode(3, run_id="run", sample_id=f"s{n}") for n in range(9)]
    run, path = write_joined(tmp_path / "run", [row for rows in episodes for row in rows])
    damage(path, 1, 0)
    repair_run(run)

    assert [] == verify_run(run)
    # Rows 8 to 15 are lost. Of the episode of rows 15 to 17 the first turn is; that of rows 6 to 8 has no end.
    kept = read_attempt_values(run)
    assert {"s0", "s1", "s6", "s7", "s8"} == {row.sample_id for row in kept if row.final}
    assert 17 == len(kept)


def test_without_a_readable_group_or_footer_all_rows_are_lost(tmp_path: Path) -> None:
    rows = [make_attempt(run_id="run", sample_id=f"s{n}") for n in range(20)]
    for name, groups in (("groups", range(3)), ("footer", ())):
        run, path = write_joined(tmp_path / name, rows)
        for group in groups:
            damage(path, group, 0)
        if not groups:
            path.write_bytes(path.read_bytes()[:-9])
        (found, *_) = verify_run(run)
        assert "it is moved to damaged/; --resume repeats its requests" == found.repair
        repair_run(run)
        assert [] == read_attempt_values(run)


def test_small_parts_beside_a_joined_file_with_a_damaged_page_are_kept(tmp_path: Path) -> None:
    """A crash left them, and they have all its rows: neither a writer nor a repair takes the file's rest in their place."""
    rows = [make_attempt(run_id="run", sample_id=f"s{n}") for n in range(20)]
    run, path = write_joined(tmp_path / "run", rows)
    small = write_run(tmp_path / "run-small" / "run", rows) / "attempts-00001.parquet"
    shutil.copy(small, run / "attempts-00001.parquet")
    damage(path, 0, 0)
    with RunWriter(run):
        pass
    repair_run(run)

    assert rows == read_attempt_values(run)
