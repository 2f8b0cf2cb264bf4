"""Admission control of one model: circuit breaker and rate limits before a request, retries after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gapbench.execution.limits.circuit_breaker import BreakerDecision, CircuitBreaker
from gapbench.execution.limits.rate_limiter import RateLimiter
from gapbench.execution.limits.retry import RetryBudget, decide_retry
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.values import Failure, Model, Response, Usage
from gapbench.values.failure_kinds import failure_traits
from gapbench.values.policies import RunPolicies


@dataclass(frozen=True, slots=True)
class Permit:
    """Permission to send one request.

    Attributes:
        breaker_decision: The circuit breaker's decision.
        reserved_tokens: Tokens reserved for it in the rate limiter.
        is_rate_limited: Whether a rate limiter decided when it may be sent, so that it was due only then.
    """

    breaker_decision: BreakerDecision
    reserved_tokens: float
    is_rate_limited: bool


UNRESTRICTED_PERMIT = Permit("go", 0.0, is_rate_limited=False)
"""The permit while the circuit is closed and there is no rate limiter."""


class Admission(Protocol):
    """What a sender calls before and after each request: :class:`AdmissionControl`, or a worker's proxy of it."""

    async def acquire(self, input_chars: int, max_tokens: int | None) -> Permit | None:
        """Wait until a request may be sent. None: do not send it; it stays unfinished."""

    async def finish_request(
        self, permit: Permit, response: Response, session_attempts: int
    ) -> tuple[bool, bool]:
        """Count the result of an attempt.

        Returns:
            Whether the attempt is final for its request, and whether another attempt follows.
        """

    def cancel_request(self, permit: Permit) -> None:
        """Count a request that was abandoned before it ended."""


class AdmissionControl:
    """Admission control of one model, shared by its cells and by all processes that send to it.

    Args:
        model: The model.
        policies: When to retry, and when the model is given up.
        retry_budget: Retries that the run has left.
        rate_limiter: Keeps the rate limits of the provider account. None: no limits are known.
        stop_signal: The run's stop signal.
        notify: Receives one line for the user.
    """

    def __init__(
        self,
        model: Model,
        policies: RunPolicies,
        retry_budget: RetryBudget,
        rate_limiter: RateLimiter | None,
        stop_signal: StopSignal,
        notify: Callable[[str], None],
    ) -> None:
        self._model = model
        self._retries = policies.retries
        self._retry_budget = retry_budget
        self._stop_signal = stop_signal
        self.breaker = CircuitBreaker(
            policies.breaker,
            stop_signal.sleep,
            lambda: stop_signal.reason is not None,
            lambda line: notify(f"{model.id}: {line}"),
        )
        self._rate_limiter = rate_limiter

    @property
    def is_unrestricted(self) -> bool:
        """Whether requests pass without waiting."""
        return self._rate_limiter is None and self.breaker.state == "closed"

    async def acquire(self, input_chars: int, max_tokens: int | None) -> Permit | None:
        """Wait until a request may be sent. None: do not send it; it stays unfinished."""
        if self.is_unrestricted:
            return UNRESTRICTED_PERMIT
        breaker_decision = await self.breaker.acquire()
        if breaker_decision == "no":
            return None
        if self._rate_limiter is None:
            return Permit(breaker_decision, 0.0, is_rate_limited=False)
        reserved_tokens = await self._rate_limiter.acquire(
            self._rate_limiter.estimate_tokens(input_chars, max_tokens)
        )
        permit = Permit(breaker_decision, reserved_tokens, is_rate_limited=True)
        if self._stop_signal.reason is not None:
            # The stop ended the wait, not the limits.
            self.cancel_request(permit)
            return None
        return permit

    async def finish_request(
        self, permit: Permit, response: Response, session_attempts: int
    ) -> tuple[bool, bool]:
        """Count the result of an attempt; returns :meth:`decide_retry`."""
        self.record_result(permit, response.failure, response.usage)
        return self.decide_retry(response.failure, session_attempts)

    def cancel_request(self, permit: Permit) -> None:
        """Count a request that was abandoned before it ended."""
        self.breaker.record_result("cancelled", permit.breaker_decision)

    def record_result(self, permit: Permit, failure: Failure | None, usage: Usage) -> None:
        """Count the result of an attempt."""
        self.breaker.record_result(failure.kind if failure else None, permit.breaker_decision)
        if self._rate_limiter is None:
            return
        has_usage = usage.input_tokens is not None and usage.output_tokens is not None
        used_tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0) if has_usage else None
        self._rate_limiter.release(permit.reserved_tokens, used_tokens, usage.output_tokens)
        if failure is None or not failure.retry_after_s:
            return
        if failure_traits(failure.kind).load_signal == "too_fast":
            self._rate_limiter.pause(min(failure.retry_after_s, self._retries.max_wait_s))

    def decide_retry(self, failure: Failure | None, session_attempts: int) -> tuple[bool, bool]:
        """Return whether an attempt is final for its request, and whether another one follows in this session."""
        if failure is None:
            return True, False
        return decide_retry(
            self._retries, self._retry_budget, self._model, failure, session_attempts, self.breaker.state
        )
