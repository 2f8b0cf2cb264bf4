"""How many of HumanEval's canonical solutions our scorer accepts, and how many empty functions.

python benchmarks/human_eval_scores.py    164 problems, two forms, right and ``pass``: 656 programs in the sandbox
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

sys.path.insert(0, str(Path(__file__).parents[1]))
from truth import write

from gapbench.scoring.task_scorer import make_task_scorer
from gapbench.suite.human_eval.conversion import convert_human_eval
from gapbench.suite.human_eval.entry import Form, HumanEvalEntry


def main() -> None:
    """Score all, and keep the counts."""
    found: dict[str, Any] = {}
    for form in get_args(Form):
        task = convert_human_eval(HumanEvalEntry(humaneval=True, form=form))
        scorer = make_task_scorer(task)
        assert scorer is not None
        for kind, replies in {
            "canonical": [sample.reference or "" for sample in task.samples],
            "pass": [sample.decoy or "" for sample in task.samples],
        }.items():
            with ThreadPoolExecutor(2) as pool:
                scores = [score.value for score in pool.map(scorer, replies, task.samples)]
            found[f"{form}, {kind}"] = {"problems": len(scores), "right": scores.count(1.0)}
            print(form, kind, found[f"{form}, {kind}"], flush=True)
    write("human_eval_scores", {"package": {"version": task.version, "sha256": task.sha256}, **found})


if __name__ == "__main__":
    main()
