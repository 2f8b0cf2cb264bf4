"""Does every interval that the product prints hold the truth in 95 of 100 samples? By simulation, seeded.

    python benchmarks/coverage.py --intervals                 2,000 trials a setting, 400 where draws are resampled
    python benchmarks/coverage.py --intervals --trials 200    a quick look

One model: accuracy, partial credit, the median and the 95th percentile of a time, dollars per task and per correct task.
Two models: the gaps of the same. Samples have 30 to 1,000 items, alone or in clusters of ten whose members correlate
by 0.3. Costs are lognormal with a sigma of 0.5, 1 and 1.5; times are lognormal (0.6) or Pareto (1.3).

Kept for each setting: how often the nominal 95 % interval holds the truth, how often it lies above and below it, how often
a bound is unknown, and for two equal models how often "ahead" is said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from gapbench.stats import (
    Floats,
    Ints,
    compare_quotients,
    mean_interval,
    paired_difference,
    quantile_difference,
    quantile_interval,
    ratio_interval,
)

CORRELATION = 0.3
RIGHT = 0.7
"""Share of right answers where costs per correct task are counted."""
RESAMPLES = 400
DESIGNS = ((30, 1), (100, 1), (300, 1), (1_000, 1), (200, 10), (1_000, 10))
"""Items, and items of one cluster."""
Bounds = tuple[float | None, float | None]
Rng = np.random.Generator


@dataclass(frozen=True)
class Interval:
    """One interval of the product on one truth.

    Attributes:
        name: What is printed.
        truth: Its true value.
        bounds: Draws a sample of so many items in clusters of a size, and returns the interval and the p-value of no
            difference (None for one model).
        is_resampled: Whether one trial takes tens of milliseconds.
    """

    name: str
    truth: float
    bounds: Callable[[int, int, Rng], tuple[Bounds, float | None]]
    is_resampled: bool = False


def normal(n: int, size: int, rng: Rng) -> Floats:
    """Return standard normal values; those of one cluster correlate by :data:`CORRELATION`."""
    alone = rng.standard_normal(n)
    if size == 1:
        return alone
    shared = rng.standard_normal(n // size).repeat(size)
    return math.sqrt(CORRELATION) * shared + math.sqrt(1 - CORRELATION) * alone


def two(n: int, size: int, rng: Rng) -> tuple[Floats, Floats]:
    """Return normal values of two models, half of whose variance is the item's own."""
    item = rng.standard_normal(n)
    one, other = (math.sqrt(0.5) * (item + normal(n, size, rng)) for _ in range(2))
    return one, other


def codes(n: int, size: int) -> Ints:
    """Return the cluster of each item."""
    return np.arange(n // size).repeat(size)


def right(values: Floats, share: float) -> Floats:
    """Return right and wrong answers."""
    return (values < special.ndtri(share)).astype(np.float64)


def passed_tests(values: Floats) -> Floats:
    """Return shares of ten hidden tests, most of them none or all."""
    return np.asarray(np.round(special.ndtr(3 * values + 1) * 10) / 10)


def overlap(values: Floats) -> Floats:
    """Return scores like those of overlapping words: spread over 0.4 to 1."""
    return np.asarray(special.ndtr(0.8 + 0.5 * values))


def mean_of(score: Callable[[Floats], Floats]) -> float:
    """Return the mean of a score over normal values, by a fine grid of their quantiles."""
    return float(score(special.ndtri((np.arange(50_000) + 0.5) / 50_000)).mean())


def single_intervals() -> Iterator[Interval]:
    """Yield the intervals of one model."""
    for share in (0.5, 0.9, 0.98):

        def accuracy(n: int, size: int, rng: Rng, share: float = share) -> tuple[Bounds, None]:
            return mean_interval(right(normal(n, size, rng), share), codes(n, size)), None

        yield Interval(f"accuracy {share:g}", share, accuracy)
    for name, score in (("hidden tests", passed_tests), ("overlap", overlap)):

        def partial(
            n: int, size: int, rng: Rng, score: Callable[[Floats], Floats] = score
        ) -> tuple[Bounds, None]:
            return mean_interval(score(normal(n, size, rng)), codes(n, size)), None

        yield Interval(f"partial credit, {name}", mean_of(score), partial)
    for share in (0.5, 0.95):
        for name, time in (("lognormal", _lognormal_time), ("Pareto", _pareto_time)):

            def latency(
                n: int,
                size: int,
                rng: Rng,
                share: float = share,
                time: Callable[[Floats], Floats] = time,
            ) -> tuple[Bounds, None]:
                values = time(normal(n, size, rng))
                return quantile_interval(values, share, clusters=codes(n, size)), None

            truth = float(time(np.array([special.ndtri(share)]))[0])
            yield Interval(f"time p{share * 100:g}, {name}", truth, latency)
    for sigma in (0.5, 1.0, 1.5):

        def per_task(n: int, size: int, rng: Rng, sigma: float = sigma) -> tuple[Bounds, None]:
            return ratio_interval(_cost(n, size, rng, sigma), np.ones(n), codes(n, size)), None

        def per_correct(n: int, size: int, rng: Rng, sigma: float = sigma) -> tuple[Bounds, None]:
            answers = right(normal(n, size, rng), RIGHT)
            return ratio_interval(_cost(n, size, rng, sigma), answers, codes(n, size)), None

        yield Interval(f"$/task, sigma {sigma:g}", 1.0, per_task)
        yield Interval(f"$/correct, sigma {sigma:g}", 1 / RIGHT, per_correct)


def gap_intervals() -> Iterator[Interval]:
    """Yield the intervals of two models."""
    for first, second in ((0.5, 0.5), (0.9, 0.9), (0.98, 0.98), (0.75, 0.6), (0.95, 0.87)):

        def accuracy(
            n: int, size: int, rng: Rng, first: float = first, second: float = second
        ) -> tuple[Bounds, float]:
            one, other = two(n, size, rng)
            found = paired_difference(
                right(one, first), right(other, second), codes(n, size), resamples=RESAMPLES
            )
            return (found.low, found.high), found.p_value

        yield Interval(f"accuracy gap, {first:g} and {second:g}", first - second, accuracy)
    for name, score in (("hidden tests", passed_tests), ("overlap", overlap)):
        for ease in (0.0, 0.3):
            easier = _moved(score, ease)

            def partial(
                n: int,
                size: int,
                rng: Rng,
                score: Callable[[Floats], Floats] = score,
                easier: Callable[[Floats], Floats] = easier,
            ) -> tuple[Bounds, float]:
                one, other = two(n, size, rng)
                found = paired_difference(easier(one), score(other), codes(n, size), resamples=RESAMPLES)
                return (found.low, found.high), found.p_value

            truth = mean_of(easier) - mean_of(score) if ease else 0.0
            yield Interval(f"partial credit gap, {name}, {ease:g} easier", truth, partial)
    for share in (0.5, 0.95):
        for name, time in (("lognormal", _lognormal_time), ("Pareto", _pareto_time)):
            for slower in (1.0, 1.5):

                def latency(
                    n: int,
                    size: int,
                    rng: Rng,
                    share: float = share,
                    slower: float = slower,
                    time: Callable[[Floats], Floats] = time,
                ) -> tuple[Bounds, float]:
                    one, other = (time(values) for values in two(n, size, rng))
                    found = quantile_difference(
                        slower * one, other, codes(n, size), share, resamples=RESAMPLES
                    )
                    return (found.low, found.high), found.p_value

                truth = (slower - 1) * float(time(np.array([special.ndtri(share)]))[0])
                yield Interval(f"time p{share * 100:g} gap, {name}, {slower:g} times", truth, latency, True)
    for sigma in (0.5, 1.0, 1.5):
        for counted in ("task", "correct"):
            for spread, ratio in ((sigma, 1.0), (0.0, 2.0)):

                def dollars(
                    n: int,
                    size: int,
                    rng: Rng,
                    sigma: float = sigma,
                    counted: str = counted,
                    spread: float = spread,
                    ratio: float = ratio,
                ) -> tuple[Bounds, float | None]:
                    sides = [
                        (amount, right(normal(n, size, rng), RIGHT) if counted == "correct" else np.ones(n))
                        for amount in (ratio * _cost(n, size, rng, sigma), _cost(n, size, rng, spread))
                    ]
                    found = compare_quotients(sides[0], sides[1], codes(n, size))
                    return (found.low, found.high), found.p_value

                truth = (ratio - 1) / (RIGHT if counted == "correct" else 1)
                other = "equal" if ratio == 1 else "of a constant half"
                yield Interval(f"$/{counted} gap, sigma {sigma:g}, {other}", truth, dollars)


def _moved(score: Callable[[Floats], Floats], by: float) -> Callable[[Floats], Floats]:
    return lambda values: score(values + by)


def _lognormal_time(values: Floats) -> Floats:
    return np.asarray(np.exp(0.6 * values))


def _pareto_time(values: Floats) -> Floats:
    return np.asarray(special.ndtr(-values) ** (-1 / 1.3))


def _cost(n: int, size: int, rng: Rng, sigma: float) -> Floats:
    return np.asarray(np.exp(sigma * normal(n, size, rng) - sigma * sigma / 2))


def try_interval(number: int, design: tuple[int, int], seed: int, trials: int) -> dict[str, Any]:
    """Return the shares of one interval (by its number) on one design."""
    interval = [*single_intervals(), *gap_intervals()][number]
    rng = np.random.default_rng([seed, number, *design])
    count = trials // 5 if interval.is_resampled else trials
    above = below = unknown = ahead = tested = 0
    for _ in range(count):
        (low, high), p_value = interval.bounds(*design, rng)
        above += low is not None and low > interval.truth
        below += high is not None and high < interval.truth
        unknown += low is None or high is None
        tested += p_value is not None
        ahead += p_value is not None and p_value < 0.05
    row: dict[str, Any] = {
        "interval": interval.name,
        "items": design[0],
        "cluster_size": design[1],
        "trials": count,
        "coverage": 1 - (above + below) / count,
        "above": above / count,
        "below": below / count,
        "unknown_bound": unknown / count,
    }
    if interval.truth == 0 and tested:
        row["false_ahead"] = ahead / tested
    return row


def settings(only: str = "") -> list[tuple[int, tuple[int, int]]]:
    """Return every interval whose name matches a pattern, by its number, on every design."""
    names = [interval.name for interval in (*single_intervals(), *gap_intervals())]
    return [
        (number, design)
        for number, name in enumerate(names)
        for design in DESIGNS
        # The product prints no gap of a 95th percentile below 60 pairs.
        if re.search(only, name) and not (name.startswith("time p95 gap") and design[0] < 60)
    ]
