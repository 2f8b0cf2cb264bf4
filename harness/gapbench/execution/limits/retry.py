"""Retries: the back-off between attempts and the budget of retries."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from gapbench.errors import RETRYABLE_FAILURES
from gapbench.runner import account_of
from gapbench.values import Failure, Model

BACKOFF_BASE_S = 0.5


BACKOFF_CAP_S = 30.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently to try again.

    Attributes:
        max_attempts: Most attempts at one request, the first included.
        max_wait_s: Longest wait before another attempt; a provider that asks for more is not retried.
    """

    max_attempts: int = 3
    max_wait_s: float = 60.0

    def should_retry(self, failure: Failure | None, session_attempts: int) -> bool:
        """Say whether another attempt follows one that ended so.

        Args:
            failure: How it ended; None: with an answer.
            session_attempts: Attempts made in this session, this one included.
        """
        if failure is None or failure.kind not in RETRYABLE_FAILURES or session_attempts >= self.max_attempts:
            return False
        return (failure.retry_after_s or 0.0) <= self.max_wait_s

    def backoff_s(self, failure: Failure, session_attempts: int, rng: random.Random) -> float:
        """Return the seconds to wait before the next attempt.

        Exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", AWS
        Architecture Blog, 2015), never less than the provider's Retry-After.
        """
        ceiling_s = min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** (session_attempts - 1))
        return min(self.max_wait_s, (failure.retry_after_s or 0.0) + rng.uniform(0.0, ceiling_s))


class RetryBudget:
    """How many retries a run, each model and each provider's account may still make.

    Args:
        per_run: Of the run. None: no bound.
        per_model: Of each model. None: no bound.
        per_provider: Of all models of one account. None: no bound.
    """

    def __init__(
        self, per_run: int | None = None, per_model: int | None = None, per_provider: int | None = None
    ) -> None:
        """Start with all of it."""
        self.per_run = per_run
        self.per_model = per_model
        self.per_provider = per_provider
        self._by_model: Counter[str] = Counter()
        self._by_account: Counter[str] = Counter()

    def try_acquire(self, model: Model) -> bool:
        """Take one retry; False: there is none left, and the failure stands."""
        retries_made = (self._by_model.total(), self._by_model[model.id], self._by_account[account_of(model)])
        bounds = (self.per_run, self.per_model, self.per_provider)
        if any(
            bound is not None and count >= bound for count, bound in zip(retries_made, bounds, strict=True)
        ):
            return False
        self.record_retry(model)
        return True

    def record_retry(self, model: Model) -> None:
        """Count a retry that was made, here or in an earlier session."""
        self._by_model[model.id] += 1
        self._by_account[account_of(model)] += 1
