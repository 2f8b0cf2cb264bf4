r"""Solutions named one by one, for targets that are tuples, sets and lists, and the empty set."""

from __future__ import annotations

from itertools import product

import pytest

from gapbench.scoring import make_scorer
from gapbench.values import Sample

MATH = make_scorer("math", {})
JOINTS = (", ", " and ", ", and ", "; ")
FRAMES = ("{}", "{}.", "So {}.", "The answer is {}.", "Therefore, {}, because 3 + 4 = 7.")


def is_accepted(reply: str, target: str) -> bool:
    return MATH(reply, Sample("s", (), target=target)).outcome == "correct"


def test_values_of_two_names_are_a_tuple_in_the_order_of_the_names() -> None:
    """Not the other order, and not a set."""
    for joint, frame, mark in product(JOINTS, FRAMES, ("", "$")):
        reply = frame.format(f"{mark}x = 5{mark}{joint}{mark}y = -2{mark}")
        assert is_accepted(reply, "(5,-2)"), reply
        assert not any(is_accepted(reply, wrong) for wrong in ("(-2,5)", r"\{5,-2\}", "(5,2)", "[-2,5]")), (
            reply
        )


def test_values_of_one_name_are_a_set() -> None:
    """For a set and a list as target, and not for a tuple."""
    for joint, frame in product((*JOINTS, " or "), FRAMES):
        reply = frame.format(f"x = 5{joint}x = -2")
        assert is_accepted(reply, r"\{-2,5\}"), reply
        assert is_accepted(reply, "5,-2"), reply
        assert not any(
            is_accepted(reply, wrong) for wrong in ("(5,-2)", "(-2,5)", r"\{5,2\}", r"\{5,-2,0\}")
        ), reply


@pytest.mark.parametrize(
    "noun", ["roots", "solutions", "values", "zeros of the polynomial", "possible values of $n$"]
)
def test_a_list_after_a_noun_is_a_set(noun: str) -> None:
    reply = f"The {noun} are 3, 1 and 2."

    assert is_accepted(reply, r"\{1,2,3\}")
    assert is_accepted(reply, "1,2,3")
    assert not any(is_accepted(reply, wrong) for wrong in ("(3,1,2)", "1,2", r"\{1,2,4\}", "2"))


@pytest.mark.parametrize(
    "reply",
    [
        "There is no solution.",
        "No solution",
        "The equation has no real solutions.",
        "So there are no solutions.",
        "The solution set is empty.",
    ],
)
def test_no_solution_is_the_empty_set(reply: str) -> None:
    assert is_accepted(reply, r"\emptyset")
    assert not is_accepted(reply, "0")
    assert not is_accepted(reply, r"\{0\}")


@pytest.mark.parametrize(
    "reply",
    [
        "If k = 2, there is no solution.",
        "I have no solution.",
        "There is no other solution.",
        "It is unclear whether there is no solution.",
    ],
)
def test_another_sentence_with_no_solution_is_not_the_empty_set(reply: str) -> None:
    assert not is_accepted(reply, r"\emptyset")


@pytest.mark.parametrize(
    ("degrees", "radians"), [(30, r"\frac{\pi}{6}"), (45, r"\pi/4"), (135, r"\frac{3\pi}{4}"), (360, r"2\pi")]
)
def test_an_angle_in_degrees_equals_the_same_one_in_radians(degrees: int, radians: str) -> None:
    """30° = π/6; a bare number is neither, and neither is another angle."""
    for reply in (rf"${degrees}^\circ$", f"{degrees}°", f"{degrees} degrees"):
        assert is_accepted(reply, radians)
        assert not is_accepted(reply, r"\frac{\pi}{5}")
    assert is_accepted(f"${radians}$", rf"{degrees}^\circ")
    assert not is_accepted(str(degrees), radians)
    assert not is_accepted(f"${radians}$", str(degrees))
