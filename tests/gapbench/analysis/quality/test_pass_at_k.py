"""pass@k over repeats, and partial credit beside it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from gapbench.analysis.quality.pass_at_k import summarize_pass_at_k
from gapbench.stats import pass_at_k
from gapbench.values import Attempt

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]


@pytest.mark.parametrize("n", range(1, 7))
def test_pass_at_k_is_the_share_of_draws_with_a_right_answer(n: int) -> None:
    """For every c and k it equals counting all C(n, k) draws."""
    for correct in range(n + 1):
        answers = [True] * correct + [False] * (n - correct)
        for k in range(1, n + 1):
            draws = [any(draw) for draw in combinations(answers, k)]
            assert pass_at_k(n, correct, k) == pytest.approx(sum(draws) / len(draws))


def test_pass_at_k_needs_k_answers() -> None:
    """With fewer answers than k nothing can be said."""
    assert pass_at_k(2, 1, 3) is None
    assert pass_at_k(0, 0, 1) is None
    assert pass_at_k(10_000, 1, 5_000) == pytest.approx(0.5)


def test_repeats_give_pass_at_k_and_partial_credit(make_run: Make, attempt: Attempts) -> None:
    """Two samples, four answers each, 1 and 2 right: pass@1 is 3/8, pass@2 is (3/6 + 5/6) / 2."""
    rows = [
        attempt(
            task="coding/f",
            category="coding",
            sample_id=sample,
            cluster_id=sample,
            repeat=repeat,
            outcome="correct" if repeat < right else "wrong",
            partial=1.0 if repeat < right else 0.5,
        )
        for sample, right in (("a", 1), ("b", 2))
        for repeat in range(4)
    ]

    found = summarize_pass_at_k([make_run(rows)])

    row = found.frame.iloc[0]
    assert found.ks == [1, 2, 3]
    assert row["pass_at_1"] == pytest.approx(3 / 8)
    assert row["pass_at_2"] == pytest.approx((3 / 6 + 5 / 6) / 2)
    assert row["partial"] == pytest.approx((3 * 1.0 + 5 * 0.5) / 8)
    assert (row["samples"], row["answers"], row["repeats"]) == (2, 8, 4)


def test_failed_answers_are_no_trials(make_run: Make, attempt: Attempts) -> None:
    """Of three requests one never got an answer: two trials, and pass@3 cannot be told."""
    outcomes = ("correct", "wrong", "infra")
    rows = [attempt(repeat=repeat, outcome=outcome) for repeat, outcome in enumerate(outcomes)]
    found = summarize_pass_at_k([make_run(rows)])
    assert (found.ks, found.frame["pass_at_1"].iloc[0]) == ([1, 2], 0.5)


def test_tasks_asked_once_without_tests_are_left_out(make_run: Make, attempt: Attempts) -> None:
    """A numeric task with one answer a sample has no pass@k beyond its accuracy."""
    found = summarize_pass_at_k([make_run([attempt(sample_id="a"), attempt(sample_id="b")])])
    assert (len(found.frame), found.to_json()) == (0, [])


def test_a_task_under_several_loads_has_no_pass_at_k(make_run: Make, attempt: Attempts) -> None:
    """Each load went round its samples as often as its seconds allowed: these are no repeats of one condition."""
    rows = [
        attempt(cell_id=f"closed-a|sums|c{load}", load_value=float(load), repeat=repeat, partial=1.0)
        for load in (1, 2)
        for repeat in range(3)
    ]
    assert summarize_pass_at_k([make_run(rows)]).frame.empty


def test_repeats_give_pass_hat_k_and_the_noise(make_run: Make, attempt: Attempts) -> None:
    """Four tries each, 4, 2 and 1 right: pass^2 is (1 + C(2,2)/C(4,2) + 0) / 3, and pass^3 is (1 + 0 + 0) / 3.

    The squares within tasks are 0 + 1 + 3/4, over 12 - 3 degrees of freedom.
    """
    rows = [
        attempt(
            sample_id=sample,
            cluster_id=sample,
            repeat=repeat,
            outcome="correct" if repeat < right else "wrong",
        )
        for sample, right in (("a", 4), ("b", 2), ("c", 1))
        for repeat in range(4)
    ]
    row = summarize_pass_at_k([make_run(rows)]).frame.iloc[0]

    assert row["pass_hat_2"] == pytest.approx((1 + 1 / 6 + 0) / 3)
    assert row["pass_hat_3"] == pytest.approx((1 + 0 + 0) / 3)
    assert row["pass_hat_2_low"] < row["pass_hat_2"] < row["pass_hat_2_high"]
    assert row["noise_floor"] == pytest.approx(((0 + 1 + 3 / 4) / 9 / 12) ** 0.5)
    assert 0 < row["icc"] < 1
