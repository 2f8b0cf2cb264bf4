"""A reply that opens with its answer, against a chain of thought that ends with it."""

from __future__ import annotations

from itertools import product

import pytest

from gapbench.scoring import make_scorer
from gapbench.values import Sample

OPENINGS = (
    "{n}",
    "{n} apples",
    "It's {n}",
    "It is {n} kg",
    "There are {n} apples",
    "That's {n}",
    "**{n}**",
    "It costs ${n}",
)
REASONS = (
    "Reason: 45 / {n} = 3, so 3 × {n} = 45.",
    "Explanation: 7 + 8 gives {n}, and 100 - 8 = 92.",
    "Because 2 × {n} = 30 and 30 of the 31 count.",
)
CHAINS = (
    ("There are {a} eggs. He eats 3. So {n} are left.", 12),
    ("It costs ${a} per ticket. For 5 tickets, that's ${n}.", 20),
    ("It is {a} o'clock. After 3 hours it is {n}.", 5),
    ("There are {a} boxes. Each has 2 red and 4 blue balls, so 2 + 4 = 6 balls. 6 * 7 = {n}.", 8),
    ("It's {a} km in 2 hours, which is {n} km/h.", 60),
    ("{a} apples at 2 dollars each is {n} dollars", 3),
    ("1. First, {a} + 4 = 7. 2. Then 7 * 2 = {n}.", 3),
)
MODIFIED = (
    "{n} kg of the original 50 kg", "It costs ${n} including VAT at 20%.", "It's {n} of the 98 slices.", "That is ${n} before tax of 8%.",
    "There are {n} in the 3 boxes.", "{n} out of 98", "{n} EUR inkl. 19% MwSt.", "It is {n} euros with a discount of 50%.",
)  # fmt: skip


def is_accepted(scorer: str, reply: str, target: int) -> bool:
    return make_scorer(scorer, {})(reply, Sample("s", (), target=str(target))).outcome == "correct"


@pytest.mark.parametrize("scorer", ["numeric", "math"])
def test_the_number_before_a_reason_is_the_answer(scorer: str) -> None:
    """24 replies, right for 15 and for no number of the reason."""
    replies = [f"{a}. {b}".format(n=15) for a, b in product(OPENINGS, REASONS)]

    assert [] == [reply for reply in replies if not is_accepted(scorer, reply, 15)]
    assert [] == [
        (reply, n) for reply in replies for n in (45, 3, 92, 30, 31, 8) if is_accepted(scorer, reply, n)
    ]


def test_a_chain_of_thought_ends_with_its_answer() -> None:
    wrong = [text for text, a in CHAINS if not is_accepted("numeric", text.format(a=a, n=77), 77)]
    opened = [text for text, a in CHAINS if is_accepted("numeric", text.format(a=a, n=77), a)]

    assert ([], []) == (wrong, opened)


@pytest.mark.parametrize("text", MODIFIED)
def test_a_number_after_a_preposition_describes_the_first_one(text: str) -> None:
    reply = text.format(n=35)

    assert is_accepted("numeric", reply, 35)
    assert not any(is_accepted("numeric", reply, other) for other in (50, 20, 98, 8, 3, 19))
