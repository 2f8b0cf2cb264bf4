"""Inputs of public bug reports through `bench try`, as a script would run them.

A case is one file in ``tests/cases/replies``: a scorer, rows of data, and replies with the outcome that a person gives
each. To add a case, add a file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gapbench.cli import bench

CASES = sorted((Path(__file__).parent / "cases" / "replies").glob("*.json"))


def suite_folder(case: dict[str, Any], folder: Path) -> Path:
    """Write the suite and the rows of a case, and return the suite's path."""
    rows = "".join(json.dumps(row) + "\n" for row in case["rows"])
    (folder / "rows.jsonl").write_text(rows, encoding="utf-8")
    task = {"name": "t", "category": "c", "data": "rows.jsonl", "id": "{id}", "prompt": "{q}", "target": "a", "scorer": case["scorer"]}  # fmt: skip
    model = {
        "id": "m",
        "runner": "openai",
        "model": "m",
        "weights": "open",
        "base_url": "http://127.0.0.1:1/v1",
    }
    suite = folder / "suite.yaml"
    suite.write_text(json.dumps({"name": "s", "models": [model], "tasks": [task]}), encoding="utf-8")
    return suite


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_reply_has_its_outcome(path: Path, tmp_path: Path) -> None:
    """`bench try --answer -` gives each reply of the case the outcome in the file."""
    case = json.loads(path.read_text(encoding="utf-8"))
    suite = suite_folder(case, tmp_path)
    wrong = []
    for item in case["replies"]:
        command = ["try", str(suite), "--task", "t", "--sample", item["sample"], "--answer", "-", "--json"]
        result = CliRunner().invoke(bench, command, input=item["reply"])
        printed = json.loads(result.stdout)
        score = printed["score"] if isinstance(printed.get("score"), dict) else printed
        if score["outcome"] != item["outcome"]:
            wrong.append((item["reply"], score["outcome"], item["outcome"]))
    assert wrong == []


def test_there_are_cases() -> None:
    """An empty folder would pass unseen."""
    assert {"choice", "code_blocks"} <= {path.stem for path in CASES}
