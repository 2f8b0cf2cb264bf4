"""An episode's row is as safe as the attempt that ended it: in the same line of the journal, in the same part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from gapbench.store import (
    RunWriter,
    read_attempts,
    read_pending_answers,
    read_trajectories,
    read_trajectory_values,
)
from gapbench.store.part_files import row_files
from gapbench.store.query_tables import journal_tables
from gapbench.store.schema import describe_columns
from gapbench.store.verify import repair_run, verify_run
from gapbench.values import Attempt, Trajectory
from gapbench.view.database import open_database, rows_of
from tests.makers import attempt, payload
from tests.run_folders import make_answers, write_run

EPISODE = Trajectory(
    run_id="run", cell_id="m|sums|c2", sample_id="s0", repeat=0, attempt=2, trajectory_id="t0", cluster_id="s0",
    task="sums", category="reasoning", phase="measure", model_id="m", weights="open", simulated=False, success=True,
    score=1.0, partial=None, outcome="correct", termination="done", reason="", turns=2, calls=1, calls_invalid=0,
    calls_failed=0, retries=0, start_s=0.0, wall_s=3.0, model_s=2.0, tool_s=0.5, user_s=0.0, queue_s=0.5,
    input_tokens=20, cached_input_tokens=None, cache_write_tokens=None, output_tokens=8, reasoning_tokens=None,
    state_sha256="x",
)  # fmt: skip


def turns(number: int) -> list[Attempt]:
    """Return the two rows of an episode."""
    common = {"sample_id": f"s{number}", "cluster_id": f"s{number}", "trajectory_id": f"t{number}"}
    return [
        attempt(**common, attempt=1, turn=0, final=False, outcome="unscored", score=None, answer=None),
        attempt(**common, attempt=2, turn=1),
    ]


def episode(number: int) -> Trajectory:
    return replace(EPISODE, sample_id=f"s{number}", cluster_id=f"s{number}", trajectory_id=f"t{number}")


def add(writer: RunWriter, number: int) -> None:
    first, last = turns(number)
    writer.add(first, payload(first))
    writer.add(last, payload(last), episode(number))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with an episode in each of two parts, and a third part without one."""
    folder = write_run(tmp_path / "run", make_answers("open-a", 1, 1))
    for numbers in ((0,), (1,)):
        with RunWriter(folder) as writer:
            for number in numbers:
                add(writer, number)
    return folder


def said(folder: Path) -> list[tuple[str, str]]:
    """Return file and words of each issue about episodes."""
    return [(issue.file, issue.said) for issue in verify_run(folder) if "episode" in issue.said]


def test_episodes_come_back_from_parts(run: Path) -> None:
    """Two, each with its key; a part without episodes has no file."""
    assert [episode(0), episode(1)] == read_trajectory_values(run)
    assert ["trajectories-00002.parquet", "trajectories-00003.parquet"] == sorted(
        path.name for path in run.glob("trajectories-*")
    )
    assert [] == said(run)


def test_an_open_journal_is_read_and_survives_a_kill(run: Path) -> None:
    """The writer is gone without a word: its episode is read from the journal, and the next writer closes it."""
    writer = RunWriter(run).open()
    add(writer, 2)
    assert writer._journal is not None
    writer._journal.close()
    writer._lock.close()

    assert ["t0", "t1", "t2"] == list(read_trajectories([run], ["trajectory_id"])["trajectory_id"])
    RunWriter(run).open().close()
    assert [episode(n) for n in range(3)] == read_trajectory_values(run)
    assert not list(run.glob("journal-*"))


def test_a_part_without_its_attempts_is_not_read(run: Path) -> None:
    """Killed between two files of a part: the journal still has it, once."""
    writer = RunWriter(run).open()
    add(writer, 2)
    assert writer._journal is not None
    writer._journal.close()
    pq.write_table(pq.read_table(run / "trajectories-00002.parquet"), run / "trajectories-00004.parquet")
    writer._lock.close()

    assert ["t0", "t1", "t2"] == list(read_trajectories([run], ["trajectory_id"])["trajectory_id"])
    assert ("leftover", "trajectories-00004.parquet") in [
        (issue.kind, issue.file) for issue in verify_run(run)
    ]


def test_a_journal_of_an_older_version_is_read(run: Path) -> None:
    """Its lines have two values."""
    row = turns(2)[0]
    with RunWriter(run) as writer:
        writer.add(row, payload(row))
        (line,) = next(run.glob("journal-*")).read_bytes().splitlines()

        assert 2 == line.count(b'"run_id"')
        assert 2 == len(read_trajectory_values(run))


def test_an_episode_that_waits_for_its_score(tmp_path: Path) -> None:
    """It is kept with the answer."""
    _, last = turns(0)
    with RunWriter(tmp_path) as writer:
        writer.pending.add(last, payload(last), EPISODE)
        writer.pending.add(turns(1)[1], payload(turns(1)[1]))

    assert [EPISODE, None] == [answer.trajectory for answer in read_pending_answers(tmp_path, ())]


def test_an_attempt_that_is_no_longer_final_takes_its_episode_with_it(run: Path) -> None:
    """The request is sent again; the file of the only episode in its part goes."""
    with RunWriter(run) as writer:
        writer.mark_not_final([turns(0)[1]])

    assert [episode(1)] == read_trajectory_values(run)
    assert not (run / "trajectories-00002.parquet").exists()
    assert [] == said(run)


def test_an_unreadable_part_is_set_aside(run: Path) -> None:
    """Its attempts stay, and it is said that the episode has no row."""
    path = run / "trajectories-00002.parquet"
    path.write_bytes(path.read_bytes()[:100])
    before = len(read_attempts([run]))
    found = repair_run(run)

    assert "trajectories-00002.parquet" in [issue.file for issue in found]
    assert (run / "damaged" / "trajectories-00002.parquet").exists()
    assert before == len(read_attempts([run]))
    assert [("attempts-00002.parquet", "1 episode without a row in trajectories-00002.parquet")] == said(run)


def test_an_episode_without_its_attempt_is_removed(run: Path) -> None:
    """Both parts have the episode of the second; the first part's is no attempt's."""
    path = run / "trajectories-00002.parquet"
    pq.write_table(pq.read_table(run / "trajectories-00003.parquet"), path)
    words = [words for _, words in said(run)]
    repair_run(run)

    assert [
        "1 episode without a row in trajectories-00002.parquet",
        "1 episode without a final attempt",
    ] == words
    assert not path.exists()


def test_the_database_has_a_view_of_episodes(run: Path) -> None:
    """Closed parts and the open journal."""
    with RunWriter(run) as writer:
        add(writer, 2)
        with open_database(run) as connection:
            found = rows_of(connection, "SELECT trajectory_id, tool_s, success FROM trajectories ORDER BY 1")

        assert [(f"t{n}", 0.5, True) for n in range(3)] == [tuple(row.values()) for row in found]
        assert {"trajectories"} == set(journal_tables(row_files(run).journals, {"trajectories": ["turns"]}))


def test_the_columns_are_described() -> None:
    """As in the values, with their meaning."""
    described = {name: (kind, null) for name, kind, null, _ in describe_columns("trajectories")}

    assert ("double", False) == described["wall_s"]
    assert ("bool", True) == described["success"]
    assert set(Trajectory.__slots__) == set(described)


def test_parquet_files_are_read_by_others(run: Path) -> None:
    """DuckDB by itself."""
    found = duckdb.sql(f"SELECT sum(turns) FROM '{run}/trajectories-*.parquet'")

    assert found is not None
    assert [(4,)] == found.fetchall()
