"""The scorer ``numeric`` reads thousands of made replies as a person does: the stated number, and no other."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from gapbench.scoring import make_scorer
from gapbench.values import Sample
from tests.gapbench.scoring.scorers.number_replies import cases
from tests.gapbench.scoring.scorers.open_replies import OPEN, OPEN_SENTENCES

NUMERIC = make_scorer("numeric", {})


def is_accepted(reply: str, target: Any) -> bool:
    return NUMERIC(reply, Sample("s", (), target=target)).outcome == "correct"


def target_of(value: Fraction) -> Any:
    """Return a value as a data file would hold it: a whole number, a decimal, or a fraction."""
    return value.numerator if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


def test_the_stated_number_is_accepted_in_every_form_and_sentence() -> None:
    """At least 1,500 replies; the reply is right for the value that it was written from."""
    found = cases()

    assert len(found) >= 1500
    assert [] == [
        (case.reply, str(case.value)) for case in found if not is_accepted(case.reply, target_of(case.value))
    ]


def test_no_other_number_is_accepted() -> None:
    """Neither one that the reply names beside its answer, nor a neighbor, the opposite or ten times the answer."""
    accepted = []
    for case in cases():
        neighbor = case.value + 1 if case.value.denominator == 1 else case.value * Fraction(101, 100)
        others = [*case.decoys, neighbor, case.value * 10, *([-case.value] if case.value else [])]
        wrong = [other for other in others if other not in {case.value, case.value * 100, case.value * 1000}]
        accepted += [(case.reply, str(other)) for other in wrong if is_accepted(case.reply, target_of(other))]

    assert [] == accepted


def test_an_open_calculation_is_none_of_its_numbers() -> None:
    """A calculation, a date, a time, a range and a choice are not their first number, nor another."""
    replies = [(sentence.format(n=text), numbers) for text, numbers in OPEN for sentence in OPEN_SENTENCES]

    assert len(replies) >= 300
    assert [] == [
        (reply, number) for reply, numbers in replies for number in numbers if is_accepted(reply, number)
    ]
