"""A ladder draws the same items from the same seed, different ones on each rung, and refuses rungs that it has not."""

from __future__ import annotations

from random import Random

import pytest

from gapbench.ladder import CANARY, Item, Ladder, Rung


def draw(r: Random, rung: Rung) -> Item:
    """Return a sum of numbers below a bound."""
    a, b = r.randrange(rung.settings["below"]), r.randrange(rung.settings["below"])
    return Item(f"{a} + {b}?", a + b, a + b + 1, solution=f"{a} + {b} = {a + b}")


SUMS = Ladder(
    "sums", "digits", [Rung(1, {"below": 2}), Rung(2, {"below": 100}), Rung(3, {"below": 1000})], draw
)


def test_a_row_has_its_rung_and_complexity() -> None:
    """The first item of the second rung of three."""
    row = SUMS.rows(rungs=[2], per_rung=1)[0]

    assert (row["id"], row["rung"], row["complexity"], row["canary"]) == ("r02-0001", 2, 2, CANARY)


def test_more_items_of_a_rung_begin_with_the_same_ones() -> None:
    """The first 3 of 8 are the 3."""
    assert SUMS.rows(rungs=[3], per_rung=3) == SUMS.rows(rungs=[3], per_rung=8)[:3]


def test_items_do_not_depend_on_the_other_rungs() -> None:
    """Rung 3 alone, and after rungs 1 and 2."""
    assert SUMS.rows(rungs=[3]) == [row for row in SUMS.rows() if row["rung"] == 3]


def test_another_seed_names_and_draws_others() -> None:
    """The ids say the seed, so that two seeds can stand in one table."""
    fresh = SUMS.rows(seed=2027, rungs=[3], per_rung=4)

    assert [row["id"] for row in fresh] == [f"s2027-r03-000{number}" for number in range(1, 5)]
    assert {row["question"] for row in fresh}.isdisjoint(row["question"] for row in SUMS.rows(rungs=[3]))


def test_an_easy_rung_gives_what_it_has() -> None:
    """Two numbers below 2 make 4 different sums."""
    assert len(SUMS.rows(rungs=[1], per_rung=50)) == 4


def test_a_slip_that_is_right_is_drawn_again() -> None:
    """Half of the draws have a slip that equals the answer; none is kept."""

    def careless(r: Random, rung: Rung) -> Item:
        number = r.randrange(1000)
        return Item(f"{number}?", number, number + number % 2)

    rows = Ladder("careless", "none", [Rung(1)], careless).rows(per_rung=20)

    assert len(rows) == 20
    assert [row["id"] for row in rows if row["answer"] == row["slip"]] == []


@pytest.mark.parametrize("number", [0, 4])
def test_a_rung_that_is_not_there_is_named(number: int) -> None:
    """The ladder has three."""
    with pytest.raises(ValueError, match=f"sums has no rung {number}; it has rungs 1 to 3"):
        SUMS.rows(rungs=[number])
