"""How many replicas a volume needs: peak over average, headroom, and spares for availability.

Symbols as in ``docs/economics.md``: S1 to S5. A month is 730.5 hours. Every function takes numbers or
arrays that broadcast against each other.
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
"""Of one scenario: a table of more would be a slip of the pen."""
_SLACK = 1e-9

Numbers = float | npt.NDArray[Any]


def peak_replicas(requests_per_s: Numbers, replica_requests_per_s: Numbers, headroom: Numbers) -> Floats:
    """Return the replicas that carry a rate (S2): at least one where anything is asked.

    Args:
        requests_per_s: Rate at the peak.
        replica_requests_per_s: What one replica carries within the latency limits.
        headroom: Share of that which may be used, above 0 and at most 1.
    """
    load = np.asarray(requests_per_s, dtype=np.float64) / (replica_requests_per_s * np.asarray(headroom))
    # A load of 3 written in binary may be 3.0000000000000004.
    return np.asarray(np.ceil(load * (1 - _SLACK)), dtype=np.float64)


def replicas_with_spares(peak: Numbers, availability: float, target: float) -> Floats:
    """Return the fewest replicas of which ``peak`` are up with probability ``target`` (S3).

    Failures are taken as independent: a power cut or a bad release takes several at once, and no count
    of spares in one place helps against it.

    Args:
        peak: Replicas that must be up; 0 needs none.
        availability: Share of the time that one replica is up, 0 to 1.
        target: Share of the time that enough must be up; 0: no spares.

    Raises:
        ValueError: No number of replicas reaches the target, or there are too many to count.
    """
    if target <= 0 or availability >= 1:
        return np.asarray(peak, dtype=np.float64)
    if not availability > 0 or target >= 1:
        msg = f"availability {availability:g} never gives {target:g}; give both between 0 and 1"
        raise ValueError(msg)
    needed, place = np.unique(np.asarray(peak, dtype=np.float64), return_inverse=True)
    if needed.max(initial=0.0) > MAX_REPLICAS:
        msg = f"{needed.max():,.0f} replicas; at most {MAX_REPLICAS:,} are counted"
        raise ValueError(msg)
    low, high = needed.copy(), np.ceil(needed / availability) + 40 + 12 * np.sqrt(needed) / availability
    while _probability_up(needed, high, availability)[needed > 0].min(initial=1.0) < target:
        high = high * 2
    # Invariant: high is enough; what lies below low is not.
    while (low < high).any():
        middle = np.floor((low + high) / 2)
        enough = _probability_up(needed, middle, availability) >= target
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle + 1)
    found = np.where(needed > 0, high, 0.0)
    return np.asarray(found[place].reshape(np.shape(peak)), dtype=np.float64)


def _probability_up(needed: Floats, there: Floats, availability: float) -> Floats:
    """Return the probability that at least ``needed`` of ``there`` are up."""
    # The binomial's upper tail as a regularised incomplete beta function, which takes whole floats.
    chance: Floats = betainc(np.maximum(needed, 1), np.maximum(there - needed, 0) + 1, availability)
    return np.where(needed <= 0, 1.0, chance)


def utilisation(volume_mtok: Numbers, replicas: Numbers, replica_tokens_per_s: Numbers) -> Floats:
    """Return the share of what the replicas could serve that is served (S5).

    Args:
        volume_mtok: Million tokens a month, input and output.
        replicas: Replicas reserved all month.
        replica_tokens_per_s: Input and output tokens a second of one, at the latency limits.
    """
    could = np.asarray(replicas, dtype=np.float64) * replica_tokens_per_s * SECONDS_PER_MONTH / MTOK
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(volume_mtok / could, dtype=np.float64)
