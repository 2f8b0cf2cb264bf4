"""Do the hidden tests tell right from nearly right? Five mutants of every reference solution must fail.

``python benchmarks/coding_mutants.py`` runs the reference and five mutants of every built-in coding problem through
the task's own scorer, says which mutants survive, and writes benchmarks/results/coding_mutants.json. A mutant that
computes the same as the original is no fault; those are named, each with its reason, in
benchmarks/coding_equivalents.json, and the next one is drawn instead. ``--all`` tries every mutant. For repositories an
answer that changes nothing must fail as well, and so must the decoy.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.mutation import Mutant, drawn, function_mutants, python_mutants
from gapbench.scoring import Scorer, make_scorer
from gapbench.suite.tasks.loader import builtin_tasks, find_builtin_task, load_task, read_task
from gapbench.suite.tasks.task import Task
from gapbench.values import Sample, Score

HERE = Path(__file__).parent
MUTANTS = 5
# A mutant that loops is a fault found; waiting longer finds nothing more.
MUTANT_TIMEOUT_S = 0.5
# A repository with its existing tests takes longer; a survivor must not pass for a mutant that loops.
REPOSITORY_MUTANT_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Finding:
    """What became of one problem.

    Attributes:
        sample_id: The problem.
        reference: Score of the reference solution.
        tried: Mutants that ran.
        survivors: Labels of those that passed, and of an answer to a repository that changes nothing, if it did.
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
    """Return mutants of the functions that the reference touches, all else as it leaves it."""
    found = []
    for path, text in row["solution"].items():
        if not path.endswith(".py"):
            continue
        touched = frozenset(row["touched"].get(path, []))
        for label, mutated in function_mutants(text, touched):
            files = {**row["solution"], path: mutated}
            reply = "\n".join(f"{name}\n```\n{body}```" for name, body in files.items())
            found.append(Mutant(f"{path} {label}", reply))
    return found


def chosen(sample: Sample, same: Mapping[str, str], count: int | None) -> list[Mutant]:
    """Return ``count`` mutants that are not known to compute the same; None: all."""
    mixed = [mutant for mutant in drawn(mutants_of(sample), sample.sample_id) if mutant.label not in same]
    # A solution of one line has few places for a fault; the plausible wrong one of the task is another.
    return [*mixed, Mutant("the decoy", sample.decoy or "")][:count]


def poor_answers(sample: Sample) -> list[Mutant]:
    """Return, for a repository, an answer that changes nothing, and the decoy."""
    files = sample.columns.get("files")
    if not files:
        return []
    path = min(path for path, text in files.items() if text.strip())
    return [Mutant("nothing done", f"{path}\n```\n{files[path]}```"), Mutant("the decoy", sample.decoy or "")]


def examine(task: Task, sample: Sample, same: Mapping[str, str], count: int | None = MUTANTS) -> Finding:
    """Run the reference and mutants of one problem."""
    assert task.scorer_name is not None
    whole: Scorer = make_scorer(task.scorer_name, task.scorer_options)
    timeout_s = REPOSITORY_MUTANT_TIMEOUT_S if "files" in sample.columns else MUTANT_TIMEOUT_S
    hasty = make_scorer(task.scorer_name, {**task.scorer_options, "timeout_s": timeout_s})
    reference = whole(sample.reference or "", sample)
    tried = chosen(sample, same, count)
    survivors = [
        mutant.label
        for mutant in (*tried, *poor_answers(sample))
        if hasty(mutant.code, sample).outcome == "correct"
    ]
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


def summarize(findings: list[Finding], wall_s: float) -> dict[str, Any]:
    """Say what survives, and return the entry of a task in the result file."""
    for one in findings:
        if one.reference.outcome != "correct":
            print(f"{one.sample_id}: the reference fails: {one.reference.reason}")
        for label in one.survivors:
            print(f"{one.sample_id}: survives: {label}")
        if one.tried < MUTANTS:
            print(f"{one.sample_id}: has only {one.tried} mutants")
    return {
        "problems": len(findings),
        "references_correct": sum(one.reference.outcome == "correct" for one in findings),
        "mutants": sum(one.tried for one in findings),
        "mutants_survived": sum(len(one.survivors) for one in findings),
        "measured_at": datetime.now(UTC).date().isoformat(),
        "wall_s": round(wall_s, 1),
    }


def main() -> None:
    """Audit task by task; each replaces its entry in the result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", action="append", help="a task; may be given several times; none: all")
    parser.add_argument("--sample", help="samples whose id begins so; nothing is written then")
    parser.add_argument("--all", action="store_true", help="every mutant instead of five")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    file = HERE / "results" / ("coding_mutants_all.json" if given.all else "coding_mutants.json")
    entries = json.loads(file.read_text(encoding="utf-8"))["tasks"] if file.exists() else {}
    for task in coding_tasks():
        if given.task and task.name not in given.task:
            continue
        asked = tuple(sample for sample in task.samples if sample.sample_id.startswith(given.sample or ""))
        began = time.perf_counter()
        found = examine_all([replace(task, samples=asked)], None if given.all else MUTANTS, given.workers)
        entries[task.name] = summarize(found[task.name], time.perf_counter() - began)
        print(task.name, entries[task.name])
        if given.sample:
            continue
        result = {
            "machine": {"platform": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()},
            "mutants_each": "all" if given.all else MUTANTS,
            "equivalent_mutants_passed_over": sum(map(len, equivalents().values())),
            "workers": given.workers,
            "tasks": dict(sorted(entries.items())),
        }  # fmt: skip
        file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
