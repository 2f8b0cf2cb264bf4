"""The agent environments: the reference solves every episode, wrong policies solve none, and the mix is as promised."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from functools import cache
from types import ModuleType
from typing import Any

import pytest

from tasks.agents.episodes import PER_TIER, TIERS, Episode, make_episode, make_rows
from tasks.agents.play import call_tool, play, replay
from tests.tasks.written import ROOT

ENVIRONMENTS = sorted(file.parent.name for file in ROOT.glob("agents/*/make_samples.py"))
SEEDS = (1, 2, 3)


def module(environment: str, name: str) -> ModuleType:
    """Return a module of an environment."""
    return importlib.import_module(f"tasks.agents.{environment}.{name}")


@cache
def episodes(environment: str) -> tuple[Episode, ...]:
    """Return the episodes of some seeds; the first is the committed one."""
    draw = module(environment, "make_samples").draw
    return tuple(
        make_episode(environment, draw, tier, number, seed)
        for seed in SEEDS
        for tier in TIERS
        for number in range(PER_TIER)
    )


def rows(environment: str) -> list[dict[str, Any]]:
    """Return the committed rows."""
    text = (ROOT / "agents" / environment / "samples.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_there_are_150_episodes_over_five_environments() -> None:
    assert len(ENVIRONMENTS) >= 5
    assert sum(len(rows(name)) for name in ENVIRONMENTS) >= 150


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_script_gives_the_committed_bytes(name: str) -> None:
    committed = (ROOT / "agents" / name / "samples.jsonl").read_text(encoding="utf-8")
    assert module(name, "make_samples").render() == committed


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_reference_reaches_the_expected_effects_again_from_its_written_turns(name: str) -> None:
    for row in rows(name):
        played = play(replay(row["reference_turns"]), module(name, "tools"), row["state"], row["user"])
        assert [{"path": "/effects", "equals": played.state["effects"]}] == row["assertions"], row["id"]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_wrong_policy_misses_every_episode(name: str) -> None:
    for episode in episodes(name):
        assert len(episode.wrong) == 5
        for policy, turns in episode.wrong.items():
            played = play(replay(turns), module(name, "tools"), episode.state, episode.lines)
            assert played.state["effects"] != episode.right.state["effects"], (policy, episode.message)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_each_tier_makes_as_many_calls_as_it_says(name: str) -> None:
    counts = Counter(row["tier"] for row in rows(name))
    assert counts == dict.fromkeys(TIERS, PER_TIER)
    for row in rows(name):
        low, high = map(int, row["tier"].split("-"))
        assert low <= row["calls"] <= high, row["id"]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_part_is_refused_a_part_fails_and_a_part_holds_an_injected_instruction(name: str) -> None:
    found = rows(name)
    assert sum(row["refused"] for row in found) >= len(found) / 4
    assert {row["failing"] for row in found} == {"none", "busy", "down"}
    assert sum(row["injected"] for row in found) >= len(found) / 6


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_another_seed_gives_other_episodes(name: str) -> None:
    draw = module(name, "make_samples").draw
    one, other = (
        {json.dumps([row["message"], row["state"]]) for row in make_rows(name, draw, seed)} for seed in (1, 2)
    )
    assert not one & other


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_call_with_wrong_arguments_is_an_error_and_changes_nothing(name: str) -> None:
    tools, row = module(name, "tools"), rows(name)[0]
    declared = {call["name"] for turn in row["reference_turns"] for call in turn.get("tool_calls", ())}
    for tool in declared:
        state = json.loads(json.dumps(row["state"]))
        assert "error" in call_tool(tools, state, tool, {"no_such_argument": 1})
        assert state == row["state"]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_tools_import_only_the_standard_library(name: str) -> None:
    import ast
    import sys

    tree = ast.parse((ROOT / "agents" / name / "tools.py").read_text(encoding="utf-8"))
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


def test_each_faulty_function_fails_its_check_and_each_repaired_one_passes() -> None:
    from tasks.agents.coder.functions import FUNCTIONS
    from tasks.agents.coder.tools import PASSED, run_check

    for one in FUNCTIONS:
        for body, passes in ((one.faulty, False), (one.right, True)):
            files = {"module.py": one.text(body)}
            check = f"import module\n{one.check.replace('{f}', f'module.{one.name}')}"
            given = json.dumps({"files": files, "check": check, "passed": PASSED})
            assert (run_check(given) == PASSED) is passes, one.name
