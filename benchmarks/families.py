"""The verdicts of whole gap tables: power of the headline, and false verdicts in each family. By simulation, seeded.

    python benchmarks/families.py                 1,000 tables a setting
    python benchmarks/families.py --trials 100    a quick look

A table compares two models over three categories of 60 items each: four rows of accuracy, twelve of speed, eight of
cost. Right and wrong answers of two models are drawn from a known share of items that only one of them gets right.
Times and costs are lognormal; half of an item's variance is common to both models.

Kept: how often the headline says *closed ahead* at a gap of 12 points, with and without prices; how often any row of a
family is *ahead* if the models are equal in everything; how often any row is *equivalent* if all gaps are the margin.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from gapbench.analysis.quality.gap_metrics import metric_rows
from gapbench.analysis.quality.gap_row import Comparison, GapRow, decide
from gapbench.analysis.quality.model_pairs import ModelPairs, ModelRequests
from gapbench.stats import Floats

CATEGORIES = 3
DISCORDANT = 0.26
"""Share of items that one model alone gets right: at a gap of 12 points and 180 pairs, McNemar's test has 88 % power."""


def draw_scores(gap: float, n: int, discordant: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return right and wrong answers of two models whose accuracies differ by ``gap``."""
    chance = rng.random(n)
    wins, losses = (discordant + gap) / 2, (discordant - gap) / 2
    both = (rng.random(n) < 0.7).astype(np.float64)
    first = np.where(chance < wins, 1.0, np.where(chance < wins + losses, 0.0, both))
    second = np.where(chance < wins, 0.0, np.where(chance < wins + losses, 1.0, both))
    return first, second


def draw_table(
    gap: float, n: int, rng: np.random.Generator, *, margin: float, discordant: float, everything: bool, priced: bool = True
) -> list[GapRow]:  # fmt: skip
    """Return the decided rows of one table. Without ``everything``, times are unknown."""
    item, zeros = np.arange(n), np.zeros(n, dtype=np.int64)
    categories = item % CATEGORIES
    effort = rng.standard_normal((2, n))
    sides = []
    for score in draw_scores(gap, n, discordant, rng):
        own = rng.standard_normal((2, n))
        seconds, usd = np.exp(0.6 * (effort + own) / math.sqrt(2))
        unknown = np.full(n, np.nan)
        sides.append(
            ModelRequests(
                item, item, item, item, categories, zeros, zeros, {}, {"task": ["t"], "load": ["c8"]},
                {
                    "score": score,
                    "correct": score,
                    "response_s": seconds if everything else unknown,
                    "answer_chars_per_s": 400 / seconds if everything else unknown,
                    "usd": usd if priced else unknown,
                },
                np.zeros(n, dtype=bool),
            )
        )  # fmt: skip
    pairs = ModelPairs(sides[0], sides[1], 0, 0, 0)
    scopes = {**{f"category {code}": code for code in range(CATEGORIES)}, "overall": None}
    rows = [
        row
        for name, code in scopes.items()
        for row in metric_rows(Comparison(name, "closed", "open", False), pairs.in_category(code), 0.0)
    ]
    return decide(rows, margin)


def try_power(gap: float, n: int, discordant: float, seed: int, trials: int) -> dict[str, Any]:
    """Return how often the headline is right, with and without prices."""
    found: dict[str, Any] = {"gap_points": gap * 100, "pairs": n, "discordant": discordant, "trials": trials}
    for priced in (True, False):
        rng = np.random.default_rng([seed, n])
        ahead = 0
        for _ in range(trials):
            rows = draw_table(gap, n, rng, margin=1.7, discordant=discordant, everything=False, priced=priced)
            head = next(row for row in rows if row.is_accuracy and row.category == "overall")
            ahead += head.verdict == "closed ahead"
        found["power_priced" if priced else "power_unpriced"] = ahead / trials
    return found


def try_false_ahead(n: int, seed: int, trials: int) -> dict[str, Any]:
    """Return how often any row of each family, and of the table, is *ahead* though the models are equal."""
    rng = np.random.default_rng([seed, n, 1])
    counts: dict[str, int] = {"any family": 0}
    for _ in range(trials):
        rows = draw_table(0.0, n, rng, margin=1.7, discordant=DISCORDANT, everything=True)
        wrong = {str(row.family) for row in rows if "ahead" in str(row.verdict)}
        for family in {str(row.family) for row in rows}:
            counts[family] = counts.get(family, 0) + (family in wrong)
        counts["any family"] += bool(wrong)
    shares = {name: count / trials for name, count in counts.items()}
    return {"pairs": n, "trials": trials, "false_ahead": shares}


def try_false_equivalent(n: int, seed: int, trials: int) -> dict[str, Any]:
    """Return how often any row of accuracy is *equivalent* though every gap is exactly the margin of 5 points."""
    rng = np.random.default_rng([seed, n, 2])
    counts = {"overall quality": 0, "quality by category": 0}
    for _ in range(trials):
        rows = draw_table(0.05, n, rng, margin=5.0, discordant=0.1, everything=False)
        wrong = {str(row.family) for row in rows if str(row.verdict).startswith("equivalent")}
        for family in counts:
            counts[family] += family in wrong
    return {"pairs": n, "trials": trials, "false_equivalent": {k: v / trials for k, v in counts.items()}}


def main() -> None:
    """Try every setting and keep what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=777)
    parser.add_argument("--out", default="", help="a JSON file; -: print only")
    options = parser.parse_args()
    began = time.perf_counter()
    trials, seed = options.trials, options.seed
    with ProcessPoolExecutor(os.cpu_count() or 1) as pool:
        powers = [
            pool.submit(try_power, gap, n, DISCORDANT, seed, trials)
            for gap, n in ((0.12, 180), (0.08, 300), (0.05, 900))
        ]
        equal = pool.submit(try_false_ahead, 180, seed, trials)
        margin = [pool.submit(try_false_equivalent, n, seed, trials) for n in (180, 900, 2_700)]
        result = {
            "benchmark": "families",
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": seed,
            "power": [one.result() for one in powers],
            "equal_models": equal.result(),
            "gaps_at_the_margin": [one.result() for one in margin],
            "machine": {"platform": platform.platform(), "cpus": os.cpu_count()},
            "monte_carlo_error": round(math.sqrt(0.05 * 0.95 / trials), 4),
        }
    result["wall_s"] = round(time.perf_counter() - began, 1)
    print(json.dumps(result, indent=1))
    if options.out != "-":
        path = Path(options.out or Path(__file__).parent / "results" / "families.json")
        path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
