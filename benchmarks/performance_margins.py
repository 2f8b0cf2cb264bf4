"""How far are the fast and the direct solutions of coding/performance from the limit? ``python -m benchmarks.performance_margins``.

For each kind of problem, in CPU seconds: the reference on the large input, and the direct solution on two smaller inputs, carried
on to the large one by the growth between them. The limit is the CPU time that the scorer grants.
Writes benchmarks/results/performance_margins.json.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.tasks.ladders.audit import audited
from tests.tasks.ladders.coding_performance import defined, definition, name_of, small_tests

RESULT = Path(__file__).parent / "results" / "performance_margins.json"
LIMIT_S = 5.0
SIZES = (300, 1200)
DIRECT_RUNGS = 2


def cpu_s(call: Callable[[], Any]) -> float:
    """Return the CPU seconds of a call."""
    began = time.process_time()
    call()
    return max(time.process_time() - began, 1e-6)


def measure(row: dict[str, Any]) -> dict[str, Any]:
    """Return the times of one problem."""
    name = name_of(row)
    size = int(row["test"].rpartition("make_input(")[2].split(",")[0])
    make = defined(small_tests(row)[0])["make_input"]
    fast, direct = defined(row["answer"])[name], defined(definition(row))[name]
    large = make(size, 3, True)
    reference_s = cpu_s(partial(fast, *large))
    few, many = (cpu_s(partial(direct, *make(n, 3, True))) for n in SIZES)
    growth = math.log(many / few) / math.log(SIZES[1] / SIZES[0])
    direct_s = many * (size / SIZES[1]) ** growth
    return {
        "kind": name,
        "rung": row["rung"],
        "size": size,
        "reference_s": round(reference_s, 3),
        "direct_s": float(f"{direct_s:.3g}"),
        "limit_over_reference": round(LIMIT_S / reference_s, 1),
        "direct_over_limit": float(f"{direct_s / LIMIT_S:.3g}"),
    }


def main() -> None:
    """Measure every kind once and write the result."""
    rows = audited("coding/performance").ladder.rows(per_rung=8)
    kinds = {name_of(row): row for row in rows}
    found = [measure(row) for row in kinds.values()]
    result = {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "limit_s": LIMIT_S,
        "kinds": found,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    for one in found:
        print(one)


if __name__ == "__main__":
    main()
