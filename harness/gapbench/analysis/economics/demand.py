"""Demand over a month as hourly rates relative to their mean, and the number of replicas it needs.

Shapes: ``flat``; ``day``, a sine over 24 hours with a given peak over its mean; ``business``, a constant rate from 9 to
17 h on five of seven days and zero otherwise (peak over mean 168/40 = 4.2); or a user's own hourly rates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gapbench.analysis.economics.sizing import replicas_with_spares
from gapbench.errors import DocumentError, InputError
from gapbench.stats import Floats

SHAPES = ("flat", "day", "business")
MAX_PEAK_REPLICAS = 20_000
"""Limit for one scenario. Larger volumes are cut off, with a warning."""
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Demand:
    """The request rate over time.

    Attributes:
        shape: Name of the shape.
        relative: Rate of each hour over the mean rate; their mean is 1.
        autoscale: Whether replicas follow the demand hour by hour. Otherwise all run all month.
        replicas_min: Minimum number of replicas at all times.
    """

    shape: str
    relative: tuple[float, ...]
    autoscale: bool = False
    replicas_min: int = 1

    @property
    def peak_over_average(self) -> float:
        """The rate of the busiest hour over the mean rate, kappa."""
        return max(self.relative)


def demand_of_shape(
    shape: str = "day", peak_over_average: float = 3.0, *, autoscale: bool = False, replicas_min: int = 1
) -> Demand:
    """Return a demand of a known shape.

    Args:
        shape: One of :data:`SHAPES`.
        peak_over_average: Peak of the ``day`` shape over its mean; the other shapes have a fixed one.
        autoscale: See :class:`Demand`.
        replicas_min: See :class:`Demand`.

    Raises:
        InputError: There is no such shape, or :func:`day_profile` rejects the peak.
    """
    if shape == "flat":
        return Demand(shape, (1.0,), autoscale, replicas_min)
    if shape == "business":
        return Demand(shape, (168 / 40,) * 40 + (0.0,) * 128, autoscale, replicas_min)
    if shape != "day":
        raise InputError(f"found demand shape {shape!r}; expected one of {', '.join(SHAPES)}, or a CSV file")
    return Demand(
        shape, tuple(float(rate) for rate in day_profile(peak_over_average)), autoscale, replicas_min
    )


def day_profile(peak_over_average: float) -> Floats:
    """Return 24 hourly rates with a mean of 1 and the given peak.

    Up to a peak of 2 it is 1 + (k - 1) sin; above that, a power of (1 + sin) / 2, which stays positive.

    Raises:
        InputError: The peak is not between 1 and 20.
    """
    if not 1 <= peak_over_average <= 20:
        raise InputError(f"found peak_over_average {peak_over_average:g}; a day has between 1 and 20")
    wave = np.sin(2 * math.pi * np.arange(24) / 24)
    if peak_over_average <= 2:
        return np.asarray(1 + (peak_over_average - 1) * wave)
    half = (1 + wave) / 2
    low, high = 1.0, 4096.0
    for _ in range(60):
        power = (low + high) / 2
        low, high = (power, high) if 1 / np.mean(half**power) < peak_over_average else (low, power)
    bump = half**high
    return np.asarray(bump / bump.mean())


def demand_from_csv(file: Path, *, autoscale: bool = False, replicas_min: int = 1) -> Demand:
    """Return a demand from a file with one hourly rate per line, in any unit. The first line may be a heading.

    Raises:
        DocumentError: The file cannot be read, contains no positive rate, or contains a negative one.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as exc:
        raise DocumentError(f"cannot be read: {exc}; name a CSV file of hourly rates", file=file) from exc
    rates: list[float] = []
    for number, line in enumerate(lines, 1):
        try:
            rates.append(float(line.rsplit(",", 1)[-1]))
        except ValueError as exc:
            if number > 1:
                raise DocumentError(f"found {line[:40]!r}; expected a rate", file=file, line=number) from exc
    values = np.array(rates)
    if not len(values) or not np.isfinite(values).all() or (values < 0).any() or values.sum() == 0:
        raise DocumentError("expected hourly rates of 0 or more, one a line, not all 0", file=file)
    relative = values / values.mean()
    return Demand(file.name, tuple(float(rate) for rate in relative), autoscale, replicas_min)


@dataclass(frozen=True, slots=True)
class Staircase:
    """A step function: mean replicas over the month as a function of the mean load in replicas.

    Attributes:
        breaks: Loads above which the next step begins, ascending.
        values: Mean replicas of each step; one more than ``breaks``.
    """

    breaks: Floats
    values: Floats

    def __call__(self, load: Floats) -> Floats:
        """Return the value at each load; on an edge, that of the lower step."""
        return np.asarray(self.values[np.searchsorted(self.breaks, load * (1 - _SLACK), side="left")])


def replica_staircase(
    relative: Floats, top: float, *, availability: float, target: float, replicas_min: int = 1
) -> Staircase:
    """Return the step function of replicas that follow hourly rates (S2 to S4).

    Args:
        relative: Rates over their mean. A single 1.0 is a constant load; the load may then be given at the peak.
        top: Largest mean load that will be looked up, in replicas.
        availability: Share of the time that one replica is up.
        target: Share of the time that enough replicas must be up.
        replicas_min: Minimum number of replicas at all times.
    """
    rates, hours = np.unique(relative[relative > 0], return_counts=True)
    most = max(1, math.ceil(top * float(rates.max()))) + 1
    count = np.maximum(
        replicas_with_spares(np.arange(most + 1, dtype=np.float64), availability, target), replicas_min
    )
    edges: list[Floats] = []
    rises: list[Floats] = []
    share = hours / len(relative)
    for rate, part in zip(rates, share, strict=True):
        # Above a load of k / rate, this hour needs k + 1 replicas.
        k = np.arange(1, math.floor(top * rate) + 1)
        edges.append(k / rate)
        rises.append(part * (count[k + 1] - count[k]))
    order = np.argsort(np.concatenate(edges), kind="stable")
    start = float(count[1] * share.sum() + replicas_min * (1 - share.sum()))
    values = start + np.concatenate([[0.0], np.cumsum(np.concatenate(rises)[order])])
    return Staircase(np.concatenate(edges)[order], values)
