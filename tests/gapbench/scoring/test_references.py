"""References of single replies with tools are scored before the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from gapbench.scoring.task_scorer import find_failing_references
from gapbench.suite.tasks.loader import load_task, read_task
from gapbench.suite.tasks.task import Task

TOOL = {
    "name": "find",
    "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}
CALL = {"name": "find", "arguments": {"id": 7}}


def task(folder: Path, row: dict[str, Any], **changes: Any) -> Task:
    document = {
        "name": "t",
        "category": "agents",
        "data": "rows.jsonl",
        "prompt": "{question}",
        "target": "calls",
        "tools": [TOOL],
        "scorer": "tool_calls",
        **changes,
    }
    (folder / "rows.jsonl").write_text(json.dumps({"question": "Where is 7?", "calls": [CALL], **row}) + "\n")
    (folder / "task.yaml").write_text(yaml.safe_dump(document))
    return load_task(*read_task(folder / "task.yaml"), None)


def test_a_reference_that_follows_from_the_target_scores(tmp_path: Path) -> None:
    """Native and in words, also where no call is expected."""
    for tools_as in ("native", "prompt"):
        for calls in ([CALL], [CALL, CALL], []):
            assert (0, "") == find_failing_references(task(tmp_path, {"calls": calls}, tools_as=tools_as))


def test_a_given_reference_that_fails_is_told(tmp_path: Path) -> None:
    """With its sample and what is wrong with it."""
    turns = [{"tool_calls": [{"name": "find", "arguments": {"id": 8}}]}]
    count, problem = find_failing_references(task(tmp_path, {"turns": turns}, reference_turns="{turns}"))

    assert 1 == count
    assert "the reference of 1 of 1 samples does not score 1; the first is '1'" in problem
    assert problem.endswith("find: wrong arguments: id")


def test_a_target_that_the_schema_refuses_is_told(tmp_path: Path) -> None:
    """Its own first allowed arguments break the schema, so no model could be right."""
    _, problem = find_failing_references(
        task(tmp_path, {"calls": [{"name": "find", "arguments": {"id": "seven"}}]})
    )

    assert problem.endswith("find: at $.id: 'seven' is not of type 'integer'")


def test_references_of_episodes_are_not_scored_here(tmp_path: Path) -> None:
    """They need their tools to run."""
    turns = [{"tool_calls": [{"name": "find", "arguments": {"id": 8}}]}]

    assert (0, "") == find_failing_references(
        task(tmp_path, {"turns": turns}, reference_turns="{turns}", agent={})
    )
