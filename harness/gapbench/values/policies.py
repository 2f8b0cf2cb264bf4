"""The policies of a run as frozen values: retries, deadlines, circuit breaker, rate limits.

A suite's documents are turned into these values once; sessions, workers and limiters get the same objects.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gapbench.values.cache_place import CachePlace
from gapbench.values.failure_kinds import failure_traits
from gapbench.values.requests import Failure, Model, Session

NEVER_TRIPPING_FAILURES = 2**31
"""More failures in a row than any search makes."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often to retry, and how long to wait before a retry.

    Which failures are worth a retry is stated in :mod:`gapbench.values.failure_kinds`.

    Attributes:
        max_attempts: Most attempts at one request in one session, including the first. An attempt that a used-up quota
            refused is not counted, see :meth:`is_quota_refusal`.
        max_wait_s: Longest wait before another attempt; if the provider asks for more, there is no retry. It does not
            apply to waits for a quota.
        quota_wait_s: Longest time that a model waits for its quota without an answer in between, and that one request
            waits in all. 0: a refusal by a quota is a failed attempt like any other.
        backoff_base_s: Upper end of the random wait before the first retry; it doubles with each further one.
        backoff_cap_s: The random wait is never longer than this.
        per_run: Most retries of the whole run. None: no bound.
        per_model: Most retries of each model. None: no bound.
        per_provider: Most retries of all models of one provider account. None: no bound.
    """

    max_attempts: int = 3
    max_wait_s: float = 60.0
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 30.0
    per_run: int | None = None
    per_model: int | None = None
    per_provider: int | None = None
    quota_wait_s: float = 900.0

    def is_quota_refusal(self, failure: Failure | None) -> bool:
        """Return whether an attempt was refused by a quota that announced when it accepts requests again.

        The provider did not work on such an attempt and says when it will: the model waits, and the attempt is not
        counted among those of its request.

        Args:
            failure: How the attempt failed. None: it brought an answer.
        """
        return (
            failure is not None
            and self.quota_wait_s > 0
            and bool(failure.retry_after_s)
            and failure_traits(failure.kind).load_signal == "too_fast"
        )

    def should_retry(
        self, failure: Failure | None, session_attempts: int, quota_waited_s: float = 0.0
    ) -> bool:
        """Return whether another attempt should follow, before any budget is asked.

        Args:
            failure: How the attempt failed. None: it brought an answer.
            session_attempts: Attempts made in this session, including this one, without those that a quota refused.
            quota_waited_s: Sum of the waits that earlier refusals of this request by a quota asked for, in this session.
        """
        if failure is None:
            return False
        if self.is_quota_refusal(failure):
            return quota_waited_s + (failure.retry_after_s or 0.0) <= self.quota_wait_s
        if session_attempts >= self.max_attempts:
            return False
        return failure_traits(failure.kind).is_retryable and (failure.retry_after_s or 0.0) <= self.max_wait_s

    def backoff_s(self, failure: Failure, session_attempts: int, rng: random.Random) -> float:
        """Return the seconds to wait before the next attempt.

        Exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", AWS
        Architecture Blog, 2015), never less than the provider's Retry-After.
        """
        ceiling_s = min(self.backoff_cap_s, self.backoff_base_s * 2.0 ** (session_attempts - 1))
        return min(self.max_wait_s, (failure.retry_after_s or 0.0) + rng.uniform(0.0, ceiling_s))


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines of one attempt, in seconds.

    Attributes:
        connect_s: For a connection.
        first_token_s: For the first text. None: only ``total_s`` applies.
        read_s: Longest silence on an open stream, and longest time between two texts.
        total_s: For the whole reply.
    """

    connect_s: float = 10.0
    first_token_s: float | None = None
    read_s: float = 120.0
    total_s: float = 600.0


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a model is given up.

    Attributes:
        failures: Failures in a row, over all requests, that open the circuit.
        probes: Single requests that try the endpoint before it is given up.
        wait_s: Wait before the first probe; each next one waits twice as long.
    """

    failures: int = 10
    probes: int = 3
    wait_s: float = 20.0


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What a provider's account allows. None: no limit of that kind.

    Attributes:
        requests_per_min: Requests started in any minute.
        tokens_per_min: Input and output tokens in any minute.
    """

    requests_per_min: float | None = None
    tokens_per_min: float | None = None


@dataclass(frozen=True, slots=True)
class RunPolicies:
    """How every request of a run is treated; built once and passed on whole.

    Attributes:
        retries: When to retry.
        timeouts: Deadlines of one attempt.
        breaker: When a model is given up.
        limits: By model id, what the provider allows. A model without an entry has no known limits.
        cache: Where answers are kept. None: every request is sent.
    """

    retries: RetryPolicy = field(default_factory=RetryPolicy)
    timeouts: Timeouts = field(default_factory=Timeouts)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    limits: Mapping[str, RateLimits] = field(default_factory=dict)
    cache: CachePlace | None = None

    def make_session(self, model: Model, log_dir: Path, connections: int) -> Session:
        """Return what a model's runner is opened with.

        Args:
            model: The model.
            log_dir: Existing folder for server logs.
            connections: Most requests that will be in flight at once.
        """
        return Session(
            log_dir=log_dir,
            connections=connections,
            connect_timeout_s=self.timeouts.connect_s,
            read_timeout_s=self.timeouts.read_s,
            transport=model.transport,
        )

    def for_load(self, load_kind: str) -> RunPolicies:
        """Return the policies that apply under a kind of load.

        A search overloads a server on purpose and counts the failures. Retries would add to the load that it offers,
        and a circuit breaker would end it where it becomes useful. So a search has neither.
        """
        if load_kind != "search":
            return self
        return replace(
            self,
            retries=RetryPolicy(max_attempts=1, quota_wait_s=0.0),
            breaker=BreakerPolicy(failures=NEVER_TRIPPING_FAILURES),
        )
