"""Evals of inspect-evals as tasks: rows in the hub's form, read by the package's own functions; and what is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import datasets
import pytest

import gapbench as gb
from gapbench.cli import invoke
from gapbench.errors import DocumentError
from gapbench.scoring.task_scorer import make_task_scorer
from gapbench.store import read_attempts
from gapbench.suite.inspect_evals.conversion import find_evals
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.task import Task

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("inspect_evals") is None,
    reason="the package inspect-evals is not installed; requirements/public.txt has it",
)

ARC = {
    "id": "Mercury_7175875",
    "question": "Which is a planet?",
    "choices": {"text": ["Mars", "Sirius", "the Moon", "Halley"], "label": ["1", "2", "3", "4"]},
    "answerKey": "1",
}
COMMONSENSE = {
    "id": "075e4",
    "question": "Where is a pen kept?",
    "question_concept": "pen",
    "choices": {"label": ["A", "B", "C", "D", "E"], "text": ["oven", "desk", "sky", "lake", "shoe"]},
    "answerKey": "B",
}
HELLASWAG = {
    "ind": 24,
    "activity_label": "Roof",
    "ctx": "A man is on a roof. He",
    "endings": ["sings.", "fixes it.", "flies.", "swims."],
    "label": "1",
    "source_id": "activitynet~v_1",
}
PUBMED = [
    {
        "pubid": pubid,
        "question": "Do they?",
        "context": {"contexts": ["Plants die.", "They do."]},
        "long_answer": "Yes.",
        "final_decision": "yes",
    }
    for pubid in (12377809, 1)
]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Rows that the hub gives, by data set, and under "asked" what was asked for."""
    rows: dict[str, Any] = {"asked": []}

    def load(*, path: str, name: str | None, split: str, revision: str) -> datasets.Dataset:
        rows["asked"].append((path, name, split, revision))
        return datasets.Dataset.from_list(rows[path])

    monkeypatch.setattr(datasets, "load_dataset", load)
    return rows


def write_suite(folder: Path, tasks: str) -> Path:
    """Write a suite of one simulated model."""
    file = folder / "suite.yaml"
    file.write_text(
        f"name: s\nmodels: [{{id: a, weights: open, runner: sim, sim: {{}}}}]\ntasks:\n  - {tasks}\n"
    )
    return file


def load(folder: Path, tasks: str) -> Task:
    """Return the only task of a suite."""
    (task,) = load_suite(write_suite(folder, tasks)).load_tasks()
    return task


def test_a_row_becomes_the_prompt_that_inspect_sends(hub: dict[str, Any], tmp_path: Path) -> None:
    """Inspect's template, the package's choice of data set, and its own reading of a row: label 1 is A."""
    hub["allenai/ai2_arc"] = [ARC]
    task = load(tmp_path, "{inspect_evals: arc_easy}")
    (sample,) = task.samples
    assert hub["asked"] == [
        ("allenai/ai2_arc", "ARC-Easy", "test", "210d026faf9955653af8916fad021475a3f00453")
    ]
    assert sample.messages[0].text == (
        "Answer the following multiple choice question. The entire content of your response should be of the following "
        "format: 'ANSWER: $LETTER' (without quotes) where LETTER is one of A,B,C,D.\n\nWhich is a planet?\n\n"
        "A) Mars\nB) Sirius\nC) the Moon\nD) Halley"
    )
    assert (sample.target, task.version, task.category) == ("A", "0.28.0", "knowledge")


def test_a_system_message_comes_first(hub: dict[str, Any], tmp_path: Path) -> None:
    hub["Rowan/hellaswag"] = [HELLASWAG]
    (sample,) = load(tmp_path, "{inspect_evals: hellaswag}").samples
    assert [message.role for message in sample.messages] == ["system", "user"]
    assert sample.target == "B"


def test_rows_that_the_eval_leaves_out_are_left_out(hub: dict[str, Any], tmp_path: Path) -> None:
    """Pubmedqa keeps the 500 rows of its test list; 1 is none of them."""
    hub["qiaojin/PubMedQA"] = PUBMED
    (sample,) = load(tmp_path, "{inspect_evals: pubmedqa}").samples
    assert sample.columns["id"] == "12377809"


def test_the_reference_is_right_and_the_decoy_wrong(hub: dict[str, Any], tmp_path: Path) -> None:
    hub["tau/commonsense_qa"] = [COMMONSENSE, {**COMMONSENSE, "answerKey": "A"}]
    task = load(tmp_path, "{inspect_evals: commonsense_qa}")
    scorer = make_task_scorer(task)
    assert scorer is not None
    assert [scorer(sample.reference or "", sample).value for sample in task.samples] == [1.0, 1.0]
    assert [scorer(sample.decoy or "", sample).value for sample in task.samples] == [0.0, 0.0]


def test_a_model_of_full_skill_is_right_on_all_items(hub: dict[str, Any], tmp_path: Path) -> None:
    """A whole run over HTTP against the simulated provider: 2 of 2."""
    hub["tau/commonsense_qa"] = [COMMONSENSE, {**COMMONSENSE, "question": "And ink?", "answerKey": "A"}]
    file = write_suite(tmp_path, "{inspect_evals: commonsense_qa}")
    file.write_text(file.read_text().replace("sim: {}", "sim: {skill: 1, ttft_s: 0, gap_s: 0}"))
    results = gb.run(file, out=tmp_path / "results")
    found = read_attempts([results.folders[0]])
    assert list(found[found["final"]]["score"]) == [1.0, 1.0]


def test_a_limit_is_spread_over_the_data_set(hub: dict[str, Any], tmp_path: Path) -> None:
    """2 of 10: rows 0 and 5."""
    hub["tau/commonsense_qa"] = [COMMONSENSE] * 10
    task = load(tmp_path, "{inspect_evals: commonsense_qa, limit: 2}")
    assert [sample.sample_id for sample in task.samples] == ["commonsense_qa-0", "commonsense_qa-5"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("humaneval", "it needs a separate sandbox, such as Docker"),
        ("boolq", "its solver has the step generate"),
        ("sec_qa_v1_5_shot", "it reads its data set when it is made, as for worked examples"),
        ("xstest", "its solver has the step generate"),
        ("agentdojo", "it sets setup"),
        ("winogrande", "it loads its data set with limit"),
        ("mmlu_0_shot", "its data are not one data set of the hub"),
    ],
)
def test_an_eval_of_another_kind_is_refused_with_the_reason(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(
        DocumentError,
        match=rf"suite.yaml:4: tasks\[0\].inspect_evals: the eval '{name}' cannot be run here: {reason}; offered",
    ):
        load(tmp_path, f"{{inspect_evals: {name}}}")


def test_a_row_of_another_form_is_refused(hub: dict[str, Any], tmp_path: Path) -> None:
    hub["allenai/ai2_arc"] = [{"question": "q"}]
    with pytest.raises(
        DocumentError, match=r"does not have the form that it expects \(KeyError: 'choices'\)"
    ):
        load(tmp_path, "{inspect_evals: arc_easy}")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{inspect_evals: arc_esy}", "has no eval 'arc_esy'; did you mean 'arc_easy'[?]"),
        ("{inspect_evals: arc_easy, limits: 1}", r"tasks\[0\].limits: unknown key 'limits'"),
        ("{inspect_evals: 3}", r"tasks\[0\].inspect_evals: found 3"),
        (
            "{inspect_evals: boolq}\n  - {inspect_evals: boolq}",
            r"task 'inspect_evals-boolq' is listed twice|cannot be run here",
        ),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(given: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=said):
        load(tmp_path, given)


def test_without_the_package_the_run_ends_with_2_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda wanted, *more: None if wanted == "inspect_evals" else find_spec(wanted, *more),
    )
    file = write_suite(tmp_path, "{inspect_evals: arc_easy}")
    assert invoke(["run", str(file), "--out", str(tmp_path / "results")]) == 2
    told = capsys.readouterr().err
    assert "inspect-evals is not installed; pip install --no-deps inspect-evals" in told
    assert len(told.strip().splitlines()) == 1


def test_the_evals_are_those_of_the_package() -> None:
    """250 in version 0.28.0, found without importing it."""
    assert len(find_evals()) == 250
