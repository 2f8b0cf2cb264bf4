"""The JSON Schema of a suite, for editors."""

from __future__ import annotations

from typing import Any

from gapbench.suite.bfcl.entry import BfclEntry
from gapbench.suite.human_eval.entry import HumanEvalEntry
from gapbench.suite.inspect_evals.entry import InspectEvalsEntry
from gapbench.suite.lm_eval.entry import LmEvalEntry
from gapbench.suite.model_schema import add_runner_options
from gapbench.suite.reasoning_gym.entry import ReasoningGymEntry
from gapbench.suite.suite import Suite
from gapbench.suite.task_entry import TaskEntry
from gapbench.suite.tasks.schema import TaskDocument
from gapbench.suite.tau2.entry import Tau2Entry


def suite_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the suite, for editors."""
    schema = Suite.model_json_schema()
    entry = {
        "anyOf": [
            {"type": "string", "description": "category/name of a built-in task, or the path of a task.yaml"},
            TaskEntry.model_json_schema(),
            LmEvalEntry.model_json_schema(),
            BfclEntry.model_json_schema(),
            Tau2Entry.model_json_schema(),
            ReasoningGymEntry.model_json_schema(),
            HumanEvalEntry.model_json_schema(),
            InspectEvalsEntry.model_json_schema(),
            {"$ref": "#/$defs/TaskDocument"},
        ]
    }
    task = TaskDocument.model_json_schema()
    schema["$defs"].update(task.pop("$defs", {}))
    for member in entry["anyOf"]:
        schema["$defs"].update(member.pop("$defs", {}))
    schema["$defs"]["TaskDocument"] = task
    schema["properties"]["tasks"]["items"] = entry
    add_runner_options(schema)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema
