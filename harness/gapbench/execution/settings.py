"""How a plan is run, and who is told: what :mod:`gapbench.execution.run` is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from gapbench.execution.attempts.request_sender import AttemptPolicy
from gapbench.execution.limits.retry import RetryPolicy
from gapbench.execution.recording.observer import AttemptPricer
from gapbench.values.policies import BreakerPolicy, RateLimits


@dataclass(frozen=True)
class RunSettings:
    """How to run a plan.

    Attributes:
        retries: When to try again.
        connect_timeout_s: Deadline for a connection.
        first_token_s: Deadline for the first text. None: none of its own.
        read_timeout_s: Longest silence on an open stream.
        total_s: Deadline for one attempt.
        retries_per_run: Most retries of the run. None: no bound.
        retries_per_model: Most retries at each model. None: no bound.
        retries_per_provider: Most retries at all models of one account. None: no bound.
        breaker: When a model is given up.
        limits: What a model's provider allows, by model id.
        max_usd: Spend at which the run stops. None: no limit.
        price_attempt: Prices one attempt, for the watcher and for ``max_usd``.
        selection: Kept in the manifest for ``--resume``.
        cache: Folder of kept answers. None: every request is sent.
        calibration: What `bench calibrate` found just before, for the manifest. None: it was not asked for.
    """

    retries: RetryPolicy = field(default_factory=RetryPolicy)
    connect_timeout_s: float = 10.0
    first_token_s: float | None = None
    read_timeout_s: float = 120.0
    total_s: float = 600.0
    retries_per_run: int | None = None
    retries_per_model: int | None = None
    retries_per_provider: int | None = None
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    limits: Mapping[str, RateLimits] = field(default_factory=dict)
    max_usd: Decimal | None = None
    price_attempt: AttemptPricer = lambda _: None
    selection: Mapping[str, Any] = field(default_factory=dict)
    cache: Path | None = None
    calibration: Mapping[str, Any] | None = None

    @property
    def attempt_policy(self) -> AttemptPolicy:
        """What holds for every attempt."""
        return AttemptPolicy(
            self.retries, self.total_s, self.first_token_s, self.read_timeout_s, self.breaker, self.cache
        )
