"""Runs whose writer joins parts between a reader's listing and its queries: every table is as it was before the join."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.analysis.regression.compare import compare_runs
from gapbench.analysis.regression.threshold import RegressionRule
from gapbench.errors import FileGoneError
from gapbench.store import RunWriter, attempt_sources
from gapbench.store.attempt_relation import AttemptRelation
from gapbench.store.live_runs import LISTINGS
from gapbench.store.moved_parts import MovedParts, MovedRows
from gapbench.store.part_facts import read_part_facts
from gapbench.store.part_files import numbered_files
from gapbench.store.part_joining import join_parts
from gapbench.store.score_overlay import write_scores
from gapbench.values import Attempt
from tests.makers import payload
from tests.run_folders import make_attempt, make_episode, write_run

RULES = [RegressionRule.parse(text) for text in ("accuracy<-2pp", "p50_response>10%", "cost_per_task>10%")]
PRICE = {"cost": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}}


def rows_of(model_id: str, number: int) -> list[Attempt]:
    """Return the rows of a part: two answers, and in some an episode of another task."""
    given: dict[str, Any] = {"run_id": "run", "model_id": model_id}
    rows = [
        make_attempt(
            sample_id=f"{number}-{place}",
            **given,
            outcome=("correct", "wrong")[number % 2],
            input_tokens=100 * number + place,
        )
        for place in range(2)
    ]
    return rows + (
        make_episode(2, task="coding/f", sample_id=str(number), **given) if number % 4 == 0 else []
    )


def add_part(run: Path, rows: list[Attempt]) -> None:
    """Close one more part with some rows."""
    with RunWriter(run) as writer:
        for row in rows:
            writer.add(row, payload(row))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two models with eight parts of attempts, which may become three files or fewer."""
    folder = write_run(tmp_path / "run", rows_of("closed-a", 0), closed_a=PRICE, open_a=PRICE)
    for model_id in ("closed-a", "open-a"):
        for number in range(1, 5):
            add_part(folder, rows_of(model_id, number))
    return folder


def tables(runs: Runs) -> list[pd.DataFrame]:
    """Return what `bench gap`, `report`, `cost` and `compare` are made of."""
    return [
        gap(runs).frame, summarize(runs).frame, cost(runs).frame, compare_runs(runs, runs, RULES).frame, runs.frame,
        *(runs.model_frame(name) for name in runs.models),
    ]  # fmt: skip


def same(expected: list[pd.DataFrame], found: list[pd.DataFrame]) -> None:
    for one, other in zip(expected, found, strict=True):
        pd.testing.assert_frame_equal(one, other, check_categorical=False)


def files_in(run: Path) -> int:
    return len(numbered_files(run, "attempts"))


@pytest.mark.parametrize("is_scored_later", [False, True])
def test_parts_that_are_joined_after_they_were_listed_are_read_where_they_are(
    run: Path, *, is_scored_later: bool
) -> None:
    """Rows and their order are those of the listing, with scores given later and without."""
    if is_scored_later:
        key = {"cell_id": "open-a|reasoning/sums|c8", "sample_id": "1-0", "repeat": 0, "attempt": 1}
        scored = {"run_id": "run", "scorer": "exact", "reason": "", "outcome": "correct", "score": 1.0}
        assert write_scores(run, [{**key, **scored}]) is not None
    before = tables(load_runs([run]))
    runs = load_runs([run])
    listed = files_in(run)

    join_parts(run, min_parts=2)

    assert files_in(run) < listed
    same(before, tables(runs))


def test_a_join_between_two_queries_changes_nothing(run: Path) -> None:
    """What was counted before it has the numbers of the rows that are read after it."""
    before = tables(load_runs([run]))
    runs = load_runs([run])
    _ = runs.tally, runs.model_frame("closed-a")

    join_parts(run, min_parts=2)

    same(before, tables(runs))


def test_parts_that_are_joined_twice_are_found(run: Path) -> None:
    """A further part is written after the listing, and joined with the others: its rows are not those that were listed."""
    before = tables(load_runs([run]))
    runs = load_runs([run])
    join_parts(run, min_parts=2)
    _ = runs.tally
    for number in (7, 8):
        add_part(run, rows_of("open-a", number))
    join_parts(run, min_parts=2)

    same(before, tables(runs))


def test_a_join_while_batches_are_read_begins_again(run: Path) -> None:
    """Rows of the first reading are not there twice."""
    attempts = AttemptRelation([run])
    query: tuple[str, list[str]] = ("SELECT sample_id FROM attempts", ["sample_id"])
    expected = attempts.table(*query)["sample_id"].to_pylist()
    calls: list[int] = []

    def read(batches: Iterator[pa.RecordBatch]) -> list[str]:
        calls.append(1)
        found = [name for batch in batches for name in batch["sample_id"].to_pylist()]
        if len(calls) == 1:
            join_parts(run, min_parts=2)
            raise FileGoneError("a part is gone")
        return found

    assert sorted(expected) == sorted(attempts.read_batches(*query, read))
    assert len(calls) == 2


def test_stretches_of_large_parts_are_found(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As chunks of a few requests are read: by their numbers, with every part a large one."""
    monkeypatch.setattr(attempt_sources, "GROUP_ROWS", 1)
    attempts = AttemptRelation([run])
    query: tuple[str, list[str]] = ("SELECT ord, sample_id FROM attempts ORDER BY ord", ["sample_id"])
    rows = attempts.table(*query)
    few = rows["ord"].to_numpy()[[1, 4, 9, 15]]
    near = attempts.near(few)
    expected = near.table(*query)
    assert expected.num_rows < rows.num_rows

    join_parts(run, min_parts=2)

    assert expected == near.table(*query)
    assert rows == attempts.table(*query)


def test_a_part_that_is_removed_says_so(run: Path) -> None:
    """No other file has its rows."""
    attempts = AttemptRelation([run])
    numbered_files(run, "attempts")[3].unlink()

    with pytest.raises(FileGoneError, match=r"attempts-00003\.parquet is gone: .* read it again"):
        attempts.table("SELECT count(*) FROM attempts", ["sample_id"])


def test_rows_before_them_that_were_not_listed_cannot_be_counted(run: Path) -> None:
    """Where the rows of the third part begin is known only with those of the second."""
    parts = read_part_facts(list(numbered_files(run, "attempts").values()))
    moved = MovedParts(parts[2:4])
    join_parts(run, min_parts=2)

    def read() -> None:
        raise FileGoneError("a part is gone")

    with pytest.raises(FileGoneError, match=r"attempts-00003\.parquet is gone"):
        moved.read(read)


def test_each_part_begins_after_those_before_it(run: Path) -> None:
    """As many rows into the joined file as these have."""
    parts = read_part_facts(list(numbered_files(run, "attempts").values()))
    moved = MovedParts(parts)
    join_parts(run, min_parts=2)
    calls: list[int] = []

    def read() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise FileGoneError("a part is gone")
        return "read"

    assert moved.read(read) == "read"
    files = list(numbered_files(run, "attempts").values())
    found = {part.path.name: moved.find(part) for part in parts if moved.find(part) is not None}
    joined = [file for file in files if file.name.count("-") == 2]
    expected: dict[str, Any] = {}
    for file in joined:
        first, row = int(file.stem.split("-")[1]), 0
        for number in range(first, int(file.stem.split("-")[2]) + 1):
            part = parts[number - 1]
            expected[part.path.name] = MovedRows(file, row)
            row += part.rows
    assert found == expected != {}


@pytest.mark.parametrize("gone_times", [1, LISTINGS - 1, LISTINGS])
def test_a_run_that_changes_all_the_time_is_read_a_few_times(run: Path, gone_times: int) -> None:
    """Then the message stays what it was."""
    moved = MovedParts(read_part_facts(list(numbered_files(run, "attempts").values())))
    left = [gone_times]

    def read() -> str:
        if left[0]:
            left[0] -= 1
            raise FileGoneError("a part is gone")
        return "read"

    if gone_times < LISTINGS:
        assert moved.read(read) == "read"
    else:
        with pytest.raises(FileGoneError, match="a part is gone"):
            moved.read(read)
