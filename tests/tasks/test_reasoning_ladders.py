"""What single reasoning ladders promise beyond what holds for all."""

from __future__ import annotations

import re
from collections import Counter

from gapbench.ladder import Ladder
from gapbench.suite.tasks.builtin import builtin_folder
from gapbench.suite.tasks.ladder_file import load_ladder

LITTLE_WORDS = {"the", "of", "who", "is", "person", "in", "as", "a", "an"}


def ladder(name: str) -> Ladder:
    return load_ladder(builtin_folder() / name / "ladder.py")


def test_hints_share_no_word_with_the_question() -> None:
    """Neither in the sentences that answer it, nor anywhere else in the text, but for little words such as *of*."""
    for row in ladder("reasoning/hints").rows(seed=3, rungs=[1, 2, 3, 4, 5, 7], per_rung=8):
        text, _, question = row["question"].rpartition("\n\n")
        asked = set(re.findall(r"\w+", question.lower())) - LITTLE_WORDS

        assert set() == asked & set(re.findall(r"\w+", text.lower())), question


def test_no_other_answer_than_a_value_pays_for_premises() -> None:
    """Always saying one of the two is right for one question in seven: 40 of 280 on average, 56 are a fifth."""
    for number in range(1, 16, 3):
        answers = Counter(
            row["answer"] for row in ladder("reasoning/premises").rows(seed=3, rungs=[number], per_rung=280)
        )
        for answer in ("cannot be determined", "contradiction"):
            assert 20 < answers[answer] < 56, number


def test_premises_of_each_kind_have_as_many_statements() -> None:
    """Their number says nothing about the answer."""
    for number in (1, 5, 9):
        rows = ladder("reasoning/premises").rows(seed=3, rungs=[number], per_rung=60)

        assert len({row["question"].count("\n") for row in rows}) == 1


def test_probabilities_are_lowest_terms_of_a_share() -> None:
    """Above 0 and below 1; words are counted in whole numbers."""
    for row in ladder("reasoning/probability").rows(seed=3, per_rung=6):
        top, _, bottom = row["answer"].partition("/")
        assert int(top) > 0
        assert (not bottom) == row["question"].startswith("Words")
        assert not bottom or int(top) < int(bottom)
