"""The coding ladders whose answer is a program: hidden tests find small faults."""

from __future__ import annotations

from random import Random

import pytest

from tests.tasks.ladders.audit import audited
from tests.tasks.ladders.coding_specification import function_of, is_right
from tests.tasks.specification_mutants import mutants


@pytest.mark.parametrize("number", range(1, 13))
def test_five_misreadings_of_a_specification_fail(number: int) -> None:
    """Of eight drawn faults (a rule or exception left out, an order, a number), five or more fail the hidden tests."""
    row = audited("coding/specification").ladder.rows(seed=14, rungs=[number], per_rung=1)[0]
    drawn = Random(number).sample(list(mutants(row["question"])), 6 if number == 1 else 8)

    failed = [label for label, text in drawn if not is_right(row, function_of(text))]

    assert len(failed) >= 5
