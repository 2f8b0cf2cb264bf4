"""The demo on this machine: how long it takes, how late its event loop is, and which cells it calls invalid.

The demo runs client and simulated servers on one machine, so it is the hardest place for the client to be on time. With two
checkouts, they take turns.

    .venv/bin/python benchmarks/demo.py .                    three runs of this checkout, four minutes
    .venv/bin/python benchmarks/demo.py BEFORE AFTER --times 2

Must-show of the decision issue: on two cores, `make demo` ends within 75 s and says nowhere that its times are invalid.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from first_run import Checkout
from truth import write

from gapbench.analysis.frames import load_runs
from gapbench.analysis.performance.client_limits import client_limits

SUITE = Path(__file__).parents[1] / "tasks/suites/quickstart.yaml"


def run_demo(checkout: Checkout) -> dict[str, Any]:
    """Run the demo once and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "quickstart.yaml"
        suite.write_text(SUITE.read_text(encoding="utf-8"), encoding="utf-8")
        wall_s, cpu_s = checkout.run(suite)
        (run,) = Path(folder).glob("results-*/*/")
        runs = load_runs([run])
        cells = {f"{cell.model_id} {cell.task}": cell.lag_p99_s for _, cell in runs.cells}
        return {
            "wall_s": round(wall_s, 1),
            "cpu_s": round(cpu_s, 1),
            "lag_p99_ms": {name: round(lag_s * 1e3, 1) for name, lag_s in cells.items() if lag_s is not None},
            "invalid": sorted(cell for _, cell in client_limits(runs)),
        }


def main() -> None:
    """Run each checkout in turn and keep the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkouts", type=Checkout.of, nargs="+")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--name", default="demo")
    given = parser.parse_args()
    found: list[list[dict[str, Any]]] = [[] for _ in given.checkouts]
    for _ in range(given.times):
        for place, checkout in enumerate(given.checkouts):
            found[place].append(run_demo(checkout))
    write(
        given.name,
        {
            "checkouts": [
                {
                    "commit": checkout.commit(),
                    "median_wall_s": statistics.median(run["wall_s"] for run in runs),
                    "worst_lag_p99_ms": max(max(run["lag_p99_ms"].values()) for run in runs),
                    "invalid_cells": [len(run["invalid"]) for run in runs],
                    "runs": runs,
                }
                for checkout, runs in zip(given.checkouts, found, strict=True)
            ]
        },
    )


if __name__ == "__main__":
    main()
