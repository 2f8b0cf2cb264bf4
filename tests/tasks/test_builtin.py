"""The built-in tasks: scripts give the committed files, references score 1, decoys 0."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from gapbench.scoring import make_scorer
from gapbench.suite.tasks.loader import builtin_tasks
from tests.tasks.written import ROOT, script, task

CLUSTERS = {"reasoning": 5, "structured": 6}
"""Fewest clusters of a task, by its category; test_coding.py holds the coding tasks."""
NAMES = [name for name in builtin_tasks() if name.partition("/")[0] in CLUSTERS]


@pytest.mark.parametrize("name", ["coding/functions", *NAMES])
def test_references_score_1_and_decoys_0(name: str) -> None:
    """Each sample's reference is correct and its decoy is wrong, by the task's own scorer."""
    found = task(name)
    assert found.scorer_name is not None
    scorer = make_scorer(found.scorer_name, found.scorer_options)
    with ThreadPoolExecutor(4) as pool:
        right = list(pool.map(lambda s: scorer(s.reference or "", s), found.samples))
        wrong = list(pool.map(lambda s: scorer(s.decoy or "", s), found.samples))
    assert [(s.sample_id, x) for s, x in zip(found.samples, right, strict=True) if x.value != 1] == []
    assert [
        (s.sample_id, x)
        for s, x in zip(found.samples, wrong, strict=True)
        if (x.value, x.outcome) != (0, "wrong")
    ] == []


@pytest.mark.parametrize("name", NAMES)
def test_tiers_clusters_and_licence(name: str) -> None:
    """Three tiers of a sixth or more and several clusters, or ten rungs; Apache-2.0."""
    found = task(name)
    assert found.license == "Apache-2.0"
    if found.rungs is not None:
        assert len({sample.rung for sample in found.samples}) >= 10
        return
    if name.startswith("reasoning/long-"):  # one length of a ladder, with several numbers of facts
        assert len({sample.tags for sample in found.samples}) >= 5
        return
    tiers = Counter(sample.tags[0] for sample in found.samples)
    assert set(tiers) == {"easy", "medium", "hard"}
    assert min(tiers.values()) * 6 >= len(found.samples)
    assert len({sample.cluster_id for sample in found.samples}) >= CLUSTERS[name.partition("/")[0]]


@pytest.mark.parametrize(("name", "least"), [("coding/functions", 40)])
def test_tasks_are_large_and_mixed(name: str, least: int) -> None:
    """A task has its number of samples, all three tiers with a sixth or more each, and several clusters."""
    samples = task(name).samples
    tiers = Counter(sample.tags[0] for sample in samples)
    assert len(samples) >= least
    assert set(tiers) == {"easy", "medium", "hard"}
    assert min(tiers.values()) * 6 >= len(samples)
    assert len({sample.cluster_id for sample in samples}) >= 5


@pytest.mark.parametrize("name", ["coding/functions"])
def test_script_gives_the_committed_bytes(name: str) -> None:
    """Running the script again gives samples.jsonl to the byte."""
    assert script(name)["render"]() == (ROOT / name / "samples.jsonl").read_text(encoding="utf-8")


def test_coding_problems_have_eight_hidden_tests() -> None:
    """Each problem has at least eight hidden calls, and the prompt shows none of them but the example."""
    for sample in task("coding/functions").samples:
        lines = sample.columns["test"].splitlines()
        calls = [line for line in lines if line.strip().startswith(("assert candidate(", "candidate("))]
        assert len(calls) >= 8, sample.sample_id
        assert "candidate(" not in sample.messages[-1].text


def test_slip_is_the_only_difference_between_prompts_and_answers() -> None:
    """No reasoning question states its own answer line."""
    for sample in task("reasoning/arithmetic").samples:
        assert f"Answer: {sample.target}" not in sample.messages[-1].text
