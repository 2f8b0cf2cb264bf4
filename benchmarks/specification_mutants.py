"""Do the hidden tests of coding/specification find misreadings? ``python -m benchmarks.specification_mutants``.

For each item of samples.jsonl: every rule and exception left out, every rule put back in its place, every number one more and
one less, up to 30 of them. Writes benchmarks/results/specification_mutants.json: by rung, how many there are and how many pass, and the fewest
that fail for one item. A number that only the exact sum of earlier amounts can touch often passes; a left-out rule hardly ever.
"""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from tests.tasks.ladders.audit import audited
from tests.tasks.ladders.coding_specification import function_of, is_right
from tests.tasks.specification_mutants import mutants

RESULT = Path(__file__).parent / "results" / "specification_mutants.json"
MOST_OF_AN_ITEM = 30


def examine(number: int) -> dict[str, Any]:
    """Return the counts of one rung."""
    tried: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    fewest = 10**9
    for row in audited("coding/specification").ladder.rows(rungs=[number]):
        found = list(mutants(row["question"]))
        found = found[:: -(-len(found) // MOST_OF_AN_ITEM)]
        failed = 0
        for label, text in found:
            kind = "number" if " for " in label or "one more" in label else "left out"
            tried[kind] += 1
            is_missed = is_right(row, function_of(text))
            passed[kind] += is_missed
            failed += not is_missed
        fewest = min(fewest, failed)
    return {"rung": number, "tried": dict(tried), "passed": dict(passed), "fewest_failing_of_an_item": fewest}


def main() -> None:
    """Examine all rungs and write the result."""
    count = len(audited("coding/specification").ladder.rungs)
    with ProcessPoolExecutor(2) as pool:
        rungs = list(pool.map(examine, range(1, count + 1)))
    RESULT.write_text(json.dumps(rungs, indent=1) + "\n")
    for rung in rungs:
        print(rung)


if __name__ == "__main__":
    main()
