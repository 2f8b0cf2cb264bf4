"""How long the bootstrap of one gap takes: 10,000 resamples over 5,000 pairs with partial credit; the target is 1 s."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from gapbench.stats import paired_difference

PAIRS, RESAMPLES, REPEATS, TARGET_S = 5_000, 10_000, 5, 1.0


def main() -> None:
    """Time it and keep the result."""
    rng = np.random.default_rng(1)
    cases = {
        "partial credit, every pair alone": (rng.random(PAIRS), rng.random(PAIRS), np.arange(PAIRS)),
        "partial credit, clusters of 5": (rng.random(PAIRS), rng.random(PAIRS), np.arange(PAIRS) // 5),
        "right or wrong": (
            (rng.random(PAIRS) < 0.8).astype(float),
            (rng.random(PAIRS) < 0.75).astype(float),
            np.arange(PAIRS),
        ),
    }
    found: dict[str, dict[str, float]] = {}
    for name, (first, second, clusters) in cases.items():
        walls, cpus = [], []
        for _ in range(REPEATS):
            wall, cpu = time.perf_counter(), time.process_time()
            paired_difference(first, second, clusters, resamples=RESAMPLES)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        found[name] = {
            "wall_s": round(statistics.median(walls), 3),
            "cpu_s": round(statistics.median(cpus), 3),
        }
        print(f"{name}: {found[name]}")
    result = {
        "benchmark": "bootstrap",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "pairs": PAIRS,
        "resamples": RESAMPLES,
        "target_s": TARGET_S,
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count()},
        "cases": found,
    }
    path = Path(__file__).parent / "results" / "bootstrap.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(path.name)


if __name__ == "__main__":
    main()
