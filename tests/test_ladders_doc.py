"""What the page on ladders shows works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from gapbench.cli import invoke
from gapbench.suite.suite import load_suite

TEXT = (Path(__file__).parents[1] / "docs/how-to/ladders.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(yaml|python)\n(.*?)```", TEXT, re.DOTALL)
MODELS = [{"id": "m", "runner": "sim", "weights": "open", "sim": {"ttft_s": 0.001, "gap_s": 0}}]


def block(start: str) -> str:
    """Return the block of the page that begins so."""
    (found,) = [text for _, text in BLOCKS if text.startswith(start)]
    return str(found)


def test_the_first_suite_gives_the_gap_in_rungs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Thresholds of 6 and 8.5: the closed model is ahead."""
    monkeypatch.chdir(tmp_path)
    Path("ladder.yaml").write_text(block("# ladder.yaml"))
    assert 0 == invoke(["run", "ladder.yaml", "--yes", "--quiet"])
    capsys.readouterr()
    assert 0 == invoke(["gap"])

    first = capsys.readouterr().out.splitlines()[0]
    assert re.fullmatch(
        r"Quality closed ahead: \+\d\.\d rungs of 15 \(95 % interval \+\d\.\d to \+\d\.\d\)", first
    )


def test_the_entries_are_read(tmp_path: Path) -> None:
    """Rungs, more items, and fresh ones."""
    tasks = yaml.safe_load(block("tasks:\n  - {task: reasoning/logic"))["tasks"]
    (tmp_path / "s.yaml").write_text(yaml.safe_dump({"name": "s", "models": MODELS, "tasks": tasks}))
    logic, state, graphs = load_suite(tmp_path / "s.yaml").load_tasks()

    assert {sample.rung for sample in logic.samples} == set(range(4, 10))
    assert len(state.samples) == 3 * 40
    assert graphs.samples[0].sample_id.startswith("s2027-")


def test_a_ladder_of_ones_own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator and its task, as an adaptive run."""
    monkeypatch.chdir(tmp_path)
    Path("sums.py").write_text(block("# sums.py"))
    task = {**yaml.safe_load(block("name: sums")), "adaptive": True}
    Path("s.yaml").write_text(yaml.safe_dump({"name": "s", "models": MODELS, "tasks": [task]}))

    assert 2 == invoke(["validate", "s.yaml"])
    assert 0 == invoke(["run", "s.yaml", "--yes", "--quiet", "--allow-code"])


def test_data_with_levels_is_a_ladder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The task of the page over three tickets of two levels."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f'{{"question": "q{n}", "answer": "a", "level": {n % 2 + 1}}}\n' for n in range(3))
    Path("tickets.jsonl").write_text(rows)
    task = yaml.safe_load(block("name: tickets"))
    Path("s.yaml").write_text(yaml.safe_dump({"name": "s", "models": MODELS, "tasks": [task]}))

    (loaded,) = load_suite(Path("s.yaml")).load_tasks()
    assert [sample.rung for sample in loaded.samples] == [1, 2, 1]
