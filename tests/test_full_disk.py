"""A disk that is full ends a run with a clear word, and the run goes on once there is room."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gapbench.store import read_attempts, read_manifest
from gapbench.store.verify import verify_run

ROOT = Path(__file__).parents[1]
SUITE = """\
name: mine
models:
  - {id: open, runner: sim, weights: open, sim: {protocol: openai, skill: 0.5, ttft_s: 0.001, gap_s: 0}}
tasks:
  - {name: sums, category: reasoning, data: q.jsonl, id: "{id}", prompt: "{question}", target: "{answer}", scorer: numeric}
loads: [LOAD]
params: {max_tokens: 64}
"""
ROOM_BYTES = 60_000
"""Of a file: the journal of 60 requests needs more, the server's own files less."""


def bench(folder: Path, *arguments: str, room_bytes: int | None = None) -> subprocess.CompletedProcess[str]:
    def limited() -> None:
        if room_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, room_bytes))

    return subprocess.run(
        [sys.executable, "-m", "gapbench.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
        timeout=120,
        # Coverage of child processes would write its own files to the full disk, and Python 3.11 cut files of bytecode.
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        | {"PYTHONDONTWRITEBYTECODE": "1"},
    )


@pytest.mark.parametrize(
    ("load", "in_flight"),
    [
        ("{concurrency: 2}", 2),
        ("{concurrency: 8, workers: 2}", 8),
        ("{rate_rps: 400, arrivals: constant, duration_s: 0.15}", 60),
    ],
)
def test_a_full_disk_is_said_and_the_run_goes_on_later(tmp_path: Path, load: str, in_flight: int) -> None:
    """The kernel refuses bytes in the middle of the journal; with room every request has one final row."""
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(60)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "suite.yaml").write_text(SUITE.replace("LOAD", load))
    ended = bench(tmp_path, "run", "suite.yaml", "--yes", "--quiet", "--out", "disk", room_bytes=ROOM_BYTES)
    run = next((tmp_path / "disk").iterdir())
    kept = len(read_attempts([run]))

    assert 1 == ended.returncode, ended.stderr
    assert "finished requests are kept; free up disk space and continue with --resume" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert 1 == ended.stderr.count("bench: ")
    assert 5 < kept < 60
    again = bench(tmp_path, "run", "--resume", ended.stderr.split("--resume ")[1].strip(), "--yes", "--quiet")
    assert 0 == again.returncode, again.stderr
    after = read_attempts([run])
    assert 60 == after["final"].sum() == after["sample_id"].nunique()
    assert len(after) <= 60 + in_flight  # the rows that the disk refused were in flight
    assert "complete" == read_manifest(run).state
    assert [] == verify_run(run)


def test_an_image_that_the_disk_refuses_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    """Larger than what may be written: one line, no request; with room the run goes on."""
    noise = random.Random(7).randbytes(2 * ROOM_BYTES)
    (tmp_path / "noise.png").write_bytes(b"\x89PNG\r\n\x1a\n" + noise)
    (tmp_path / "q.jsonl").write_text(
        json.dumps({"id": "q", "question": "What is 1 + 1?", "answer": 2, "image": "noise.png"}) + "\n"
    )
    suite = SUITE.replace("LOAD", "{concurrency: 2}").replace("scorer:", 'images: ["{image}"], scorer:')
    (tmp_path / "suite.yaml").write_text(suite)
    ended = bench(tmp_path, "run", "suite.yaml", "--yes", "--quiet", room_bytes=ROOM_BYTES)
    run = next((tmp_path / "results").iterdir())

    assert 1 == ended.returncode, ended.stderr
    assert "free up disk space and continue with --resume" in ended.stderr
    assert 1 == ended.stderr.count("bench: ")
    assert 0 == len(read_attempts([run]))
    again = bench(tmp_path, "run", "--resume", run.name, "--yes", "--quiet")
    assert 0 == again.returncode, again.stderr
    assert [] == verify_run(run)
