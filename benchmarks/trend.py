"""Measures how fast `bench trend` finds a change, at which rate of false alarms, and compares it with other methods.

    .venv/bin/python benchmarks/trend.py [--histories 300]

Quality: histories of 60 nights over the same items. An item is right with its own probability (a beta distribution: most
are nearly always right or nearly always wrong), and each night has a shock that all items share. The change of 3 points
breaks items at random, all from one night (step) or over ten nights (drift). Every method sees the same nights.

Times: the median of a night has heavy-tailed noise on a log scale, and now and then a bad night of 1.5 times.

Seeds: :data:`gapbench.stats.change_points.FLOOR_SHARE` was chosen on the histories of :data:`CHOSEN_SEEDS`. The figures that
are stated come from :data:`FRESH_SEEDS`, which nothing was chosen on; those of the change-point models on the first are kept
next to them.

Every method is set to a false alarm in 5 % of histories of 60 nights without a change, by theory or, where there is none, by
simulation of its ideal case (independent normal nights). What each does in these histories is measured.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from gapbench.stats import change_points
from gapbench.stats.paired import INNER

RESULTS = Path(__file__).with_name("results") / "trend.json"
NIGHTS, FALSE_ALARM = 60, 0.05
REFERENCE = 10
"""Nights from which the methods that need a known mean and spread learn them."""
STARTED = change_points.FIRST - 1
"""Nights before the first one that a self-starting method tests."""
GATE_LEVEL = (1 + INNER) / 2
CHANGE = 0.03
CHOSEN_SEEDS, FRESH_SEEDS = 0, 1_000_000
"""Added to the seed of each setting: histories that a constant was chosen on, and others."""
MEANS, RANKS = "change-point model, means", "change-point model, ranks"
Floats = np.ndarray[Any, np.dtype[np.float64]]
Alarm = int | None
"""Index of the night of the first alarm."""


def simulate_scores(
    rng: np.random.Generator, items: int, shock: float, change: Floats, *, flips: float
) -> Floats:
    """Return right (1) and wrong (0), items x nights.

    Args:
        rng: Source of randomness.
        items: Number of items.
        shock: Standard deviation of what all items of a night share, as a share.
        change: Share of items that are broken by each night.
        flips: Mean chance that two answers to one item differ.
    """
    level = 0.8
    spread = flips / 2 / (level * (1 - level) - flips / 2)
    right = rng.beta(level * spread, (1 - level) * spread, items)[:, None] * np.ones(NIGHTS)
    # The same items stay broken; `change` is how far down the accuracy is, so the share of items is larger.
    order = rng.random(items)
    right[order[:, None] < change / level] = 0.0
    scores = (rng.random((items, NIGHTS)) < right).astype(np.float64)
    moved = rng.normal(0.0, shock, NIGHTS)
    hit = rng.random((items, NIGHTS))
    scores[(moved < 0) & (hit < -moved / level)] = 0.0
    scores[(moved > 0) & (hit < moved / (1 - level))] = 1.0
    return scores


def simulate_times(rng: np.random.Generator, change: Floats) -> Floats:
    """Return the median time of each night in seconds."""
    noise = 0.03 * rng.standard_t(3, NIGHTS)
    bad = np.where(rng.random(NIGHTS) < 0.03, math.log(1.5), 0.0)
    return np.exp(noise + bad + np.log1p(change))


def changes(kind: str, at: int, size: float) -> Floats:
    """Return how large the change is on each night, from night ``at`` on."""
    nights = np.arange(NIGHTS)
    if kind == "none":
        return np.zeros(NIGHTS)
    ramp = 1 if kind == "step" else 10
    return size * np.clip((nights - at + 1) / ramp, 0, 1)


def standard_recursive(series: Floats) -> Floats:
    """Return nights as independent standard normal values without a known mean and spread, from the sixth on.

    Hawkins, The Statistician 36 (1987) 451: each night against the mean and the spread of the nights before.
    """
    found = []
    for n in range(STARTED, len(series)):
        before = series[:n]
        spread = max(float(before.std(ddof=1)), 1e-9)
        t = (series[n] - before.mean()) / spread * math.sqrt(n / (n + 1))
        found.append(float(special.ndtri(np.clip(special.stdtr(n - 1, t), 1e-15, 1 - 1e-15))))
    return np.array(found)


def cusum_path(z: Floats) -> Floats:
    """Return the larger of the two one-sided CUSUMs with reference 0.5 after each night."""
    up = down = 0.0
    path = []
    for value in z:
        up, down = max(0.0, up + value - 0.5), max(0.0, down - value - 0.5)
        path.append(max(up, down))
    return np.array(path)


def shiryaev_path(z: Floats) -> Floats:
    """Return the log of the Shiryaev-Roberts sum after each night: an e-detector over shifts of 1 and 2, up and down.

    Shin, Ramdas and Rinaldo, arXiv 2203.03532: each term has mean at most 1 without a change.
    """
    shifts = np.array([-2.0, -1.0, 1.0, 2.0])
    sums = np.zeros(4)
    path = []
    for value in z:
        sums = (1 + sums) * np.exp(shifts * value - shifts**2 / 2)
        path.append(math.log(float(sums.mean())))
    return np.array(path)


def first_above(path: Floats, limit: float, offset: int) -> Alarm:
    """Return the night on which a path first exceeds its limit."""
    above = np.flatnonzero(path > limit)
    return int(above[0]) + offset if len(above) else None


@cache
def ideal_limit(path: Callable[[Floats], Floats], nights: int) -> float:
    """Return the limit that 5 % of ideal histories exceed."""
    rng = np.random.default_rng(1)
    largest = [path(rng.standard_normal(nights)).max() for _ in range(4000)]
    return float(np.quantile(largest, 1 - FALSE_ALARM))


def by_reference(path: Callable[[Floats], Floats], series: Floats) -> Alarm:
    """Return the alarm of a method that takes mean and spread of the first nights for the truth."""
    first = series[:REFERENCE]
    z = (series[REFERENCE:] - first.mean()) / max(float(first.std(ddof=1)), 1e-9)
    return first_above(path(z), ideal_limit(path, NIGHTS - REFERENCE), REFERENCE)


def self_starting(path: Callable[[Floats], Floats], series: Floats) -> Alarm:
    """Return the alarm of a method on nights that were standardized by those before."""
    return first_above(path(standard_recursive(series)), ideal_limit(path, NIGHTS - STARTED), STARTED)


def by_splits(method: change_points.Method, floor: float, series: Floats) -> Alarm:
    """Return the alarm of the change-point model, as `bench trend` has it."""
    found = change_points.find_changes(series, method, floor)
    return found[0].found if found else None


def by_gate(scores: Floats, tolerated: float) -> Alarm:
    """Return the first night that fails a gate like `bench compare`'s (its normal form) against the first night."""
    difference = scores - scores[:, :1]
    error = difference.std(axis=0, ddof=1) / math.sqrt(len(scores))
    failed = np.flatnonzero(difference.mean(axis=0) + float(special.ndtri(GATE_LEVEL)) * error < -tolerated)
    return int(failed[0]) if len(failed) else None


def quality_alarms(scores: Floats) -> dict[str, Alarm]:
    """Return the first alarm of each method on one history."""
    levels, error = change_points.night_levels(scores)
    return {
        "gate, any fall": by_gate(scores, 0.0),
        "gate, 2 points": by_gate(scores, 0.02),
        "CUSUM, 10 nights as reference": by_reference(cusum_path, levels),
        "CUSUM, self-starting": self_starting(cusum_path, levels),
        "Shiryaev-Roberts, self-starting": self_starting(shiryaev_path, levels),
        RANKS: by_splits("rank", 0.0, levels),
        MEANS: by_splits("mean", error, levels),
    }


def time_alarms(series: Floats) -> dict[str, Alarm]:
    """Return the first alarm of each method on the times of one history."""
    logs = np.log(series)
    return {
        "CUSUM, self-starting": self_starting(cusum_path, logs),
        "Shiryaev-Roberts, self-starting": self_starting(shiryaev_path, logs),
        "change-point model, means of logs": by_splits("mean", 0.0, logs),
        RANKS: by_splits("rank", 0.0, series),
    }


def measure(
    make: Callable[[np.random.Generator, Floats], Mapping[str, Alarm]], size: float, histories: int, seed: int
) -> list[dict[str, Any]]:
    """Return, by method and kind of change, how often and how soon an alarm comes."""
    rows: list[dict[str, Any]] = []
    for number, kind in enumerate(("none", "step", "drift")):
        delays: dict[str, list[Alarm]] = {}
        early: dict[str, int] = {}
        for history in range(histories * (3 if kind == "none" else 1)):
            rng = np.random.default_rng([seed, number, history])
            at = int(rng.integers(15, 41))
            for name, alarm in make(rng, changes(kind, at, size)).items():
                early.setdefault(name, 0)
                listed = delays.setdefault(name, [])
                if kind != "none" and alarm is not None and alarm < at:
                    early[name] += 1
                else:
                    listed.append(None if alarm is None else alarm if kind == "none" else alarm - at + 1)
        rows += [{"method": name, "change": kind, **_row(kind, delays[name], early[name])} for name in delays]
    return rows


def _row(kind: str, delays: list[Alarm], early: int) -> dict[str, Any]:
    found = [math.inf if delay is None else delay for delay in delays]
    if kind == "none":
        return {"histories": len(found), "false_alarms": sum(math.isfinite(delay) for delay in found)}
    # Nights until found; a history with an alarm before the change is left out, as someone has looked at it already.
    quantiles = {f"nights_{share:.0%}".replace("%", ""): _night(found, share) for share in (0.5, 0.9)}
    return {
        "histories": len(found) + early, "early_alarms": early,
        "found": sum(math.isfinite(delay) for delay in found), **quantiles,
        **{f"found_in_{nights}": sum(delay <= nights for delay in found) for nights in (3, 5, 7, 10, 14, 20)},
    }  # fmt: skip


def _night(delays: list[float], share: float) -> int | None:
    ordered = sorted(delays)
    night = ordered[math.ceil(share * len(ordered)) - 1] if ordered else math.inf
    return int(night) if math.isfinite(night) else None


def _quality(items: int, shock: float, rng: np.random.Generator, change: Floats) -> Mapping[str, Alarm]:
    return quality_alarms(simulate_scores(rng, items, shock, change, flips=0.1))


def _times(rng: np.random.Generator, change: Floats) -> Mapping[str, Alarm]:
    return time_alarms(simulate_times(rng, change))


def _by_method(setting: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in setting["rows"]:
        found.setdefault(row["method"], {})[row["change"]] = row
    return found


def _alarms(row: Mapping[str, Any]) -> str:
    return f"{100 * row['false_alarms'] / row['histories']:.1f} %"


def _nights(row: Mapping[str, Any]) -> str:
    return " / ".join("never" if row[name] is None else str(row[name]) for name in ("nights_50", "nights_90"))


def page_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the rows of the three tables of docs/explanation/statistics.md; a test holds them equal."""
    settings = document["settings"]
    quality = [setting for setting in settings if setting["quantity"] == "quality"]
    shown = next(setting for setting in quality if (setting["items"], setting["shock_points"]) == (500, 0.5))
    lines = []
    for method, rows in _by_method(shown).items():
        share = 100 * rows["step"]["found_in_10"] / rows["step"]["histories"]
        early = 100 * rows["step"]["early_alarms"] / rows["step"]["histories"]
        lines.append(
            f"| {method} | {_alarms(rows['none'])} | {early:.0f} % | {share:.0f} % | {_nights(rows['step'])} | {_nights(rows['drift'])} |"
        )
    for setting, chosen in zip(quality, document["chosen_settings"], strict=False):
        assert [setting[name] for name in ("items", "shock_points")] == [
            chosen[name] for name in ("items", "shock_points")
        ]
        fresh, first = (_by_method(of)[MEANS] for of in (setting, chosen))
        cells = [f"{setting['items']:,}", f"{setting['shock_points']:g}"]
        cells += [_alarms(rows["none"]) for rows in (fresh, first)]
        cells += [_nights(rows[kind]) for kind in ("step", "drift") for rows in (fresh, first)]
        lines.append(f"| {' | '.join(cells)} |")
    for setting in settings:
        if setting["quantity"] == "time":
            lines += [
                f"| {method} | {setting['change_percent']:.0f} % | {_alarms(rows['none'])} | {_nights(rows['step'])} | {_nights(rows['drift'])} |"
                for method, rows in _by_method(setting).items()
            ]
    return lines


def measure_all(histories: int, seeds: int) -> list[dict[str, Any]]:
    """Return every setting with its rows."""
    settings: list[dict[str, Any]] = []
    for items, shock in ((200, 0.005), (500, 0.005), (500, 0.01), (1000, 0.005)):
        rows = measure(partial(_quality, items, shock), CHANGE, histories, seeds + items)
        settings.append({"quantity": "quality", "items": items, "shock_points": 100 * shock, "change_points": 100 * CHANGE, "rows": rows})  # fmt: skip
    for size in (0.1, 0.2):
        rows = measure(_times, size, histories, seeds + 7)
        settings.append({"quantity": "time", "change_percent": 100 * size, "rows": rows})
    return settings


def main() -> None:
    """Measure, print and keep the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--histories", type=int, default=300)
    histories = parser.parse_args().histories
    settings = measure_all(histories, FRESH_SEEDS)
    chosen = [
        {**setting, "rows": [row for row in setting["rows"] if row["method"] in (MEANS, RANKS)]}
        for setting in measure_all(histories, CHOSEN_SEEDS)
    ]
    for setting in settings:
        print({key: value for key, value in setting.items() if key != "rows"})
        for row in setting["rows"]:
            print("   ", row)
    document = {
        "nights": NIGHTS, "false_alarm": FALSE_ALARM, "flips": 0.1, "accuracy": 0.8, "floor_share": change_points.FLOOR_SHARE,
        "settings": settings, "chosen_settings": chosen,
    }  # fmt: skip
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print("\n".join(page_lines(document)))


if __name__ == "__main__":
    main()
