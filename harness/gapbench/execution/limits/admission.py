"""Admission control of one model: circuit breaker, quota and rate limits before a request, retries after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gapbench import transport
from gapbench.execution.limits.circuit_breaker import BreakerDecision, CircuitBreaker
from gapbench.execution.limits.quota_gate import OPEN_ROUND, QuotaGate
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
        is_rate_limited: Whether a rate limiter or a quota decided when it may be sent, so that it was due only then.
        quota_round: What the quota gate returned for it.
    """

    breaker_decision: BreakerDecision
    reserved_tokens: float
    is_rate_limited: bool
    quota_round: int = OPEN_ROUND


LONG_WAIT_S = 10.0
"""The user is informed of the first wait for a quota, and of every later one that is at least this long."""
UNRESTRICTED_PERMIT = Permit("go", 0.0, is_rate_limited=False)
"""The permit while the circuit is closed, the quota is not used up, and there is no rate limiter."""


class Admission(Protocol):
    """What a sender calls before and after each request: :class:`AdmissionControl`, or a worker's proxy of it."""

    async def acquire(self, input_chars: int, max_tokens: int | None) -> Permit | None:
        """Wait until a request may be sent. None: do not send it; it stays unfinished."""

    async def finish_request(
        self, permit: Permit, response: Response, session_attempts: int, quota_waited_s: float
    ) -> tuple[bool, bool]:
        """Count the result of an attempt.

        Args:
            permit: What :meth:`acquire` returned for it.
            response: Its response.
            session_attempts: Attempts at its request in this session, without those that a quota refused.
            quota_waited_s: Sum of the waits that earlier refusals by a quota asked for.

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
        clock: Returns the current time in seconds.

    Attributes:
        last_failure: The last failure that counted before the model was given up. None: there was none.
    """

    def __init__(
        self,
        model: Model,
        policies: RunPolicies,
        retry_budget: RetryBudget,
        rate_limiter: RateLimiter | None,
        stop_signal: StopSignal,
        notify: Callable[[str], None],
        clock: Callable[[], float] = transport.now,
    ) -> None:
        self._model = model
        self._retries = policies.retries
        self._retry_budget = retry_budget
        self._stop_signal = stop_signal
        self._notify = notify
        self.breaker = CircuitBreaker(
            policies.breaker,
            stop_signal.sleep,
            lambda: stop_signal.reason is not None,
            lambda line: notify(f"{model.id}: {line}"),
        )
        self._quota_gate = QuotaGate(
            self._retries.quota_wait_s, stop_signal.sleep, lambda: not self._may_send, clock
        )
        self._rate_limiter = rate_limiter
        self._has_waited_for_quota = False
        self.last_failure: Failure | None = None

    @property
    def is_unrestricted(self) -> bool:
        """Whether requests pass without waiting."""
        return self._rate_limiter is None and self.breaker.state == "closed" and self._quota_gate.is_open

    @property
    def is_calm(self) -> bool:
        """Whether requests wait for rate limits at most: permits may be handed out before they are used."""
        return self.breaker.state == "closed" and self._quota_gate.is_open

    @property
    def _may_send(self) -> bool:
        return self._stop_signal.reason is None and self.breaker.state != "given_up"

    async def acquire(self, input_chars: int, max_tokens: int | None) -> Permit | None:
        """Wait until a request may be sent. None: do not send it; it stays unfinished."""
        if self.is_unrestricted:
            return UNRESTRICTED_PERMIT
        breaker_decision = await self.breaker.acquire()
        if breaker_decision == "no":
            return None
        try:
            quota_round = await self._quota_gate.acquire()
        except BaseException:
            self.breaker.record_result("cancelled", breaker_decision)
            raise
        if quota_round is None:
            self.breaker.record_result("cancelled", breaker_decision)
            return None
        permit = Permit(breaker_decision, 0.0, quota_round != OPEN_ROUND, quota_round)
        if self._rate_limiter is None:
            return permit
        try:
            reserved_tokens = await self._rate_limiter.acquire(
                self._rate_limiter.estimate_tokens(input_chars, max_tokens)
            )
        except BaseException:
            self.cancel_request(permit)
            raise
        permit = Permit(breaker_decision, reserved_tokens, is_rate_limited=True, quota_round=quota_round)
        if self._stop_signal.reason is not None:
            # The stop ended the wait, not the limits.
            self.cancel_request(permit)
            return None
        return permit

    async def finish_request(
        self, permit: Permit, response: Response, session_attempts: int, quota_waited_s: float
    ) -> tuple[bool, bool]:
        """Count the result of an attempt; returns :meth:`decide_retry`."""
        self.record_result(permit, response.failure, response.usage)
        return self.decide_retry(response.failure, session_attempts, quota_waited_s)

    def cancel_request(self, permit: Permit) -> None:
        """Count a request that was abandoned before it ended."""
        self._quota_gate.release(permit.quota_round)
        self.breaker.record_result("cancelled", permit.breaker_decision)

    def take_back(self, permit: Permit) -> None:
        """Count a permit that was handed out and not used."""
        self.cancel_request(permit)
        if self._rate_limiter is not None and permit.is_rate_limited:
            self._rate_limiter.put_back(permit.reserved_tokens)

    def record_result(self, permit: Permit, failure: Failure | None, usage: Usage) -> None:
        """Count the result of an attempt."""
        self._quota_gate.release(permit.quota_round)
        is_open = self.breaker.state != "given_up"
        kind = None if failure is None else "cancelled" if failure.others_answer else failure.kind
        if (
            failure is not None
            and not failure.others_answer
            and is_open
            and failure_traits(failure.kind).trips_breaker
        ):
            self.last_failure = failure
        self.breaker.record_result(kind, permit.breaker_decision)
        if failure is not None and self._retries.is_quota_refusal(failure):
            self._record_refusal(permit, failure.retry_after_s or 0.0)
        elif failure is None or failure_traits(failure.kind).proves_alive:
            self._quota_gate.record_answer(permit.quota_round)
        if self._rate_limiter is None:
            return
        has_usage = usage.input_tokens is not None and usage.output_tokens is not None
        used_tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0) if has_usage else None
        self._rate_limiter.release(permit.reserved_tokens, used_tokens, usage.output_tokens)

    def _record_refusal(self, permit: Permit, retry_after_s: float) -> None:
        if self._quota_gate.is_open and (not self._has_waited_for_quota or retry_after_s >= LONG_WAIT_S):
            self._has_waited_for_quota = True
            self._notify(
                f"{self._model.id}: the provider's quota is used up (429); requests wait {retry_after_s:.3g} s, as it asks, "
                "and then continue slowly. A model's limits: {requests_per_min: …} keep below the quota"
            )
        hopeless = self._quota_gate.record_refusal(permit.quota_round, retry_after_s)
        if hopeless is not None:
            self.breaker.give_up(hopeless)

    def decide_retry(
        self, failure: Failure | None, session_attempts: int, quota_waited_s: float = 0.0
    ) -> tuple[bool, bool]:
        """Return whether an attempt is final for its request, and whether another one follows in this session."""
        if failure is None:
            return True, False
        final, should_retry = decide_retry(
            self._retries,
            self._retry_budget,
            self._model,
            failure,
            session_attempts,
            self.breaker.state,
            quota_waited_s,
        )
        if final and self._retries.is_quota_refusal(failure):
            self._notify(
                f"{self._model.id}: a request was refused (429) again after all waits that the provider asked for; "
                f"it may be larger than the quota. If not, raise retries.quota_wait_s ({self._retries.quota_wait_s:g})"
            )
        return final, should_retry
