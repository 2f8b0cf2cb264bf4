"""A user played by a model, end to end through `bench` over real HTTP, with the simulated providers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.cli import invoke
from gapbench.store import read_attempts, read_trajectories
from gapbench.store.verify import verify_run
from gapbench.suite.suite import load_suite
from gapbench.values import PlayedUser
from tests.two_models import command_output
from tests.user_suites import write_user_suite


def play(folder: Path, **changes: Any) -> Path:
    """Run the suite in a folder, and return the run."""
    write_user_suite(folder, **changes)
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet"])
    finally:
        os.chdir(before)
    (run,) = (folder / "results").iterdir()
    return run


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of six episodes for each of two models."""
    return play(tmp_path_factory.mktemp("played"))


def test_every_episode_is_played_to_its_end(played: Path) -> None:
    """Three replies each, and the user ends each of the twelve; the model of skill 1 solves its six."""
    episodes = read_trajectories([played])

    assert 12 == len(episodes)
    assert {"the user ended the conversation"} == set(episodes["reason"])
    assert {3} == set(episodes["turns"])
    assert [True] * 6 == list(episodes[episodes["model_id"] == "closed"]["success"])
    assert [] == verify_run(played)


def test_the_user_is_asked_three_times_an_episode(played: Path) -> None:
    """Two lines of its script and the stop word: 36 rows of the phase user, and 36 of the models."""
    rows = read_attempts([played])

    assert {"user": 36, "measure": 36} == dict(rows["phase"].value_counts())
    assert {"shopper"} == set(rows[rows["phase"] == "user"]["model_id"])


def test_the_users_time_is_no_models_time(played: Path) -> None:
    """The parts of each episode add up to the whole, and each has some of both."""
    episodes = read_trajectories([played])
    parts = episodes["model_s"] + episodes["tool_s"] + episodes["user_s"] + episodes["queue_s"]

    assert ((episodes["wall_s"] - parts).abs() < 0.001).all()
    assert (episodes["user_s"] > 0).all()
    assert (episodes["model_s"] > 0).all()


def test_dollars_of_the_user_stand_apart(played: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At $10 a million tokens both ways, its tokens over 6 tasks; the price of a task has none of them."""
    rows = read_attempts([played])
    table = json.loads(command_output(capsys, "cost", str(played), "--json"))["rows"]
    for model_id, usd_per_token in (("closed", 2e-6), ("open", 1e-6)):
        (row,) = [row for row in table if row["model_id"] == model_id]
        users = rows[rows["cell_id"] == f"{model_id}|orders|c4|user"]
        own = rows[rows["cell_id"] == f"{model_id}|orders|c4"]
        user_tokens = users["input_tokens"].sum() + users["output_tokens"].sum()
        own_tokens = own["input_tokens"].sum() + own["output_tokens"].sum()

        assert pytest.approx(user_tokens * 1e-5 / 6) == row["usd_user_per_task"]
        assert pytest.approx(own_tokens * usd_per_token / 6) == row["usd_per_task"]
    (shopper,) = [row for row in table if row["model_id"] == "shopper"]
    assert pytest.approx(sum(row["usd_user_per_task"] * 6 for row in table[:2])) == shopper["usd_user"]
    assert shopper["usd_user"] == shopper["usd_spent"]


def test_the_tables_show_the_user(
    played: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column of its own in the cost table, and a line under the gap that names it."""
    monkeypatch.setenv("COLUMNS", "200")

    assert "user simulator $/1k" in command_output(capsys, "cost", str(played))
    gap = command_output(capsys, "gap", str(played))
    assert "Users of episodes: played by shopper, the same for all models." in gap


def test_the_conditions_name_the_user(played: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of both models."""
    gap = json.loads(command_output(capsys, "gap", str(played), "--json"))

    assert [["shopper"], ["shopper"]] == [row["users"] for row in gap["conditions"]]


def test_worker_processes_ask_the_user_of_their_parent(tmp_path: Path) -> None:
    """Two processes send; the rows are the same as from one."""
    run = play(tmp_path, loads=[{"concurrency": 4, "workers": 2}])
    rows = read_attempts([run])

    assert {"user": 36, "measure": 36} == dict(rows["phase"].value_counts())
    assert {0, 1} == set(rows[rows["phase"] == "measure"]["worker"])
    assert {"the user ended the conversation"} == set(read_trajectories([run])["reason"])


def test_try_plays_the_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lines stand between the turns."""
    monkeypatch.chdir(tmp_path)
    write_user_suite(tmp_path)
    told = json.loads(command_output(capsys, "try", "suite.yaml", "--model", "closed", "--json"))

    assert ["One tea, please.", "Yes, that is all.", None] == [turn["user"] for turn in told["turns"]]
    assert ("done", 1.0) == (told["termination"], told["score"])


@pytest.mark.parametrize(
    "command",
    [("plan", "suite.yaml"), ("validate", "suite.yaml"), ("try", "suite.yaml", "--model", "closed")],
)
def test_a_model_that_is_not_in_the_suite_is_one_line(
    command: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It names the task's key and the models that there are."""
    monkeypatch.chdir(tmp_path)
    path = write_user_suite(tmp_path, users=[])
    told = command_output(capsys, *command, code=2)

    at = 1 + path.read_text().splitlines().index("      model: shopper")
    key = f"suite.yaml:{at}: tasks[0].agent.user.model"
    assert f"{key}: 'shopper' is not among the users or models of suite.yaml" in told
    assert "it has: closed, open" in told


def test_a_user_may_be_one_of_the_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which then has a bound of its own as a user; the plan of a user without a price to pay has none."""
    monkeypatch.chdir(tmp_path)
    path = write_user_suite(tmp_path, users=[])
    path.write_text(path.read_text().replace("model: shopper", "model: open"))
    plan = json.loads(command_output(capsys, "plan", "suite.yaml", "--json"))

    # Six episodes of each of two models: up to 40 turns each, and at most 40 lines of the user.
    assert [("closed", False, 240), ("open", False, 240), ("open", True, 480)] == [
        (row["model"], row["plays_users"], row["calls"]) for row in plan["bounds"]
    ]


def test_an_id_stands_for_one_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users and models share their ids."""
    monkeypatch.chdir(tmp_path)
    path = write_user_suite(tmp_path)
    path.write_text(path.read_text().replace("id: shopper", "id: open"))

    assert "'open' is also one of the models" in command_output(capsys, "plan", "suite.yaml", code=2)


def test_a_task_says_how_its_user_begins_and_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told the instructions alone, and leaves by the second of its stop words."""
    monkeypatch.chdir(tmp_path)
    path = write_user_suite(tmp_path)
    suite = yaml.safe_load(path.read_text())
    (orders,) = suite["tasks"]
    orders["agent"]["user"] |= {
        "guidelines": False, "opening": "Begin.", "stop": ["OVER", "OUT"],
        "script": ["One {drink}, please.", "Bye. OUT"],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(suite, sort_keys=False))
    told = json.loads(command_output(capsys, "try", "suite.yaml", "--model", "closed", "--json"))
    (found,) = load_suite(path).load_tasks()
    episode = found.samples[0].episode
    assert episode is not None

    assert PlayedUser(
        "shopper", "You are r0 and want a tea.", ("OVER", "OUT"), 40,
        ("One tea, please.", "Bye. OUT"), "Begin.", has_guidelines=False,
    ) == episode.played_user  # fmt: skip
    assert ["One tea, please.", None] == [turn["user"] for turn in told["turns"]]
