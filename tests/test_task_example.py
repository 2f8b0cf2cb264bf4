"""The example of docs/extending/task.md: it is on the page, valid, scores its replies, and runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gapbench.cli import invoke
from gapbench.scoring import make_scorer
from gapbench.store import read_attempts
from gapbench.suite.tasks.loader import load_task, read_task

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "extending" / "examples" / "task-units"
PAGE = (ROOT / "docs" / "extending" / "task.md").read_text(encoding="utf-8")
REPLIES = [json.loads(line) for line in (EXAMPLE / "replies.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_page_shows_the_example() -> None:
    """Each file of the example is on the page, unchanged."""
    for file in EXAMPLE.iterdir():
        assert file.read_text(encoding="utf-8").strip() in PAGE, file.name


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: str(reply["id"]))
def test_a_known_reply_has_its_outcome(reply: dict[str, str]) -> None:
    """Right, wrong and unreadable replies."""
    task = load_task(*read_task(EXAMPLE / "task.yaml"), None)
    (sample,) = (sample for sample in task.samples if sample.sample_id == reply["id"])

    assert reply["outcome"] == make_scorer("numeric", {"abs_tol": 0.01})(reply["reply"], sample).outcome
    assert sample.cluster_id in {"kilometres", "inches"}


def test_the_example_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Against the simulated model: every request is answered."""
    suite = str(EXAMPLE / "suite.yaml")
    assert 0 == invoke(["validate", suite]), capsys.readouterr()
    assert 0 == invoke(["run", suite, "--yes", "--out", str(tmp_path)]), capsys.readouterr()

    rows = read_attempts(list(tmp_path.iterdir()))
    assert {"km-1", "km-2", "in-1", "in-2"} == set(rows[rows["final"]]["sample_id"])
