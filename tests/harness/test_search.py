"""The search for a rate: which levels it tries, when it is sure, and what it says."""

from __future__ import annotations

import pytest

from gapbench.execution.rate_search import Bisection, Tally
from gapbench.suite.loads.load import Load, Search
from gapbench.values.slo import Slo
from tests.makers import attempt

SLO = Slo(ttft_s=0.5, attainment=0.9)


def search(repeats: int = 2, tolerance: float = 0.05) -> Search:
    return Search(SLO, 1.0, 64.0, tolerance, repeats, Load("search", 1.0))


def found(knee_rps: float, repeats: int = 2, sent: int = 200) -> tuple[dict[str, object], list[float]]:
    """Search a server that keeps every request up to its knee and none above it."""
    bisection, tried = Bisection(search(repeats)), []
    while (step := bisection.following()) is not None:
        tried.append(step[0])
        bisection.take(step[0], sent if step[0] <= knee_rps else 0, sent)
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
    bisection = Bisection(search(repeats=3))
    first = bisection.following()
    assert first is not None
    bisection.take(first[0], 18, 20)

    assert (first[0], 2) == bisection.following()


def test_an_empty_search_says_nothing() -> None:
    """Halted before its first try."""
    assert Bisection(search()).result()["words"] is None


def test_a_try_is_lost_when_the_target_is_out_of_reach() -> None:
    """90 % of 20: two misses are allowed, a third is one too many."""
    tally = Tally(SLO, planned=20)
    late = attempt(scheduled_s=0.0, first_token_s=0.6)
    for _ in range(2):
        tally.take(late)
    assert not tally.is_lost
    tally.take(late)

    assert tally.is_lost
    assert (0, 3) == (tally.met, tally.sent)


def test_warm_up_and_attempts_that_are_not_final_do_not_count() -> None:
    """One row of three."""
    tally = Tally(SLO, planned=10)
    for row in (attempt(phase="warmup"), attempt(final=False), attempt()):
        tally.take(row)

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
    assert kept is SLO.kept_by(attempt(**changes))


def test_gaps_are_held_at_their_percentile() -> None:
    """Gaps of 0.1 and 0.3 s: the median is 0.2, the slowest 0.3."""
    row = attempt(chunk_s=(0.0, 0.1, 0.4))

    assert Slo(inter_chunk_s=0.21, percentile=0.5).kept_by(row)
    assert not Slo(inter_chunk_s=0.21, percentile=1.0).kept_by(row)
    assert Slo(inter_chunk_s=0.01).kept_by(attempt(chunk_s=(0.1,)))
