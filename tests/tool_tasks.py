"""Task files with tools, loaded or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.errors import InputError
from gapbench.suite.tasks.loader import load_task, read_task
from gapbench.suite.tasks.task import Task

FIND: dict[str, Any] = {
    "name": "find_order",
    "description": "Finds an order.",
    "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}
CALL = {"name": "find_order", "arguments": {"id": 7}}
ROW: dict[str, Any] = {"id": "a", "question": "Where is order 7?", "calls": [CALL]}
TASK: dict[str, Any] = {
    "name": "orders",
    "category": "agents",
    "data": "rows.jsonl",
    "id": "{id}",
    "prompt": "{question}",
    "tools": [FIND],
    "target": "calls",
    "scorer": "tool_calls",
}
TALK: dict[str, Any] = {"prompt": None, "target": None, "messages": "{chat}"}


def load(
    folder: Path,
    rows: list[dict[str, Any]] | None = None,
    limit: int | None = None,
    *,
    allow_code: bool = True,
    **changes: Any,
) -> Task:
    """Return the task above, with changes; a change to None takes the key out."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows or [ROW]))
    document = {key: value for key, value in {**TASK, **changes}.items() if value is not None}
    (folder / "task.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return load_task(*read_task(folder / "task.yaml"), limit, allow_code=allow_code)


def refused(folder: Path, rows: list[dict[str, Any]] | None = None, **changes: Any) -> str:
    with pytest.raises(InputError) as caught:
        load(folder, rows, **changes)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{folder}/")
