"""A run folder is checked, and repaired where it can be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gapbench.cli import invoke
from gapbench.errors import ResultsError
from gapbench.store import RunWriter, read_attempts, read_manifest, read_payload
from gapbench.store.verify import repair_run, verify_run
from tests.makers import payload
from tests.run_folders import make_answers, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A whole run of 20 requests in two parts."""
    folder = write_run(tmp_path / "results" / "run", make_answers("open-a", 15, 20)[:12])
    with RunWriter(folder) as writer:
        for row in make_answers("open-a", 15, 20)[12:]:
            writer.add(replace(row, run_id="run"), payload(replace(row, run_id="run")))
    manifest = json.loads((folder / "run.json").read_text())
    manifest["cells"][0]["planned"] = 20
    (folder / "run.json").write_text(json.dumps(manifest))
    return folder


def finals(run: Path) -> int:
    rows = read_attempts([run])
    return int(rows["final"].sum())


def test_a_whole_run_has_no_findings(run: Path) -> None:
    """Two parts, 20 requests, all final once."""
    assert [] == verify_run(run)


def test_a_killed_runs_journal_is_a_leftover_and_is_closed(run: Path) -> None:
    """Nothing is lost; a torn last line was never reported as done."""
    row = make_answers("open-a", 1, 1, start=99)[0]
    writer = RunWriter(run)
    writer.add(row, payload(row))
    assert writer._journal is not None
    writer._journal.add(b'[{"run_id": "ru')
    writer._journal.close()
    writer._lock.close()
    found = verify_run(run)

    assert [("leftover", "journal-00003.jsonl")] == [(row.kind, row.file) for row in found]
    assert "1 rows of an interrupted writer, and a torn line" in found[0].said
    repair_run(run)
    assert [] == verify_run(run)
    assert 21 == len(read_attempts([run]))


def test_an_unreadable_part_is_set_aside_and_its_requests_are_to_be_done(run: Path) -> None:
    """12 of 20 requests were in it: the run reads again, and is no longer complete."""
    (run / "attempts-00001.parquet").write_bytes(b"PAR1 broken")
    found = verify_run(run)

    assert {"attempts-00001.parquet", "open-a|reasoning/sums|c8"} == {row.file for row in found}
    assert {"damage"} == {row.kind for row in found}
    repair_run(run)
    assert [] == verify_run(run)
    assert 8 == finals(run)
    assert "interrupted" == read_manifest(run).state
    assert {"attempts-00001.parquet", "payload-00001.parquet"} == {
        path.name for path in (run / "damaged").iterdir()
    }


def test_two_final_rows_for_a_request_are_found_and_the_first_stands(run: Path) -> None:
    """As two writers without a lock would have left it."""
    again = replace(make_answers("open-a", 1, 1)[0], run_id="run", attempt=2, outcome="wrong", score=0.0)
    with RunWriter(run) as writer:
        writer.add(again, payload(again))
    assert ["1 requests have two final rows"] == [row.said for row in verify_run(run)]
    repair_run(run)

    assert [] == verify_run(run)
    rows = read_attempts([run])
    assert ["correct"] == list(rows[(rows["sample_id"] == "0") & rows["final"]]["outcome"])
    assert 21 == len(rows)


def test_rows_without_texts_are_found(run: Path) -> None:
    """A payload part was replaced by another's."""
    (run / "payload-00002.parquet").write_bytes((run / "payload-00001.parquet").read_bytes())
    said = [row.said for row in verify_run(run)]

    assert ["8 rows have no payload", "12 payload rows have no attempt"] == said
    repair_run(run)
    assert 12 == finals(run)
    assert 24 == len(read_payload([run]))


def test_leftovers_of_a_crash_are_removed(run: Path) -> None:
    """A part that was being written, and a manifest that still says running."""
    (run / "attempts-00003.tmp").write_bytes(b"half")
    manifest = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**manifest, "state": "running"}))

    assert {"attempts-00003.tmp", "run.json"} == {row.file for row in verify_run(run)}
    repair_run(run)
    assert [] == verify_run(run)
    assert "interrupted" == read_manifest(run).state


def test_an_image_that_changed_is_found(run: Path) -> None:
    """Its name is its hash."""
    (run / "media").mkdir()
    (run / "media" / ("0" * 64)).write_bytes(b"other")

    assert [f"media/{'0' * 64}"] == [row.file for row in repair_run(run)]
    assert [] == verify_run(run)


def test_a_run_that_is_being_written_is_not_repaired(run: Path) -> None:
    """The lock is another's."""
    with RunWriter(run), pytest.raises(ResultsError, match="being written by another process"):
        repair_run(run)


def test_the_command_says_what_is_wrong_and_exits_1(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 for a whole run, 1 for damage, 0 once it is repaired."""
    folder = str(run)
    assert 0 == invoke(["runs", "verify", folder])
    (run / "attempts-00001.parquet").write_bytes(b"")
    assert 1 == invoke(["runs", "verify", folder])
    assert 0 == invoke(["runs", "verify", folder, "--repair"])
    assert 0 == invoke(["runs", "verify", folder, "--json"])
    output = capsys.readouterr().out.splitlines()

    assert f"{folder}: whole" == output[0]
    assert [{"run": folder, "repaired": False, "findings": []}] == json.loads(output[-1])
    assert 0 == invoke(["runs", "list", "--out", str(run.parent)])
    assert "interrupted (repaired)" in capsys.readouterr().out
