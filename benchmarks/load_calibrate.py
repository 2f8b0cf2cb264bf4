"""Whether `bench calibrate` says the same on every try, and what each load costs: medians over several calibrations.

    python benchmarks/load_calibrate.py                   five calibrations up to 400 streams, about four minutes
    python benchmarks/load_calibrate.py --times 1 --levels 10,50 --duration 3 --out -      a quick look

The calibration's truth is the simulated server's own log. ``--independent`` measures a server that shares no code with
it, benchmarks/truth_server.c, at the same loads through a whole `bench run`, and says by how many percentage points the
errors found there and by calibration differ. The target: at most 1, at the levels that calibration trusts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gapbench.execution.calibration import (
    FIRST_TOKEN_S,
    FIRST_TOKEN_SIGMA,
    GAP_S,
    MEAN_REPLY_S,
    METRICS,
    REPLY_TOKENS,
    WARMUP_S,
    Calibration,
    MetricDeviation,
    calibrate,
    measure_deviations,
)
from gapbench.execution.event_loop import run_on_event_loop
from gapbench.store import read_attempts
from gapbench.store.provenance import machine_info


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
    for figure, name in enumerate(METRICS):
        for share in ("p50", "p99"):
            each = [getattr(level.errors[figure], share) for level in levels]
            row[f"{name}_{share}_error"] = round(statistics.median(each), 5)
            row[f"{name}_{share}_worst"] = round(max(each, key=abs), 5)
    return row


def independent(streams: int, duration_s: float, seed: int) -> tuple[MetricDeviation, ...]:
    """Return the errors of one level against the C server."""
    from truth import ran, served, suite  # noqa: PLC0415 - wants a C compiler

    rate = streams / MEAN_REPLY_S
    load = {"rate_rps": rate, "duration_s": duration_s, "warmup_s": WARMUP_S, "salt": False}
    with tempfile.TemporaryDirectory() as folder:
        with served(
            "openai", REPLY_TOKENS, FIRST_TOKEN_S * 1e3, FIRST_TOKEN_SIGMA, GAP_S * 1e3, seed
        ) as server:
            samples = int(rate * duration_s * 1.5) + 60
            done = ran(suite(Path(folder), server.url, "openai", samples, load))
        rows = read_attempts([done.run])
    rows = rows[(rows["phase"] == "measure") & (rows["outcome"] != "infra") & (rows["repeat"] == 0)]
    return measure_deviations(rows, [server.replies[int(sample_id)] for sample_id in rows["sample_id"]])


def agreement(levels: list[dict[str, Any]], duration_s: float, times: int) -> list[dict[str, Any]]:
    """Return by how many percentage points the errors of both servers differ, level by level, medians each."""
    found = []
    for level in levels:
        each = [independent(level["streams"], duration_s, seed) for seed in range(times)]
        row: dict[str, Any] = {"streams": level["streams"]}
        for place, name in enumerate(METRICS):
            for share in ("p50", "p99"):
                error = statistics.median(getattr(errors[place], share) for errors in each)
                row[f"{name}_{share}_error"] = round(error, 5)
                row[f"{name}_{share}_points"] = round(100 * (error - level[f"{name}_{share}_error"]), 3)
        row["worst_points"] = max(abs(value) for key, value in row.items() if key.endswith("_points"))
        found.append(row)
    return found


def main() -> None:
    """Calibrate several times and write the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--levels", default="10,50,100,200,400")
    parser.add_argument("--duration", type=float, default=6.0)
    parser.add_argument("--independent", action="store_true", help="also measure the C server")
    parser.add_argument("--out", default=str(Path(__file__).parent / "results" / "load_calibrate.json"))
    options = parser.parse_args()
    streams = [int(part) for part in options.levels.split(",")]
    found = [run_on_event_loop(calibrate(streams, duration_s=options.duration)) for _ in range(options.times)]
    levels = [median_level(found, place) for place in range(max(len(one.levels) for one in found))]
    held = agreement(levels, options.duration, options.times) if options.independent else None
    result = {
        "levels": levels,
        "independent": held,
        "trusted_streams": [one.trusted_streams for one in found],
        "bound_by_server": [one.is_bound_by_server for one in found],
        "duration_s": options.duration,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine_info(),
    }
    text = json.dumps(result, indent=1) + "\n"
    print(text, end="")
    if options.out != "-":
        Path(options.out).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
