"""The journal of batches: every line is on the disk before the next step, and a torn one is as if never written."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from gapbench.errors import ResultsError
from gapbench.store.batch_journal import FILE_NAME, BatchAttempt, BatchJournal, batches_out, read_batches
from gapbench.values.batches import Batch

ATTEMPTS = {"a": BatchAttempt("m|sums|c2", "s0", 0, 1), "b": BatchAttempt("m|sums|c2", "s1", 0, 2)}


def submitted(folder: Path) -> BatchJournal:
    """Return a journal with one batch that the provider has confirmed."""
    journal = BatchJournal.open(folder)
    record = journal.intend("label", "m", ATTEMPTS, "hash", Decimal("0.1"))
    journal.note_created(record, Batch("batch_1", "waiting", "validating", label="label"))
    return journal


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    journal = submitted(tmp_path)
    (read,) = read_batches(tmp_path).values()

    assert journal.records["label"] == read
    assert ("batch_1", ATTEMPTS, Decimal("0.1"), True) == (
        read.batch_id,
        read.attempts,
        read.bound_usd,
        read.is_out,
    )


def test_each_line_is_synced_before_the_next_step(tmp_path: Path) -> None:
    """An intent, an id and a state: three lines, three syncs; the same state again is no line."""
    synced: list[int] = []
    journal = BatchJournal.open(tmp_path, synced.append)
    record = journal.intend("label", "m", ATTEMPTS, "hash", None)
    journal.note_created(record, Batch("batch_1", "waiting", "validating"))
    for _ in range(2):
        journal.note_seen(record, Batch("batch_1", "running", "in_progress", succeeded=1, failed=0))

    assert 3 == len(synced)
    assert 3 == len((tmp_path / FILE_NAME).read_bytes().splitlines())


def test_a_torn_line_is_as_if_never_written(tmp_path: Path) -> None:
    """The power fails within a line: the batch is out as before, and the next line starts at its own place."""
    journal = submitted(tmp_path)
    journal.note_refused(journal.records["label"], "no such model")
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes()[:-5])

    assert ["label"] == [record.label for record in batches_out(tmp_path)]
    again = BatchJournal.open(tmp_path)
    again.note_collected(again.records["label"], duplicates=0, missing=0, unknown=0, unknown_ids=())
    assert [] == batches_out(tmp_path)


@pytest.mark.parametrize("line", [b"no json", b"{}", b'{"event": "created", "label": "unknown"}', b"[1]"])
def test_a_line_of_something_else_is_refused_by_its_number(tmp_path: Path, line: bytes) -> None:
    submitted(tmp_path)
    with (tmp_path / FILE_NAME).open("ab") as file:
        file.write(line + b"\n")

    with pytest.raises(ResultsError, match=rf"{FILE_NAME}:3: this line is not an event of a batch"):
        read_batches(tmp_path)
