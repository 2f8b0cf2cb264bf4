"""The number of replicas that a volume needs, with headroom and spares for availability, and their utilisation.

Formulas S1 to S5 of ``docs/explanation/economics.md``. A month is 730.5 hours. Every function takes numbers or arrays
that broadcast with each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betainc

from gapbench.stats import Floats

HOURS_PER_MONTH = 730.5
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
MTOK = 1_000_000
MAX_REPLICAS = 1_000_000
"""Limit for one scenario; a larger number is assumed to be a mistake in the input."""
_SLACK = 1e-9

Numbers = float | npt.NDArray[Any]


def peak_replicas(requests_per_s: Numbers, replica_requests_per_s: Numbers, headroom: Numbers) -> Floats:
    """Return the replicas that a rate needs (S2): at least one unless the rate is zero.

    Args:
        requests_per_s: Rate at the peak.
        replica_requests_per_s: Throughput of one replica within the latency limits.
        headroom: Share of that throughput that may be used, above 0 and at most 1.
    """
    load = np.asarray(requests_per_s, dtype=np.float64) / (replica_requests_per_s * np.asarray(headroom))
    # A load of 3 may come out as 3.0000000000000004.
    return np.asarray(np.ceil(load * (1 - _SLACK)), dtype=np.float64)


def replicas_with_spares(peak: Numbers, availability: float, target: float) -> Floats:
    """Return the fewest replicas of which ``peak`` are up with probability ``target`` (S3).

    Failures are assumed to be independent. A power cut or a bad release takes down several replicas at once, and no
    number of spares in one place protects against that.

    Args:
        peak: Replicas that must be up; 0 needs none.
        availability: Share of the time that one replica is up, 0 to 1.
        target: Share of the time that enough replicas must be up. 0 means no spares.

    Raises:
        ValueError: No number of replicas reaches the target, or ``peak`` is above the limit.
    """
    if target <= 0 or availability >= 1:
        return np.asarray(peak, dtype=np.float64)
    if not availability > 0 or target >= 1:
        msg = f"availability {availability:g} never gives {target:g}; give both between 0 and 1"
        raise ValueError(msg)
    needed, place = np.unique(np.asarray(peak, dtype=np.float64), return_inverse=True)
    if needed.max(initial=0.0) > MAX_REPLICAS:
        msg = f"{needed.max():,.0f} replicas are needed, more than the limit of {MAX_REPLICAS:,}"
        raise ValueError(msg)
    low, high = needed.copy(), np.ceil(needed / availability) + 40 + 12 * np.sqrt(needed) / availability
    while _probability_up(needed, high, availability)[needed > 0].min(initial=1.0) < target:
        high = high * 2
    # Invariant: high is enough; anything below low is not.
    while (low < high).any():
        middle = np.floor((low + high) / 2)
        enough = _probability_up(needed, middle, availability) >= target
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle + 1)
    found = np.where(needed > 0, high, 0.0)
    return np.asarray(found[place].reshape(np.shape(peak)), dtype=np.float64)


def _probability_up(needed: Floats, replicas: Floats, availability: float) -> Floats:
    """Return the probability that at least ``needed`` of ``replicas`` are up."""
    # The binomial's upper tail as a regularised incomplete beta function, which accepts float counts.
    chance: Floats = betainc(np.maximum(needed, 1), np.maximum(replicas - needed, 0) + 1, availability)
    return np.where(needed <= 0, 1.0, chance)


def utilisation(volume_mtok: Numbers, replicas: Numbers, replica_tokens_per_s: Numbers) -> Floats:
    """Return the volume as a share of what the replicas could serve (S5).

    Args:
        volume_mtok: Million tokens a month, input and output.
        replicas: Replicas reserved all month.
        replica_tokens_per_s: Input and output tokens per second of one replica at the latency limits.
    """
    capacity_mtok = np.asarray(replicas, dtype=np.float64) * replica_tokens_per_s * SECONDS_PER_MONTH / MTOK
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(volume_mtok / capacity_mtok, dtype=np.float64)
