"""Do looks cost what they should? Error and savings of the stopping rules by simulation, seeded.

    python benchmarks/sequential.py                  4,000 trials a setting of five looks and 1,000 of the e-process; some minutes
    python benchmarks/sequential.py --trials 200     a quick look

Two rules are tried: five looks at fifths of the plan with O'Brien-Fleming spending, and the always-valid e-process with a
look after every cluster (after every item, where each item is its own cluster). For comparison, the fixed test of
`bench gap` at the same looks, uncorrected.

Kept for each setting: how often *ahead* is concluded though there is no gap; how often *no worse* or *equivalent* is
concluded though the gap is exactly the margin; and, at a gap of 8 points, how often the rule concludes *closed ahead* (its
power) and how many of the planned pairs it does not need.

Differences are those of 0/1 scores with a given share of pairs that differ (its discordance); of partial credit; and
of clusters whose pairs are alike, evenly or unevenly large, symmetric or skewed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from gapbench.stats.sequential_evidence import evidence_path
from gapbench.stats.sequential_looks import look_levels, repeated_interval

ALPHA, MARGIN = 0.05, 0.017
LOOKS = (0.2, 0.4, 0.6, 0.8, 1.0)
EVIDENCE_PART = 4
"""The e-process is tried in one of so many trials: it takes a thousand looks at each."""
CHUNK = 25
"""Trials that are computed together; memory is CHUNK x clusters x bets."""
Array = Any


@dataclass(frozen=True)
class Setting:
    """One truth.

    Attributes:
        name: What is drawn.
        pairs: Planned pairs.
        gap: True mean difference.
        cluster: Pairs in a cluster; of uneven ones, in the largest.
        draw: Name of the generator.
        discordance: Share of pairs that differ if there is no gap.
        icc: Correlation of two differences of one cluster.
    """

    name: str
    pairs: int
    gap: float
    cluster: int = 1
    draw: str = "binary"
    discordance: float = 0.2
    icc: float = 0.0


def draw_clusters(setting: Setting, trials: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return sums of differences and sizes of clusters, each trials x clusters."""
    groups = setting.pairs // setting.cluster
    if setting.draw == "skewed":
        # Nine of ten pairs lose a tenth, one of ten gains nine tenths: the mean is zero, the median is not.
        values = np.where(rng.random((trials, groups)) < 0.1, 0.9, -0.1) + setting.gap
        return values, np.ones_like(values)
    if setting.draw == "partial":
        ease = rng.beta(0.6, 0.6, (trials, groups))
        pair = [np.clip(rng.normal(ease, 0.15), 0, 1) for _ in range(2)]
        values = pair[0] - pair[1] + setting.gap
        return np.clip(values, -1, 1), np.ones_like(values)
    if setting.draw == "opposite tiers":
        # Easy and hard items alternate, as in the working order; the gaps of the two cancel.
        shift = np.where(np.arange(groups) % 2 == 0, 0.1, -0.1)
        return draw_binary(rng, trials, groups, setting.gap + shift, setting.discordance), np.ones(
            (trials, groups)
        )
    sizes = np.full((trials, groups), setting.cluster, dtype=float)
    if setting.draw == "uneven":
        sizes = rng.integers(1, setting.cluster + 1, (trials, groups)).astype(float)
    sums = np.zeros((trials, groups))
    # Each pair copies its cluster's common difference with probability sqrt(icc), so two pairs correlate with icc.
    common = draw_binary(rng, trials, groups, setting.gap, setting.discordance)
    for pair in range(setting.cluster):
        own = draw_binary(rng, trials, groups, setting.gap, setting.discordance)
        copies = rng.random((trials, groups)) < math.sqrt(setting.icc)
        sums += np.where(copies, common, own) * (pair < sizes)
    return sums, sizes


def draw_binary(rng: np.random.Generator, trials: int, groups: int, gap: Array, discordance: float) -> Array:
    """Return differences of 0/1 scores: -1, 0 or 1. With a gap, more pairs differ: .18 + .6 gap at a discordance of .18."""
    differ = np.maximum(discordance + 0.6 * np.abs(gap), np.abs(gap))
    first = rng.random((trials, groups))
    return np.where(first < (differ + gap) / 2, 1.0, np.where(first < differ, -1.0, 0.0))


def first_crossing(path: Array, threshold: float) -> Array:
    """Return the position of the first value at or above the threshold, or -1."""
    hit = path >= threshold
    return np.where(hit.any(axis=1), hit.argmax(axis=1), -1)


def try_evidence(setting: Setting, sums: Array, sizes: Array) -> dict[str, Array]:
    """Return the first look at which each conclusion is reached under the e-process, or -1."""
    threshold = math.log(2 / ALPHA)

    def path(sign: int, gap: float) -> Array:
        return evidence_path(sign * sums, sizes, gap, setting.cluster)

    if setting.gap != MARGIN:
        return {
            "closed": first_crossing(path(1, 0.0), threshold),
            "open": first_crossing(path(-1, 0.0), threshold),
        }
    below = path(-1, -MARGIN)
    return {
        "no_worse": first_crossing(below, threshold),
        "equivalent": first_crossing(np.minimum(below, path(1, -MARGIN)), threshold),
    }


def try_looks(_: Setting, sums: Array, sizes: Array) -> dict[str, Array]:
    """Return the first of five looks at which each conclusion is reached, as the position of its last cluster, or -1."""
    levels = look_levels(LOOKS, ALPHA)
    found = {name: np.full(len(sums), -1) for name in ("closed", "open", "no_worse", "equivalent")}
    for share, level in zip(LOOKS, levels, strict=True):
        last = round(share * sums.shape[1])
        for trial in range(len(sums)):
            low, high = repeated_interval(sums[trial, :last], sizes[trial, :last], level)
            for name, is_true in (
                ("closed", low > 0),
                ("open", high < 0),
                ("no_worse", high < MARGIN),
                ("equivalent", low > -MARGIN and high < MARGIN),
            ):
                if is_true and found[name][trial] < 0:
                    found[name][trial] = last - 1
    return found


def try_uncorrected(sums: Array) -> float:
    """Return how often the fixed test finds a gap at some of the five looks."""
    hits = 0
    for trial in range(len(sums)):
        for share in LOOKS:
            last = round(share * sums.shape[1])
            total = sums[trial, :last]
            variance = float((total**2).sum())
            if variance and abs(float(total.sum())) / math.sqrt(variance) > special.ndtri(1 - ALPHA / 2):
                hits += 1
                break
    return hits / len(sums)


RULES: dict[str, Callable[[Setting, Array, Array], dict[str, Array]]] = {
    "e-process, a look after every cluster": try_evidence,
    "five looks, O'Brien-Fleming": try_looks,
}


def run_setting(setting: Setting, trials: int, seed: int) -> dict[str, Any]:
    """Return the error or the power and savings of both rules in one setting."""
    rng = np.random.default_rng(seed)
    found: dict[str, dict[str, list[Array]]] = {name: {} for name in RULES}
    uncorrected = 0.0
    for start in range(0, trials, CHUNK):
        count = min(CHUNK, trials - start)
        sums, sizes = draw_clusters(setting, count, rng)
        uncorrected += try_uncorrected(sums) * count / trials
        for rule, attempt in RULES.items():
            if attempt is try_evidence and start >= trials / EVIDENCE_PART:
                continue
            for name, places in attempt(setting, sums, sizes).items():
                found[rule].setdefault(name, []).append(places)
    groups = setting.pairs // setting.cluster
    row: dict[str, Any] = {**asdict(setting), "clusters": groups}
    for rule, by_name in found.items():
        places = {name: np.concatenate(parts) for name, parts in by_name.items()}
        result: dict[str, float] = {}
        if setting.gap == 0:
            result["false_ahead"] = float(((places["closed"] >= 0) | (places["open"] >= 0)).mean())
        elif setting.gap == MARGIN:
            result["false_no_worse"] = float((places["no_worse"] >= 0).mean())
            result["false_equivalent"] = float((places["equivalent"] >= 0).mean())
        else:
            stops = np.where(places["closed"] >= 0, places["closed"] + 1, groups)
            result["power"] = float((places["closed"] >= 0).mean())
            result["wrong_side"] = float((places["open"] >= 0).mean())
            result["mean_pairs"] = float(stops.mean()) * setting.pairs / groups
            result["saved"] = 1 - float(stops.mean()) / groups
        row[rule] = {name: round(value, 4) for name, value in result.items()}
    row["fixed test at five looks, uncorrected"] = round(uncorrected, 4)
    return row


def settings() -> list[Setting]:
    """Return the truths to try."""
    null = [
        Setting(f"0/1, discordance {share:g}", pairs, 0.0, discordance=share)
        for pairs in (300, 1_000)
        for share in (0.05, 0.2, 0.4)
    ]
    null += [
        Setting("clusters of 5, icc .3", 1_000, 0.0, cluster=5, icc=0.3),
        Setting("clusters of 12, icc .3", 600, 0.0, cluster=12, icc=0.3),
        Setting("uneven clusters of 1 to 9, icc .3", 900, 0.0, cluster=9, draw="uneven", icc=0.3),
        Setting("partial credit", 1_000, 0.0, draw="partial"),
        Setting("partial credit, skewed", 1_000, 0.0, draw="skewed"),
        Setting("tiers with opposite gaps", 1_000, 0.0, draw="opposite tiers"),
    ]
    at_margin = [
        Setting("0/1, discordance 0.05, gap at the margin", 1_000, MARGIN, discordance=0.05),
        Setting("0/1, discordance 0.2, gap at the margin", 1_000, MARGIN),
        Setting("clusters of 5, icc .3, gap at the margin", 1_000, MARGIN, cluster=5, icc=0.3),
        Setting("partial credit, gap at the margin", 1_000, MARGIN, draw="partial"),
    ]
    real = [
        Setting("gap 8, discordance .18 + .6 gap", 1_000, 0.08, discordance=0.18),
        Setting("gap 8, clusters of 2, icc .2", 1_000, 0.08, cluster=2, discordance=0.18, icc=0.2),
        Setting("gap 8, clusters of 4, icc .1", 1_000, 0.08, cluster=4, discordance=0.18, icc=0.1),
        Setting("gap 8, clusters of 5, icc .2", 1_000, 0.08, cluster=5, discordance=0.18, icc=0.2),
        Setting("gap 8, partial credit", 1_000, 0.08, draw="partial"),
        Setting("gap 15, discordance .18 + .6 gap", 1_000, 0.15, discordance=0.18),
        Setting("gap 8, 300 planned", 300, 0.08, discordance=0.18),
        Setting("gap 3", 1_000, 0.03, discordance=0.18),
    ]
    return null + at_margin + real


def main() -> None:
    """Try every setting and keep what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=777)
    parser.add_argument("--out", default="", help="a JSON file; -: print only")
    options = parser.parse_args()
    began = time.perf_counter()
    rows = []
    for number, setting in enumerate(settings()):
        rows.append(run_setting(setting, options.trials, options.seed + 1_000 * number))
        print(
            json.dumps(
                {"name": setting.name, "pairs": setting.pairs, **{rule: rows[-1][rule] for rule in RULES}}
            ),
            flush=True,
        )
    summary = {
        f"{measure}, {rule}": max(row[rule][measure] for row in rows if measure in row[rule])
        for rule in RULES
        for measure in ("false_ahead", "false_no_worse", "false_equivalent")
    }
    print(json.dumps(summary, indent=1))
    if options.out != "-":
        path = Path(options.out or Path(__file__).parent / "results" / "sequential.json")
        path.write_text(
            json.dumps(
                {
                    "benchmark": "sequential",
                    "at": datetime.now(UTC).isoformat(timespec="seconds"),
                    "seed": options.seed,
                    "trials": options.trials,
                    "trials_of_the_e_process": options.trials // EVIDENCE_PART,
                    "margin": MARGIN,
                    "wall_s": round(time.perf_counter() - began, 1),
                    "machine": {"platform": platform.platform(), "cpus": os.cpu_count()},
                    "monte_carlo_error": round(math.sqrt(0.95 * 0.05 / options.trials), 4),
                    "summary": summary,
                    "rows": rows,
                },
                indent=1,
            )
            + "\n"
        )
        print(path)


if __name__ == "__main__":
    main()
