"""Stored answers judged, rated and scored again, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gapbench.cli import invoke
from gapbench.store import read_attempts
from gapbench.store.score_overlay import score_tables

SUITE = """\
name: judged
models:
  - {id: weak, runner: sim, weights: open, sim: {protocol: openai, seed: 1, skill: 0.3, ttft_s: 0.001, gap_s: 0}}
  - {id: strong, runner: sim, weights: closed, sim: {protocol: anthropic, seed: 2, skill: 1.0, ttft_s: 0.001, gap_s: 0}}
judges:
  - {id: jury, runner: sim, weights: closed, sim: {protocol: openai, seed: 3, skill: 1.0, ttft_s: 0.001, gap_s: 0}}
tasks:
  - name: capitals
    category: reasoning
    data: q.jsonl
    prompt: "{question}"
    target: "{answer}"
    reference: "It is {answer}."
    decoy: "It is no such place."
    scorer: {name: judge, model: jury, rubric: "Does it name the right city?"}
params: {max_tokens: 64}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 12 questions to two models, and the suite beside it."""
    here = tmp_path_factory.mktemp("judged")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        rows = [{"question": f"Capital of land {n}?", "answer": f"City{n}"} for n in range(12)]
        Path("q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        Path("suite.yaml").write_text(SUITE)
        assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet"])
        run = next((here / "results").iterdir())
        assert 0 == invoke(["judge", str(run), "--yes", "--quiet"])
    return run


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parents[1])


def test_grades_are_read_over_the_rows(folder: Path) -> None:
    """The strong model names every city; each grade is by scorer judge."""
    rows = read_attempts([folder], ["model_id", "scorer", "score", "outcome"])
    strong = rows[rows["model_id"] == "strong"]

    assert {"judge"} == set(rows["scorer"])
    assert [1.0] * 12 == strong["score"].tolist()
    assert {"correct"} == set(strong["outcome"])


def test_the_judges_calls_are_a_run_of_their_own(folder: Path) -> None:
    """24 answers, 24 questions, beside the judged run and not in it."""
    (judging,) = folder.glob("judge-jury-*/run.json")
    asked = read_attempts([judging.parent], ["model_id", "final"])

    assert (24, {"jury"}) == (int(asked["final"].sum()), set(asked["model_id"]))
    assert {"weak", "strong"} == set(read_attempts([folder], ["model_id"])["model_id"])


def test_judging_again_asks_nothing_twice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every question has its answer already."""
    assert 0 == invoke(["judge", str(folder), "--yes", "--quiet"])
    (judging,) = folder.glob("judge-jury-*/run.json")

    assert "24 answers graded by jury" in capsys.readouterr().out
    assert 24 == len(read_attempts([judging.parent], ["attempt"]))
    assert ["scores-00001.parquet"] == [path.name for path in score_tables(folder)]


def test_an_arena_is_judged_in_both_orders(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """12 questions, one pair, two orders."""
    assert 0 == invoke(["arena", str(folder), "--judge", "jury", "--yes", "--json"])
    said = json.loads(capsys.readouterr().out)

    assert ("judge", ["jury"]) == (said["preference"], said["judges"])
    assert [24, 24] == [row["battles"] for row in said["rows"]]
    assert "strong" == said["rows"][0]["model_id"]
    assert said["simulated"]


def test_an_unknown_judge_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the suite's own named."""
    assert 2 == invoke(["judge", str(folder), "--judge", "jurry", "--yes"])

    assert "judge 'jurry' is not among the judges of suite.yaml; it has: jury" in capsys.readouterr().err


def test_answers_are_scored_again_and_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`contains` instead of the judge, asked twice; one --undo takes it back."""
    before = read_attempts([folder], ["scorer"])["scorer"].tolist()
    assert 0 == invoke(["score", str(folder), "--scorer", "contains"])
    assert 0 == invoke(["score", str(folder), "--scorer", "contains"])
    during = set(read_attempts([folder], ["scorer"])["scorer"])
    assert 0 == invoke(["score", str(folder), "--undo"])

    assert {"contains"} == during
    assert before == read_attempts([folder], ["scorer"])["scorer"].tolist()
    said = capsys.readouterr().out
    assert "strong  capitals: 12 answers, 100.0 % to 100.0 %, 0 outcomes changed" in said
    assert 1 == said.count("nothing new: the run already has these scores")


def test_a_judge_is_asked_in_batches(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """12 pairs in both orders are one batch of 24; the ratings follow, and the strong model is first."""
    assert 0 == invoke(
        ["arena", str(folder), "--judge", "jury", "--rubric", "the right city", "--batch", "--yes", "--json"]
    )
    ratings = json.loads(capsys.readouterr().out)
    (judging,) = (path.parent for path in folder.glob("arena-jury-*/batches.jsonl"))
    rows = read_attempts([judging], ["final", "transport", "service_tier", "done_s"])

    assert 24 == int(rows["final"].sum())
    assert {("batch", "batch")} == set(zip(rows["transport"], rows["service_tier"], strict=True))
    assert rows["done_s"].isna().all()
    assert "strong" == ratings["rows"][0]["model_id"]

    assert 0 == invoke(["batch", "status", str(judging), "--json"])
    (batch,) = json.loads(capsys.readouterr().out)["batches"]
    assert ("jury", "read", 24) == (batch["model"], batch["state"], batch["total"])


def test_to_come_back_to_a_batch_is_not_asked_for_as_if_it_were_paid_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All comparisons are made: the same command says that none is left."""
    command = ["arena", str(folder), "--judge", "jury", "--rubric", "the better city", "--batch", "--yes"]
    assert 0 == invoke(command)
    assert "24 requests to 1 model" in capsys.readouterr().err
    assert 0 == invoke(command)
    assert "0 of 24 requests are left, 24 are finished" in capsys.readouterr().err


def test_not_to_wait_is_for_batches(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == invoke(["judge", str(folder), "--no-wait", "--yes"])
    assert "--no-wait: judge 'jury' is not asked in batches; add --batch" in capsys.readouterr().err
