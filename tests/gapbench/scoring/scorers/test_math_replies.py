"""The scorer ``math`` against 65 answers in right and wrong forms, and against math-verify itself."""

from __future__ import annotations

import logging
from itertools import product

import pytest
from math_verify import parse, verify

from gapbench.scoring import make_scorer
from gapbench.values import Sample
from tests.gapbench.scoring.scorers.math_replies import MATH_GOLDS, PROSE, math_golds, math_replies

MATH = make_scorer("math", {})


def outcome(reply: str, target: str) -> str:
    return MATH(reply, Sample("s", (), target=target)).outcome


def test_right_forms_are_accepted_and_wrong_ones_are_not() -> None:
    """At least 300 replies to 65 targets: no right form is refused, no wrong form is accepted."""
    cases = math_replies()

    assert len(math_golds()) == 65
    assert len(cases) >= 300
    assert [] == [case for case in cases if (outcome(case.reply, case.target) == "correct") != case.is_right]


@pytest.mark.parametrize("reply", PROSE)
def test_words_are_unparsed(reply: str) -> None:
    """No answer was found, so none was wrong."""
    assert "unparsed" == outcome(reply, "5")


def test_what_math_verify_accepts_is_accepted() -> None:
    """Every pair of a target and a right or wrong form: raw math-verify's accepts are ours, but for its false ones."""
    logging.disable(logging.CRITICAL)
    lost = []
    for gold in MATH_GOLDS:
        for form, text in product(gold.right + gold.wrong, ("{}", "${}$")):
            raw = verify(parse(text.format(gold.target)), parse(text.format(form)))
            if raw and form not in gold.wrong and outcome(rf"\boxed{{{form}}}", gold.target) != "correct":
                lost.append((gold.target, form))
    logging.disable(logging.NOTSET)

    assert [] == lost
