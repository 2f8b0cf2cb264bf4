"""Results at an address of an object store: sent, read elsewhere, and resumed there."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from pyarrow import fs

from gapbench.analysis.frames import load_runs
from gapbench.cli import invoke
from gapbench.store import read_attempts
from gapbench.store.object_store import mirror_of
from tests.stored_runs import AT, RUN, names

HALF = [*RUN, "--max-usd", "0.001"]
"""Stops after about ten of twenty requests."""


def only_run(store: fs.S3FileSystem) -> str:
    (run,) = {name.split("/")[0] for name in names(store)}
    return run


def test_a_run_is_sent_read_elsewhere_and_resumed_there(
    store: fs.S3FileSystem, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its parts and manifest lie in the bucket, no lock and no journal; a machine without the mirror reads it."""
    assert 0 == invoke(RUN)
    sent, run = names(store), only_run(store)
    kinds = {name.split("/")[1] for name in sent}

    assert {"run.json", "attempts-00001.parquet", "payload-00001.parquet", "logs", "report.html"} <= kinds
    assert not [name for name in sent if "lock" in name or "journal" in name or name.endswith(".tmp")]
    shutil.rmtree("results")
    capsys.readouterr()
    assert 0 == invoke(["report", f"{AT}/{run}", "--json"])
    assert 20 == json.loads(capsys.readouterr().out)["rows"][0]["done"]
    shutil.rmtree("results")
    assert 0 == invoke([*RUN, "--resume", run])
    assert 1 == len([name for name in names(store) if "attempts-" in name])


def test_the_run_just_written_is_sent(store: fs.S3FileSystem) -> None:
    """Also where an older one in the mirror looks newer."""
    assert 0 == invoke(RUN)
    before = set(names(store))
    run = only_run(store)
    future = time.time() + 3_600
    os.utime(Path("results/.remote/s3/bench/nightly", run, "run.json"), (future, future))
    assert 0 == invoke(RUN)

    assert [name for name in names(store) if name.endswith("/run.json") and name not in before]


def test_a_stale_copy_is_brought_up_before_its_run_goes_on(
    store: fs.S3FileSystem, at: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Begun here and finished elsewhere: going on here asks nobody and overwrites nothing."""
    assert 1 == invoke(HALF)
    assert f"--out {AT}\n" in capsys.readouterr().err
    run = only_run(store)
    at.chdir("../elsewhere")
    assert 0 == invoke([*RUN, "--resume", run])
    parts = {
        name: store.get_file_info(f"bench/nightly/{name}").mtime_ns for name in names(store) if "parq" in name
    }
    at.chdir("../here")
    assert 0 == invoke([*RUN, "--resume", run])

    mirror = mirror_of(f"{AT}/{run}")
    assert mirror is not None
    assert 20 == len(read_attempts([mirror]))
    assert parts == {name: store.get_file_info(f"bench/nightly/{name}").mtime_ns for name in parts}
    assert {"attempts-00001.parquet", "attempts-00002.parquet"} == {
        path.name for path in mirror.glob("attempts-*")
    }


def test_a_run_that_went_on_on_both_sides_is_refused(
    store: fs.S3FileSystem, at: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a request is sent; what is here stays, and so does what is there."""
    assert 1 == invoke(HALF)
    run = only_run(store)
    at.chdir("../elsewhere")
    assert 0 == invoke([*RUN, "--resume", run])
    at.chdir("../here")
    there = names(store)
    own = Path("results/.remote/s3/bench/nightly", run, "attempts-00002.parquet")
    own.write_bytes(b"rows of this machine")
    capsys.readouterr()

    assert 2 == invoke([*RUN, "--resume", run])
    said = capsys.readouterr().err
    assert f"{AT}/{run} and its copy results/.remote/s3/bench/nightly/{run} have both changed" in said
    assert (b"rows of this machine", there) == (own.read_bytes(), names(store))


def test_every_reader_takes_an_address(
    store: fs.S3FileSystem, at: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine that has no copy: list, verify, gap, compare, a baseline; by address, and by id below one."""
    assert 0 == invoke(RUN)
    run = only_run(store)
    at.chdir("../elsewhere")
    capsys.readouterr()

    assert 0 == invoke(["runs", "list", "--out", AT])
    assert capsys.readouterr().out.startswith(f"{AT}/{run}  complete, ")
    assert not Path("results").exists()
    assert 0 == invoke(["runs", "verify", "--out", AT])
    assert f"{AT}/{run}: whole\n" == capsys.readouterr().out
    for given in ([f"{AT}/{run}"], [run, "--out", AT]):
        shutil.rmtree("results")
        assert 0 == invoke(["runs", "verify", *given])
    assert 0 == invoke(["gap", f"{AT}/{run}", "--json"])
    assert 0 == invoke(["compare", f"{AT}/{run}", f"{AT}/{run}"])
    assert 0 == invoke(["compare", run, run, "--out", AT])
    assert 0 == invoke(["baseline", "set", f"{AT}/{run}"])
    shutil.rmtree("results/.remote")
    assert 0 == invoke(["compare", "nightly", f"{AT}/{run}"])


def test_an_imported_log_is_sent(store: fs.S3FileSystem) -> None:
    """As a run of one's own is."""
    log = Path(__file__).parent / "importers/logs/inspect/capitals.json"
    assert 0 == invoke(["import", str(log), "--weights", "open", "--out", AT])

    assert f"{only_run(store)}/run.json" in names(store)


def test_later_scores_are_sent(store: fs.S3FileSystem) -> None:
    """Scored on one machine, read on all."""
    assert 0 == invoke(RUN)
    assert 0 == invoke(["score", f"{AT}/{only_run(store)}", "--scorer", "exact"])

    assert f"{only_run(store)}/scores-00001.parquet" in names(store)


def test_a_run_goes_on_where_it_lies(store: fs.S3FileSystem, at: pytest.MonkeyPatch) -> None:
    """Named by its folder or its address alone: no second one begins under results/."""
    assert 1 == invoke([*HALF, "--out", "own"])
    (own,) = Path("own").iterdir()
    assert 0 == invoke(["run", "--resume", str(own), "--yes", "--quiet"])
    assert 20 == len(read_attempts([own]))
    assert not Path("results").exists()

    assert 1 == invoke(HALF)
    run = only_run(store)
    at.chdir("../elsewhere")
    assert 0 == invoke(["run", "--resume", f"{AT}/{run}", "--yes", "--quiet"])
    assert f"{run}/attempts-00002.parquet" in names(store)


def test_python_reads_a_run_and_a_folder_of_runs_at_an_address(store: fs.S3FileSystem) -> None:
    """A machine without the mirror: 20 rows of the run, and of the folder that holds it alone."""
    assert 0 == invoke(RUN)
    run = only_run(store)
    for address in (AT, f"{AT}/{run}"):
        shutil.rmtree("results")

        assert 20 == len(load_runs(address).frame)


def test_logs_of_traffic_are_read_from_a_bucket(store: fs.S3FileSystem, tmp_path: Path) -> None:
    """One object, or every log below a prefix; other objects of the prefix are not."""
    row = '{"request_id": "r-%d", "spend": 1, "startTime": "2026-01-31T12:00:00Z", "model": "m"}\n'
    for name, text in {"a.jsonl": row % 1, "deep/b.jsonl": row % 2, "notes.md": "# no log"}.items():
        with store.open_output_stream(f"bench/logs/{name}") as stream:
            stream.write(text.encode())
    from gapbench.store.table_file import iterate_rows

    assert 0 == invoke(
        [
            "traffic",
            "import",
            "s3://bench/logs/a.jsonl",
            "s3://bench/logs",
            "--out",
            str(tmp_path / "t.parquet"),
        ]
    )
    assert ["s3://bench/logs/a.jsonl", "s3://bench/logs/deep/b.jsonl"] == sorted(
        row["file"] for row in iterate_rows(tmp_path / "t.parquet")
    )
    assert 2 == invoke(["traffic", "import", "s3://bench/none"])
