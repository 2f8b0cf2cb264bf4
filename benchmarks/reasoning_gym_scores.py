"""Whether our scores of reasoning-gym equal those of the package itself, and which right answers score below 1.

    python benchmarks/reasoning_gym_scores.py              30 generators, 50 items, 3 answers each: 4,500 comparisons
    python benchmarks/reasoning_gym_scores.py --items 5    a quick look
    python benchmarks/reasoning_gym_scores.py --all        all generators, with the items of their default configuration

Each item gets its right answer, an empty one and the right one damaged. Ours are scored through the scorer and the
sandbox, the package's in a process of its own, with its ``score_answer`` as it is.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from truth import write

from gapbench.scoring.registry import make_scorer
from gapbench.suite.reasoning_gym.conversion import write_answer
from gapbench.suite.reasoning_gym.package import describe_package
from tests.reasoning_gym import GENERATORS, make_questions, make_task, package_scores


def compare(generators: Sequence[str], items: int) -> dict[str, Any]:
    """Return how many scores are equal, by kind of answer, and what differs."""
    scorer = make_scorer("reasoning_gym", {})
    equal: Counter[str] = Counter()
    compared: Counter[str] = Counter()
    differing: list[dict[str, Any]] = []
    below_one: dict[str, int] = {}
    without_answer: list[str] = []
    for generator in generators:
        questions = make_questions(make_task(generator, count=items))
        theirs = package_scores(questions)
        for question, wanted in zip(questions, theirs, strict=True):
            found = scorer(write_answer(question.answer), question.sample).value
            compared[question.kind] += 1
            equal[question.kind] += found == wanted
            if found != wanted:
                place = {
                    "generator": generator,
                    "sample": question.sample.sample_id,
                    "answer": question.answer[:200],
                }
                differing.append({**place, "ours": found, "package": wanted})
        if questions[0].sample.target is None:
            without_answer.append(generator)
        elif low := sum(
            wanted < 1 for question, wanted in zip(questions, theirs, strict=True) if question.kind == "gold"
        ):
            below_one[generator] = low
        print(generator, dict(compared), len(differing), flush=True)
    return {
        "generators": len(generators),
        "items_of_each": items,
        "compared": dict(compared),
        "equal": dict(equal),
        "differing": differing,
        "items_whose_right_answer_scores_below_1": below_one,
        "generators_without_a_right_answer": without_answer,
    }


def main() -> None:
    """Compare, and keep the counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--all", action="store_true")
    given = parser.parse_args()
    gym = describe_package()
    found = compare([*gym.generators] if given.all else GENERATORS, given.items)
    name = "reasoning_gym_scores_all" if given.all else "reasoning_gym_scores"
    write(name, {"package": {"version": gym.version, "sha256": gym.sha256}, **found})


if __name__ == "__main__":
    main()
