"""How many tokens a second `bench sim --lean` writes on its one core, and how late they are.

It must not be the limit of the checks that use it: at least 150,000 events a second. The client here only drains sockets,
in C (``benchmarks/drain.c``), so that the other core is not the limit. Run: ``.venv/bin/python benchmarks/sim_events.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from truth import compiled, median, write


def once(streams: int, seconds: float, gap_ms: float) -> dict[str, Any]:
    """Return what one stretch of ``streams`` open streams brought."""
    drain = compiled("drain")
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "gapbench_runners.sim_server",
            "--lean",
            "--port",
            "0",
            "--tokens",
            "100",
        ]
        command += ["--first-ms", "50", "--sigma", "0.3", "--gap-ms", str(gap_ms), "--log", f"{folder}/log"]
        server = subprocess.Popen(
            command,
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        assert server.stderr is not None
        port = server.stdout.readline().strip().rpartition(":")[2]
        subprocess.run([str(drain), port, str(streams), str(seconds)], check=True)
        server.send_signal(signal.SIGTERM)
        said = server.stderr.read().splitlines()[-1]
        server.wait()
        replies = [json.loads(line) for line in Path(f"{folder}/log").read_bytes().splitlines()]
    times = sorted(at_s for reply in replies for at_s in reply["write_s"])
    low, high = times[len(times) // 10], times[len(times) * 9 // 10]
    return {
        "events_per_s": 0.8 * len(times) / (high - low),
        "asked_per_s": streams * 1e3 / gap_ms,
        "said": said,
    }


def main() -> None:
    """Ask for rising rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[400, 1000, 1600, 2000])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--gap-ms", type=float, default=10.0)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--name", default="sim_events")
    given = parser.parse_args()
    levels = {}
    for streams in given.streams:
        runs = [once(streams, given.seconds, given.gap_ms) for _ in range(given.times)]
        levels[streams] = {
            "asked_per_s": runs[0]["asked_per_s"],
            "events_per_s": median([run["events_per_s"] for run in runs]),
            "said": [run["said"] for run in runs],
        }
    write(given.name, {"gap_ms": given.gap_ms, "levels": levels})


if __name__ == "__main__":
    main()
