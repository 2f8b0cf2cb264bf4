"""Audit the built-in ladders: ``python -m benchmarks.ladders [category/name …] [--items 10000] [--jobs 2]``.

For each ladder: the second solver's answer for so many items (or all that exist on easy rungs), spread over the rungs,
and the share right of five bounded solvers by rung, for two seeds. Writes benchmarks/results/ladders.json, one entry
a ladder; a ladder that is audited again replaces its entry.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from tests.tasks.ladders.audit import EASY, HARD, AmbiguousError, audited, ladder_names

RESULT = Path(__file__).parent / "results" / "ladders.json"
CURVE_ITEMS = 60
SEEDS = (1, 2027)


def audit_rung(name: str, number: int, items: int) -> dict[str, Any]:
    """Return the counts of one rung."""
    checked = audited(name)
    rows = checked.ladder.rows(seed=SEEDS[1], rungs=[number], per_rung=items)
    found: Counter[str] = Counter()
    for row in rows:
        try:
            found["agreed" if checked.is_right(row, checked.solve(row)) else "differed"] += 1
        except AmbiguousError:
            found["ambiguous"] += 1
    for_curves = [checked.ladder.rows(seed=seed, rungs=[number], per_rung=CURVE_ITEMS) for seed in SEEDS]
    curves = {
        solver: [round(checked.share_right(answer, drawn), 3) for drawn in for_curves]
        for solver, answer in checked.bounded.items()
    }
    return {
        "rung": number,
        "complexity": checked.ladder.rungs[number - 1].complexity,
        "items": len(rows),
        "agreed": found["agreed"],
        "differed": found["differed"],
        "ambiguous": found["ambiguous"],
        "share_right_by_seed": curves,
    }


def audit(name: str, items: int, jobs: int) -> dict[str, Any]:
    """Return the audit of one ladder."""
    checked = audited(name)
    count = len(checked.ladder.rungs)
    with ProcessPoolExecutor(jobs) as pool:
        rungs = list(pool.map(audit_rung, [name] * count, range(1, count + 1), [-(-items // count)] * count))
    first, last = rungs[0]["share_right_by_seed"], rungs[-1]["share_right_by_seed"]
    return {
        "measure": checked.ladder.measure,
        "items": sum(rung["items"] for rung in rungs),
        "agreed": sum(rung["agreed"] for rung in rungs),
        "has_no_floor_and_no_ceiling": all(
            min(first[solver]) > EASY and max(last[solver]) < HARD for solver in checked.bounded
        ),
        "rungs": rungs,
    }


def main() -> None:
    """Audit and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for name in options.names or ladder_names():
        results[name] = audit(name, options.items, options.jobs)
        RESULT.write_text(json.dumps(dict(sorted(results.items())), indent=1) + "\n")
        entry = results[name]
        print(
            f"{name}: {entry['agreed']} of {entry['items']} agreed; no floor, no ceiling: {entry['has_no_floor_and_no_ceiling']}"
        )


if __name__ == "__main__":
    main()
