"""Runs that are still being written, read through DuckDB: open journals, and files that change while they are listed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from gapbench.analysis.frames import load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.errors import ResultsError
from gapbench.store import RunWriter, attempt_sources, part_files, read_attempts, read_manifest, read_payload
from gapbench.store.attempt_sources import find_sources
from gapbench.store.part_facts import PartFacts, read_part_facts
from gapbench.store.part_files import numbered_files
from gapbench.store.part_joining import join_parts
from gapbench.store.query_tables import journal_tables
from gapbench.view import database
from gapbench.view.database import open_database, rows_of
from tests.makers import payload
from tests.run_folders import journal_line, make_attempt, write_run


def test_rows_of_an_open_journal_come_after_the_parts(tmp_path: Path) -> None:
    """A run that is still being written is read as far as it has got."""
    run = write_run(tmp_path / "run", [make_attempt(sample_id="old")])
    other = write_run(tmp_path / "other", [make_attempt(sample_id="new")])
    table = pq.read_table(other / "attempts-00001.parquet")
    assert table.num_rows == 1
    (run / "journal-00002.jsonl").write_bytes(journal_line(make_attempt(sample_id="new", run_id="run")))

    assert ["old", "new", "new"] == list(load_runs([run, other]).frame["sample_id"])
    assert "run" == read_manifest(run).run_id


def test_a_model_without_rows_has_none(tmp_path: Path) -> None:
    """Such as one that a run never came to: its parts are not looked for."""
    run = write_run(tmp_path / "run", [make_attempt(model_id="closed-a")])

    assert 0 == len(load_runs([run]).model_frame("open-a"))


def test_a_run_that_was_stopped_before_its_first_row_has_tables(tmp_path: Path) -> None:
    """They are empty, and the gap says why."""
    run = write_run(tmp_path / "run", [make_attempt()])
    (run / "attempts-00001.parquet").unlink()

    assert "there is no gap" in gap([run]).headline()
    assert 0 == summarize([run]).level("model")["n"].sum()


def test_rows_of_two_runs_in_journals_are_not_confused(tmp_path: Path) -> None:
    """Neither run has a part yet; their samples differ, and every row has a place of its own."""
    for name, samples in (("a", "xy"), ("b", "pq")):
        attempts = [make_attempt(run_id=name, sample_id=sample) for sample in samples]
        run = write_run(tmp_path / name, attempts)
        for path in run.glob("*-00001.parquet"):
            path.unlink()
        (run / "journal-00001.jsonl").write_bytes(b"".join(map(journal_line, attempts)))
    sources = find_sources([tmp_path / "a", tmp_path / "b"])
    places = [place for source in sources if source.table for place in source.table["ord"].to_pylist()]

    assert 4 == len(places) == len(set(places))
    assert ["x", "y", "p", "q"] == list(
        load_runs([tmp_path / "a", tmp_path / "b"]).frame["sample_id"].astype(str)
    )


def test_a_journal_that_becomes_a_part_while_runs_are_listed_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first listing finds the journal gone; the second finds the part."""
    run = write_run(tmp_path / "a", [make_attempt(run_id="a", sample_id="x")])
    seen = iter([{2: run / "journal-00002.jsonl"}])

    def listed(folder: Path, kind: str) -> dict[int, Path]:
        return next(seen, {}) if kind == "journal" else numbered_files(folder, kind)

    monkeypatch.setattr(part_files, "numbered_files", listed)

    assert [1] == [len(source.parts) for source in find_sources([run])]


def viewed(run: Path) -> list[str]:
    """Return what the app's queries read."""
    with open_database(run) as connection:
        return [
            row["sample_id"]
            for row in rows_of(connection, "SELECT sample_id FROM attempts ORDER BY sample_id")
        ]


@pytest.mark.parametrize(
    "read",
    [
        lambda run: list(load_runs([run]).frame["sample_id"].astype(str)),
        lambda run: list(read_attempts([run])["sample_id"]),
        lambda run: list(read_payload([run])["sample_id"]),
        viewed,
    ],
    ids=["frame", "attempts", "payload", "app"],
)
def test_a_journal_that_is_closed_after_the_parts_are_listed_is_not_lost(
    read: Callable[[Path], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are in a part that the first listing lacks: they are listed again, and each row is read once."""
    run = write_run(tmp_path / "a", [make_attempt(sample_id="x")])
    writer = RunWriter(run).open()
    row = make_attempt(run_id="a", sample_id="y")
    writer.add(row, payload(row))

    def listed(folder: Path, kind: str) -> dict[int, Path]:
        found = numbered_files(folder, kind)
        if kind == "attempts" and 2 not in found:
            writer.close()
        return found

    monkeypatch.setattr(part_files, "numbered_files", listed)

    assert ["x", "y"] == read(run)


def test_the_app_reads_a_journal_that_is_closed_after_it_was_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The part that then has its rows is not read too."""
    run = write_run(tmp_path / "a", [make_attempt(sample_id="x")])
    writer = RunWriter(run).open()
    row = make_attempt(run_id="a", sample_id="y")
    writer.add(row, payload(row))

    def closed_after(*arguments: Any) -> Any:
        found = journal_tables(*arguments)
        writer.close()
        return found

    monkeypatch.setattr(database, "journal_tables", closed_after)

    assert ["x", "y"] == viewed(run)


def test_parts_that_are_joined_while_runs_are_listed_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first listing names parts that are gone; the second finds the file that has their rows."""
    run = write_run(tmp_path / "a", [make_attempt(sample_id="x")])
    with RunWriter(run) as writer:
        row = make_attempt(run_id="a", sample_id="y")
        writer.add(row, payload(row))

    def joined_before(paths: Sequence[Path]) -> list[PartFacts]:
        join_parts(run, min_parts=2)
        return read_part_facts(paths)

    monkeypatch.setattr(attempt_sources, "read_part_facts", joined_before)

    assert ["x", "y"] == list(load_runs([run]).frame["sample_id"].astype(str))


def test_a_part_that_is_gone_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no damage, and nothing has to be repeated."""
    run = write_run(tmp_path / "a", [make_attempt(sample_id="x")])
    gone = {1: run / "attempts-00009.parquet"}
    monkeypatch.setattr(part_files, "numbered_files", lambda _, kind: gone if kind == "attempts" else {})

    with pytest.raises(ResultsError, match=r"attempts-00009\.parquet is gone: .* read it again"):
        load_runs([run])
