"""The scorer ``inspect_choice``: which letter Inspect's own rules read from a reply."""

from __future__ import annotations

import pytest

from gapbench.scoring.scorers.inspect_choice import InspectChoice, find_letter
from gapbench.values import Sample


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("ANSWER: B", "B"),
        ("I think so.\nanswer: b.", "B"),
        ("ANSWER: A\nANSWER: C", "C"),
        ("The ANSWER: D) because", "D"),
        ("**ANSWER: B**", "B"),
        ("ANSWER: **B**", "B"),
        ("ANSWER: $B$", "B"),
        ("ANSWER: (B)", "B"),
        ("ANSWER: A,", "A"),
        ("ANSWER: A, B", None),
        ("ANSWER: E", None),
        ("ANSWER: Paris", None),
        ("B", None),
        ("The answer is B.", None),
    ],
)
def test_the_last_stated_letter_counts(reply: str, letter: str | None) -> None:
    """Of four choices, as in parse_answers of inspect_ai 0.3.285."""
    assert find_letter(reply, 4) == letter


@pytest.mark.parametrize(
    ("reply", "outcome"), [("ANSWER: A", "correct"), ("ANSWER: B", "wrong"), ("Paris", "unparsed")]
)
def test_a_reply_is_right_wrong_or_unparsed(reply: str, outcome: str) -> None:
    sample = Sample("a", (), target="A", columns={"choices": 4})
    assert InspectChoice()(reply, sample).outcome == outcome


def test_a_sample_of_another_task_is_unscored() -> None:
    assert InspectChoice()("ANSWER: A", Sample("a", (), target="A")).outcome == "unscored"
