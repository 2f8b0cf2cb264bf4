"""The structured tasks: targets that their own schemas and tools allow."""

from __future__ import annotations

import json

import jsonschema

from gapbench.suite.tasks.builtin import builtin_folder
from gapbench.suite.tasks.ladder_file import load_ladder


def test_targets_are_allowed_by_their_schemas() -> None:
    """On every rung, the right JSON and the slip: a slip is wrong in a value, not in its form."""
    for row in load_ladder(builtin_folder() / "structured/json_schema/ladder.py").rows(per_rung=2):
        jsonschema.validate(json.loads(row["answer"]), row["schema"])
        jsonschema.validate(json.loads(row["slip"]), row["schema"])


def test_calls_name_tools_that_are_offered_with_arguments_they_take() -> None:
    """Each argument of each right call is in the tool's schema, and none that it requires is missing."""
    for row in load_ladder(builtin_folder() / "structured/tool_calls/ladder.py").rows(per_rung=2):
        tools = {tool["name"]: tool for tool in map(json.loads, row["tools"].splitlines())}
        for call in json.loads(row["answer"]):
            jsonschema.validate(
                call["arguments"], {**tools[call["name"]]["parameters"], "additionalProperties": False}
            )
