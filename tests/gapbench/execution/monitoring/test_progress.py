"""What the live view shows of a cell."""

from __future__ import annotations

import sys

import pytest

from gapbench.execution.monitoring.progress import CellProgress
from tests.makers import attempt


def seen(*first_token_s: float) -> CellProgress:
    progress = CellProgress(total=100, already_done=0, started_s=0.0)
    for at_s in first_token_s:
        progress.record(attempt(sent_s=1.0, first_token_s=1.0 + at_s), None)
    return progress


def test_before_the_first_reply_there_is_no_median() -> None:
    assert seen().first_token_p50_s is None


def test_the_median_of_an_odd_number_is_the_middle_one_within_a_hundredth() -> None:
    assert seen(0.9, 0.1, 0.3).first_token_p50_s == pytest.approx(0.3, rel=0.01)


def test_the_median_of_an_even_number_is_the_upper_of_the_two_in_the_middle() -> None:
    assert seen(0.1, 0.2, 0.4, 0.8).first_token_p50_s == pytest.approx(0.4, rel=0.01)


def test_a_token_that_came_with_the_request_counts_as_the_smallest() -> None:
    assert seen(0.0).first_token_p50_s == pytest.approx(1e-6, rel=0.01)


def test_ten_thousand_times_take_the_room_of_a_few_classes() -> None:
    progress = seen(*(0.2 + number / 1e6 for number in range(10_000)))
    # From 200 to 210 ms are ln(1.05) / ln(1.02) = 2.5 classes.
    assert len(progress._first_token_buckets) <= 4
    assert sys.getsizeof(progress._first_token_buckets) < 1_000
