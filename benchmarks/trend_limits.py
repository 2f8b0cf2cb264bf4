"""Simulates the limits of the change points in harness/gapbench/stats/change_limits.py, and writes that module.

    .venv/bin/python benchmarks/trend_limits.py [--histories 1000000]

A history is 60 independent normal nights without a change. On each night the limit is the quantile of the statistic over the
histories that had no alarm before, so each night has the same chance of a false alarm. Two minutes on one core.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MODULE = Path(__file__).parents[1] / "harness" / "gapbench" / "stats" / "change_limits.py"
HORIZON, FIRST, FALSE_ALARM = 60, 6, 0.05
HAZARD = 1 - (1 - FALSE_ALARM) ** (1 / (HORIZON - FIRST + 1))
CHUNK = 20_000
Floats = np.ndarray[Any, np.dtype[np.float64]]


def largest_mean(series: Floats) -> Floats:
    """Return the largest t statistic over the splits of each history."""
    n = series.shape[1]
    before = np.arange(1, n)
    centred = series - series.mean(axis=1, keepdims=True)
    between = (np.cumsum(centred, axis=1)[:, :-1] ** 2 / (before * (n - before) / n)).max(axis=1)
    total = (centred**2).sum(axis=1)
    largest: Floats = np.sqrt((n - 2) * between / (total - between))
    return largest


def largest_rank(series: Floats) -> Floats:
    """Return the largest standardized Mann-Whitney statistic over the splits of each history."""
    n = series.shape[1]
    before = np.arange(1, n)
    centred = series.argsort(axis=1).argsort(axis=1) - (n - 1) / 2
    variance = before * (n - before) * (n + 1) / 12
    largest: Floats = np.abs(np.cumsum(centred, axis=1)[:, :-1] / np.sqrt(variance)).max(axis=1)
    return largest


def limits(largest: Callable[[Floats], Floats], histories: int, seed: int) -> list[float]:
    """Return the limit of each night from FIRST to HORIZON."""
    found: list[float] = []
    alive = [
        np.random.default_rng([seed, k]).standard_normal((CHUNK, HORIZON), dtype=np.float32)
        for k in range(histories // CHUNK)
    ]
    for night in range(FIRST, HORIZON + 1):
        parts = [largest(part[:, :night]) for part in alive]
        limit = float(np.quantile(np.concatenate(parts), 1 - HAZARD))
        # Rounded up: a rank statistic has few values, and one at the limit is not an alarm.
        found.append(math.ceil(limit * 1000) / 1000)
        alive = [part[statistic <= found[-1]] for part, statistic in zip(alive, parts, strict=True)]
    return found


def main() -> None:
    """Write the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=1_000_000)
    histories = parser.parse_args().histories
    first = ":mod:`gapbench.stats.change_points`, from the sixth night to the sixtieth; written by benchmarks/trend_limits.py"
    second = f"{histories:,} simulated histories: on each night about {HAZARD * histories:,.0f} of those without an alarm so far exceed the limit"
    lines = [f'"""Limits of {first}.', "", f"{second}.", '"""', ""]
    for name, largest in (("MEAN_LIMITS", largest_mean), ("RANK_LIMITS", largest_rank)):
        values = limits(largest, histories, 15)
        rows = [", ".join(f"{value:.3f}" for value in values[k : k + 11]) for k in range(0, len(values), 11)]
        lines += [f"{name} = (", *(f"    {row}," for row in rows), ")"]
    MODULE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
