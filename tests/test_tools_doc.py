"""docs/how-to/tools.md: each task of the page is a task, with the files that the page shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.scoring.task_scorer import find_failing_references, find_unscorable_samples
from gapbench.suite.tasks.expected_calls import read_expected_calls
from gapbench.suite.tasks.loader import load_task, read_task
from gapbench.suite.tasks.task import Task

TEXT = (Path(__file__).parents[1] / "docs/how-to/tools.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


TASKS = {yaml.safe_load(block)["name"]: block for block in blocks("yaml") if "name" in yaml.safe_load(block)}
SHOP_TOOLS = [
    {
        "name": name,
        "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
    }
    for name in ("find_order", "cancel_order")
]
CHAT = [
    {"role": "user", "content": "Cancel order 7."},
    {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "cancel_order", "arguments": '{"id": 7}'}}]},
    {"role": "tool", "tool_call_id": "c", "content": "cancelled"},
    {"role": "assistant", "content": "Done."},
]  # fmt: skip
STATE: dict[str, Any] = {"orders": {"7": {"status": "open"}}}
FILES = {
    "orders.jsonl": blocks("json")[0],
    "logs.jsonl": json.dumps({"messages": CHAT, "tools": SHOP_TOOLS}),
    "shop.py": blocks("python")[0],
    "shop_tools.json": json.dumps(SHOP_TOOLS),
    "episodes.jsonl": json.dumps(
        {
            "id": "e1",
            "request": "Cancel my order.",
            "order": 7,
            "state": STATE,
            "expected": {"orders": {"7": {"status": "cancelled"}}},
            "turns": [
                {"text": "Which number?"},
                {"tool_calls": [{"name": "cancel_order", "arguments": {"id": 7}}]},
            ],
        }
    ),
}


def load(folder: Path, name: str) -> Task:
    for file, text in FILES.items():
        (folder / file).write_text(text)
    (folder / "task.yaml").write_text(TASKS[name])
    return load_task(*read_task(folder / "task.yaml"), None, allow_code=True)


@pytest.mark.parametrize("name", ["orders", "support-logs", "shop"])
def test_a_task_of_the_page_is_valid(tmp_path: Path, name: str) -> None:
    """It loads, every sample can be scored, and its references score 1."""
    task = load(tmp_path, name)

    assert (0, "") == find_unscorable_samples(task)
    assert (0, "") == find_failing_references(task)


def test_the_page_shows_all_its_tasks() -> None:
    """None was added without its files here."""
    assert {"orders", "support-logs", "shop"} == set(TASKS)


def test_the_target_of_the_page_is_one() -> None:
    """Allowed values and an argument that may be left out."""
    calls = read_expected_calls(blocks("json")[1])

    assert calls is not None
    assert calls[0].allowed == {"city": ("Oslo", "Oslo, Norway"), "unit": ("C",)}
    assert calls[0].optional == {"unit"}
