"""Runs that replay traffic against two simulated models: the same requests for both, in the order of their sessions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from gapbench.store import read_attempts
from tests.traffic_tables import chat, logged, write_table
from tests.two_models import command_output

SLOW = {"ttft_s": 0.15, "ttft_sigma": 0.0, "gap_s": 0.0}
MODELS = [
    {"id": "open", "runner": "sim", "weights": "open", "sim": {"protocol": "openai", **SLOW}},
    {"id": "closed", "runner": "sim", "weights": "closed", "sim": {"protocol": "anthropic", **SLOW}},
]


def write_suite(folder: Path, load: dict[str, Any], **changes: Any) -> str:
    """Write a suite that replays the table beside it."""
    load = {"replay": {"traffic": "traffic.parquet"}, **load}
    suite = {"name": "twin", "models": MODELS, "loads": [load], **changes}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    return str(folder / "suite.yaml")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return the rows of a run by two workers: six sessions of three turns in 0.4 s, and four requests without one.

    The log's answers took 50 ms and the simulated ones take three times as long, so every session falls behind the log.
    """
    folder = tmp_path_factory.mktemp("replay")
    table = [
        logged(
            0.05 * session + 0.1 * turn,
            session_hash=f"s{session}",
            response_s=0.05,
            route="faq" if session % 2 else "chat",
            messages=chat(f"Question {session}.{turn}") if session < 3 else None,
        )
        for session in range(6)
        for turn in range(3)
    ]
    table += [logged(0.1 * number, route=None) for number in range(4)]
    write_table(folder / "traffic.parquet", table)
    suite = write_suite(folder, {"workers": 2})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        from gapbench.cli import invoke

        assert 0 == invoke(["run", suite, "-y", "--quiet", "--out", str(folder / "results")])
    return read_attempts([next((folder / "results").glob("twin-*"))])


def test_both_models_get_the_same_requests(rows: pd.DataFrame) -> None:
    """The same prompts under the same ids: 22 each."""
    one, other = (
        rows[rows["model_id"] == name].set_index("sample_id")["prompt_sha256"] for name in ("open", "closed")
    )

    assert 22 == len(one)
    assert one.to_dict() == other.to_dict()


def test_requests_without_a_session_keep_the_tables_times(rows: pd.DataFrame) -> None:
    """0, 0.1, 0.2 and 0.3 s, sent no earlier than that."""
    alone = rows[(rows["cluster_id"] == rows["sample_id"]) & (rows["model_id"] == "open")].sort_values(
        "scheduled_s"
    )

    assert [0.0, 0.1, 0.2, 0.3] == pytest.approx(list(alone["scheduled_s"]), abs=1e-6)
    assert (alone["sent_s"] >= alone["scheduled_s"] - 1e-6).all()


def test_a_session_waits_for_each_answer_and_thinks_as_logged(rows: pd.DataFrame) -> None:
    """By two workers too: due 50 ms after the answer, the log's gap of 0.1 s less its answer's 50 ms."""
    sessions = rows[rows["cluster_id"] != rows["sample_id"]].groupby(["model_id", "cluster_id"])
    checked = 0
    for _, session in sessions:
        turns = session.sort_values("sample_id")
        waited = turns["scheduled_s"].iloc[1:].to_numpy() - turns["done_s"].iloc[:-1].to_numpy()
        assert (waited >= 0.05 - 1e-6).all()
        assert (turns["sent_s"].iloc[1:].to_numpy() >= turns["done_s"].iloc[:-1].to_numpy()).all()
        checked += len(waited)

    assert 24 == checked


def test_rows_name_their_route_and_have_no_score(rows: pd.DataFrame) -> None:
    """Nine of each route and four without, twice."""
    assert {"chat": 18, "faq": 18} == rows["route"].value_counts().to_dict()
    assert 8 == rows["route"].isna().sum()
    assert {"unscored"} == set(rows["outcome"])


def test_the_run_keeps_what_was_replayed_and_when(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of six logged requests one failed, and one is after the load's end.

    The log answered in 50 ms and the models in 150 ms at least: the second turn is 100 ms later than in the log, or more.
    """
    monkeypatch.chdir(tmp_path)
    turns = [logged(at, session_hash="s", response_s=0.05, messages=chat("a")) for at in (0.0, 0.1)]
    write_table(
        tmp_path / "traffic.parquet",
        [*turns, logged(0.1), logged(0.2), logged(0.3), logged(0.3, error="429")],
    )
    suite = write_suite(tmp_path, {"max_requests": 4})
    command_output(capsys, "run", suite, "-y", "--quiet", "--out", "results")
    (run,) = (tmp_path / "results").glob("twin-*")
    cells = json.loads((run / "run.json").read_text())["cells"]

    for cell in cells:
        replay = cell["replay"]
        assert (6, {"failed in the log": 1, "after the end of this load": 1}) == (
            replay["logged"], replay["left_out"],
        )  # fmt: skip
        assert 4 == cell["planned"] == replay["arrivals"]["sent"] + replay["follow_ups"]["sent"]
        assert replay["follow_ups"]["p50_s"] >= 0.1 - 1e-6
    for command in (["gap", str(run)], ["report", str(run), "--md", "report.md"]):
        command_output(capsys, *command)
    said = " ".join(command_output(capsys, "gap", str(run)).split())
    said += " ".join((tmp_path / "report.md").read_text().split())
    assert 2 <= said.count(
        "open on replay-traffic at replay-traffic: 4 of 6 logged requests replayed (left out: 1 failed in the log; 1 after the end of this load)"
    )
    assert "1 later turn of sessions" in said
    assert "unscored of" not in said
    assert "bench try" not in said


def test_the_plan_tells_what_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In words, and under notes in JSON."""
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "traffic.parquet", [logged(0.0), logged(30.5), logged(31.0, error="429")])
    suite = write_suite(tmp_path, {})

    assert "left out: 1 failed in the log" in command_output(capsys, "plan", suite)
    told = json.loads(command_output(capsys, "plan", suite, "--json"))
    assert "replay-traffic: sent in 30 s at speed 1: mean 0.0656/s, peak 1 in one second" in told["notes"]
    assert [2, 2] == [cell["requests"] for cell in told["cells"]]


@pytest.mark.parametrize(
    ("load", "changes", "problem"),
    [
        ({"replay": {"traffic": "none.parquet"}}, {}, "none.parquet: cannot be read as a traffic table"),
        ({"replay": {"traffic": "traffic.parquet", "period": "monday"}}, {}, "loads[0].replay.period: found 'monday'"),
        ({"replay": {"trace": "x.jsonl", "routes": ["a"]}}, {}, "routes goes with traffic, not with trace"),
        ({"replay": {"speed": 2}}, {}, "give exactly one of trace and traffic"),
        ({}, {"tasks": ["coding/functions"]}, "tasks: no load sends them"),
        ({"replay": None, "concurrency": 2}, {}, "tasks: missing; it must be given"),
    ],
)  # fmt: skip
def test_a_wrong_replay_is_refused_in_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    load: dict[str, Any],
    changes: dict[str, Any],
    problem: str,
) -> None:
    """With file and key."""
    write_table(tmp_path / "traffic.parquet", [logged(0.0)])
    load = {
        name: value for name, value in {"replay": {"traffic": "traffic.parquet"}, **load}.items() if value
    }
    (tmp_path / "suite.yaml").write_text(
        yaml.safe_dump({"name": "twin", "models": MODELS, "loads": [load], **changes})
    )

    assert problem in command_output(capsys, "plan", str(tmp_path / "suite.yaml"), code=2)
