"""Do the intervals and verdicts keep what they promise? Coverage and false verdicts by simulation, seeded.

    python benchmarks/coverage.py                    10,000 trials a setting; about 20 minutes on two cores
    python benchmarks/coverage.py --trials 200       a quick look
    python benchmarks/coverage.py --wide             settings that the method was not made for
    python benchmarks/coverage.py --intervals        every interval that is printed; see coverage_intervals.py

Each setting draws two models' right and wrong answers many times from a known truth: items have an ease that
both models share (so their answers are correlated), items of one cluster share part of it, and each item may be asked
several times. The true gap is known exactly, because the chances of every item are drawn anew in each trial
from one distribution and the target is its mean.

Kept for each setting: how often the nominal 95 % interval holds the true gap, how often "ahead" is said though the
gap is zero, and how often "equivalent" is said though the gap is exactly the margin.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import coverage_intervals
import numpy as np
from scipy import special

from gapbench.stats import is_equivalent, paired_difference

MARGIN = 0.05
RESAMPLES = 1_000
TUNED_ON = 20_261_124
"""The seed that was looked at while the method was chosen; results are kept of another."""


@dataclass(frozen=True)
class Setting:
    """One truth.

    Attributes:
        items: Items.
        cluster_size: Items of one cluster.
        repeats: Answers to each item on each side.
        closed: The closed model's true accuracy.
        open: The open model's.
        spread: Standard deviation of an item's ease, in probits; more of it, more alike the two.
        shared: Share of that variance that a cluster has in common.
        own: Standard deviation of what an item adds for one model alone, half of it by cluster.
        uneven: Whether clusters are of 1 to 9 items instead of all alike.
    """

    items: int
    cluster_size: int
    repeats: int
    closed: float
    open: float
    spread: float = 1.0
    shared: float = 0.5
    own: float = 0.0
    uneven: bool = False


def wide_settings() -> list[Setting]:
    """Return truths beyond the promise: three to ten sources, models that differ by item, uneven clusters, more in common."""
    kinds: tuple[dict[str, Any], ...] = ({"shared": 0.2}, {"shared": 0.8}, {"own": 0.7}, {"uneven": True})
    few_sources = [
        Setting(items, size, 1, accuracy, accuracy)
        for items, size in ((9, 3), (30, 10), (40, 10), (25, 5), (60, 12), (40, 4), (60, 6))
        for accuracy in (0.70, 0.90, 0.97)
    ]
    return few_sources + [
        Setting(items, size, repeats, closed, other, **more)
        for items in (100, 300)
        for size, repeats in ((5, 1), (1, 3), (5, 3))
        for more in kinds
        for closed, other in ((0.70, 0.70), (0.97, 0.97), (0.98, 0.93), (0.06, 0.01))
        if size > 1 or "own" in more
    ]


def settings() -> list[Setting]:
    """Return every truth that is promised."""
    found: list[Setting] = []
    for items in (100, 1_000):
        for size, repeats in ((1, 1), (5, 1), (1, 3), (5, 3)):
            for closed, other in (
                (0.70, 0.70),
                (0.75, 0.70),
                (0.50, 0.40),
                (0.97, 0.97),
                (0.98, 0.93),
                (0.03, 0.03),
                (0.06, 0.01),
            ):
                found.append(Setting(items, size, repeats, closed, other))
    return found


def draw(setting: Setting, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Return both models' scores and the cluster of each pair.

    An item's ease is normal, so a model whose threshold is t is right with chance Phi((t + ease)) and on
    average with Phi(t / sqrt(1 + spread^2)): the thresholds that give the wanted accuracies are exact.
    """
    clusters = setting.items // setting.cluster_size
    # 1, 3, 5, 7, 9 are five on average, which is the one size that is made uneven.
    sizes = np.resize([1, 3, 5, 7, 9] if setting.uneven else [setting.cluster_size], clusters)

    def by_item(shared: float) -> Any:
        common = rng.standard_normal(clusters).repeat(sizes) * math.sqrt(shared)
        return common + rng.standard_normal(setting.items) * math.sqrt(1 - shared)

    ease = setting.spread * by_item(setting.shared)
    width = math.sqrt(1 + setting.spread**2 + setting.own**2)
    sides = []
    for accuracy in (setting.closed, setting.open):
        at = special.ndtri(accuracy) * width + ease + (setting.own * by_item(0.5) if setting.own else 0)
        chance = special.ndtr(at).repeat(setting.repeats)
        sides.append((rng.random(len(chance)) < chance).astype(np.float64))
    # Repeats of an item are answers to one source as well, so its cluster is the item's at least.
    return sides[0], sides[1], np.arange(clusters).repeat(sizes * setting.repeats)


def trial(setting: Setting, seed: int, trials: int) -> dict[str, Any]:
    """Return the shares of one setting over its trials."""
    rng = np.random.default_rng(seed)
    truth = setting.closed - setting.open
    held = ahead = same = 0
    for number in range(trials):
        first, second, clusters = draw(setting, rng)
        found = paired_difference(first, second, clusters, resamples=RESAMPLES, seed=seed + number)
        held += found.low <= truth <= found.high
        ahead += found.p_value < 0.05
        same += is_equivalent(found, MARGIN)
    result: dict[str, Any] = {**asdict(setting), "trials": trials, "coverage": held / trials}
    if truth == 0:
        result["false_ahead"] = ahead / trials
    if math.isclose(truth, MARGIN):
        result["false_equivalent"] = same / trials
    return result


def run_intervals(trials: int, seed: int, workers: int, out: str, only: str) -> None:
    """Try every printed interval whose name matches ``only`` and keep the figures; others keep the figures they have."""
    began = time.perf_counter()
    tried = coverage_intervals.settings(only)
    numbers, designs = zip(*tried, strict=True)
    with ProcessPoolExecutor(workers) as pool:
        rows = list(
            pool.map(
                coverage_intervals.try_interval, numbers, designs, [seed] * len(tried), [trials] * len(tried)
            )
        )
    for row in rows:
        ahead = f"  false ahead {row['false_ahead']:.1%}" if "false_ahead" in row else ""
        print(
            f"{row['interval']:<50} n {row['items']:>5} in {row['cluster_size']:>2}s  {row['coverage']:.1%}  "
            f"above {row['above']:.1%} below {row['below']:.1%}{ahead}"
        )
    if out != "-":
        path = Path(out or Path(__file__).parent / "results" / "coverage_intervals.json")
        if only:
            new = {(row["interval"], row["items"], row["cluster_size"]): row for row in rows}
            kept = json.loads(path.read_text())["rows"]
            rows = [new.get((row["interval"], row["items"], row["cluster_size"]), row) for row in kept]
        result = {
            "benchmark": "coverage_intervals",
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": seed,
            "resamples": coverage_intervals.RESAMPLES,
            "correlation_in_clusters": coverage_intervals.CORRELATION,
            "wall_s": round(time.perf_counter() - began, 1),
            "machine": {"platform": platform.platform(), "cpus": os.cpu_count()},
            "monte_carlo_error": round(math.sqrt(0.95 * 0.05 / min(row["trials"] for row in rows)), 4),
            "rows": rows,
        }
        path.write_text(json.dumps(result, indent=1) + "\n")
        print(path)


def main() -> None:
    """Try every setting and keep what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=777)
    parser.add_argument("--wide", action="store_true", help="the wider settings instead")
    parser.add_argument("--intervals", action="store_true", help="every interval that the product prints")
    parser.add_argument(
        "--only",
        default="",
        metavar="PATTERN",
        help="with --intervals: these only; the file keeps the others",
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", default="", help="a JSON file; -: print only")
    options = parser.parse_args()
    began = time.perf_counter()
    if options.intervals:
        run_intervals(options.trials, options.seed, options.workers, options.out, options.only)
        return
    tried = wide_settings() if options.wide else settings()
    with ProcessPoolExecutor(options.workers) as pool:
        seeds = [options.seed + 1_000_000 * number for number in range(len(tried))]
        rows = list(pool.map(trial, tried, seeds, [options.trials] * len(tried)))
    for row in rows:
        extra = "".join(
            f"  {name} {row[name]:.1%}" for name in ("false_ahead", "false_equivalent") if name in row
        )
        print(
            f"n {row['items']:>5}  clusters of {row['cluster_size']}  repeats {row['repeats']}  "
            f"{row['closed']:.2f} against {row['open']:.2f}  shared {row['shared']}  own {row['own']}  "
            f"{'uneven  ' * row['uneven']}coverage {row['coverage']:.1%}{extra}"
        )
    coverage = [row["coverage"] for row in rows]
    summary = {
        "coverage_min": min(coverage),
        "coverage_max": max(coverage),
        "coverage_mean": sum(coverage) / len(coverage),
        "false_ahead_max": max(row["false_ahead"] for row in rows if "false_ahead" in row),
        "false_equivalent_max": max(row["false_equivalent"] for row in rows if "false_equivalent" in row),
    }
    print(summary)
    if options.out != "-":
        path = Path(
            options.out or Path(__file__).parent / "results" / f"coverage{'_wide' * options.wide}.json"
        )
        path.parent.mkdir(exist_ok=True)
        result = {
            "benchmark": "coverage",
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": options.seed,
            "method_chosen_on_seed": TUNED_ON,
            "resamples": RESAMPLES,
            "margin": MARGIN,
            "wall_s": round(time.perf_counter() - began, 1),
            "machine": {"platform": platform.platform(), "cpus": os.cpu_count()},
            "monte_carlo_error": round(math.sqrt(0.95 * 0.05 / options.trials), 4),
            "summary": summary,
            "rows": rows,
        }
        path.write_text(json.dumps(result, indent=1) + "\n")
        print(path)


if __name__ == "__main__":
    main()
