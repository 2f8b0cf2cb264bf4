"""The structured tasks: enough items, the same bytes again, and targets that their own schemas allow."""

from __future__ import annotations

import json

import jsonschema
import pytest

from gapbench.suite.tasks.loader import builtin_tasks
from tests.tasks.written import ROOT, script, task

NAMES = [name for name in builtin_tasks() if name.startswith("structured/")]


def test_both_kinds_are_there() -> None:
    """JSON to a schema, and calls of tools."""
    assert ["structured/json_schema", "structured/tool_calls"] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_script_gives_the_committed_bytes(name: str) -> None:
    """36 items or more; running the script again gives samples.jsonl to the byte."""
    assert len(task(name).samples) >= 36
    assert script(name)["render"]() == (ROOT / name / "samples.jsonl").read_text(encoding="utf-8")


def test_calls_name_tools_that_are_offered_with_arguments_they_take() -> None:
    """Each argument of each right call is in the tool's schema, and none that it requires is missing."""
    for sample in task("structured/tool_calls").samples:
        tools = {tool["name"]: tool for tool in map(json.loads, sample.columns["tools"].splitlines())}
        for call in json.loads(sample.target):
            jsonschema.validate(
                call["arguments"], {**tools[call["name"]]["parameters"], "additionalProperties": False}
            )
