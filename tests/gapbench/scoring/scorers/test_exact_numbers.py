"""Numbers are compared exactly, whatever their size, by every scorer that compares numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from gapbench.scoring import make_scorer
from gapbench.scoring.numbers import exact_float
from gapbench.values import Sample


def outcome(name: str, reply: str, target: Any, **options: Any) -> str:
    return make_scorer(name, options)(reply, Sample("s", (), target=target)).outcome


@pytest.mark.parametrize("size", [10**k for k in (3, 15, 16, 17, 30, 300)])
@pytest.mark.parametrize("name", ["numeric", "math"])
def test_neighboring_whole_numbers_differ_at_any_size(name: str, size: int) -> None:
    """A float cannot tell 10^16 from 10^16 + 1."""
    assert ("correct", "wrong") == (outcome(name, str(size), size), outcome(name, str(size + 1), size))


@pytest.mark.parametrize("exponent", [-3, -9, -12, -30, -300])
@pytest.mark.parametrize("name", ["numeric", "math"])
def test_small_numbers_differ_from_zero_and_from_each_other(name: str, exponent: int) -> None:
    """Twice as much, a tenth and nothing are each another number than 1e-12."""
    target = f"1e{exponent}"
    replies = [f"\\boxed{{{text}}}" for text in (f"1e{exponent}", f"2e{exponent}", f"1e{exponent - 1}", "0")]

    assert ["correct", "wrong", "wrong", "wrong"] == [outcome(name, reply, target) for reply in replies]


def test_a_difference_of_a_millionth_of_the_target_is_accepted() -> None:
    """0.1 + 0.0000001 is within it, 0.1 + 0.0000002 is not."""
    assert ("correct", "wrong") == (
        outcome("numeric", "0.1000001", 0.1),
        outcome("numeric", "0.1000002", 0.1),
    )


def test_a_float_is_the_decimal_that_it_is_written_as() -> None:
    """0.1 is one tenth, not the binary number next to it."""
    assert (Fraction(1, 10), 10**23, Fraction(-3, 10**7)) == tuple(map(exact_float, (0.1, 1e23, -3e-7)))


def test_relaxed_compares_only_whole_texts_as_numbers() -> None:
    """104 is within five percent of 100; a span of years is a text."""
    cases = [("104", "100"), ("2010-2015", "2010-2015"), ("2010", "2010-2015"), ("$1.04k", "$1,000")]

    assert ["correct", "correct", "wrong", "correct"] == [outcome("relaxed", *case) for case in cases]


def test_ids_in_json_must_be_the_same() -> None:
    """12 digits differ by less than the tolerance for decimals; a higher tolerance covers whole numbers as well."""
    reply = '{"id": 123456789013, "share": 0.30000000001}'
    target = {"id": 123456789012, "share": 0.3}

    assert ("wrong", "correct") == (
        outcome("json", reply, target),
        outcome("json", reply, target, rel_tol=1e-6),
    )
