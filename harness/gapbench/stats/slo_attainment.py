"""Service-level attainment: its lower bound, and the rate at which it falls below the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from gapbench.stats.proportions import wilson


def attainment_low_bound(met: Sequence[int], sent: Sequence[int]) -> float | None:
    """Return a lower one-sided 95 % bound of attainment over a level's repetitions, or None if nothing was sent.

    It is Wilson's bound on the pooled requests. If the repetitions vary more than independent requests would, Student's
    bound on their mean is lower and is used instead.

    Args:
        met: Requests of each repetition that met every limit.
        sent: Requests of each repetition.
    """
    total = sum(sent)
    if not total:
        return None
    share = sum(met) / total
    low = wilson(share, total, confidence=0.90).low
    assert low is not None, "something was sent"
    if len(sent) > 1:
        shares = np.asarray(met, dtype=np.float64) / np.asarray(sent, dtype=np.float64)
        spread = float(shares.std(ddof=1)) / math.sqrt(len(sent))
        low = min(low, share - float(special.stdtrit(len(sent) - 1, 0.95)) * spread)
    return max(0.0, low)


@dataclass(frozen=True, slots=True)
class TestedRate:
    """One tested rate.

    Attributes:
        rate_rps: The rate.
        attainment: Share of requests that met every limit.
        low: Lower bound of ``attainment``. None if unknown.
    """

    rate_rps: float
    attainment: float
    low: float | None


class Crossing(NamedTuple):
    """Where attainment falls below its target.

    Attributes:
        rate_rps: The rate. None if no level passed or none failed.
        low_rps: Highest level whose lower bound reaches the target, with all levels below it passing too. None if there
            is no such level.
        below: Index of the last level that passed before the first that failed. None if ``rate_rps`` is None.
        part: Position of the rate between that level and the next, 0 to 1.
        description: Text for a table.
    """

    rate_rps: float | None
    low_rps: float | None
    below: int | None
    part: float
    description: str


def attainment_crossing(levels: Sequence[TestedRate], target: float) -> Crossing:
    """Return the highest rate that reaches ``target``, interpolated between the last passed and the first failed level.

    Attainment is interpolated linearly over the logarithm of the rate. If no level failed, there is only a bound.

    Args:
        levels: Tested rates in ascending order; at least one.
        target: Share of requests that must meet every limit, 0 to 1.
    """
    failed = next((k for k, level in enumerate(levels) if level.attainment < target), len(levels))
    low_rps = next(
        (
            level.rate_rps
            for level in reversed(levels[:failed])
            if level.low is not None and level.low >= target
        ),
        None,
    )
    sure = (
        " (no level is sure of it: too few requests)" if low_rps is None else f" (at least {low_rps:.4g}/s)"
    )
    if failed == len(levels):
        top = levels[-1].rate_rps
        return Crossing(
            None, low_rps, None, 0.0, f">= {top:.4g}/s, the highest tested{'' if low_rps == top else sure}"
        )
    if failed == 0:
        return Crossing(None, None, None, 0.0, f"< {levels[0].rate_rps:.4g}/s, the lowest tested")
    below, above = levels[failed - 1], levels[failed]
    # The level above missed the target that the one below reached, so the difference is positive.
    part = (below.attainment - target) / (below.attainment - above.attainment)
    rate = below.rate_rps * (above.rate_rps / below.rate_rps) ** part
    return Crossing(rate, low_rps, failed - 1, part, f"{rate:.4g}/s{sure}")
