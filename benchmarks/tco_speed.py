"""How long `bench tco` computes: 200 volumes, 10,000 Monte Carlo draws, wall seconds in a process of its own.

    python benchmarks/tco_speed.py                    with and without autoscaling; the target is 3 s
    python benchmarks/tco_speed.py --draws 500 --out -

The scenario is the default one with every range in it; start-up of Python and imports come on top.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

from gapbench.analysis.economics.scenario_inputs import build_scenario
from gapbench.analysis.economics.tco import GRID, tco
from gapbench.suite.tco_fields import DemandDocument, TcoDocument

TARGET_S = 3.0
DAY = date(2026, 11, 24)


def timed(*, autoscale: bool, draws: int) -> dict[str, float]:
    """Return wall and processor seconds of one whole answer, and what it found."""
    asked = build_scenario(TcoDocument(demand=DemandDocument(autoscale=autoscale)), at=DAY)
    wall, cpu = time.perf_counter(), time.process_time()
    answer = tco(asked, 2_000.0, draws=draws)
    found = answer.break_evens["closed"].last_mtok
    return {
        "wall_s": round(time.perf_counter() - wall, 3),
        "cpu_s": round(time.process_time() - cpu, 3),
        "volumes": GRID,
        "draws": draws,
        "break_even_mtok": -1.0 if found is None else found,
    }


def main() -> None:
    """Time both kinds of demand and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", default="benchmarks/results/tco_speed.json", help="-: print only")
    options = parser.parse_args()
    result = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "target_s": TARGET_S,
        "fixed": [timed(autoscale=False, draws=options.draws) for _ in range(options.repeats)],
        "autoscaled": [timed(autoscale=True, draws=options.draws) for _ in range(options.repeats)],
    }
    worst = max(run["wall_s"] for kind in ("fixed", "autoscaled") for run in result[kind])
    result["worst_s"], result["met"] = worst, worst <= TARGET_S
    text = json.dumps(result, indent=2)
    print(text)
    if options.out != "-":
        Path(options.out).write_text(text + "\n", encoding="utf-8")
    sys.exit(0 if result["met"] else 1)


if __name__ == "__main__":
    main()
