"""BFCL's single-turn categories as tasks: what they hold, and that the reference scores 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapbench.errors import DocumentError
from gapbench.scoring.scorer import TranscriptScorer
from gapbench.scoring.task_scorer import make_task_scorer
from gapbench.suite.bfcl.conversion import convert_category
from gapbench.suite.bfcl.entry import SINGLE_TURN_CATEGORIES, BfclEntry
from gapbench.suite.suite import load_suite
from gapbench.values import Message, Sample, Transcript
from tests.gapbench.scoring.test_bfcl_checker import NO_RIGHT_ANSWER


def transcript(sample: Sample, reply: Message) -> Transcript:
    """Return the conversation of one reply."""
    return Transcript((*sample.messages, reply), (), None, None, "done")


@pytest.mark.parametrize("category", SINGLE_TURN_CATEGORIES)
def test_the_reference_of_every_item_scores_1_and_the_decoy_0(category: str) -> None:
    task = convert_category(category, BfclEntry(bfcl=[category]))  # type: ignore[list-item]  # one of the literals
    scorer = make_task_scorer(task)
    assert isinstance(scorer, TranscriptScorer)
    missed = set()
    for sample in task.samples:
        right, wrong = sample.reference_turns[0], sample.decoy_turns[0]
        scores = [
            scorer.score_transcript(transcript(sample, reply), sample).value for reply in (right, wrong)
        ]
        if scores != [1.0, 0.0]:
            missed.add(sample.sample_id)
    assert missed == NO_RIGHT_ANSWER.get(category, set())


def write_suite(folder: Path, tasks: str) -> Path:
    """Write a suite of one simulated model."""
    file = folder / "suite.yaml"
    file.write_text(
        f"name: s\nmodels: [{{id: a, weights: open, runner: sim, sim: {{}}}}]\ntasks: [{tasks}]\n"
    )
    return file


def test_a_limit_takes_as_many_samples_of_each_category(tmp_path: Path) -> None:
    suite = load_suite(write_suite(tmp_path, "{bfcl: [simple_python, parallel], limit: 3}"))
    assert {task.name: len(task.samples) for task in suite.load_tasks()} == {
        "bfcl-simple_python": 3,
        "bfcl-parallel": 3,
    }


def test_version_and_bytes_of_the_package_are_in_the_task(tmp_path: Path) -> None:
    suite = load_suite(write_suite(tmp_path, "{bfcl: [simple_python], limit: 3}"))
    (task,) = suite.load_tasks()
    assert task.version == "2026.3.23"
    assert len(task.sha256) == 64


def test_a_category_that_bfcl_does_not_have_is_refused(tmp_path: Path) -> None:
    suite = load_suite(write_suite(tmp_path, "{bfcl: [simple_cobol]}"))
    with pytest.raises(DocumentError, match=r"suite.yaml:3: tasks\[0\].bfcl\[0\]: found 'simple_cobol'"):
        suite.load_tasks()


@pytest.mark.parametrize(
    ("category", "reason"),
    [
        ("memory_kv", "it needs a store that lasts from one item to the next"),
        ("memory", "it needs a store that lasts from one item to the next"),
        ("web_search_base", "it needs a network and a key for a search engine"),
        ("format_sensitivity", "it asks for calls as text in several forms, and here calls are native"),
    ],
)
def test_a_category_that_cannot_run_here_says_why(tmp_path: Path, category: str, reason: str) -> None:
    suite = load_suite(write_suite(tmp_path, f"{{bfcl: [parallel, {category}]}}"))
    with pytest.raises(DocumentError) as raised:
        suite.load_tasks()
    assert str(raised.value) == (
        f"{tmp_path / 'suite.yaml'}:3: tasks[0].bfcl[1]: {category!r} is not offered: {reason}; remove it"
    )


def test_a_category_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    suite = load_suite(write_suite(tmp_path, "{bfcl: [parallel]}, {bfcl: [parallel]}"))
    with pytest.raises(DocumentError, match="'bfcl-parallel' is listed twice"):
        suite.load_tasks()


def test_live_items_about_the_same_functions_are_one_cluster() -> None:
    task = convert_category("live_simple", BfclEntry(bfcl=["live_simple"]))
    clusters = {sample.sample_id: sample.cluster_id for sample in task.samples}
    assert clusters["live_simple_0-0-0"] == "live_simple:0"
    assert len(set(clusters.values())) < len(clusters)
