"""Whether our scores of reasoning-gym equal those of the package itself, and which right answers score below 1.

    python benchmarks/reasoning_gym_scores.py              30 generators, 50 items, 3 answers each: 4,500 comparisons
    python benchmarks/reasoning_gym_scores.py --items 5    a quick look
    python benchmarks/reasoning_gym_scores.py --all        all generators, with the items of their default configuration
    python benchmarks/reasoning_gym_scores.py --generator maze    one again; its entry replaces the one in the result file

Each item gets its right answer, an empty one and the right one damaged. Ours are scored through the scorer and the
sandbox, the package's in a process of its own, with its ``score_answer`` as it is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from truth import write

from gapbench.scoring.registry import make_scorer
from gapbench.suite.reasoning_gym.conversion import write_answer
from gapbench.suite.reasoning_gym.package import describe_package
from tests.reasoning_gym import GENERATORS, make_questions, make_task, package_scores


def compare(generator: str, items: int) -> dict[str, Any]:
    """Return how many scores of a generator are equal, by kind of answer, and what differs."""
    scorer = make_scorer("reasoning_gym", {})
    questions = make_questions(make_task(generator, count=items))
    found = [scorer(write_answer(question.answer), question.sample).value for question in questions]
    triples = list(zip(questions, found, package_scores(questions), strict=True))
    compared = Counter(question.kind for question, _, _ in triples)
    return {
        "items": items,
        "measured_at": datetime.now(UTC).date().isoformat(),
        "compared": dict(compared),
        "equal": {
            kind: sum(q.kind == kind and ours == wanted for q, ours, wanted in triples) for kind in compared
        },
        "differing": [
            {"sample": q.sample.sample_id, "answer": q.answer[:200], "ours": ours, "package": wanted}
            for q, ours, wanted in triples
            if ours != wanted
        ],
        "has_a_right_answer": questions[0].sample.target is not None,
        "right_answers_that_score_below_1": sum(q.kind == "gold" and wanted < 1 for q, _, wanted in triples),
    }


def total(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the counts over all generators."""
    compared: Counter[str] = Counter()
    equal: Counter[str] = Counter()
    for entry in entries.values():
        compared.update(entry["compared"])
        equal.update(entry["equal"])
    return {
        "generators": len(entries),
        "comparisons": compared.total(),
        "compared": dict(compared),
        "equal": dict(equal),
        "differing": sum(len(entry["differing"]) for entry in entries.values()),
    }


def main() -> None:
    """Compare, and keep the counts after each generator."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--all", action="store_true")
    parser.add_argument(
        "--generator", action="append", help="measure this one again; may be given several times"
    )
    given = parser.parse_args()
    gym = describe_package()
    name = "reasoning_gym_scores_all" if given.all else "reasoning_gym_scores"
    file = Path(__file__).parent / "results" / f"{name}.json"
    entries = json.loads(file.read_text("utf-8"))["by_generator"] if given.generator and file.exists() else {}
    for generator in given.generator or ([*gym.generators] if given.all else GENERATORS):
        entries[generator] = compare(generator, given.items)
        print(generator, entries[generator]["equal"], len(entries[generator]["differing"]), flush=True)
        package = {"version": gym.version, "sha256": gym.sha256}
        write(name, {"package": package, **total(entries), "by_generator": dict(sorted(entries.items()))})


if __name__ == "__main__":
    main()
