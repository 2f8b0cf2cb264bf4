"""`bench try`: one sample all the way, with and without a call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gapbench.cli import invoke

SUITE = """\
name: mine
models:
  - {id: good, runner: sim, weights: open, sim: {protocol: openai, skill: 1.0, ttft_s: 0.001, gap_s: 0, reasoning: {tokens: 8, shown: verbatim}}}
  - {id: bad, runner: sim, weights: closed, sim: {protocol: anthropic, skill: 0.0, ttft_s: 0.001, gap_s: 0}}
tasks:
  - {name: sums, category: reasoning, data: q.jsonl, id: "{id}", prompt: "{question}", target: "{answer}", decoy: "0", scorer: numeric}
  - {name: told, category: reasoning, data: q.jsonl, id: "{id}", prompt: "Say {answer}"}
params: {max_tokens: 64}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a suite of two tasks."""
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(5)]
    Path("q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("suite.yaml").write_text(SUITE)
    return tmp_path


def tried(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert 0 == invoke(["try", *arguments, "--json"]), capsys.readouterr()
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert 2 == invoke(["try", *arguments])
    output = capsys.readouterr()
    assert ("", 1) == (output.out, len(output.err.strip().splitlines()))
    return output.err


def test_a_sample_is_shown_without_a_call(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages and target, and how to go on."""
    assert 0 == invoke(["try", "suite.yaml", "--sample", "q3"])
    output = capsys.readouterr().out

    assert "What is 3 + 1?" in output
    assert "--- target ---\n4" in output
    assert "No request was sent" in output


@pytest.mark.parametrize(
    ("model", "reply", "outcome", "score"), [("good", "5", "correct", 1.0), ("bad", "0", "wrong", 0.0)]
)
def test_a_model_of_the_suite_is_asked(
    capsys: pytest.CaptureFixture[str], model: str, reply: str, outcome: str, score: float
) -> None:
    """Raw answer, extracted answer, score and why; marked as simulated."""
    told = tried(capsys, "suite.yaml", "--sample", "q4", "--model", model)

    assert (reply, reply, outcome, score) == (told["reply"], told["answer"], told["outcome"], told["score"])
    assert told["simulated"]
    assert f"states {reply}" in told["why"] or f"ends with {reply}" in told["why"]
    assert told["latency_s"] > 0
    assert "max_tokens" in told["params_sent"]


def test_reasoning_is_shown_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """And did not reach the scorer."""
    assert 0 == invoke(["try", "suite.yaml", "--model", "good"])
    output = capsys.readouterr().out

    assert "--- reasoning, not passed to the scorer ---\nLet me see" in output
    assert "--- sent to good (SIMULATED) ---" in output
    assert "score    1, correct, by numeric" in output


def test_a_typed_answer_is_scored(capsys: pytest.CaptureFixture[str]) -> None:
    """No call, the same judging."""
    told = tried(capsys, "reasoning/algebra", "--sample", "r01-0004", "--answer", r"$\boxed{23/2}$")

    assert ("correct", 1.0, "23/2") == (told["outcome"], told["score"], told["answer"])
    assert "model" not in told


def test_a_task_without_a_scorer_has_no_score(capsys: pytest.CaptureFixture[str]) -> None:
    """It is timed only."""
    told = tried(capsys, "suite.yaml", "--task", "told", "--answer", "1")

    assert ("unscored", None) == (told["outcome"], told["score"])


def test_images_are_described(capsys: pytest.CaptureFixture[str]) -> None:
    """Kind, size, bytes and hash, not the bytes."""
    image = tried(capsys, "multimodal/charts", "--sample", "r01-0001")["messages"][0]["images"][0]

    # 178 by 252 units at 2 pixels a unit.
    assert ("image/png", 356, 504) == (image["media_type"], image["width"], image["height"])
    assert image["bytes"] > 500


@pytest.mark.parametrize("char", ["\x1b", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028"])
def test_what_steers_a_terminal_does_not_reach_it(capsys: pytest.CaptureFixture[str], char: str) -> None:
    """An escape, turned text, signs without width: in a reply, and in the data of a stranger."""
    Path("q.jsonl").write_text(
        json.dumps({"id": f"q{char}", "question": f"{char}?", "answer": f"{char}1"}) + "\n"
    )
    assert 0 == invoke(["try", "suite.yaml", "--answer", f"{char}[2J1"])

    output = capsys.readouterr().out
    assert char not in output
    assert char.encode("unicode_escape").decode() + "[2J1" in output


def test_a_built_in_task_with_the_simulated_model(capsys: pytest.CaptureFixture[str]) -> None:
    """`--model sim` answers rightly."""
    assert "correct" == tried(capsys, "structured/tool_calls", "--model", "sim")["outcome"]


def test_ids_that_are_row_numbers_say_how_to_have_names(capsys: pytest.CaptureFixture[str]) -> None:
    """A task without `id` has no q3, though its data have."""
    Path("suite.yaml").write_text(SUITE.replace('id: "{id}", ', ""))

    assert (
        'such as: 3; these ids are row numbers: where a column names the rows, set id: "{column}"'
        in refused(capsys, "suite.yaml", "--sample", "q3")
    )


def test_a_dead_endpoint_is_infra_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    """The failure is told."""
    assert 1 == invoke(["try", "suite.yaml", "--model", "openai:x@http://127.0.0.1:9/v1"])
    output = capsys.readouterr().out

    assert "failed: " in output
    assert "127.0.0.1:9" in output
    assert "score    none, infra" in output
    assert "why      the call failed (connect), so there is nothing to score" in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["suite.yaml", "--sample", "q9"], "--sample 'q9' is not in sums, which has 5, such as: q"),
        (["suite.yaml", "--task", "sum"], "it has: sums, told"),
        (["suite.yaml", "--model", "gpt"], "the suite has: good, bad. Write sim"),
        (["reasoning/logik"], "did you mean 'reasoning/logic'?"),
        (["none.yaml"], "none.yaml"),
        (["suite.yaml", "--model", "good", "--answer", "1"], "use only one of them"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """With what there is."""
    assert said in refused(capsys, *arguments)


def test_an_episode_is_played_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    """The simulated model of skill 1 solves it: calls with results, and the end."""
    assert 0 == invoke(["try", "agents/support", "--model", "sim"])
    output = capsys.readouterr().out

    assert "--- turn 1 ---" in output
    assert "[calls find_customer] " in output
    assert "[result after " in output
    assert " turns, done" in output
    assert "score    1, correct, by " in output


def test_the_turns_of_an_episode_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Each call has its result."""
    told = tried(capsys, "agents/support", "--model", "sim")

    calls = [call for turn in told["turns"] for call in turn["calls"]]
    assert ("done", "correct") == (told["termination"], told["outcome"])
    assert calls
    assert all("result" in call for call in calls)


def test_steps_need_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """There is nobody to press Enter."""
    assert "--step waits for Enter" in refused(capsys, "agents/support", "--model", "sim", "--step")
