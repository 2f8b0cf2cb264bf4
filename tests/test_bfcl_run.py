"""BFCL over real HTTP against the simulated provider, and what is said before a run that cannot work."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import gapbench as gb
from gapbench.cli import invoke
from gapbench.store import read_attempts, read_payload, read_trajectories

SUITE = """\
name: s
models:
  - {id: a, weights: open, runner: sim, sim: {protocol: PROTOCOL, skill: 1, ttft_s: 0, gap_s: 0}}
loads: [{concurrency: 2}]
tasks: [{bfcl: [CATEGORIES], limit: 2}]
"""


def write(folder: Path, categories: str, protocol: str = "openai") -> Path:
    file = folder / "suite.yaml"
    file.write_text(SUITE.replace("CATEGORIES", categories).replace("PROTOCOL", protocol))
    return file


@pytest.mark.parametrize("protocol", ["openai", "responses", "anthropic", "google"])
def test_the_reference_scores_100_percent_over_every_protocol(tmp_path: Path, protocol: str) -> None:
    """Two items of a category with a function that is held back, tools in the sandbox, 2 of 2 right."""
    results = gb.run(write(tmp_path, "multi_turn_miss_func", protocol), out=tmp_path / "results")
    found = read_attempts([results.folders[0]])
    assert list(found[found["final"]]["score"]) == [1.0, 1.0]
    episodes = read_trajectories([results.folders[0]])
    assert set(episodes["termination"]) == {"done"}
    assert "new_tools" in "".join(read_payload([results.folders[0]])["messages"])


def test_all_categories_run_in_one_suite(tmp_path: Path) -> None:
    """One item each of a category of single replies and of all four of conversations would be 5; two each: 10."""
    names = (
        "simple_python, multi_turn_base, multi_turn_miss_func, multi_turn_miss_param, multi_turn_long_context"
    )
    results = gb.run(write(tmp_path, names), out=tmp_path / "results")
    found = read_attempts([results.folders[0]])
    assert list(found[found["final"]]["score"]) == [1.0] * 10


@pytest.mark.parametrize(
    ("name", "categories", "said"),
    [
        ("bfcl_eval", "multi_turn_base", "bfcl-eval is not installed; pip install --no-deps bfcl-eval"),
        (
            "mpmath",
            "multi_turn_base",
            "the tools need the package 'mpmath', which is not installed; install it",
        ),
        ("", "multi_turn_composite", "tasks[0].bfcl[0]: found 'multi_turn_composite'"),
        (
            "",
            "memory_vector",
            "'memory_vector' is not offered: it needs a store that lasts from one item to the next",
        ),
    ],
)
def test_a_run_that_cannot_work_ends_with_2_and_one_line(
    name: str,
    categories: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before any request: a package is not installed, or there is no such category."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda wanted, *more: None if wanted == name else find_spec(wanted, *more),
    )
    assert invoke(["run", str(write(tmp_path, categories)), "--out", str(tmp_path / "results")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "results").exists()
