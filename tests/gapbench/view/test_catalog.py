"""The list of runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gapbench.errors import ResultsError
from gapbench.store import RunWriter
from gapbench.view.catalog import Catalog
from gapbench.view.run_files import fingerprint
from tests.run_folders import make_attempt, manifest, write_run


def with_state(folder: Path, **changes: object) -> Path:
    """Write a run and change its manifest."""
    run = write_run(folder, [make_attempt()])
    stored = json.loads((run / "run.json").read_bytes())
    (run / "run.json").write_text(json.dumps({**stored, **changes}))
    return run


def test_the_newest_run_is_first(tmp_path: Path) -> None:
    """By the time of its start, not by its name."""
    with_state(tmp_path / "a", started_at="2026-11-02T00:00:00.000Z")
    with_state(tmp_path / "b", started_at="2026-11-01T00:00:00.000Z")

    assert ["a", "b"] == [entry.key for entry in Catalog([tmp_path]).entries()]


def test_runs_of_one_name_in_two_folders_are_two(tmp_path: Path) -> None:
    """Their links differ."""
    for folder in ("one", "two"):
        write_run(tmp_path / folder / "run-1", [make_attempt()])
    catalog = Catalog([tmp_path / "one", tmp_path / "two"])

    assert {"run-1": "one", "run-1~2": "two"} == {
        entry.key: entry.folder.parent.name for entry in catalog.entries()
    }


def test_a_folder_given_twice_is_listed_once(tmp_path: Path) -> None:
    """As a run and within its results folder."""
    run = write_run(tmp_path / "run-1", [make_attempt()])

    assert 1 == len(Catalog([tmp_path, run]).entries())


def test_a_damaged_run_is_listed_with_its_problem(tmp_path: Path) -> None:
    """It does not hide the others."""
    run = write_run(tmp_path / "run-1", [make_attempt()])
    (run / "run.json").write_text("{")
    (row,) = [entry.to_json() for entry in Catalog([tmp_path]).entries()]

    assert "damaged" == row["state"]
    assert "run.json" in row["problem"]


def test_a_killed_run_is_interrupted(tmp_path: Path) -> None:
    """Its file says running, and nobody holds its lock."""
    with_state(tmp_path / "run-1", state="running")
    (row,) = [entry.to_json() for entry in Catalog([tmp_path]).entries()]

    assert ("interrupted", False) == (row["state"], row["live"])


def test_a_run_under_way_is_live(tmp_path: Path) -> None:
    """Its writer holds the lock."""
    given = manifest([make_attempt()]).model_copy(update={"state": "running"})
    with RunWriter(tmp_path / "run-1") as writer:
        writer.write_manifest(given)
        (row,) = [entry.to_json() for entry in Catalog([tmp_path]).entries()]

    assert ("running", True) == (row["state"], row["live"])


def test_an_unknown_run_is_an_error(tmp_path: Path) -> None:
    """Of one line."""
    with pytest.raises(ResultsError, match="no run 'x' here"):
        Catalog([tmp_path]).find("x")


def test_notes_do_not_change_the_fingerprint(tmp_path: Path) -> None:
    """A note needs no new figures; a later score does."""
    run = write_run(tmp_path / "run-1", [make_attempt()])
    before = fingerprint(run)
    (run / "notes.jsonl").write_text("{}")
    with_note = fingerprint(run)
    (run / "scores-00001.parquet").write_bytes(b"")

    assert before == with_note != fingerprint(run)
