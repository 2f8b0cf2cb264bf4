"""Grades and winners as a judge says them."""

from __future__ import annotations

import pytest

from gapbench.errors import InputError
from gapbench.scoring import make_scorer
from gapbench.scoring.scorers.judge import Judge
from gapbench.values import Sample

SAMPLE = Sample("s", ())


@pytest.mark.parametrize(
    ("options", "reply", "outcome", "answer"),
    [
        ({}, "Right and short.\nGrade: 4", "unscored", "4"),
        ({}, "First I thought Grade: 2\nGrade: 5", "unscored", "5"),
        ({}, "**Grade:** 3", "unscored", "3"),
        ({}, "Grade: 9", "unparsed", "9"),
        ({}, "It is good.", "unparsed", None),
        ({"kind": "winner"}, "Both fine.\nWinner: tie", "unscored", "tie"),
        ({"kind": "winner"}, "Winner: FIRST", "unscored", "first"),
        ({"kind": "winner"}, "The first one.", "unparsed", None),
    ],
)
def test_the_last_line_of_its_form_counts(
    options: dict[str, object], reply: str, outcome: str, answer: str | None
) -> None:
    """Emphasis is no matter; a grade off the scale is none."""
    score = make_scorer("verdict", options)(reply, SAMPLE)

    assert (outcome, answer) == (score.outcome, score.answer)


@pytest.mark.parametrize(
    ("grade", "value", "outcome"),
    [(1, 0.0, "wrong"), (3, 0.5, "wrong"), (4, 0.75, "correct"), (5, 1.0, "correct")],
)
def test_a_grade_is_its_place_on_the_scale(grade: int, value: float, outcome: str) -> None:
    """From 1 to 5: (grade - 1) / 4, correct from 1 + 0.6 * 4 = 3.4, so from 4."""
    score = Judge("jury", "Right?").to_score(grade)

    assert (value, outcome) == (score.value, score.outcome)


def test_until_it_is_judged_an_answer_is_unscored() -> None:
    """And says what to do."""
    score = make_scorer("judge", {"model": "jury", "rubric": "Right?"})("4", SAMPLE)

    assert "unscored" == score.outcome
    assert "bench judge" in score.reason


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": "m", "rubric": " "}, "the rubric is empty"),
        ({"model": "m", "rubric": "r", "low": 5, "high": 1}, "low 5 must be below high 1"),
        ({"model": "m", "rubric": "r", "pass_at": 9}, "pass_at 9 is not within 1 to 5"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, object], said: str) -> None:
    """At the door."""
    with pytest.raises(InputError, match=said):
        make_scorer("judge", options)
