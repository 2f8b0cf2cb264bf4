"""Answers to prompts that were made up for the replay of a trace are not judged, and so are not lost (finding 30)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gapbench.analysis.quality.gap import gap
from gapbench.cli import invoke
from gapbench.values import Attempt
from tests.gapbench.analysis.conftest import MakeRun
from tests.two_models import SUITE, command_output

Answers = Callable[..., list[Attempt]]


def with_scorer(run: Path, scorer: str | None) -> Path:
    """State the scorer of the run's task in run.json."""
    manifest = json.loads((run / "run.json").read_text())
    for task in manifest["tasks"]:
        task["scorer"] = scorer
    (run / "run.json").write_text(json.dumps(manifest))
    return run


def unscored(answers: Answers, scorer: str | None) -> list[Attempt]:
    """Return ten answers of each side that have no score."""
    rows = [*answers("closed-a", 0, 10), *answers("open-b", 0, 10)]
    return [replace(row, outcome="unscored", score=None, answer=None, scorer=scorer) for row in rows]


@pytest.mark.parametrize(
    ("of_row", "of_task", "lost"),
    [
        pytest.param(None, "numeric", 0, id="made up: the task has a scorer, the row has none"),
        pytest.param("numeric", "numeric", 20, id="the scorer could not judge them"),
        pytest.param(None, None, 20, id="the task has no scorer, as an imported log without a metric"),
    ],
)
def test_only_answers_that_should_have_a_score_are_lost(
    make_run: MakeRun, answers: Answers, of_row: str | None, of_task: str | None, lost: int
) -> None:
    """Ten answers of each of two models."""
    run = with_scorer(make_run(unscored(answers, of_row)), of_task)

    assert lost == gap([run]).caveats.lost.get("unscored", 0)


def test_a_replay_of_lengths_says_nothing_of_answers_that_could_not_be_judged(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four requests of a trace without text, to both models."""
    lines = [{"at_s": number / 100, "input_tokens": 20, "output_tokens": 4} for number in range(4)]
    Path("trace.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    Path("replay.yaml").write_text(SUITE + "loads:\n  - {replay: {trace: trace.jsonl}}\n")
    assert 0 == invoke(["run", "replay.yaml", "--yes", "--quiet"])
    printed = command_output(capsys, "gap") + command_output(capsys, "report")

    assert "could not be judged" not in printed
    assert "unscored of" not in printed
