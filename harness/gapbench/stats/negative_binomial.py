"""Counts that vary at least as much as chance: the negative binomial distribution, by its mean and its dispersion.

The variance is ``mean + dispersion * mean**2``. It is Poisson's distribution whose rate itself varies, with ``dispersion``
as the squared coefficient of variation of the rate; with dispersion 0 it is Poisson's. A part of the events, each taken
with the same probability, has the same dispersion. Every function takes numbers or arrays that broadcast with each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

Values = float | npt.NDArray[np.float64]
_POISSON = 1e-9
"""Below this dispersion the two distributions differ by less than rounding does."""


def probability_at_most(limit: Values, mean: Values, dispersion: Values) -> npt.NDArray[np.float64]:
    """Return the probability of a count of at most ``limit``, which need not be whole; below 0 it is 0."""
    whole, middle, spread = _broadcast(limit, mean, dispersion)
    return np.where(whole < 0, 0.0, 1 - _tail(np.maximum(whole, 0), middle, spread, 0))


def expected_excess(limit: Values, mean: Values, dispersion: Values) -> npt.NDArray[np.float64]:
    """Return the mean of what a count has above ``limit``: E[max(0, N - limit)], with a limit of 0 or more.

    From k P(N = k) = mean P(N' = k - 1), where N' has the size 1 / dispersion + 1 (for Poisson: the same distribution), so
    that E[N; N > limit] = mean P(N' > floor(limit) - 1).
    """
    whole, middle, spread = _broadcast(limit, mean, dispersion)
    above = middle * np.where(whole < 1, 1.0, _tail(np.maximum(whole - 1, 0), middle, spread, 1))
    excess = above - np.asarray(limit, dtype=np.float64) * _tail(whole, middle, spread, 0)
    return np.asarray(np.maximum(excess, 0.0))


def _broadcast(limit: Values, mean: Values, dispersion: Values) -> tuple[Any, Any, Any]:
    arrays = (np.floor(np.asarray(limit, dtype=np.float64)), mean, dispersion)
    limits, means, dispersions = np.broadcast_arrays(*(np.asarray(one, dtype=np.float64) for one in arrays))
    return limits, means, dispersions


def _tail(whole: Any, mean: Any, dispersion: Any, more: int) -> Any:
    """Return the probability of a count above ``whole``, with ``more`` added to the size 1 / dispersion."""
    is_poisson = dispersion < _POISSON
    spread = np.where(is_poisson, 1.0, dispersion)
    mixed = special.betaincc(1 / spread + more, whole + 1, 1 / (1 + spread * mean))
    return np.where(is_poisson, special.pdtrc(whole, mean), mixed)
