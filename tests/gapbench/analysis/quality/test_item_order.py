"""The order of requests by item, where several runs ask for the same items."""

from __future__ import annotations

import numpy as np
import pytest

from gapbench.analysis.quality.item_order import sorted_items


def order_slowly(item: list[int], numbers: list[int], span: int) -> tuple[list[int], list[int]]:
    """Return what :func:`sorted_items` does, one request after another in the order written."""
    answers: dict[int, int] = {}
    found = []
    for place in sorted(range(len(item)), key=lambda place: numbers[place]):
        earlier = answers.get(item[place], 0)
        answers[item[place]] = earlier + 1
        found.append((item[place] + earlier * span, place))
    found.sort()
    return [place for _, place in found], [code for code, _ in found]


@pytest.mark.parametrize("seed", range(300))
def test_requests_are_in_the_order_of_their_items(seed: int) -> None:
    """Runs that ask for all items, for some, for none, or for an item twice; rows in any order."""
    rng = np.random.default_rng(seed)
    span = int(rng.integers(1, 30))
    items, runs = [], []
    for number in range(int(rng.integers(1, 5))):
        is_odd = rng.random() < 0.2
        some = rng.integers(0, span, 4) if is_odd else rng.permutation(span)[: int(rng.integers(0, span + 1))]
        items += some.tolist()
        runs += [number] * len(some)
    mixed = rng.permutation(len(items))
    item, run = np.array(items, np.int64)[mixed], np.array(runs, np.int16)[mixed]
    numbers = 3 * np.arange(len(items))[mixed]

    order, codes = sorted_items(item, run, lambda: numbers, span)

    expected = order_slowly(item.tolist(), numbers.tolist(), span)
    assert (np.arange(len(item))[order].tolist(), codes.tolist()) == expected


def test_a_further_answer_is_a_further_repeat() -> None:
    """Run 0 has items 0 and 1, run 1 items 1 and 2, of 3: the second answer to item 1 has the code 1 + 3."""
    item, run = np.array([1, 0, 2, 1]), np.array([0, 0, 1, 1], np.int16)

    order, codes = sorted_items(item, run, lambda: np.arange(4), 3)

    assert np.arange(4)[order].tolist() == [1, 0, 2, 3]
    assert codes.tolist() == [0, 1, 2, 4]
