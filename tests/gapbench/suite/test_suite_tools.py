"""``tools:`` of a suite and of its entries: which tasks have them, and what is refused with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.errors import DocumentError
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.task import Task

FIND: dict[str, Any] = {
    "name": "find_order",
    "description": "Finds an order.",
    "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}
CANCEL: dict[str, Any] = {**FIND, "name": "cancel_order"}
PLAIN: dict[str, Any] = {
    "name": "plain",
    "category": "agents",
    "data": "rows.jsonl",
    "prompt": "{question}",
    "target": "{answer}",
    "scorer": "exact",
}


def load(folder: Path, tasks: list[Any], **suite: Any) -> dict[str, Task]:
    """Return the tasks of a suite by name."""
    (folder / "rows.jsonl").write_text(json.dumps({"question": "Where is order 7?", "answer": "sent"}) + "\n")
    (folder / "plain.yaml").write_text(yaml.safe_dump(PLAIN))
    document = {
        "name": "s",
        "models": [{"id": "m", "runner": "sim", "weights": "open"}],
        "tasks": tasks,
        **suite,
    }
    (folder / "suite.yaml").write_text(yaml.safe_dump(document))
    return {task.name: task for task in load_suite(folder / "suite.yaml").load_tasks(allow_code=True)}


def declared(task: Task) -> list[str]:
    """Return the names of the tools of a task's first sample."""
    tools = task.samples[0].tools
    return [] if tools is None else [tool.name for tool in tools.tools]


def test_tasks_without_tools_have_those_of_the_suite(tmp_path: Path) -> None:
    """One that declares its own keeps it; the suite's stand in the others, inline or in a file of their own."""
    own = {**PLAIN, "name": "own", "tools": [CANCEL]}
    tasks = load(tmp_path, [PLAIN, own, {"task": "plain.yaml", "name": "named"}], tools=[FIND])

    assert {name: declared(task) for name, task in tasks.items()} == {
        "plain": ["find_order"],
        "own": ["cancel_order"],
        "named": ["find_order"],
    }


def test_an_entry_overrides_suite_and_task(tmp_path: Path) -> None:
    """The entry's tools come before the suite's."""
    tasks = load(tmp_path, [{"task": "plain.yaml", "tools": [CANCEL]}], tools=[FIND])

    assert declared(tasks["plain"]) == ["cancel_order"]


def test_a_file_beside_the_suite_may_hold_them(tmp_path: Path) -> None:
    """In OpenAI's form; the task's hash depends on what the file says, not on where it lies."""
    chat = [{"type": "function", "function": FIND}]
    hashes = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        (folder / "tools.json").write_text(json.dumps(chat))
        task = load(folder, [{"task": "plain.yaml"}], tools="tools.json")["plain"]
        hashes.append(task.sha256)
        assert declared(task) == ["find_order"]
    assert hashes[0] == hashes[1]


def test_episodes_and_recordings_keep_their_own(tmp_path: Path) -> None:
    """A tool that is not part of an episode could not run in it."""
    tasks = load(tmp_path, [{"task": "agents/support", "limit": 1}], tools=[FIND])

    assert "find_order" not in declared(tasks["agents/support"])


def test_in_words_too(tmp_path: Path) -> None:
    """With tools_as: prompt of the suite the prompt describes the suite's tools."""
    task = load(tmp_path, [PLAIN], tools=[FIND], tools_as="prompt")["plain"]

    assert task.samples[0].tools is None
    assert "find_order" in task.samples[0].messages[0].text


@pytest.mark.parametrize(
    ("tasks", "more", "said"),
    [
        ([PLAIN], {"tools": "missing.json"}, "tools: cannot read"),
        ([PLAIN], {"tools": "bad.json"}, "tools: bad.json: "),
        ([PLAIN], {"tools": "empty.json"}, "tools: empty.json: "),
        ([PLAIN], {"tools": []}, "tools: "),
        ([{"task": "plain.yaml", "tools": "missing.json"}], {}, "tasks[0].tools: cannot read"),
        ([{"task": "agents/support", "tools": [FIND]}], {}, "tasks[0].tools: task 'agents/support' is an episode"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_its_place(
    tmp_path: Path, tasks: list[Any], more: dict[str, Any], said: str
) -> None:
    """File, line, key, and what is wrong."""
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "empty.json").write_text('[{"name": "x"}]')

    with pytest.raises(DocumentError) as caught:
        load(tmp_path, tasks, **more)
    assert said in str(caught.value)
    assert "suite.yaml:" in str(caught.value)
