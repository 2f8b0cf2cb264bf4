"""Suites of episodes through `bench` over real HTTP: a policy of known skill, a killed run, and a judge."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from math import comb
from pathlib import Path
from typing import Any

import pytest

from gapbench.cli import invoke
from gapbench.store import read_attempts, read_payload, read_trajectories
from gapbench.store.verify import verify_run
from tests.two_models import command_output
from tests.user_suites import QUIET, user_suite, write_user_suite

SKILL = 0.7


def policy(model_id: str, weights: str, skill: float) -> dict[str, Any]:
    """Return a model of known skill."""
    persona = {"protocol": "openai", "skill": skill, "rho": 0.3, "seed": 5, **QUIET}
    return {"id": model_id, "runner": "sim", "weights": weights, "sim": persona}


def one_reply_suite(folder: Path, count: int, repeats: int, models: list[dict[str, Any]]) -> None:
    """Write a suite whose episodes are a single reply."""
    suite = user_suite()
    task = {**suite["tasks"][0], "agent": {"limits": {"turns": 3}}, "reference_turns": "{reply}"}
    rows = [{"id": f"r{n}", "drink": "tea", "reply": [{"text": "Here is your tea."}]} for n in range(count)]
    write_user_suite(folder, models=models, users=[], tasks=[task], repeats=repeats)
    (folder / "orders.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def finished_run(folder: Path) -> Path:
    (run,) = (folder / "results").iterdir()
    return run


def test_a_policy_of_known_skill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 tasks, 4 tries each: 0.7 lies in the interval of solved episodes, and pass^k is the mean of C(c,k) / C(4,k)."""
    monkeypatch.chdir(tmp_path)
    one_reply_suite(tmp_path, 60, 4, [policy("policy", "open", SKILL)])
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet"])
    run = finished_run(tmp_path)
    capsys.readouterr()
    report = json.loads(command_output(capsys, "report", str(run), "--json"))
    episodes = read_trajectories([run])
    right = episodes.groupby("sample_id")["success"].sum()

    assert (240, 60) == (len(episodes), len(right))
    (table,) = report["episodes"]
    assert table["success_low"] <= SKILL <= table["success_high"]
    assert pytest.approx(right.sum() / 240) == table["success"]
    (passes,) = report["passes"]
    for k in (2, 3):
        by_hand = sum(comb(int(count), k) / comb(4, k) for count in right) / 60
        assert pytest.approx(by_hand) == passes[f"pass_hat_{k}"]


def test_until_sure_ends_between_episodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1.0 against 0.0: sure long before 120 tasks; both sides have played the same ones, each to its end."""
    monkeypatch.chdir(tmp_path)
    one_reply_suite(tmp_path, 120, 1, [policy("closed", "closed", 1.0), policy("open", "open", 0.0)])
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--until-sure"])
    run = finished_run(tmp_path)
    episodes = read_trajectories([run])
    closed, opened = (set(part["sample_id"]) for _, part in episodes.groupby("model_id"))

    assert closed == opened
    assert 0 < len(closed) < 120
    assert {"done"} == set(episodes["termination"])
    assert [] == verify_run(run)


def bench(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gapbench.cli", *arguments, "--yes", "--quiet"]
    return subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def test_a_killed_run_of_episodes_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """Killed after four rows, in the middle of an episode: each of three ends once, solved in three replies."""
    (given,) = user_suite()["models"][:1]
    # Replies that take so long that five of them are still to come, however late the fourth row is seen.
    slow = {**given, "sim": {**given["sim"], "ttft_s": 0.5}}
    write_user_suite(tmp_path, 3, models=[slow], loads=[{"concurrency": 1}])
    process = bench(tmp_path, "run", "suite.yaml")
    while process.poll() is None:
        journals = tmp_path.glob("results/*/journal-*.jsonl")
        if sum(path.read_bytes().count(b"\n") for path in journals) >= 4:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.005)
    assert -signal.SIGKILL == process.returncode
    run = finished_run(tmp_path)
    before = read_attempts([run])
    assert 0 == bench(tmp_path, "run", "--resume", run.name).wait()

    after, episodes = read_attempts([run]), read_trajectories([run])
    assert ["r0", "r1", "r2"] == sorted(episodes["sample_id"])
    assert ({True}, {"done"}, {3}) == (
        set(episodes["success"]), set(episodes["termination"]), set(episodes["turns"]),
    )  # fmt: skip
    assert [] == verify_run(run)
    # What the first session was billed for is still there, turn by turn and line by line.
    key = ["cell_id", "sample_id", "repeat", "attempt", "input_tokens", "output_tokens"]
    assert len(before) == len(after.merge(before[key], on=key))
    assert not after.duplicated(key[:4]).any()


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two episodes for each of two models, graded by a simulated judge that knows the answer."""
    folder = tmp_path_factory.mktemp("judged")
    suite = user_suite()
    critic = {**suite["users"][0], "id": "critic", "model": "critic-model"}
    critic["sim"] = {**critic["sim"], "skill": 1.0}
    scorer = {"name": "judge", "model": "critic", "rubric": "The order is served."}
    write_user_suite(folder, 2, judges=[critic], tasks=[{**suite["tasks"][0], "scorer": scorer}])
    assert 0 == bench(folder, "run", "suite.yaml").wait()
    run = finished_run(folder)
    assert 0 == bench(folder, "judge", str(run)).wait()
    return run


def test_a_judge_grades_episodes_and_its_dollars_stand_apart(
    judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One question for each of the four episodes; neither the model's price nor the user's has its cost."""
    tables = json.loads(command_output(capsys, "report", str(judged), "--json"))["episodes"]
    grades = next(path for path in judged.iterdir() if path.name.startswith("judge-"))

    assert 4 == len(read_attempts([grades]))
    assert [2, 2] == [table["scored"] for table in tables]
    assert 2 == next(table["solved"] for table in tables if table["model_id"] == "closed")
    assert all(table["usd_judge"] > 0 and table["usd_user"] > 0 for table in tables)


def test_the_arena_compares_whole_episodes(judged: Path) -> None:
    """Each of two samples in both orders: four questions, which hold what the user said on the way."""
    folder = judged.parents[1]
    assert 0 == bench(folder, "arena", str(judged), "--judge", "critic").wait()
    arena = next(path for path in judged.iterdir() if path.name.startswith("arena-"))
    asked = read_payload([arena])["messages"]

    assert 4 == len(asked)
    assert all("Yes, that is all." in text for text in asked)
