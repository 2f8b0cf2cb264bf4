"""BFCL's verdict on conversations, from the sandbox."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gapbench.scoring import bfcl_conversations
from gapbench.scoring.bfcl_conversations import calls_by_line
from gapbench.scoring.scorers.bfcl import Bfcl
from gapbench.suite.bfcl.conversion import convert_category
from gapbench.suite.bfcl.entry import MULTI_TURN_CATEGORIES, BfclEntry
from gapbench.values import Sample, StepRecord, Transcript
from tests.bfcl import by_line, calling, in_order, play


def load(category: str, at: int = 3) -> Sample:
    return convert_category(category, BfclEntry(bfcl=[category])).samples[at]  # type: ignore[list-item]


@pytest.mark.parametrize("category", MULTI_TURN_CATEGORIES)
def test_the_sandbox_judges_a_conversation(category: str) -> None:
    """Right calls, then the same without the last reply with calls."""
    sample, scorer = load(category), Bfcl(category)
    right = play(sample, in_order(sample.reference_turns))
    score = scorer.score_transcript(right, sample)
    assert (score.value, score.outcome, score.reason) == (
        1.0,
        "correct",
        "state and results are as they should be",
    )
    assert score.isolation in {"bubblewrap", "unshare"}
    calls = [turn for turn in sample.reference_turns if turn.tool_calls][:-1]
    wrong = scorer.score_transcript(play(sample, by_line([calls, [], [], [], []])), sample)
    assert (wrong.value, wrong.outcome) == (0.0, "wrong")
    assert wrong.reason.startswith("turn ")


def test_arguments_are_values_and_never_code() -> None:
    """What the package would evaluate is the name of a file here."""
    sample = load("multi_turn_base")
    attack = calling(("cd", {"folder": "__import__('os').system('true')"}))
    score = Bfcl("multi_turn_base").score_transcript(play(sample, by_line([[attack], []])), sample)
    assert score.value == 0.0
    assert score.reason.startswith("turn 0: no call has brought")


@pytest.mark.parametrize("termination", ["budget", "context_overflow"])
def test_a_conversation_that_was_cut_is_wrong(termination: str) -> None:
    """Whatever its calls."""
    sample = load("multi_turn_base")
    cut = replace(play(sample, in_order(sample.reference_turns)), termination=termination)  # type: ignore[arg-type]
    score = Bfcl("multi_turn_base").score_transcript(cut, sample)
    assert (score.value, score.reason) == (0.0, f"it ended as {termination}")


def test_calls_that_cannot_run_again_are_not_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is at fault, not the model."""
    sample = load("multi_turn_base")
    right = play(sample, in_order(sample.reference_turns))
    monkeypatch.setattr(bfcl_conversations, "PACKAGES", ("no_such_package",))
    score = Bfcl("multi_turn_base").score_transcript(right, sample)
    assert (score.value, score.outcome) == (None, "unscored")
    assert "the tools need the package 'no_such_package'" in score.reason


def test_a_call_that_ended_its_process_is_left_out() -> None:
    """It changed nothing, and would end the judge's too: 1 of 2 calls stays. Then a line without calls."""
    sample = load("multi_turn_base")
    reply = calling(("ls", {}), ("cd", {"folder": "projects"}))
    played = play(sample, by_line([[reply], []]))
    first, second = played.steps
    ended = Transcript(played.messages, (replace(first, is_error=True), second), None, None, "done")
    assert calls_by_line(ended, sample) == [[[("cd", {"folder": "projects"})]], []]
    assert isinstance(first, StepRecord)


def test_a_sample_that_is_none_of_bfcl_s_is_not_scored() -> None:
    """It lacks the columns."""
    assert Bfcl("multi_turn_base").unscorable_reason(Sample("s", ())) == (
        "the sample is none of BFCL's: it has no columns classes and expected"
    )
