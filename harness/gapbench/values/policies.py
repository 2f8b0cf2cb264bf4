"""Policies of a run that travel to whatever obeys them: request limits and the circuit breaker."""

from __future__ import annotations

from dataclasses import dataclass


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
