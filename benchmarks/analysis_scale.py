"""How long `bench report`, `bench gap` and `gb.read` take on large runs, and how much memory: wall and CPU seconds, peak RSS.

    python benchmarks/analysis_scale.py                            a million attempt rows
    python benchmarks/analysis_scale.py --rows 10000000            ten million
    python benchmarks/analysis_scale.py --rows 100000000 --runs 4 --only gap --repeats 1
    python benchmarks/analysis_scale.py --rows 2000 --repeats 9 --against OTHER     beside another checkout, in turn
    python benchmarks/analysis_scale.py --only read attempts       from Python alone, with a result file of its own
    python benchmarks/analysis_scale.py --rows 20000 --out -       a quick look

The rows are those of `benchmarks/make_rows.py`, which says what they look like. Each command runs as a user runs it, in a
process of its own, the start of Python and the imports included. Rows are read from the page cache where they fit.
Targets on two cores: ten million rows, `bench gap` in 8 s and 2 GiB, `bench report` in 12 s; a hundred million, `bench gap` in
90 s and 4 GiB. A machine that others use takes longer: compare CPU seconds, and look at `load_average_1_min`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from make_rows import CHUNKS, PART_ROWS, make_runs

MEASURED = {
    "gap": ["-m", "gapbench.cli", "gap"],
    "report": ["-m", "gapbench.cli", "report"],
    "read": ["-c", "import sys, gapbench as gb; gb.read(sys.argv[1:]).gap()"],
    "attempts": ["-c", "import sys, gapbench as gb; gb.read(sys.argv[1:]).attempts()"],
}
"""Arguments of Python, before the runs. ``attempts`` is the frame of all rows with the columns that tables use."""
TARGETS = {
    10_000_000: {"gap": {"wall_s": 8.0, "peak_rss_gib": 2.0}, "report": {"wall_s": 12.0}},
    100_000_000: {"gap": {"wall_s": 90.0, "peak_rss_gib": 4.0}},
}


def timed(arguments: list[str], tree: Path | None = None) -> dict[str, Any]:
    """Run Python with arguments in a process of its own and return its times and peak memory.

    Args:
        arguments: Arguments of Python.
        tree: A checkout whose code runs. None: this one.
    """
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        if tree is not None:
            os.environ["PYTHONPATH"] = os.pathsep.join(str(tree / name) for name in ("harness", "runners"))
        os.execv(sys.executable, [sys.executable, *arguments])
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"python {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    scale = 1024 if sys.platform != "darwin" else 1
    return {
        "wall_s": round(time.perf_counter() - began, 2),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_rss_gib": round(usage.ru_maxrss * scale / 2**30, 2),
    }


def median(taken: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the measurement with the median CPU time."""
    return sorted(taken, key=lambda one: one["cpu_s"])[len(taken) // 2]


def main() -> None:
    """Make the runs, time the commands, keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1, help="spread over so many runs")
    parser.add_argument("--repeats", type=int, default=3, help="the median is kept")
    parser.add_argument(
        "--folder", type=Path, help="where the runs are made, and kept  [default: a temporary folder]"
    )
    parser.add_argument("--against", type=Path, help="another checkout, measured in turn with this one")
    parser.add_argument(
        "--against-folder", type=Path, help="the same runs for it, if it cannot read those of this checkout"
    )
    parser.add_argument(
        "--only", nargs="+", choices=MEASURED, help="measure only these, with a result file of their own"
    )
    parser.add_argument("--out", default="", help="a JSON file; -: print only")
    options = parser.parse_args()
    place = options.folder or Path(tempfile.mkdtemp(prefix="gapbench-scale-"))
    try:
        runs = [str(run) for run in make_runs(place, options.rows, options.runs)]
        measure(options, runs)
    finally:
        if options.folder is None:
            shutil.rmtree(place)


def measure(options: argparse.Namespace, runs: list[str]) -> None:
    """Time the commands on runs and write the result."""
    found: dict[str, Any] = {}
    before: dict[str, Any] = {}
    load_before = os.getloadavg()[0]
    for name in options.only or MEASURED:
        taken: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = []
        for _ in range(options.repeats):
            taken.append(timed([*MEASURED[name], *runs]))
            if options.against:
                theirs = options.against_folder
                for_it = runs if theirs is None else [str(theirs / Path(run).name) for run in runs]
                others.append(timed([*MEASURED[name], *for_it], options.against))
        found[name] = median(taken)
        if others:
            before[name] = median(others)
            before[name]["cpu_ratio"] = round(found[name]["cpu_s"] / before[name]["cpu_s"], 3)
        print(f"{name}: {found[name]} {before.get(name, '')}", flush=True)
    result = {
        "benchmark": "analysis_scale",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": options.rows,
        "runs": options.runs,
        "part_rows": PART_ROWS,
        "chunks_per_row": CHUNKS,
        "repeats": options.repeats,
        "machine": {
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "load_average_1_min": [round(load_before, 1), round(os.getloadavg()[0], 1)],
        },
        "target": TARGETS.get(options.rows),
        "commands": found,
        **({"before": before} if before else {}),
    }
    if options.out != "-":
        name = "_".join(["analysis_scale", str(options.rows), *(options.only or ())])
        path = Path(options.out or Path(__file__).parent / "results" / f"{name}.json")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(result, indent=2) + "\n")
        print(path)


if __name__ == "__main__":
    main()
