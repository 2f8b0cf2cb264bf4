"""Spoilt streams through the readers of the four protocols for as long as told; the tests run a short part of it.

    python benchmarks/fuzz.py --minutes 60

Not guided by coverage: the mutations start from whole streams of each protocol. Result: benchmarks/results/fuzz.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.runners.test_fuzzed_streams import READERS, TRANSCRIPTS, holds, mutated, response_to  # noqa: E402 - after the path


def main(minutes: float, seed: int) -> dict[str, Any]:
    """Feed streams until the time is over; return what was found."""
    draw = random.Random(seed)
    until = time.monotonic() + 60 * minutes
    streams = {
        name: [path.read_bytes() for path in sorted(TRANSCRIPTS.glob(f"{name}*.sse"))] for name in READERS
    }
    fed, slowest_s, failures, kinds = 0, 0.0, [], {}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    while time.monotonic() < until and len(failures) < 20:
        reader = draw.choice(list(READERS))
        data = mutated(draw.choice(streams[reader]), draw)
        began = time.perf_counter()
        try:
            response = response_to(reader, data, draw)
            holds(response)
            kind = response.failure.kind if response.failure else "answer"
            kinds[kind] = kinds.get(kind, 0) + 1
        except Exception as exc:  # noqa: BLE001 - what is looked for
            failures.append(
                {
                    "reader": reader,
                    "error": f"{type(exc).__name__}: {exc}"[:300],
                    "stream": repr(data)[:2_000],
                }
            )
        slowest_s = max(slowest_s, time.perf_counter() - began)
        fed += 1
    return {
        "benchmark": "fuzz",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "minutes": minutes,
        "seed": seed,
        "streams": fed,
        "ended_as": dict(sorted(kinds.items())),
        "slowest_s": round(slowest_s, 3),
        "peak_rss_growth_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3, 1),
        "failures": failures,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "fuzz.json")
    given = parser.parse_args()
    found = main(given.minutes, given.seed)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))
    sys.exit(1 if found["failures"] else 0)
