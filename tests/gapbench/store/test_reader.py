"""Reading a run while its writer closes journals and joins parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapbench.errors import FileGoneError
from gapbench.store import RunWriter, read_attempt_values, read_attempts, read_payload, reader
from gapbench.store.part_files import RowFiles, numbered_files, row_files
from gapbench.store.part_joining import join_parts
from tests.makers import payload
from tests.run_folders import make_attempt, write_run


def add_row(writer: RunWriter, sample: str) -> None:
    row = make_attempt(run_id="a", sample_id=sample)
    writer.add(row, payload(row))


def seen(run: Path) -> list[list[str]]:
    """Return the samples of each way to read all rows of a run."""
    return [
        list(read_attempts([run])["sample_id"]),
        list(read_payload([run])["sample_id"]),
        [row.sample_id for row in read_attempt_values(run)],
    ]


def test_a_journal_that_is_closed_while_it_is_read_is_read_as_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first listing names the journal, which is gone by then; each row is read once."""
    run = write_run(tmp_path / "a", [make_attempt(sample_id="w")])
    closed: list[str] = []
    writer = RunWriter(run).open()
    for sample in "xyz":
        add_row(writer, sample)

    def listed(folder: Path) -> RowFiles:
        found = row_files(folder)
        if not closed:
            closed.append(folder.name)
            writer.close()
        return found

    monkeypatch.setattr(reader, "row_files", listed)

    assert [list("wxyz")] * 3 == seen(run)


def test_parts_that_are_joined_while_they_are_read_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "a", [make_attempt(sample_id="w")])
    for sample in "xyz":
        with RunWriter(run) as writer:
            add_row(writer, sample)

    def listed(folder: Path) -> RowFiles:
        found = row_files(folder)
        join_parts(run, min_parts=2)
        return found

    monkeypatch.setattr(reader, "row_files", listed)

    assert [list("wxyz")] * 3 == seen(run)
    assert 1 == len(numbered_files(run, "attempts"))


def test_a_run_that_changes_all_the_time_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "a", [make_attempt(sample_id="w")])
    gone = {9: run / "journal-00009.jsonl"}
    monkeypatch.setattr(reader, "row_files", lambda _: RowFiles({}, gone))

    with pytest.raises(FileGoneError, match=r"journal-00009\.jsonl is gone: .* read it again"):
        read_attempts([run])
