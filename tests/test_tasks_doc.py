"""docs/reference/tasks.md: every example is true."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.scoring import make_scorer, scorer_descriptions
from gapbench.suite.tasks.loader import builtin_tasks, find_builtin_task, load_task, read_task
from gapbench.values import Sample

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/reference/tasks.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in TEXT.partition("| scorer | target |")[2].partition("\n\n")[0].splitlines()[2:]
]


def code(cell: str) -> str:
    return cell.strip("`").replace("\\n", "\n")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0] + row[2])
def test_a_scorers_example_is_true(row: list[str]) -> None:
    """Scorer, target, reply, outcome."""
    given: Any = yaml.safe_load(code(row[0]))
    options = {"name": given} if isinstance(given, str) else dict(given)
    target = None if code(row[1]) == "-" else code(row[1])
    scorer = make_scorer(options.pop("name"), options)

    assert row[3] == scorer(code(row[2]), Sample("s", (), target=target)).outcome


def test_every_scorer_is_explained() -> None:
    """By its name, in the table or below it."""
    said = set(re.findall(r"[a-z_0-9]+", TEXT.partition("## Scorers")[2].partition("## Built in")[0]))

    assert set() == set(scorer_descriptions()) - said


def test_the_whole_task_is_a_task(tmp_path: Path) -> None:
    """The example with every key loads over a row with its columns."""
    example = next(
        block for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) if "name: tickets" in block
    )
    from PIL import Image

    Image.new("RGB", (4, 4)).save(tmp_path / "photo.png")
    row = {
        "id": "t-17",
        "message": "m",
        "queue": "A",
        "photo": "photo.png",
        "customer": "c",
        "language": "en",
        "mix_up": "B",
    }
    (tmp_path / "tickets.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "task.yaml").write_text(example)
    task = load_task(*read_task(tmp_path / "task.yaml"), None)

    assert ("private", "CC-BY-4.0", "choice") == (task.data_policy, task.license, task.scorer_name)
    assert ["system", "user", "assistant", "user"] == [message.role for message in task.samples[0].messages]


def test_the_numbers_of_items_are_the_tasks_own() -> None:
    """The table of built-in tasks, summed by category."""
    table = TEXT.partition("| task | items | what |")[2].partition("\n\n")[0].splitlines()[2:]
    told: dict[str, int] = {}
    for line in table:
        name, items, _ = (cell.strip() for cell in line.strip("| ").split(" | "))
        category = name.partition("/")[0]
        told[category] = told.get(category, 0) + sum(map(int, items.split(", ")))
    found = dict.fromkeys(told, 0)
    for name in builtin_tasks():
        category = name.partition("/")[0]
        if category in found:
            found[category] += len(load_task(*read_task(find_builtin_task(name)), None).samples)

    assert found == told
