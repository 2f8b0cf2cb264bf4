"""A results folder's metrics: rows counted once as other processes write them, and the command that serves them."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gapbench.cli import invoke
from gapbench.execution.monitoring.counters import RunCounts
from gapbench.execution.monitoring.folder_exporter import ResultsFollower
from gapbench.store import RunWriter
from gapbench.values import Attempt
from tests.makers import payload
from tests.prometheus import needs_prometheus, run_prometheus, samples, total
from tests.run_folders import make_answers, make_attempt, manifest, write_run

PRICED = {"cost": {"input_usd_per_mtok": 100, "output_usd_per_mtok": 1000}}
"""1,000 tokens in and 100 out: 0.1 + 0.1 dollars for each answer of :func:`make_answers`."""


def attempts(run: RunCounts) -> float:
    return sum(value for (name, _), value in run.values.items() if name == "bench_attempts")


def rows(count: int) -> list[Attempt]:
    return make_answers("closed-a", count, count)


@contextlib.contextmanager
def under_way(folder: Path, planned: list[Attempt], part_rows: int = 100) -> Iterator[RunWriter]:
    """A run that is being written, with nothing done yet of what is planned."""
    with RunWriter(folder, part_rows) as writer:
        writer.write_manifest(manifest(planned).model_copy(update={"state": "running", "ended_at": None}))
        yield writer


def test_a_row_is_counted_when_it_is_in_the_journal(tmp_path: Path) -> None:
    """Three planned: none done, then one more with each line."""
    results, planned = ResultsFollower(tmp_path), rows(3)
    seen = []
    with under_way(tmp_path / "night", planned) as writer:
        for row in planned:
            seen.append(sum(map(attempts, results.run_counts())))
            writer.add(row, payload(row))
        seen.append(sum(map(attempts, results.run_counts())))

    assert [0, 1, 2, 3] == seen


def test_a_row_is_counted_once_when_its_part_closes(tmp_path: Path) -> None:
    """Parts of two rows: each look falls before, between and after the closings."""
    results, planned = ResultsFollower(tmp_path), rows(5)
    with under_way(tmp_path / "night", planned, part_rows=2) as writer:
        for done, row in enumerate(planned, start=1):
            writer.add(row, payload(row))
            assert done == attempts(results.run_counts()[0])

    assert 5 == attempts(results.run_counts()[0]) == attempts(ResultsFollower(tmp_path).run_counts()[0])


def test_a_part_that_closed_half_seen_is_taken_from_there(tmp_path: Path) -> None:
    """One row was seen in the journal; the part of three brings the other two."""
    results, planned = ResultsFollower(tmp_path), rows(3)
    with under_way(tmp_path / "night", planned) as writer:
        writer.add(planned[0], payload(planned[0]))
        results.run_counts()
        for row in planned[1:]:
            writer.add(row, payload(row))

    assert 3 == attempts(results.run_counts()[0])


def test_a_torn_line_is_counted_when_it_is_whole(tmp_path: Path) -> None:
    """Half a line is nothing yet; with its other half it is one row."""
    results, planned = ResultsFollower(tmp_path), rows(1)
    folder = tmp_path / "night"
    with under_way(folder, planned) as writer:
        writer.add(planned[0], payload(planned[0]))
        [journal] = folder.glob("journal-*")
        line = journal.read_bytes()
        journal.write_bytes(line[:100])
        torn = attempts(results.run_counts()[0])
        journal.write_bytes(line)

        assert (0, 1) == (torn, attempts(results.run_counts()[0]))


def test_what_a_resumed_run_recovers_is_not_counted_again(tmp_path: Path) -> None:
    """A killed run's journal becomes a part under the next writer, which adds one row."""
    results, planned = ResultsFollower(tmp_path), rows(3)
    folder = tmp_path / "night"
    write_run(folder, planned[:2])
    with RunWriter(tmp_path / "killed") as writer:
        writer.write_manifest(manifest(planned))
        for row in planned[:2]:
            writer.add(row, payload(row))
        shutil.copytree(tmp_path / "killed", folder, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "killed")
    for part in folder.glob("*.parquet"):
        part.unlink()
    before = attempts(results.run_counts()[0])
    with RunWriter(folder) as writer:
        writer.add(planned[2], payload(planned[2]))

    assert (2, 3) == (before, attempts(results.run_counts()[0]))


def test_runs_are_told_apart(tmp_path: Path) -> None:
    """One finished with two answers, one under way with none of its three."""
    write_run(tmp_path / "done", rows(2))
    with under_way(tmp_path / "going", rows(3)):
        found = {run.run: (run.state, attempts(run)) for run in ResultsFollower(tmp_path).run_counts()}

    assert {"done": ("complete", 2), "going": ("running", 0)} == found


def test_a_damaged_run_hides_no_other(tmp_path: Path) -> None:
    """Its state says so; `bench runs verify` says why."""
    write_run(tmp_path / "good", rows(2))
    (write_run(tmp_path / "bad", rows(2)) / "attempts-00001.parquet").write_bytes(b"no parquet")
    (write_run(tmp_path / "odd", rows(2)) / "run.json").write_text('{"schema": 1}')

    assert {"bad": "damaged", "good": "complete", "odd": "damaged"} == {
        run.run: run.state for run in ResultsFollower(tmp_path).run_counts()
    }


def test_a_run_that_was_removed_is_served_no_more(tmp_path: Path) -> None:
    """Its series end."""
    results = ResultsFollower(tmp_path)
    write_run(tmp_path / "night", rows(2))
    before = len(results.run_counts())
    shutil.rmtree(tmp_path / "night")

    assert (1, 0) == (before, len(results.run_counts()))


@contextlib.contextmanager
def command(results: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and where it says that it serves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gapbench.cli", "serve-metrics", str(results), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().split(" at ")[1].split(";")[0]
    finally:
        process.kill()
        process.communicate()


def test_the_command_serves_what_other_processes_write(tmp_path: Path) -> None:
    """Two answers at 0.2 dollars each; then a third, of a run that began under its eyes; Ctrl-C is 130."""
    write_run(tmp_path / "first", rows(2), closed_a=PRICED)
    with command(tmp_path) as (process, url):
        before = samples(url)
        write_run(tmp_path / "second", rows(1), closed_a=PRICED)
        after = samples(url)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)

    assert pytest.approx(0.4) == total(before, "bench_spend_usd_total")
    assert pytest.approx(0.6) == total(after, "bench_spend_usd_total")
    assert pytest.approx(0.2) == total(after, "bench_spend_usd_total", run="second")
    assert (130, "interrupted") == (process.returncode, said.strip())


@needs_prometheus
def test_a_real_prometheus_scrapes_a_night(tmp_path: Path) -> None:
    """Two runs at once on one port, one of them in the middle: 2 of 2 and 1 of 4 done, by Prometheus' own word."""
    results = tmp_path / "results"
    write_run(results / "first", rows(2))
    with under_way(results / "second", rows(4)) as writer, command(results) as (_, url):
        row = make_attempt(outcome="infra")
        writer.add(row, payload(row))
        with run_prometheus(url, tmp_path) as asked:
            done = asked("sum by (run) (bench_requests_done) / sum by (run) (bench_requests_planned)")
            failed = asked("sum by (run) (bench_failures_total)")
            going = asked('bench_run_state{bench_run_state="running"} == 1')

    assert ({"first": "1", "second": "0.25"}, {"second": "1"}, {"second": "1"}) == (done, failed, going)


def test_a_folder_that_is_not_there_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says what would do."""
    assert 2 == invoke(["serve-metrics", str(tmp_path / "none")])
    assert "there is no results folder" in capsys.readouterr().err


def test_a_run_folder_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is one run, not a folder of them; the line names its parent."""
    assert 2 == invoke(["serve-metrics", str(write_run(tmp_path / "night", rows(1)))])
    assert f"name the folder that holds it: {tmp_path}\n" in capsys.readouterr().err


def test_a_taken_port_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and no traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code = invoke(["serve-metrics", str(tmp_path), "--port", str(port)])
    said = capsys.readouterr().err

    assert (2, 1) == (code, said.count("\n"))
    assert said.startswith(f"bench: --port {port} at 127.0.0.1: Address already in use")
