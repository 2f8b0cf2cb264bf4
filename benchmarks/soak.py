"""A soak: many streams for minutes on end; memory and descriptors must not grow.

    python benchmarks/soak.py --minutes 30 --streams 300

Watched are the run's own process and each of its workers. The slope is that of the lowest resident memory within each part
over the run's requests, after the first fifth; the largest of the processes counts. Result: benchmarks/results/soak.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from gapbench.store import read_attempts, read_manifest, runs_in  # noqa: E402 - after the path
from gapbench.store.writer import PART_ROWS  # noqa: E402 - after the path

MOST_RPS = 420
"""More than 300 streams can ask of a provider that takes over 0.7 s: so many requests are planned that the time ends first."""

SUITE = """\
name: soak
models:
  - {{id: a, runner: sim, weights: open, sim: {{protocol: openai, skill: 0.6, ttft_s: 0.7, gap_s: 0.02, faults: {{server_error: 0.01, cut: 0.01}}}}}}
tasks:
  - {{name: sums, category: reasoning, data: q.jsonl, id: "{{id}}", prompt: "{{question}}", target: "{{answer}}", scorer: numeric}}
loads: [{{concurrency: {streams}}}]
params: {{max_tokens: 64}}
repeats: {repeats}
"""


def _floors(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the lowest memory within each part's worth of requests: a part's rows are held until it is closed."""
    windows = (samples[:, 0] // PART_ROWS).astype(int)
    lowest = [part[part[:, 1].argmin()] for w in np.unique(windows) if len(part := samples[windows == w])]
    return np.array(lowest)


def _watched(client: psutil.Process) -> Iterator[tuple[str, psutil.Process]]:
    """Yield the run's process and its workers; the simulated provider is none of ours."""
    yield "run", client
    workers = [child for child in client.children() if "gapbench.execution.workers.worker" in child.cmdline()]
    for number, worker in enumerate(workers):
        yield f"worker {number}", worker


def _lines(log: Path) -> int:
    with log.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))


def _figures(samples: list[tuple[int, int, int]]) -> dict[str, Any]:
    """Return what one process's memory and descriptors did after the first fifth."""
    kept = np.array(samples[len(samples) // 5 :], dtype=float)
    floors = _floors(kept)
    slope = float(np.polyfit(floors[:, 0], floors[:, 1], 1)[0]) if len(floors) > 2 else None
    return {
        "rss_first_mb": round(kept[0, 1] / 1e6, 1),
        "rss_last_mb": round(kept[-1, 1] / 1e6, 1),
        "mb_per_10000_requests": None if slope is None else round(slope * 10_000 / 1e6, 3),
        "descriptors_first": int(kept[0, 2]),
        "descriptors_last": int(kept[-1, 2]),
    }


def main(minutes: float, streams: int) -> dict[str, Any]:
    """Run for so long, sampling the client; return what was found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "q.jsonl").open("w") as file:
            for n in range(2_000):
                file.write(
                    json.dumps({"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1}) + "\n"
                )
        (folder / "suite.yaml").write_text(
            SUITE.format(streams=streams, repeats=max(1, int(MOST_RPS * 60 * minutes / 2_000)))
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "gapbench.cli", "run", "suite.yaml", "--yes", "--quiet"],
            cwd=folder,
            env=dict(os.environ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        client = psutil.Process(process.pid)
        until = time.monotonic() + 60 * minutes
        samples: dict[str, list[tuple[int, int, int]]] = {}
        while time.monotonic() < until and process.poll() is None:
            time.sleep(max(0.5, minutes * 60 / 400))
            log = next(folder.glob("results/*/logs/*/times.jsonl"), None)
            if log is None or process.poll() is not None:
                continue
            done = _lines(log)
            with contextlib.suppress(psutil.NoSuchProcess):
                for process_name, watched in _watched(client):
                    seen = (done, watched.memory_info().rss, watched.num_fds())
                    samples.setdefault(process_name, []).append(seen)
        process.terminate()
        code = process.wait(120)
        run = next(runs_in(folder / "results"))
        rows = read_attempts([run], ["final", "outcome"])
        return {
            "benchmark": "soak",
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
            "minutes": minutes,
            "streams": streams,
            "exit_code": code,
            "state": read_manifest(run).state,
            "rows": len(rows),
            "final_rows": int(rows["final"].sum()),
            "processes": {name: _figures(seen) for name, seen in samples.items()},
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "soak.json")
    given = parser.parse_args()
    found = main(given.minutes, given.streams)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    sys.exit(
        0
        if all(
            watched["mb_per_10000_requests"] is not None
            and watched["mb_per_10000_requests"] < 1.0
            and watched["descriptors_last"] <= watched["descriptors_first"] + 10
            for watched in found["processes"].values()
        )
        else 1
    )
