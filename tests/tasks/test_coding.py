"""The built-in coding tasks: five kinds, scripts that give the committed bytes, hidden tests that tell right from nearly right."""

from __future__ import annotations

import runpy
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.coding_mutants import MUTANTS, coding_tasks, equivalents, examine, mutants_of
from benchmarks.mutation import drawn, python_mutants, sql_mutants
from gapbench.scoring import make_scorer
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.loader import builtin_tasks
from gapbench.suite.tasks.task import Task
from scripts.make_ladders import find_ladders
from tests.tasks.written import ROOT, script

LEAST = {
    "coding/functions": 48,
    "coding/bugfix": 20,
    "coding/completion": 16,
    "coding/translate": 12,
    "coding/repo_edit": 12,
}


@cache
def found() -> dict[str, Task]:
    """Return the coding tasks by name."""
    return {task.name: task for task in coding_tasks()}


def test_there_are_200_problems_in_all_kinds() -> None:
    """Each kind has its number, and all together, with the ladders, 200 or more."""
    sizes = {name: len(task.samples) for name, task in found().items()}
    assert {name: sizes.get(name, 0) >= least for name, least in LEAST.items()} == dict.fromkeys(LEAST, True)
    ladders = [name for name in find_ladders() if name.startswith("coding/")]
    written = sum((ROOT / name / "samples.jsonl").read_text().count("\n") for name in ladders)
    assert sum(sizes.values()) + written >= 200


@pytest.mark.parametrize("name", list(LEAST))
def test_a_task_has_all_tiers_a_licence_and_several_clusters(name: str) -> None:
    """Every tier has a sixth of the problems or more; sources that resemble each other share a cluster."""
    task = found()[name]
    tiers = Counter(sample.tags[0] for sample in task.samples)
    assert set(tiers) == {"easy", "medium", "hard"}
    assert min(tiers.values()) * 6 >= len(task.samples)
    assert len({sample.cluster_id for sample in task.samples}) >= 2
    assert (task.license, task.data_policy) == ("Apache-2.0", "public")


@pytest.mark.parametrize("name", list(LEAST))
def test_script_gives_the_committed_bytes(name: str) -> None:
    """Running the script again gives samples.jsonl to the byte."""
    assert script(name)["render"]() == (ROOT / name / "samples.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(LEAST))
def test_references_pass_and_five_mutants_of_each_fail(name: str) -> None:
    """Each reference is correct, its decoy is wrong, and each of five small faults in it is found."""
    task = found()[name]
    scorer = make_scorer(task.scorer_name or "", task.scorer_options)
    same = equivalents()
    with ThreadPoolExecutor(2) as pool:
        findings = list(
            pool.map(lambda sample: examine(task, sample, same.get(sample.sample_id, {})), task.samples)
        )
        decoys = list(pool.map(lambda sample: scorer(sample.decoy or "", sample).outcome, task.samples))
    assert [(f.sample_id, f.reference.reason) for f in findings if f.reference.outcome != "correct"] == []
    assert [(f.sample_id, f.survivors) for f in findings if f.survivors] == []
    assert {f.tried for f in findings} == {MUTANTS}
    assert set(decoys) == {"wrong"}


def test_every_equivalent_mutant_is_one_and_says_why() -> None:
    """No label is left over from an older text of a problem, and each has its reason."""
    samples = {sample.sample_id: sample for task in found().values() for sample in task.samples}
    for sample_id, labels in equivalents().items():
        there = {mutant.label for mutant in mutants_of(samples[sample_id])}
        assert set(labels) <= there, sample_id
        assert all(labels.values())


@pytest.mark.parametrize("name", list(LEAST))
def test_prompts_hide_tests_and_solutions(name: str) -> None:
    """No prompt holds an assertion of its tests or its solution whole."""
    for sample in found()[name].samples:
        prompt = sample.messages[-1].text
        lines = str(sample.columns.get("test", "")).splitlines()
        assert [line for line in lines if line.strip().startswith("assert") and line.strip() in prompt] == []
        solution = sample.columns["solution"]
        for text in solution.values() if isinstance(solution, dict) else [solution]:
            assert text.strip() not in prompt


def test_the_coding_suite_holds_every_coding_task() -> None:
    """`bench run coding` needs no key, and names every coding task; fixed sets that models saturate are in comments."""
    suite = load_suite(Path("coding"))
    names = [name for name in builtin_tasks() if name.startswith("coding/")]
    fixed = {f"coding/{name}" for name in ("functions", "bugfix", "completion", "translate", "repo_edit")}
    assert sorted(suite.task_names()) == [name for name in names if name not in fixed]
    assert [name for name in fixed if f"# - {name} " not in suite.path.read_text(encoding="utf-8")] == []
    assert {model.runner for model in suite.models} == {"sim"}
    assert all(model.key_env is None for model in suite.models)


def test_stack_programs_do_what_their_translations_do() -> None:
    """The small language's interpreter gives what the Python solution gives, for every call."""
    defined = script("coding/translate")
    interpreter = runpy.run_path(str(ROOT / "coding/translate/source.py"))["run"]
    for source in defined["STACK"]:
        space: dict[str, Any] = {}
        exec(source.solution, space)
        wanted = [space[source.name](*case) for case in source.cases]
        assert [interpreter(source.text, case) for case in source.cases] == wanted


def test_javascript_does_what_its_translation_does() -> None:
    """Node.js, where it is installed, gives what the Python solution gives, for every call."""
    if shutil.which("node") is None:
        pytest.skip("Node.js is not installed")
    assert script("coding/translate")["disagreements"]() == []


def test_mutants_differ_and_come_in_one_order() -> None:
    """A mutant is another program, none comes twice, and the draw depends on the seed alone."""
    code = "def f(a, b):\n    if a < b and b:\n        return a + 1\n    return max(a, b)\n"
    mutants = python_mutants(code)
    assert len({mutant.code for mutant in mutants}) == len(mutants) >= 10
    assert drawn(mutants, "x") == drawn(mutants, "x")
    assert drawn(mutants, "x") != drawn(mutants, "y")
    assert "SELECT a FROM t WHERE a >= 1" in {m.code for m in sql_mutants("SELECT a FROM t WHERE a > 1")}
