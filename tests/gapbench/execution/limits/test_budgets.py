"""The bounds of money and of retries."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from gapbench.execution.limits.budgets import SpendBudget
from gapbench.execution.limits.retry import RetryBudget
from gapbench.runner import account_of
from gapbench.values import Model
from gapbench.values.policies import RetryPolicy
from tests.makers import attempt

CENT = Decimal("0.01")


def test_it_stops_at_the_bound() -> None:
    """Two cents of two."""
    spending = SpendBudget(2 * CENT)

    assert spending.charge(attempt(), CENT) is None
    assert "--max-usd 0.02 reached: $0.0200 spent" == spending.charge(attempt(), CENT)


def test_a_reply_that_broke_off_counts_as_the_dearest_so_far() -> None:
    """It was generated, and is billed, though no count arrived: 1 + 1 cents."""
    spending = SpendBudget(2 * CENT)
    spending.charge(attempt(), CENT)
    said = spending.charge(attempt(outcome="infra", failure_kind="cut_stream", http_status=200), None)

    assert said is not None
    assert "$0.0200 spent, $0.0100 of it assumed" in said


def test_an_answer_without_a_count_counts_as_the_dearest_so_far() -> None:
    """A gateway that tells no usage sends a bill all the same; where nothing has a price by the call, nothing is assumed."""
    spending = SpendBudget(2 * CENT)

    assert spending.charge(attempt(http_status=200), None) is None
    spending.charge(attempt(), CENT)
    assert "$0.0100 of it assumed" in str(spending.charge(attempt(http_status=200), None))


@pytest.mark.parametrize("kind", ["rate_limit", "connect", "server"])
def test_a_refused_request_costs_nothing(kind: str) -> None:
    """No reply had begun."""
    spending = SpendBudget(2 * CENT)
    spending.charge(attempt(), CENT)

    assert spending.charge(attempt(outcome="infra", failure_kind=kind, http_status=500), None) is None


def test_a_cached_answer_costs_nothing() -> None:
    """It was paid for when it was asked."""
    assert SpendBudget(CENT).charge(attempt(from_cache=True), CENT) is None


A, B = (Model(name, "openai", name, "closed") for name in "ab")
ELSEWHERE = Model("c", "openai", "c", "open", base_url="http://127.0.0.1:8000/v1")


def test_retries_are_bounded_by_run_and_by_model() -> None:
    """Two of one model, three of all."""
    budget = RetryBudget(RetryPolicy(per_run=3, per_model=2))

    assert [True, True, False, True, False] == [budget.try_acquire(model) for model in (A, A, A, B, B)]


def test_retries_are_bounded_by_provider() -> None:
    """Two at one account, whichever of its models; another address is another account."""
    budget = RetryBudget(RetryPolicy(per_provider=2))

    assert [True, True, False, True] == [budget.try_acquire(model) for model in (A, B, A, ELSEWHERE)]


def test_a_retry_of_an_earlier_session_is_counted() -> None:
    """One of two was made before the run was resumed."""
    budget = RetryBudget(RetryPolicy(per_run=2))
    budget.record_retry(A)

    assert [True, False] == [budget.try_acquire(A), budget.try_acquire(A)]


def test_without_a_bound_every_retry_is_granted() -> None:
    """The number of attempts at one request bounds them still."""
    budget = RetryBudget(RetryPolicy())

    assert all(budget.try_acquire(A) for _ in range(1_000))


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (A, replace(B, base_url=None), True),
        (A, replace(B, key_env="SECOND_KEY"), False),
        (A, replace(B, runner="anthropic"), False),
        (ELSEWHERE, replace(B, base_url="http://127.0.0.1:8000/v1/"), True),
        (
            replace(A, runner="vllm", options={"serve": {}}),
            replace(B, runner="vllm", options={"serve": {}}),
            False,
        ),
    ],
)
def test_who_shares_an_account(one: Model, other: Model, *, shared: bool) -> None:
    """One runner, one address, one key; a server of our own is nobody's account."""
    assert shared == (account_of(one) == account_of(other))


@pytest.mark.parametrize(
    ("kind", "http_status"),
    [(None, None), ("garbage", None), ("cut_stream", None), (None, 200), ("garbage", 200)],
)
def test_a_line_of_a_batch_without_a_price_counts_as_the_dearest_so_far(
    kind: str | None, http_status: int | None
) -> None:
    """Anthropic, Google and broken lines tell no HTTP status, and the answer is billed all the same: 1 + 1 cents."""
    spending = SpendBudget(2 * CENT)
    spending.charge(attempt(transport="batch"), CENT)
    line = attempt(transport="batch", failure_kind=kind, http_status=http_status)

    assert "$0.0200 spent, $0.0100 of it assumed" in str(spending.charge(line, None))


@pytest.mark.parametrize(
    ("kind", "http_status"), [("timeout", None), ("cancelled", None), ("server", None), ("garbage", 500)]
)
def test_a_line_of_a_batch_that_was_not_answered_costs_nothing(kind: str, http_status: int | None) -> None:
    """It expired, was cancelled or failed at the vendor."""
    spending = SpendBudget(2 * CENT)
    spending.charge(attempt(transport="batch"), CENT)
    line = attempt(transport="batch", outcome="infra", failure_kind=kind, http_status=http_status)

    assert spending.charge(line, None) is None


def test_what_was_paid_for_lost_answers_counts() -> None:
    """One cent is known, one assumed."""
    spending = SpendBudget(2 * CENT)
    spending.assume(CENT)
    spending.assume(None)

    assert "--max-usd 0.02 reached" in str(spending.charge(attempt(), CENT))
