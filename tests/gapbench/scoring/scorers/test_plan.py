"""The scorer of plans: every plan that works, and the move at which another fails."""

from __future__ import annotations

from typing import Any

import pytest

from gapbench.scoring import make_scorer
from gapbench.values import Sample, Score

START = {"A": [1, 2], "B": [], "C": [3]}
GOAL = {"A": [], "B": [2, 1], "C": [3]}


def score(reply: str, columns: dict[str, Any] | None = None) -> Score:
    return make_scorer("plan", {})(
        reply, Sample("s", (), columns={"start": START, "goal": GOAL} if columns is None else columns)
    )


@pytest.mark.parametrize(
    "reply",
    [
        "Answer: A>B, A>B",
        "2 must be below 1.\nAnswer: A>C, A>B, B>A, C>B, A>B",
        "**Answer:** `A>B`, `A>B`",
        "Answer: A->B A → B.",
        "Answer: \\boxed{A>B, A>B}",
        "Answer: $A \\to B, A \\rightarrow B$",
        "The answer is\n1. a>b\n2. a>b\n\nThis is the shortest plan.",
        "Answer: A>C\nNo, wait.\nAnswer: A>B, A>B",
        "A>B, A>B",
        "```\nA>B\nA>B\n```",
    ],
)
def test_every_plan_that_works_is_right(reply: str) -> None:
    """The shortest and a longer one, however arrows, lines and markup are written."""
    assert ("correct", 1.0) == (score(reply).outcome, score(reply).value)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("Answer: A>B", "after 1 moves A holds 1, not nothing"),
        ("Answer: A>B, B>A, B>C", "move 3, B>C: B is empty"),
        ("Answer: A>D", "move 1, A>D: there is no place D"),
        ("Answer: A>A", "move 1, A>A: the block stays where it is"),
        ("Answer: A>B, A>C", "after 2 moves B holds 2, not 2 1"),
    ],
)
def test_a_plan_that_fails_says_where(reply: str, reason: str) -> None:
    """The first move that cannot be made, or the first place that ends otherwise."""
    assert ("wrong", reason) == (score(reply).outcome, score(reply).reason)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("Answer: A>B, then A>B", "'then' is not a move such as A>B"),
        ("Answer: move block 2 to B", "'move' is not a move such as A>B"),
        ("Answer:", "states no moves"),
        ("A>B, A>B\nor so", "'or so' comes after the moves"),
        ("", "the reply is empty"),
    ],
)
def test_anything_but_moves_is_unparsed(reply: str, reason: str) -> None:
    """A plan in words is no plan."""
    assert ("unparsed", reason) == (score(reply).outcome, score(reply).reason)


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"start": START},
        {"start": START, "goal": {"A": []}},
        {"start": "A", "goal": GOAL},
        {"start": START, "goal": {**GOAL, "C": [4]}},
    ],
)
def test_without_two_arrangements_of_the_same_blocks_nothing_is_scored(columns: dict[str, Any]) -> None:
    """The task is at fault, not the model."""
    assert "unscored" == score("Answer: A>B", columns).outcome
