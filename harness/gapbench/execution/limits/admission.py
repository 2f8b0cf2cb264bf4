"""What one model's requests pass before and after they are sent: circuit, provider's limits, retries."""

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
    """A request let through.

    Attributes:
        breaker_decision: What the breaker said.
        reserved_tokens: Tokens taken for it from the provider's limit.
        is_rate_limited: Whether limits were kept, so that it was due only now.
    """

    breaker_decision: BreakerDecision
    reserved_tokens: float
    is_rate_limited: bool


UNRESTRICTED_PERMIT = Permit("go", 0.0, is_rate_limited=False)
"""Of a request that nothing held: the circuit is closed, and no limits are known."""


class Admission(Protocol):
    """What a sender asks before and after each request: the run's own :class:`AdmissionControl`, or a worker's way to it."""

    async def acquire(self, input_chars: int, max_tokens: int | None) -> Permit | None:
        """Wait until a request may be sent; None: it must not, and is still to be done."""

    async def finish_request(
        self, permit: Permit, response: Response, session_attempts: int
    ) -> tuple[bool, bool]:
        """Count how a request ended; returns whether it stands for its request, and whether another follows."""

    def cancel_request(self, permit: Permit) -> None:
        """Count a request that was let go of before it had ended."""


class AdmissionControl:
    """One model's gate, for all its cells of a session and all processes that send to it.

    Args:
        model: The model.
        policies: When to retry, and when the model is given up.
        retry_budget: Retries that the run has left.
        rate_limiter: Keeps the limits of its provider's account. None: nothing is known of them.
        stop_signal: Of the run.
        notify: Takes one line for the user.
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
        """Start with a closed circuit."""
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
        """Whether requests pass without being held."""
        return self._rate_limiter is None and self.breaker.state == "closed"

    async def acquire(self, input_chars: int, max_tokens: int | None) -> Permit | None:
        """Wait until a request may be sent; None: it must not, and is still to be done."""
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
            # The halt ended the wait before the limits did.
            self.cancel_request(permit)
            return None
        return permit

    async def finish_request(
        self, permit: Permit, response: Response, session_attempts: int
    ) -> tuple[bool, bool]:
        """Count how a request ended; returns :meth:`decide_retry`."""
        self.record_result(permit, response.failure, response.usage)
        return self.decide_retry(response.failure, session_attempts)

    def cancel_request(self, permit: Permit) -> None:
        """Count a request that was let go of before it had ended."""
        self.breaker.record_result("cancelled", permit.breaker_decision)

    def record_result(self, permit: Permit, failure: Failure | None, usage: Usage) -> None:
        """Count how a request ended."""
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
        return decide_retry(
            self._retries, self._retry_budget, self._model, failure, session_attempts, self.breaker.state
        )
