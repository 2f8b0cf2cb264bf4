"""How much faster do programs run at once than one after another?

``python benchmarks/sandbox_speed.py`` runs 200 programs of a model's kind in the sandbox one after another and then with one
worker for each core, alternating in rounds, and writes benchmarks/results/sandbox_speed.json. To hold: 1.7 times on
two cores, 4 times on four and more. Run it on a quiet machine; ``--programs 20 --rounds 1`` checks that it works.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from gapbench.sandbox import Sandbox, SandboxJob

HERE = Path(__file__).parent
# Sorting and counting for some twenty milliseconds, as a solution of a hidden test's size does.
PROGRAM = """
def solve(seed):
    values = [(seed * 7919 + n * n) % 10007 for n in range(20000)]
    counts = {}
    for value in sorted(values):
        counts[value % 97] = counts.get(value % 97, 0) + value
    return sum(counts.values())
"""


def jobs(count: int) -> list[SandboxJob]:
    """Return programs, each with a test of its own."""
    space: dict[str, object] = {}
    exec(PROGRAM, space)
    solve = space["solve"]
    assert callable(solve)
    return [
        SandboxJob((PROGRAM,), f"assert solve({seed}) == {solve(seed)}", "solve") for seed in range(count)
    ]


def timed(sandbox: Sandbox, todo: list[SandboxJob], workers: int) -> float:
    """Return the seconds that all jobs take; each must pass."""
    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        states = [verdict.state for verdict in pool.map(sandbox.run, todo)]
    wall_s = time.perf_counter() - began
    assert states == ["passed"] * len(todo), states
    return wall_s


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "sandbox_speed.json")
    given = parser.parse_args()
    level = Sandbox.find().level
    sandbox, todo = Sandbox.find(), jobs(given.programs)
    timed(sandbox, todo[: given.workers], given.workers)  # warms the file cache
    alone: list[float] = []
    together: list[float] = []
    for _ in range(given.rounds):
        alone.append(timed(sandbox, todo, 1))
        together.append(timed(sandbox, todo, given.workers))
        print(f"one after another {alone[-1]:.2f} s, {given.workers} at once {together[-1]:.2f} s")
    speedup = statistics.median(alone) / statistics.median(together)
    result = {
        "measured_at": datetime.now(UTC).date().isoformat(),
        "machine": {"platform": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
        "load_average_1min_at_end": round(os.getloadavg()[0], 2),
        "level": level,
        "programs": given.programs,
        "workers": given.workers,
        "one_after_another_s": [round(wall_s, 3) for wall_s in alone],
        "at_once_s": [round(wall_s, 3) for wall_s in together],
        "speedup_of_medians": round(speedup, 2),
        "ms_per_program_alone": round(statistics.median(alone) / given.programs * 1000, 1),
    }  # fmt: skip
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{speedup:.2f} times as fast with {given.workers} workers; {given.out.name}")


if __name__ == "__main__":
    main()
