"""Change points in a short series, such as a figure per night, with a known rate of false alarms.

The series is replayed night by night. At night t every split k into a part before and a part after is tried, and the largest
statistic over k is compared with a limit for t. Nothing about the series has to be known: no target, no spread, no quiet
period to learn from. This is the change-point model for statistical process control:

- ``mean``: the two-sample t statistic (Hawkins, Qiu and Kang, J. Quality Technology 35 (2003) 355). For figures that are means
  over many items.
- ``rank``: the Mann-Whitney statistic (Hawkins and Deng, J. Quality Technology 42 (2010) 165). One wild night moves a rank as
  little as any other, so it fits times and dollars.

The limits are such that each night has the same small chance of a false alarm, :data:`HAZARD`, given that none came before.
Over :data:`HORIZON` nights without a change that adds up to :data:`FALSE_ALARM`. They do not depend on the mean and the spread
of the series; those of ``rank`` do not depend on its distribution either (with equal nights there are fewer alarms). Both assume that nights are independent of each
other. ``benchmarks/trend.py`` simulated them, and measures how fast changes are found.

After an alarm the replay starts again behind the change, so one series can have several.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special, stats

from gapbench.stats.change_limits import MEAN_LIMITS, RANK_LIMITS
from gapbench.stats.proportions import Floats, Ints, dense_codes

Method = Literal["mean", "rank"]
FALSE_ALARM = 0.05
"""Probability of any alarm in :data:`HORIZON` nights without a change, for one series."""
HORIZON = 60
"""Nights that :data:`FALSE_ALARM` refers to."""
FIRST = 6
"""Nights before which nothing is tested: the spread of fewer is only a guess."""
HAZARD = 1 - (1 - FALSE_ALARM) ** (1 / (HORIZON - FIRST + 1))
"""Probability of a false alarm on one night, given that none came before: about 1 in 1,070."""
FLOOR_SHARE = 0.85
"""Share of the items' noise that is assumed at least. With all of it there are fewer false alarms than stated and changes are
found later, with 0.7 of it none are found sooner (benchmarks/trend.py, 900 quiet histories)."""
_DIGITS = 9
LIMITS: dict[Method, tuple[float, ...]] = {"mean": MEAN_LIMITS, "rank": RANK_LIMITS}
"""Limit of each night from :data:`FIRST` on, for the absolute statistic; later nights have the last one."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change point.

    Attributes:
        start: Index of the first night of the part before the change.
        split: Index of the first night after the change.
        found: Index of the night on which the alarm came, at least ``split``.
        end: Index behind the last night of the part after the change.
        before: Mean (``rank``: median) of the part before.
        after: Mean (``rank``: median) of the part after.
        low: Lower bound of the 95 % interval of after minus before; None for ``rank``. It does not include that the split
            was chosen from the same nights.
        high: Upper bound.
    """

    start: int
    split: int
    found: int
    end: int
    before: float
    after: float
    low: float | None = None
    high: float | None = None


def find_changes(values: Sequence[float] | Floats, method: Method, floor: float = 0.0) -> list[Change]:
    """Return the change points of a series, oldest first.

    Args:
        values: One finite figure for each night, oldest first.
        method: See the module's docstring.
        floor: For ``mean``: standard error that a night's figure has at least. It keeps a change of one item from being an
            alarm after nights that were exactly equal. A larger floor never adds an alarm.

    Raises:
        ValueError: A value is not finite.
    """
    series = np.asarray(values, dtype=np.float64)
    if not np.isfinite(series).all():
        msg = "every night of a series needs a finite value"
        raise ValueError(msg)
    alarms: list[tuple[int, int, int]] = []
    start, night = 0, FIRST
    while start + night <= len(series):
        split = _alarm(series[start : start + night], method, floor)
        if split is None:
            night += 1
            continue
        alarms.append((start, start + split, start + night - 1))
        start, night = start + split, FIRST
    ends = [split for _, split, _ in alarms[1:]]
    return [
        _describe(series, first, split, found, end, method, floor)
        for (first, split, found), end in zip(alarms, [*ends, len(series)], strict=False)
    ]


def _alarm(series: Floats, method: Method, floor: float) -> int | None:
    """Return the split of the last night's alarm, or None if there is none."""
    statistic = mean_statistics(series, floor) if method == "mean" else rank_statistics(series)
    split = int(np.argmax(np.abs(statistic)))
    limits = LIMITS[method]
    limit = limits[min(len(series) - FIRST, len(limits) - 1)]
    return split + 1 if abs(statistic[split]) > limit else None


def mean_statistics(series: Floats, floor: float = 0.0) -> Floats:
    """Return the t statistic of each split after 1 to n - 1 nights; positive if the later part is higher."""
    n = len(series)
    before = np.arange(1, n)
    sums = np.cumsum(series - series.mean())[:-1]
    # With the overall mean removed, the mean after the split minus the one before is -sums n / (before after).
    weight = before * (n - before) / n
    shift = -sums / weight
    between = weight * shift**2
    within = np.maximum(float(((series - series.mean()) ** 2).sum()) - between, 0.0) / (n - 2)
    variance = np.maximum(within, floor**2)
    # Equal nights have no spread and no shift beyond rounding.
    noise = np.finfo(np.float64).eps * max(float(np.abs(series).max()), 1e-300) * n
    statistic: Floats = np.where(
        np.abs(shift) <= noise, 0.0, shift * np.sqrt(weight) / np.sqrt(np.maximum(variance, noise**2))
    )
    return statistic


def rank_statistics(series: Floats) -> Floats:
    """Return the standardized Mann-Whitney statistic of each split after 1 to n - 1 nights; 0 if all nights are equal."""
    n = len(series)
    # Figures that are equal but for rounding are equal.
    ranks = stats.rankdata(np.round(series / (float(np.abs(series).max()) or 1.0), _DIGITS))
    before = np.arange(1, n)
    centred = ranks - ranks.mean()
    # The variance without ties, which is too large with them: five equal nights and another would otherwise be an alarm.
    statistic: Floats = -np.cumsum(centred)[:-1] / np.sqrt(before * (n - before) * (n + 1) / 12)
    return statistic


def _describe(
    series: Floats, start: int, split: int, found: int, end: int, method: Method, floor: float
) -> Change:
    one, other = series[start:split], series[split:end]
    if method == "rank":
        return Change(start, split, found, end, float(np.median(one)), float(np.median(other)))
    free = max(len(one) + len(other) - 2, 1)
    spread = float(((one - one.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum())
    variance = max(spread / free, floor**2)
    half = float(special.stdtrit(free, 0.975)) * math.sqrt(variance * (1 / len(one) + 1 / len(other)))
    change = float(other.mean() - one.mean())
    return Change(
        start, split, found, end, float(one.mean()), float(other.mean()), change - half, change + half
    )


def night_levels(scores: Floats, clusters: Ints | None = None) -> tuple[Floats, float]:
    """Return the level of each night on common items, and the least standard error to assume of one night.

    An additive model of items and nights, by least squares over the scores that are there: a night that lacks hard items
    does not look better for it. If every item is there every night, the levels are the nightly means.

    Args:
        scores: 0 to 1, one row for each item, one column for each night. NaN: not scored.
        clusters: Code of each item's source; None: the items are independent.

    Returns:
        Levels whose mean over all scores is that of the scores. The error is :data:`FLOOR_SHARE` of the
        noise of items around their own level, by sources, and at least a single source's share. Noise that all items of a
        night share is not in it, so it is a lower bound.

    Raises:
        ValueError: The nights do not share enough items to be put on one scale.
    """
    known = ~np.isnan(scores)
    there = known.any(axis=1)
    codes = dense_codes(np.arange(len(scores)) if clusters is None else clusters)[there]
    scores, known = scores[there], known[there]
    filled = np.where(known, scores, 0.0)
    per_item = known.sum(axis=1)
    weights = known.astype(np.float64)
    normal = np.diag(weights.sum(axis=0)) - weights.T @ (weights / per_item[:, None])
    nights = scores.shape[1]
    if not len(scores) or (nights > 1 and np.linalg.matrix_rank(normal, hermitian=True) < nights - 1):
        msg = "the nights do not share enough items"
        raise ValueError(msg)
    means = filled.sum(axis=1) / per_item
    # A constant on all nights is left free by the normal equations, and set below.
    levels: Floats = np.linalg.solve(normal + len(scores) / nights, filled.sum(axis=0) - weights.T @ means)
    levels += (filled.sum() - (weights * levels).sum()) / weights.sum()
    residuals = np.where(known, scores - (means - (weights @ levels) / per_item)[:, None] - levels, 0.0)
    by_source = np.zeros((int(codes.max()) + 1, nights))
    np.add.at(by_source, codes, residuals)
    free = float(weights.sum() - len(scores) - (nights - 1))
    each = weights.sum() / nights
    noise = float((by_source**2).sum()) / nights * weights.sum() / free if free > 0 else 0.0
    return levels, max(FLOOR_SHARE * math.sqrt(noise) / each, 1 / len(by_source))
