"""The search for a rate: which levels it tries, when it is sure, and what it says."""

from __future__ import annotations

import pytest

from gapbench.execution.rate_search import RateBisection, TryTally
from gapbench.suite.loads.load import Load, RateSearch
from gapbench.values.slo import Slo
from tests.makers import attempt

SLO = Slo(ttft_s=0.5, attainment=0.9)


def search(repeats: int = 2, tolerance: float = 0.05) -> RateSearch:
    return RateSearch(SLO, 1.0, 64.0, tolerance, repeats, Load("search", 1.0))


def found(knee_rps: float, repeats: int = 2, sent: int = 200) -> tuple[dict[str, object], list[float]]:
    """Search a server that keeps every request up to its knee and none above it."""
    bisection, tried = RateBisection(search(repeats)), []
    while (step := bisection.next_try()) is not None:
        tried.append(step[0])
        bisection.record_try(step[0], sent if step[0] <= knee_rps else 0, sent)
    return bisection.result(), tried


@pytest.mark.parametrize("knee_rps", [1.3, 10.0, 45.0])
def test_a_knee_is_found_within_the_tolerance(knee_rps: float) -> None:
    """Steps of 5 %."""
    result, _ = found(knee_rps)

    assert knee_rps == pytest.approx(result["rate_rps"], rel=0.05)
    assert result["is_done"]


def test_a_clear_level_is_tried_once() -> None:
    """86 levels are bisected in at most 7 steps; only the two at the edge are tried twice."""
    result, tried = found(10.0)
    levels = result["levels"]
    assert isinstance(levels, list)

    assert len(tried) <= 7 + 2
    assert 2 == sum(level["tries"] == 2 for level in levels)


def test_where_nothing_fails_the_answer_is_a_bound() -> None:
    """>= the highest rate."""
    result, _ = found(1_000.0)

    assert (None, 64.0, ">= 64/s, the highest tested") == (
        result["rate_rps"],
        result["low_rps"],
        result["words"],
    )


def test_where_nothing_passes_the_answer_is_below_the_lowest() -> None:
    """< the lowest rate."""
    assert "< 1/s, the lowest tested" == found(0.5)[0]["words"]


def test_an_unclear_level_is_tried_again() -> None:
    """18 of 20 is 0.9 with an interval from 0.70 to 0.97: the same level again."""
    bisection = RateBisection(search(repeats=3))
    first = bisection.next_try()
    assert first is not None
    bisection.record_try(first[0], 18, 20)

    assert (first[0], 2) == bisection.next_try()


def test_an_empty_search_says_nothing() -> None:
    """Halted before its first try."""
    assert RateBisection(search()).result()["words"] is None


def test_a_try_is_lost_when_the_target_is_out_of_reach() -> None:
    """90 % of 20: two misses are allowed, a third is one too many."""
    tally = TryTally(SLO, total=20)
    late = attempt(scheduled_s=0.0, first_token_s=0.6)
    for _ in range(2):
        tally.record(late)
    assert not tally.is_out_of_reach
    tally.record(late)

    assert tally.is_out_of_reach
    assert (0, 3) == (tally.met, tally.sent)


def test_warm_up_and_attempts_that_are_not_final_do_not_count() -> None:
    """One row of three."""
    tally = TryTally(SLO, total=10)
    for row in (attempt(phase="warmup"), attempt(final=False), attempt()):
        tally.record(row)

    assert 1 == tally.sent


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"first_token_s": 0.5}, True),
        ({"first_token_s": 0.51}, False),
        ({"first_token_s": None}, False),
        ({"outcome": "infra"}, False),
        ({"attempt": 2}, False),
        ({"scheduled_s": -0.5}, False),
    ],
)
def test_what_keeps_a_service_level(changes: dict[str, object], kept: bool) -> None:
    """First token 0.11 s after the schedule; the limit is 0.5 s."""
    assert kept is SLO.is_met_by(attempt(**changes))


def test_gaps_are_held_at_their_percentile() -> None:
    """Gaps of 0.1 and 0.3 s: the median is 0.2, the slowest 0.3."""
    row = attempt(chunk_s=(0.0, 0.1, 0.4))

    assert Slo(inter_chunk_s=0.21, percentile=0.5).is_met_by(row)
    assert not Slo(inter_chunk_s=0.21, percentile=1.0).is_met_by(row)
    assert Slo(inter_chunk_s=0.01).is_met_by(attempt(chunk_s=(0.1,)))


def test_an_episode_keeps_a_level_if_all_its_turns_do() -> None:
    """Three episodes of two turns: the second is slow in its first turn, the third retried a turn."""
    tally = TryTally(Slo(ttft_s=0.5), 3)
    for number, (first_s, last_attempt) in enumerate([(0.4, 2), (0.6, 2), (0.4, 3)]):
        common = {"sample_id": f"s{number}", "trajectory_id": f"t{number}", "scheduled_s": 0.0}
        tally.record(attempt(**common, turn=0, final=False, outcome="unscored", first_token_s=first_s))
        tally.record(attempt(**common, turn=1, attempt=last_attempt, first_token_s=0.4))

    assert (3, 1) == (tally.sent, tally.met)


@pytest.mark.parametrize(("task_s", "met"), [(3.0, 1), (2.9, 0)])
def test_the_limit_on_a_task_counts_from_its_first_turn(task_s: float, met: int) -> None:
    """The first turn is due at 1.0 s and the last reply is complete at 4.0 s; each turn alone is quick."""
    tally = TryTally(Slo(task_s=task_s), 1)
    episode = {"trajectory_id": "t", "first_token_s": None}
    tally.record(attempt(**episode, turn=0, final=False, outcome="unscored", scheduled_s=1.0, done_s=1.5))
    tally.record(attempt(**episode, turn=1, attempt=2, scheduled_s=3.5, done_s=4.0))

    assert (tally.sent, tally.met) == (1, met)
