"""The structured tasks: enough items, the same bytes again, and targets that their own schemas allow."""

from __future__ import annotations

import json
import runpy
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

import tasks
from harness.scoring import make
from harness.task import Task, builtin_tasks, find_builtin, load_task, read_task

ROOT = Path(tasks.__path__[0])
NAMES = [name for name in builtin_tasks() if name.startswith("structured/")]


def task(name: str) -> Task:
    document, source = read_task(find_builtin(name))
    return load_task(document, source, None)


def test_both_kinds_are_there() -> None:
    """JSON to a schema, and calls of tools."""
    assert ["structured/json_schema", "structured/tool_calls"] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_references_score_1_and_decoys_0(name: str) -> None:
    """By the task's own scorer; a decoy is wrong, not unparsed."""
    found = task(name)
    assert found.scorer_name is not None
    scorer = make(found.scorer_name, found.scorer_options)

    assert [] == [s.sample_id for s in found.samples if scorer(s.reference or "", s).value != 1]
    assert [] == [
        s.sample_id
        for s in found.samples
        if (x := scorer(s.decoy or "", s)).value != 0 or x.outcome != "wrong"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_tiers_clusters_and_bytes(name: str) -> None:
    """36 items or more in three tiers and six templates; the script gives the committed file."""
    found = task(name)
    tiers = Counter(sample.tags[0] for sample in found.samples)

    assert len(found.samples) >= 36
    assert {"easy", "medium", "hard"} == set(tiers)
    assert len({sample.cluster_id for sample in found.samples}) >= 6
    render = runpy.run_path(str(ROOT / name / "make_samples.py"))["render"]
    assert render() == (ROOT / name / "samples.jsonl").read_text(encoding="utf-8")


def test_calls_name_tools_that_are_offered_with_arguments_they_take() -> None:
    """Each argument of each right call is in the tool's schema, and none that it requires is missing."""
    for sample in task("structured/tool_calls").samples:
        tools = {tool["name"]: tool for tool in map(json.loads, sample.columns["tools"].splitlines())}
        for call in json.loads(sample.target):
            jsonschema.validate(
                call["arguments"], {**tools[call["name"]]["parameters"], "additionalProperties": False}
            )
