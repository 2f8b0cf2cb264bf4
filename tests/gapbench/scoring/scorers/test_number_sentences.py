"""Numbers that label, count or explain something in a reply are not its answer."""

from __future__ import annotations

from itertools import product

import pytest

from gapbench.scoring import make_scorer
from gapbench.values import Sample

NUMERIC = make_scorer("numeric", {})
NAMES = ("x", "n", "a")
NAMED_VALUES = (
    "{k} = 3 or {k} = 7", "{k} = 3, {k} = 7", "{k} = 3 and {m} = 7", "Therefore {k} = 3 and {m} = 7", "Answer: {k} = 3 or {k} = 7", "{k}=3; {m}=7",
)  # fmt: skip
LABELS = ("Step {i}: ", "{i}. ", "**Step {i}:** ", "Step {i}. ", "{i}) ", "Part {i}: ", "### Step {i}: ")
TEXTS = ("Set up the equation.", "Solve for the unknown.", "Check the result.")
CIRCUMSTANCES = (
    "{n} minutes are needed to fill 3 tanks.", "It takes {n} minutes to fill the 3 tanks.", "She needs {n} minutes for the 3 tanks.",
    "There are {n} marbles for each of the 3 friends.", "He saves ${n} in 3 weeks.", "The train covers {n} km in 3 hours.", "Tom needs {n} nails for the 3 boards.",
    "He needs {n} cans to paint 3 walls.", "**{n}**\n\n(3 rows of 4)", "{n} apples\n\n(from 3 trees)",
)  # fmt: skip
SAME_IN_ANOTHER_UNIT = (
    ("1 h 30 min = 90 min", 90), ("1h 30min = 1.5 h", 1.5), ("1 hour and 30 minutes = 90 minutes", 90), ("2 min 5 s = 125 s", 125),
    ("59.7, which rounds to 60", 60), ("The answer is 59.7, which rounds to 60.", 60), ("59.7, rounded up to 60", 60),
    ("3 × 10 to the power of 8", 300_000_000), ("2 to the 10th power", 1024), ("10 to the power of minus 3", 0.001),
)  # fmt: skip
DIGITS_KEPT = (
    "59.71 rounded to 2 decimal places",
    "59.71 m, rounded to 2 decimals",
    "59.71, rounded to 2 significant figures",
)


def outcome(reply: str, target: float) -> str:
    return str(NUMERIC(reply, Sample("s", (), target=target)).outcome)


@pytest.mark.parametrize("form", NAMED_VALUES)
def test_the_values_of_several_names_are_no_single_number(form: str) -> None:
    replies = [form.format(k=k, m="y") for k in NAMES]

    assert [] == [(reply, n) for reply, n in product(replies, (3, 7)) if outcome(reply, n) != "unparsed"]


@pytest.mark.parametrize("label", LABELS)
def test_the_numbers_of_steps_are_no_answer(label: str) -> None:
    """Neither in one to three steps nor in a step that is cut off; the number of the last step's text is."""
    lines = [label.format(i=at + 1) + text for at, text in enumerate(TEXTS)]
    replies = ["\n".join(lines[:count]) for count in (2, 3)] + ["\n".join([*lines[:2], label.format(i=3)])]

    assert [] == [(reply, n) for reply, n in product(replies, (1, 2, 3)) if outcome(reply, n) == "correct"]
    assert "correct" == outcome("\n".join([*lines, label.format(i=4) + "So 12 apples are left."]), 12)


@pytest.mark.parametrize("form", CIRCUMSTANCES)
def test_what_a_number_is_for_is_no_answer(form: str) -> None:
    assert ("correct", "wrong") == (outcome(form.format(n=48), 48), outcome(form.format(n=48), 3))


@pytest.mark.parametrize(("reply", "value"), SAME_IN_ANOTHER_UNIT)
def test_the_result_of_a_conversion_counts(reply: str, value: float) -> None:
    assert "correct" == outcome(reply, value)


@pytest.mark.parametrize("reply", DIGITS_KEPT)
def test_the_number_of_digits_kept_is_no_answer(reply: str) -> None:
    assert "correct" != outcome(reply, 2)


def test_a_price_in_a_sentence_is_not_skipped() -> None:
    """``at $2`` may be what was asked for."""
    assert "correct" == outcome("She sells 16 eggs at $2 each.", 2)
