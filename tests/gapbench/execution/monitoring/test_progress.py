"""What the live view shows of a cell."""

from __future__ import annotations

import sys
from decimal import Decimal

import pytest

from gapbench.execution.monitoring.progress import CellProgress, describe_total
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


def test_the_rate_of_an_ended_cell_stays() -> None:
    """Two answers in the ten seconds until its end, whatever the clock says later (finding 14)."""
    progress = seen(0.1, 0.1)
    progress.end(10.0)
    progress.end(500.0)

    assert (0.2, 0.2) == (progress.rate_rps(10.0), progress.rate_rps(1000.0))


def test_an_answer_that_waits_for_its_score_counts_as_answered() -> None:
    """Three have come, one of them has its row now: two wait."""
    progress = CellProgress(total=10, already_done=0, started_s=0.0)
    progress.waiting = 3
    progress.record(attempt(), None)

    assert (1, 2, 3) == (progress.done, progress.waiting, progress.answered)


def test_the_total_counts_cells_budget_and_time() -> None:
    """Of 264 requests 40 were kept and 20 are new, at $0.01 each, in ten seconds: 204 more take 102 s (finding 14)."""
    kept = CellProgress(total=60, already_done=40, started_s=0.0)
    new = CellProgress(total=60, already_done=0, started_s=5.0)
    for _ in range(20):
        new.record(attempt(), Decimal("0.01"))

    assert "60 of 264 requests, $0.200 of $5.00, 2 min left" == describe_total(
        [kept, new], 264, Decimal(5), 10.0
    )
    assert "60 of 60 requests, $0.200" == describe_total([kept, new], 60, None, 10.0)
    assert "0 of 264 requests" == describe_total([], 264, None, 10.0)


def test_a_reply_within_an_episode_is_a_turn_and_no_retry() -> None:
    """Two replies went on, one try failed, and the last reply ended the request."""
    progress = CellProgress(total=1, already_done=0, started_s=0.0)
    within = {"final": False, "outcome": "unscored", "score": None}
    for changes in ({"turn": 0, **within}, {"turn": 1, **within}, {"turn": 2, **within, "outcome": "infra"}):
        progress.record(attempt(**changes), None)
    progress.record(attempt(turn=2, attempt=4), None)

    assert (progress.turns, progress.retried, progress.done) == (2, 1, 1)
