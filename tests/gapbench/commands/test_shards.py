"""Shards from the command line: listed, run, run again, merged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from gapbench.store import read_manifest
from tests.two_models import command_output, write_suite
from tests.user_suites import write_user_suite


@pytest.fixture(autouse=True)
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_suite(tmp_path)
    monkeypatch.chdir(tmp_path)


def test_shards_are_listed_with_the_source_of_each_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    """30 requests, 8 at once and 16 s each: 60 s, which are 1/60 of an hour."""
    found = json.loads(command_output(capsys, "plan", "suite.yaml", "--shards", "--latency", "16", "--json"))
    first, second = found["shards"]

    assert ("open", "closed") == (first["model"], second["model"])
    assert (0, 1) == (first["number"], second["number"])
    assert (30, 30) == (first["requests"], second["requests"])
    assert 1 / 60 == pytest.approx(first["hours"])
    assert "--latency 16" == first["hours_source"]
    assert (0.0, "simulated") == (second["usd"], second["usd_source"])


def test_unknown_hours_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing says how long a reply takes."""
    found = json.loads(command_output(capsys, "plan", "suite.yaml", "--shards", "--json"))

    assert [None, None] == [shard["hours"] for shard in found["shards"]]


def test_a_complete_shard_does_nothing_and_a_stopped_one_continues(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The first run has all rows; its second has no new session, and one marked as stopped is continued in place."""
    command = ("run", "suite.yaml", "--limit", "4", "--shard", "1", "--out", "shards", "--yes", "--quiet")
    folder = Path(command_output(capsys, *command).strip())
    files = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert str(folder) == command_output(capsys, *command).strip()
    assert files == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    manifest = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**manifest, "state": "interrupted"}))
    assert str(folder) == command_output(capsys, *command).strip()
    assert "complete" == read_manifest(folder).state
    assert ["closed"] == [model.id for model in read_manifest(folder).models]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("run", "suite.yaml", "--shard", "2", "--yes"), "2 shards, 0 to 1"),
        (("run", "--resume", "x", "--shard", "0"), "takes no --resume"),
        (("run", "suite.yaml", "--until-sure", "--shard", "0"), "takes no --shard"),
        (("runs", "merge", "nowhere"), "has no run of a shard"),
    ],
)
def test_what_does_not_fit_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], problem: str
) -> None:
    """One line, exit 2."""
    assert problem in command_output(capsys, *arguments, code=2)


def test_a_shard_costs_what_its_users_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The models under test are simulated, and the model that plays their users is paid."""
    write_user_suite(tmp_path)
    text = (tmp_path / "suite.yaml").read_text()
    given = yaml.safe_load(text)
    for user in given["users"]:
        user.update(runner="openai", model="gpt-5.2", key_env="SOME_KEY")
        user.pop("sim", None)
        user.pop("cost", None)
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(given))
    found = json.loads(command_output(capsys, "plan", "suite.yaml", "--shards", "--json"))
    bounds = json.loads(command_output(capsys, "plan", "suite.yaml", "--json"))["bounds"]
    expected = sum(float(row["usd_max"]) for row in bounds if row["plays_users"])

    assert expected > 0
    assert expected == pytest.approx(sum(shard["usd"] for shard in found["shards"]))
    assert {"simulated, and the most that its users can cost"} == {
        shard["usd_source"] for shard in found["shards"]
    }
