"""The run policies of a suite: retries, timeouts, rate limits, and when to give up on a model."""

from __future__ import annotations

from pydantic import Field, model_validator

from gapbench.suite.documents import StrictModel
from gapbench.values.policies import BreakerPolicy, RateLimits, RetryPolicy, Timeouts


class RetriesDocument(StrictModel):
    """How often to retry, and how long to wait."""

    attempts: int = Field(
        3, ge=1, le=100, description="largest number of attempts at one request, including the first"
    )
    max_wait_s: float = Field(60.0, ge=0, description="longest wait before another attempt")
    quota_wait_s: float = Field(
        900.0,
        ge=0,
        description="longest time without any answer that a model waits while 429 replies announce when the quota ends "
        "(Retry-After); such attempts are not counted in attempts. 0: no such wait, and they are counted",
    )
    per_run: int | None = Field(
        None, ge=0, description="largest number of retries in the whole run; default: no limit"
    )
    per_model: int | None = Field(
        None, ge=0, description="largest number of retries for one model; default: no limit"
    )
    per_provider: int | None = Field(
        None,
        ge=0,
        description="largest number of retries for all models with the same runner, base_url and key_env; default: no limit",
    )

    def to_policy(self) -> RetryPolicy:
        """Return the frozen value that the run uses."""
        return RetryPolicy(
            max_attempts=self.attempts,
            max_wait_s=self.max_wait_s,
            quota_wait_s=self.quota_wait_s,
            per_run=self.per_run,
            per_model=self.per_model,
            per_provider=self.per_provider,
        )


class TimeoutsDocument(StrictModel):
    """Timeouts of one attempt."""

    connect_s: float = Field(10.0, gt=0, description="longest time to open a connection")
    first_token_s: float | None = Field(
        None, gt=0, description="longest time to the first text; default: total_s"
    )
    read_s: float = Field(120.0, gt=0, description="longest silence on an open stream")
    total_s: float = Field(600.0, gt=0, description="longest time to the complete reply")

    def to_policy(self) -> Timeouts:
        """Return the frozen value that the run uses."""
        return Timeouts(self.connect_s, self.first_token_s, self.read_s, self.total_s)


class BreakerDocument(StrictModel):
    """When to give up on a model, so that a dead endpoint does not use up the whole night."""

    failures: int = Field(
        10, ge=1, description="number of failures in a row, over all requests, that opens the circuit breaker"
    )
    probes: int = Field(3, ge=0, le=100, description="number of probe requests before the model is given up")
    wait_s: float = Field(
        20.0, ge=0, description="wait before the first probe; the wait doubles for each further probe"
    )

    def to_policy(self) -> BreakerPolicy:
        """Return the frozen value that the run uses."""
        return BreakerPolicy(self.failures, self.probes, self.wait_s)


class LimitsDocument(StrictModel):
    """The rate limits of a provider's account; the client stays below them and so gets no 429."""

    requests_per_min: float | None = Field(None, gt=0, description="requests started in any minute")
    tokens_per_min: float | None = Field(None, gt=0, description="input and output tokens in any minute")

    @model_validator(mode="after")
    def _check_has_limit(self) -> LimitsDocument:
        if self.requests_per_min is None and self.tokens_per_min is None:
            raise ValueError("give requests_per_min, tokens_per_min or both; or take limits out")
        return self

    def to_rate_limits(self) -> RateLimits:
        """Return the frozen value that the run uses."""
        return RateLimits(self.requests_per_min, self.tokens_per_min)
