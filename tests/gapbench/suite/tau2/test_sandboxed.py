"""tau2's tools in the sandbox, and whole episodes over HTTP."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gapbench.agents import SandboxEnvironment, ToolOutcome
from gapbench.cli import invoke
from gapbench.sandbox import Sandbox
from gapbench.scoring.tau2_replay import replay_reference
from gapbench.store import read_attempts, read_trajectories
from gapbench.suite.tau2.conversion import TOOLS
from tests.gapbench.suite.tau2.tau2_domains import fresh, replayed, task

Call = tuple[str, dict[str, Any]]
CANCEL: Call = ("cancel_pending_order", {"order_id": "#W5918442", "reason": "no longer needed"})
SHOW: Call = ("get_order_details", {"order_id": "#W5918442"})


def run_calls(state: Any, *calls: Call) -> tuple[list[ToolOutcome], Any]:
    """Return the outcomes of calls in one sandbox, and the state after them."""

    async def run() -> tuple[list[ToolOutcome], Any]:
        environment = SandboxEnvironment(TOOLS)
        await environment.open(state)
        try:
            return [await environment.call(*call) for call in calls], await environment.state()
        finally:
            await environment.close()

    return asyncio.run(run())


def test_a_call_changes_the_record_and_only_it_is_in_the_state() -> None:
    (outcome,), state = run_calls(fresh("retail"), CANCEL)
    assert json.loads(outcome.content)["status"] == "cancelled"
    assert list(state["changed"]) == ["orders"]
    assert list(state["changed"]["orders"]) == ["#W5918442"]


def test_another_process_goes_on_with_the_state() -> None:
    """As after a call that ended its process."""
    _, state = run_calls(fresh("retail"), CANCEL)
    (outcome,), _ = run_calls(state, SHOW)
    assert json.loads(outcome.content)["cancel_reason"] == "no longer needed"


def test_a_refusal_reads_as_in_tau2_and_changes_nothing() -> None:
    outcomes, state = run_calls(
        fresh("retail"), ("get_order_details", {"order_id": "#W0"}), ("calculate", {"expression": "1/0"})
    )
    assert [outcome.content for outcome in outcomes] == [
        "Error: Order not found",
        "Error: Cannot evaluate expression: division by zero",
    ]
    assert all(outcome.is_error for outcome in outcomes)
    assert state == fresh("retail")


def test_the_expression_of_a_model_is_not_python() -> None:
    (outcome,), _ = run_calls(fresh("airline"), ("calculate", {"expression": "__import__('os').getpid()"}))
    assert outcome.content == "Error: Invalid characters in expression"


@pytest.mark.parametrize("domain", ["airline", "retail"])
def test_the_reference_s_state_is_that_of_a_replay_in_this_process(domain: str) -> None:
    """Of the task with the most actions."""
    actions = max((sample.columns["criteria"]["actions"] for sample in task(domain).samples), key=len)
    assert replay_reference(domain, actions, Sandbox.find()) == replayed(domain, actions)


def test_simulated_models_play_both_domains_over_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two tasks of each domain: the reference is right in all, and the decoy in none."""
    monkeypatch.chdir(tmp_path)
    Path("suite.yaml").write_text(
        "name: s\n"
        "models:\n"
        "  - {id: right, weights: open, runner: sim, sim: {protocol: openai, skill: 1, ttft_s: 0.001}}\n"
        "  - {id: wrong, weights: closed, runner: sim, sim: {protocol: anthropic, skill: 0, ttft_s: 0.001}}\n"
        "tasks: [{tau2: {domain: retail, limit: 2}}, {tau2: {domain: airline, limit: 2}}]\n"
    )
    assert invoke(["run", "suite.yaml", "--yes", "--quiet"]) == 0
    (folder,) = (tmp_path / "results").iterdir()
    finals = read_attempts([folder]).query("final")
    assert finals.groupby("model_id")["score"].agg(list).to_dict() == {"right": [1.0] * 4, "wrong": [0.0] * 4}
    assert set(read_trajectories([folder])["termination"]) == {"done"}


def test_a_simulated_model_plays_the_user_of_both_domains_over_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three tasks of each domain: the user says its scenario and ends the conversation, two requests an episode."""
    monkeypatch.chdir(tmp_path)
    Path("suite.yaml").write_text(
        "name: s\n"
        "models: [{id: right, weights: open, runner: sim, sim: {protocol: anthropic, skill: 1, ttft_s: 0.001}}]\n"
        "users: [{id: customer, weights: closed, runner: sim, sim: {protocol: google, ttft_s: 0.001}}]\n"
        "tasks:\n"
        "  - {tau2: {domain: retail, limit: 3, user: customer}}\n"
        "  - {tau2: {domain: airline, limit: 3, user: customer}}\n"
    )
    assert invoke(["run", "suite.yaml", "--yes", "--quiet"]) == 0
    (folder,) = (tmp_path / "results").iterdir()
    episodes, rows = read_trajectories([folder]), read_attempts([folder])
    asked = rows[rows["phase"] == "user"]
    assert list(episodes["score"]) == [1.0] * 6
    assert set(episodes["reason"]) == {"the user ended the conversation"}
    assert list(asked["model_id"]) == ["customer"] * 2 * 6
    assert episodes["user_input_tokens"].sum() == asked["input_tokens"].sum() > 0
    assert episodes["user_output_tokens"].sum() == asked["output_tokens"].sum() > 0
