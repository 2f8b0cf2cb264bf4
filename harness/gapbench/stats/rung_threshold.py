"""The rung of a ladder at which a model is right half of the time, with its interval, from answers by rung.

The chance of a right answer on rung ``r`` is taken as ``(1 - lapse) * logistic(slope * (middle - r))``: a psychometric
function (Wichmann and Hill, Perception & Psychophysics 63, 2001). The threshold is the rung where it is 1/2, which it
reaches a little below ``middle`` where there are lapses. The posterior of threshold, slope and lapse is computed on a
grid, as in QUEST+ (Watson, Journal of Vision 17, 2017), so that the interval holds whatever the answers before led the
choice of the next rung to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
SLOPES = tuple(float(slope) for slope in np.geomspace(0.25, 6, 14))
"""Of the logistic curve, per rung."""
SLOPE_PRIOR = (0.1, 0.85)
"""Mean and standard deviation of the logarithm of the slope before any answer. On ladders that grow by half to double a
rung, a model that errs at a fixed rate per step has a slope near 1."""
LAPSES = (0.0, 0.02, 0.05, 0.1, 0.2)
"""Shares of wrong answers that do not depend on the rung."""
LAPSE_PRIOR = (0.35, 0.3, 0.2, 0.1, 0.05)
"""Their probabilities before any answer."""
STEPS_PER_RUNG = 10

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Threshold:
    """The rung at which a model is right half of the time.

    Attributes:
        rung: Posterior mean, between 0 and the number of rungs + 1.
        low: Lower end of the 95 % interval. None: no bound; it may be below the first rung.
        high: Upper end. None: no bound; it may be above the last rung.
        slope: Posterior mean of the slope of the logistic curve, per rung.
        answers: Scored answers that it rests on.
    """

    rung: float
    low: float | None
    high: float | None
    slope: float
    answers: int

    @property
    def width(self) -> float | None:
        """Width of the interval in rungs. None: it has no bound on one side."""
        return None if self.low is None or self.high is None else self.high - self.low


@lru_cache(maxsize=4)
def _log_chances(rungs: int) -> tuple[Floats, Floats, Floats]:
    """Return the grid of thresholds, and the logarithms of the chances of a right and of a wrong answer.

    The latter two have the shape (rungs, thresholds, slopes, lapses).
    """
    thresholds = np.arange(0.0, rungs + 1 + 1e-9, 1 / STEPS_PER_RUNG)
    slope = np.array(SLOPES)[None, None, :, None]
    lapse = np.array(LAPSES)[None, None, None, :]
    at = np.arange(1, rungs + 1, dtype=float)[:, None, None, None]
    # Where the curve is 1/2: (1 - lapse) * logistic(x) = 1/2.
    shift = np.log(0.5 / (0.5 - lapse))
    right = (1 - lapse) / (1 + np.exp(slope * (at - thresholds[None, :, None, None]) - shift))
    right = np.clip(right, 1e-9, 1 - 1e-9)
    return thresholds, np.log(right), np.log1p(-right)


@dataclass
class ThresholdPosterior:
    """What answers say about the threshold of one model.

    Attributes:
        rungs: Number of rungs of the ladder.
    """

    rungs: int
    _log_weights: Floats = field(init=False)
    _answers: list[tuple[int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start without an answer."""
        thresholds, _, _ = _log_chances(self.rungs)
        mean, deviation = SLOPE_PRIOR
        slopes = -((np.log(SLOPES) - mean) ** 2) / (2 * deviation**2)
        self._log_weights = np.broadcast_to(
            slopes[None, :, None] + np.log(LAPSE_PRIOR)[None, None, :],
            (len(thresholds), len(SLOPES), len(LAPSES)),
        ).copy()

    def record(self, rung: int, score: float) -> None:
        """Take in one answer.

        Args:
            rung: From 1.
            score: 0 to 1; partial credit counts in proportion.
        """
        _, right, wrong = _log_chances(self.rungs)
        self._log_weights += score * right[rung - 1] + (1 - score) * wrong[rung - 1]
        self._answers.append((rung, score))

    def _weights(self) -> Floats:
        weights: Floats = np.exp(self._log_weights - self._log_weights.max())
        weights /= weights.sum()
        return weights

    def quantile(self, share: float) -> float:
        """Return a quantile of the threshold."""
        thresholds, _, _ = _log_chances(self.rungs)
        cumulative = np.cumsum(self._weights().sum(axis=(1, 2)))
        place = int(np.searchsorted(cumulative, share))
        below = 0.0 if place == 0 else float(cumulative[place - 1])
        within = (share - below) / max(float(cumulative[min(place, len(cumulative) - 1)]) - below, 1e-12)
        return float(
            np.clip(
                thresholds[min(place, len(thresholds) - 1)] + (within - 0.5) / STEPS_PER_RUNG,
                0,
                self.rungs + 1,
            )
        )

    def threshold(self) -> Threshold:
        """Return the threshold and its interval. An end that reaches beyond the ladder is None."""
        thresholds, _, _ = _log_chances(self.rungs)
        weights = self._weights()
        low, high = self.quantile((1 - LEVEL) / 2), self.quantile((1 + LEVEL) / 2)
        return Threshold(
            rung=float((weights.sum(axis=(1, 2)) * thresholds).sum()),
            low=low if low > 0.5 else None,
            high=high if high < self.rungs + 0.5 else None,
            slope=float((weights.sum(axis=(0, 2)) * np.array(SLOPES)).sum()),
            answers=len(self._answers),
        )

    def chances(self) -> list[float]:
        """Return the chance of a right answer on each rung: the mean over the posterior."""
        _, right, _ = _log_chances(self.rungs)
        means: list[float] = (np.exp(right) * self._weights()).sum(axis=(1, 2, 3)).tolist()
        return means

    def is_settled(self, width: float) -> bool:
        """Return whether the interval is at most so many rungs wide, or lies beyond an end of the ladder."""
        found = self.threshold()
        if found.width is not None:
            return found.width <= width
        is_below = found.low is None and found.high is not None and found.high < 1.5
        is_above = found.high is None and found.low is not None and found.low > self.rungs - 0.5
        return is_below or is_above

    def influences(self) -> list[float]:
        """Return how far each answer, in the order recorded, moves the threshold: the covariance of both in the posterior.

        The infinitesimal jackknife of a posterior mean (Giordano and Broderick, arXiv 2305.06466).
        """
        thresholds, right, wrong = _log_chances(self.rungs)
        weights = self._weights()
        centered = weights * (thresholds[:, None, None] - (weights.sum(axis=(1, 2)) * thresholds).sum())
        by_rung = {
            rung: (float((centered * right[rung - 1]).sum()), float((centered * wrong[rung - 1]).sum()))
            for rung in {rung for rung, _ in self._answers}
        }
        return [score * by_rung[rung][0] + (1 - score) * by_rung[rung][1] for rung, score in self._answers]

    def next_rungs(self, count: int, left: Mapping[int, int] | None = None) -> list[int]:
        """Return the rungs of the next questions.

        Before the first answer they are spread over the ladder. After it each is the one after whose answer the threshold
        is expected to vary least in the posterior; the answers that are not in yet count as their expectation.

        Args:
            count: Number of questions.
            left: Questions that are left by rung; a rung without any is not chosen. None: any number.

        Returns:
            At most ``count`` rungs; fewer when no questions are left.
        """
        room = {rung: count if left is None else left.get(rung, 0) for rung in range(1, self.rungs + 1)}
        thresholds, log_right, log_wrong = _log_chances(self.rungs)
        log_weights = self._log_weights
        chosen: list[int] = []
        while len(chosen) < count and any(room.values()):
            if not self._answers:
                wanted = 0.5 + (len(chosen) + 0.5) / count * self.rungs
                rung = min((rung for rung, more in room.items() if more), key=lambda rung: abs(rung - wanted))
            else:
                expected = _expected_variances(log_weights, thresholds, np.exp(log_right))
                rung = min(
                    (rung for rung, more in room.items() if more), key=lambda rung: expected[rung - 1][0]
                )
                share = expected[rung - 1][1]
                log_weights = log_weights + share * log_right[rung - 1] + (1 - share) * log_wrong[rung - 1]
            room[rung] -= 1
            chosen.append(rung)
        return chosen


def _expected_variances(
    log_weights: Floats, thresholds: Floats, chances: Floats
) -> list[tuple[float, float]]:
    """Return for each rung the expected variance of the threshold after one more answer, and the chance that it is right."""
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    right = (chances * weights).sum(axis=(2, 3))
    wrong = weights.sum(axis=(1, 2)) - right
    shares = right.sum(axis=1)
    variance = _weighted_variance(right, thresholds) + _weighted_variance(wrong, thresholds)
    return list(zip(variance.tolist(), shares.tolist(), strict=True))


def _weighted_variance(weights: Floats, values: Floats) -> Floats:
    """Return the variance of values for each row of weights, times the sum of the row's weights."""
    total = np.maximum(weights.sum(axis=1), 1e-300)
    result: Floats = weights @ values**2 - (weights @ values) ** 2 / total
    return result


@dataclass(frozen=True, slots=True)
class ThresholdGap:
    """The difference between the thresholds of two models, first minus second, in rungs.

    Attributes:
        rungs: The difference.
        low: Lower end of its 95 % interval. None: no bound.
        high: Upper end. None: no bound.
        shared: Questions that both were asked.
        correlation: Correlation of the two estimates through the shared questions.
    """

    rungs: float
    low: float | None
    high: float | None
    shared: int
    correlation: float


PRIOR_SHARED = 20
"""Shared questions at which the measured correlation counts half; with few it is mostly noise."""


def compare_thresholds(
    first: ThresholdPosterior, second: ThresholdPosterior, shared: Sequence[tuple[int, int]]
) -> ThresholdGap:
    """Return the gap between two models.

    Its interval follows from the two intervals that are printed beside it: the method of variance estimates recovery for
    a difference of correlated estimates (Zou, Psychological Methods 12, 2007, eq. 15). The correlation is that of the
    answers' influences over the shared questions.

    Args:
        first: The first model.
        second: The second model.
        shared: Places of the shared questions among the answers recorded for the first and for the second model.
    """
    one, two = first.threshold(), second.threshold()
    correlation = _correlation(first.influences(), second.influences(), shared)
    difference = one.rung - two.rung

    def reach(down: float | None, up: float | None) -> float | None:
        if down is None or up is None:
            return None
        return float(np.sqrt(max(down**2 + up**2 - 2 * correlation * down * up, 0.0)))

    lower = reach(_span(one.rung, one.low), _span(two.rung, two.high))
    upper = reach(_span(one.rung, one.high), _span(two.rung, two.low))
    return ThresholdGap(
        difference,
        None if lower is None else difference - lower,
        None if upper is None else difference + upper,
        len(shared),
        correlation,
    )


def _span(center: float, end: float | None) -> float | None:
    return None if end is None else abs(center - end)


def _correlation(first: Sequence[float], second: Sequence[float], shared: Sequence[tuple[int, int]]) -> float:
    """Return the correlation of two estimates; 0 where the shared answers pull them apart."""
    total = float(np.sqrt(np.square(first).sum() * np.square(second).sum()))
    if not shared or total <= 0:
        return 0.0
    both = sum(first[one] * second[two] for one, two in shared) / total
    return max(0.0, both) * len(shared) / (len(shared) + PRIOR_SHARED)
