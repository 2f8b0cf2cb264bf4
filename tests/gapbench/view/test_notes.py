"""Notes next to a run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gapbench.errors import ResultsError
from gapbench.view.notes import add_note, count_notes, delete_note, read_notes
from tests.run_folders import make_attempt, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run-1", [make_attempt()])


def test_a_run_without_notes_has_none(run: Path) -> None:
    """And reading them makes no file."""
    assert ([], False) == (read_notes(run), (run / "notes.jsonl").exists())


def test_notes_are_in_the_order_in_which_they_were_written(run: Path) -> None:
    """Oldest first."""
    for text in ("one", "two"):
        add_note(run, {"text": text})

    assert ["one", "two"] == [note["text"] for note in read_notes(run)]


def test_notes_of_several_writers_are_all_kept(run: Path) -> None:
    """Each writer reads, adds and replaces the file under a lock."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add_note(run, {"text": str(number)}), range(24)))

    assert sorted(map(str, range(24))) == sorted(note["text"] for note in read_notes(run))


def test_a_line_that_is_no_note_stays(run: Path) -> None:
    """Another program's line is not shown and not lost."""
    (run / "notes.jsonl").write_bytes(b'{"label": 1}\nnot JSON\n')
    note = add_note(run, {"text": "mine"})
    delete_note(run, note["id"])

    assert 0 == count_notes(run)
    assert b'{"label": 1}\nnot JSON\n' == (run / "notes.jsonl").read_bytes()


def test_an_unknown_note_is_not_deleted(run: Path) -> None:
    """The message names it."""
    with pytest.raises(ResultsError, match="no note 'x'"):
        delete_note(run, "x")


def test_nothing_is_written_through_a_link(run: Path, tmp_path: Path) -> None:
    """A run folder of a stranger could point anywhere."""
    target = tmp_path / "target"
    target.write_text("keep")
    (run / "notes.jsonl").symlink_to(target)
    with pytest.raises(ResultsError, match="symbolic link"):
        add_note(run, {"text": "x"})

    assert "keep" == target.read_text()


def test_a_note_has_no_invisible_characters(run: Path) -> None:
    """No direction mark, no escape code; line ends stay."""
    assert "a\nb" == add_note(run, {"text": " a\u202e\n\x1b[31mb "})["text"]
