"""A run that is killed goes on where it was: one final row for each planned request, none sent twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from gapbench.store import read_attempts, read_manifest
from tests.two_models import write_suite

ROOT = Path(__file__).parents[1]


def bench(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gapbench.cli", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def asked(run: Path) -> list[dict[str, object]]:
    """Return what the simulated providers were asked, by their own logs."""
    return [
        json.loads(line)
        for log in sorted(run.glob("logs/*/times.jsonl"))
        for line in log.read_text().splitlines()
    ]


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_the_quickstart_killed_half_way_and_resumed(tmp_path: Path, signal_number: int) -> None:
    """5 models x (6 + 20 + 20) requests, killed in the third model's cells."""
    options = ("--limit", "20", "--yes")
    process = bench(tmp_path, "run", str(ROOT / "tasks/suites/quickstart.yaml"), *options)
    assert process.stdout is not None
    for line in process.stdout:
        # The third model is opened: two models' rows are finished, the rest is not.
        if line.startswith("sim-closed-a: opening"):
            process.send_signal(signal_number)
            break
    rest = process.stdout.read()
    code = process.wait()
    process.stdout.close()
    run = next((tmp_path / "results").iterdir())
    before = read_attempts([run])
    finished = set(zip(before[before["final"]]["cell_id"], before[before["final"]]["sample_id"], strict=True))

    assert (-signal.SIGKILL if signal_number == signal.SIGKILL else 130) == code
    assert len(finished) >= 2 * 3 * 20
    if signal_number == signal.SIGINT:
        assert f"bench run --resume {run.name}" in rest
    answered = sum(1 for entry in asked(run) if entry["fault"] is None)

    process = bench(tmp_path, "run", "--resume", run.name, "--yes")
    output, _ = process.communicate()
    assert 0 == process.returncode, output

    after = read_attempts([run])
    finals = after[after["final"]]
    planned = sum(cell.planned for cell in read_manifest(run).cells)
    assert 5 * 3 * 20 == planned == len(finals)
    assert not finals.duplicated(["cell_id", "sample_id", "repeat"]).any()
    # What was finished before is there unchanged, and no provider was asked for it again.
    kept = after.merge(before[["cell_id", "sample_id", "attempt"]], on=["cell_id", "sample_id", "attempt"])
    assert len(before) == len(kept)
    again = sum(1 for entry in asked(run) if entry["fault"] is None) - answered
    assert planned - len(finished) <= again + 16
    assert again <= planned - len(finished)
    assert not [path.name for path in run.glob("journal-*")]
    assert isinstance(after, pd.DataFrame)


@pytest.mark.parametrize(("before", "code"), [([], 130), (["nohup"], 0)])
def test_a_terminal_that_goes_stops_a_run_as_sigterm_does(
    tmp_path: Path, before: list[str], code: int
) -> None:
    """In good order and resumable, with the words that it was begun with; with nohup the run goes on."""
    write_suite(tmp_path)
    command = [*before, sys.executable, "-m", "gapbench.cli", "run", "suite.yaml", "--yes", "--allow-code"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        next(line for line in process.stdout if line.startswith("closed: opening"))
        process.send_signal(signal.SIGHUP)
        rest = process.stdout.read()

    (run,) = (tmp_path / "results").iterdir()
    assert (code, code == 130) == (process.returncode, f"bench run --resume {run.name} --allow-code" in rest)
