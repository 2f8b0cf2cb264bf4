"""What the live view shows of a cell."""

from __future__ import annotations

import sys
from decimal import Decimal

import pytest

from gapbench.execution.monitoring.progress import CellProgress, describe_total, estimate_left_s
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
    kept.end_scoring(5.0)
    for _ in range(20):
        new.record(attempt(), Decimal("0.01"))

    assert "60 of 264 requests, $0.200 of $5.00, 2 min left" == describe_total(
        [kept, new], {"": 264}, Decimal(5), 10.0
    )
    assert "60 of 60 requests, $0.200" == describe_total([kept, new], {"": 60}, None, 10.0)
    assert "0 of 264 requests" == describe_total([], {"": 264}, None, 10.0)


def code_cell(*, scored: int) -> CellProgress:
    """Return a cell of 40 programs that were all answered in its first 4 s; so many of them have their score."""
    progress = CellProgress(total=40, already_done=0, started_s=0.0, task="code")
    for _ in range(40):
        progress.record_waiting()
    progress.end(4.0)
    for _ in range(scored):
        progress.record(attempt(), None)
    return progress


def test_the_time_left_counts_scores_for_their_own_task_alone() -> None:
    """Code: 0.1 s an answer and 3 s for 20 scores, so 40 more take 4 + 6 s, and 20 scores 3 s; 600 sums at 0.1 s: 60 s."""
    left_s = estimate_left_s([code_cell(scored=20)], {"code": 80, "sums": 600}, at_s=7.0)

    assert left_s == pytest.approx(4 + 6 + 3 + 60)


def test_the_time_left_does_not_grow_while_the_first_scores_are_computed() -> None:
    """No score has come yet, so nothing says how long one takes: 640 more answers at 0.1 s."""
    cells = [code_cell(scored=0)]

    assert [64.0, 64.0] == pytest.approx(
        [estimate_left_s(cells, {"code": 80, "sums": 600}, at_s=at_s) or 0.0 for at_s in (4.0, 60.0)]
    )


def test_the_time_between_cells_is_part_of_the_time_left() -> None:
    """A server took 8 s to start after the first 40 answers, 0.2 s for each of them: 40 more take 4 + 8 s."""
    first = CellProgress(total=40, already_done=0, started_s=0.0, task="sums")
    for _ in range(40):
        first.record(attempt(), None)
    first.end_scoring(4.0)
    second = CellProgress(total=40, already_done=0, started_s=12.0, task="sums")

    assert estimate_left_s([first, second], {"sums": 80}, at_s=12.0) == pytest.approx(12.0)


def test_a_reply_within_an_episode_is_a_turn_and_no_retry() -> None:
    """Two replies went on, one try failed, and the last reply ended the request."""
    progress = CellProgress(total=1, already_done=0, started_s=0.0)
    within = {"final": False, "outcome": "unscored", "score": None}
    for changes in ({"turn": 0, **within}, {"turn": 1, **within}, {"turn": 2, **within, "outcome": "infra"}):
        progress.record(attempt(**changes), None)
    progress.record(attempt(turn=2, attempt=4), None)

    assert (progress.turns, progress.retried, progress.done) == (2, 1, 1)


def test_the_pace_of_batches_says_nothing_about_the_time_left() -> None:
    """40 answers of a batch came at once: no rate. While 20 are out, no time is left to tell; then only sums count: 60 s."""
    batched = CellProgress(total=60, already_done=0, started_s=0.0, task="sums", is_batched=True)
    live = CellProgress(total=60, already_done=0, started_s=0.0, task="sums")
    for _ in range(40):
        batched.record(attempt(), None)
    live.record(attempt(), None)

    assert batched.rate_rps(2.0) is None
    assert batched.eta_s(2.0) is None
    assert estimate_left_s([batched, live], {"sums": 120}, at_s=1.0) is None
    for _ in range(20):
        batched.record(attempt(), None)
    assert estimate_left_s([batched, live], {"sums": 120}, at_s=1.0) == pytest.approx(59.0)
