"""Whether `bench calibrate` says the same on every try, and what each load costs: medians over several calibrations.

    python benchmarks/load_calibrate.py                   five calibrations up to 400 streams, about four minutes
    python benchmarks/load_calibrate.py --times 1 --levels 10,50 --duration 3 --out -      a quick look

The calibration's truth is the simulated server's own log. That this truth is one can be checked against a server that
shares no code with it: benchmarks/truth_server.c (see the throughput benchmarks).
"""

from __future__ import annotations

import argparse
import json
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.calibration import FIGURES, Calibration, calibrate
from harness.commands.loop import on_loop
from harness.manifest import machine


def median_level(found: list[Calibration], place: int) -> dict[str, Any]:
    """Return the medians of one level over the calibrations that reached it."""
    levels = [one.levels[place] for one in found if len(one.levels) > place]
    row: dict[str, Any] = {
        "streams": levels[0].streams,
        "calibrations": len(levels),
        "workers": levels[0].workers,
        "cpu_cores": round(statistics.median(level.cpu_cores for level in levels), 3),
        "server_late": round(statistics.median(level.server_late for level in levels), 4),
    }
    for figure, name in enumerate(FIGURES):
        for share in ("p50", "p99"):
            each = [getattr(level.errors[figure], share) for level in levels]
            row[f"{name}_{share}_error"] = round(statistics.median(each), 5)
            row[f"{name}_{share}_worst"] = round(max(each, key=abs), 5)
    return row


def main() -> None:
    """Calibrate several times and write the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--levels", default="10,50,100,200,400")
    parser.add_argument("--duration", type=float, default=6.0)
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "load_calibrate.json"))
    options = parser.parse_args()
    streams = [int(part) for part in options.levels.split(",")]
    found = [on_loop(calibrate(streams, duration_s=options.duration)) for _ in range(options.times)]
    result = {
        "levels": [median_level(found, place) for place in range(max(len(one.levels) for one in found))],
        "trusted_streams": [one.trusted_streams for one in found],
        "bound_by_server": [one.is_bound_by_server for one in found],
        "duration_s": options.duration,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
    }
    text = json.dumps(result, indent=1) + "\n"
    print(text, end="")
    if options.out != "-":
        Path(options.out).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
