"""Do the hidden tests tell right from nearly right? Five mutants of every reference solution must fail.

``python benchmarks/coding_mutants.py`` runs the reference and five mutants of every built-in coding problem through
the task's own scorer, says which mutants survive, and writes benchmarks/results/coding_mutants.json. A mutant that
computes the same as the original is no fault; those are named, each with its reason, in
benchmarks/coding_equivalents.json, and the next one is drawn instead. ``--all`` tries every mutant.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.mutation import Mutant, drawn, python_mutants
from gapbench.scoring import Scorer, make_scorer
from gapbench.suite.tasks.loader import builtin_tasks, find_builtin_task, load_task, read_task
from gapbench.suite.tasks.task import Task
from gapbench.values import Sample, Score

HERE = Path(__file__).parent
MUTANTS = 5
# A mutant that loops is a fault found; waiting longer finds nothing more.
MUTANT_TIMEOUT_S = 0.5


@dataclass(frozen=True)
class Finding:
    """What became of one problem.

    Attributes:
        sample_id: The problem.
        reference: Score of the reference solution.
        tried: Mutants that ran.
        survivors: Labels of those that passed.
    """

    sample_id: str
    reference: Score
    tried: int
    survivors: list[str]


def coding_tasks() -> list[Task]:
    """Return the built-in coding tasks with one reference each; ladders are audited by benchmarks/ladders.py."""
    tasks = []
    for name in builtin_tasks():
        file = find_builtin_task(name)
        if name.startswith("coding/") and not (file.parent / "ladder.py").exists():
            document, source = read_task(file)
            tasks.append(load_task(document, source, None))
    return tasks


def equivalents() -> dict[str, dict[str, str]]:
    """Return, by sample, the labels of mutants that compute the same, each with why."""
    found: dict[str, dict[str, str]] = json.loads(
        (HERE / "coding_equivalents.json").read_text(encoding="utf-8")
    )
    return found


def mutants_of(sample: Sample) -> list[Mutant]:
    """Return every mutant of a problem's reference, each as the reply of a model."""
    row = sample.columns
    if "files" in row:
        return _repository_mutants(row)
    return [Mutant(m.label, f"```python\n{m.code}```") for m in python_mutants(row["solution"])]


def _repository_mutants(row: Mapping[str, Any]) -> list[Mutant]:
    """Return mutants of the functions that the reference touches, the other files as it leaves them."""
    found = []
    for path, text in row["solution"].items():
        if not path.endswith(".py"):
            continue
        touched = frozenset(row["touched"].get(path, []))
        for mutant in python_mutants(text, touched):
            files = {**row["solution"], path: mutant.code}
            reply = "\n".join(f"{name}\n```\n{body}```" for name, body in files.items())
            found.append(Mutant(f"{path} {mutant.label}", reply))
    return found


def chosen(sample: Sample, same: Mapping[str, str], count: int | None) -> list[Mutant]:
    """Return ``count`` mutants that are not known to compute the same; None: all."""
    mixed = [mutant for mutant in drawn(mutants_of(sample), sample.sample_id) if mutant.label not in same]
    # A solution of one line has few places for a fault; the plausible wrong one of the task is another.
    return [*mixed, Mutant("the decoy", sample.decoy or "")][:count]


def examine(task: Task, sample: Sample, same: Mapping[str, str], count: int | None = MUTANTS) -> Finding:
    """Run the reference and mutants of one problem."""
    assert task.scorer_name is not None
    whole: Scorer = make_scorer(task.scorer_name, task.scorer_options)
    hasty = make_scorer(task.scorer_name, {**task.scorer_options, "timeout_s": MUTANT_TIMEOUT_S})
    reference = whole(sample.reference or "", sample)
    tried = chosen(sample, same, count)
    survivors = [mutant.label for mutant in tried if hasty(mutant.code, sample).outcome == "correct"]
    return Finding(sample.sample_id, reference, len(tried), survivors)


def examine_all(tasks: Iterable[Task], count: int | None, workers: int) -> dict[str, list[Finding]]:
    """Return the findings of every problem, by task."""
    same = equivalents()
    with ThreadPoolExecutor(workers) as pool:
        return {
            task.name: list(
                pool.map(
                    lambda sample, task=task: examine(task, sample, same.get(sample.sample_id, {}), count),
                    task.samples,
                )
            )
            for task in tasks
        }


def main() -> None:
    """Say what survives and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", help="one task alone; nothing is written then")
    parser.add_argument("--all", action="store_true", help="every mutant instead of five")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    tasks = [task for task in coding_tasks() if given.task in (None, task.name)]
    began = time.perf_counter()
    found = examine_all(tasks, None if given.all else MUTANTS, given.workers)
    wall_s = time.perf_counter() - began
    summary = {}
    for name, findings in found.items():
        for one in findings:
            if one.reference.outcome != "correct":
                print(f"{one.sample_id}: the reference fails: {one.reference.reason}")
            for label in one.survivors:
                print(f"{one.sample_id}: survives: {label}")
            if one.tried < MUTANTS:
                print(f"{one.sample_id}: has only {one.tried} mutants")
        summary[name] = {
            "problems": len(findings),
            "references_correct": sum(one.reference.outcome == "correct" for one in findings),
            "mutants": sum(one.tried for one in findings),
            "mutants_survived": sum(len(one.survivors) for one in findings),
        }
        print(name, summary[name])
    print(f"{wall_s:.1f} s with {given.workers} workers")
    if given.task is None:
        result = {
            "measured_at": datetime.now(UTC).date().isoformat(),
            "machine": {"platform": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
            "mutants_each": "all" if given.all else MUTANTS,
            "equivalent_mutants_passed_over": sum(map(len, equivalents().values())),
            "workers": given.workers,
            "wall_s": round(wall_s, 1),
            "tasks": summary,
        }  # fmt: skip
        name = "coding_mutants_all.json" if given.all else "coding_mutants.json"
        (HERE / "results" / name).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
