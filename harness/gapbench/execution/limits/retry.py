"""Decide whether a failed request is retried: the policy, the circuit breaker's state and the retry budgets together.

How long to wait is :meth:`gapbench.values.policies.RetryPolicy.backoff_s`.
"""

from __future__ import annotations

from collections import Counter

from gapbench.execution.limits.circuit_breaker import BreakerState
from gapbench.runner import account_of
from gapbench.values import Failure, Model
from gapbench.values.failure_kinds import failure_traits
from gapbench.values.policies import RetryPolicy


class RetryBudget:
    """How many retries a run, each model and each provider account may still make.

    Args:
        policy: Its ``per_run``, ``per_model`` and ``per_provider`` are the bounds.
    """

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._by_model: Counter[str] = Counter()
        self._by_account: Counter[str] = Counter()

    def try_acquire(self, model: Model) -> bool:
        """Take one retry; returns False if none is left, and then the failure is final."""
        policy = self._policy
        retries_made = (self._by_model.total(), self._by_model[model.id], self._by_account[account_of(model)])
        bounds = (policy.per_run, policy.per_model, policy.per_provider)
        if any(
            bound is not None and count >= bound for count, bound in zip(retries_made, bounds, strict=True)
        ):
            return False
        self.record_retry(model)
        return True

    def record_retry(self, model: Model) -> None:
        """Count a retry that was made, in this session or an earlier one."""
        self._by_model[model.id] += 1
        self._by_account[account_of(model)] += 1


def decide_retry(
    policy: RetryPolicy,
    budget: RetryBudget,
    model: Model,
    failure: Failure,
    session_attempts: int,
    breaker_state: BreakerState,
    quota_waited_s: float = 0.0,
) -> tuple[bool, bool]:
    """Return whether a failed attempt is final for its request, and whether another one follows in this session.

    Neither is true if the failure gave the model up: a dead endpoint is not an outcome of a request, and neither is a
    quota that stays used up, so the request is left for ``--resume``.

    Args:
        policy: When to retry.
        budget: The retries that are left; one is taken if another attempt follows.
        model: The model.
        failure: How the attempt failed.
        session_attempts: Attempts at the request in this session, including this one, without those that a quota refused.
        breaker_state: State of the model's circuit breaker after this attempt.
        quota_waited_s: Sum of the waits that earlier refusals by a quota asked for.
    """
    traits = failure_traits(failure.kind)
    is_quota_refusal = policy.is_quota_refusal(failure)
    if (traits.trips_breaker or is_quota_refusal) and breaker_state == "given_up":
        return False, False
    should_retry = policy.should_retry(failure, session_attempts, quota_waited_s) or (
        traits.trips_breaker
        # What waiting does not cure is retried until it is certain: one refused key is not a request's outcome.
        and (breaker_state == "open" or session_attempts < (traits.gives_up_after or 0))
    )
    # The provider did no work for a refused attempt, so its repetition is not a retry that a budget bounds.
    should_retry = should_retry and (is_quota_refusal or budget.try_acquire(model))
    return not should_retry, should_retry
