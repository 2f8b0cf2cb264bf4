"""The bounds of money and of retries."""

from __future__ import annotations

from decimal import Decimal

import pytest

from harness.spending import RetryBudget, Spending
from tests.makers import attempt

CENT = Decimal("0.01")


def test_it_stops_at_the_bound() -> None:
    """Two cents of two."""
    spending = Spending(2 * CENT)

    assert spending.take(attempt(), CENT) is None
    assert "--max-usd 0.02 reached: $0.0200 spent" == spending.take(attempt(), CENT)


def test_a_reply_that_broke_off_counts_as_the_dearest_so_far() -> None:
    """It was generated, and is billed, though no count arrived: 1 + 1 cents."""
    spending = Spending(2 * CENT)
    spending.take(attempt(), CENT)
    said = spending.take(attempt(outcome="infra", failure_kind="cut_stream", http_status=200), None)

    assert said is not None
    assert "$0.0200 spent, $0.0100 of it assumed" in said


@pytest.mark.parametrize("kind", ["rate_limit", "connect", "server"])
def test_a_refused_request_costs_nothing(kind: str) -> None:
    """No reply had begun."""
    spending = Spending(2 * CENT)
    spending.take(attempt(), CENT)

    assert spending.take(attempt(outcome="infra", failure_kind=kind, http_status=500), None) is None


def test_a_cached_answer_costs_nothing() -> None:
    """It was paid for when it was asked."""
    assert Spending(CENT).take(attempt(from_cache=True), CENT) is None


def test_retries_are_bounded_by_run_and_by_model() -> None:
    """Two of one model, three of all."""
    budget = RetryBudget(per_run=3, per_model=2)

    assert [True, True, False, True, False] == [budget.take(model) for model in ("a", "a", "a", "b", "b")]


def test_without_a_bound_every_retry_is_granted() -> None:
    """The number of attempts at one request bounds them still."""
    assert all(RetryBudget().take("a") for _ in range(1_000))
