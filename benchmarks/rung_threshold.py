"""How often the interval of the threshold and of the gap holds the truth, and what adaptive questions save.

``python -m benchmarks.rung_threshold [--models 2000]`` draws models with known thresholds, slopes and lapses, asks them
adaptively and in the fixed form (every rung in turn), both until the interval is so narrow, and counts. Writes
benchmarks/results/rung_threshold.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from gapbench.stats.rung_threshold import Threshold, ThresholdPosterior, compare_thresholds

RESULT = Path(__file__).parent / "results" / "rung_threshold.json"
RUNGS = 12
MOST = 2_400
FIXED = 200
"""Models of a setting that are asked in the fixed form, too."""


class Model:
    """A simulated model whose chance of a right answer falls with the rung."""

    def __init__(
        self, rng: np.random.Generator, threshold: float, slope: float, lapse: float, curve: str
    ) -> None:
        self.rng, self.threshold, self.slope, self.lapse, self.curve = rng, threshold, slope, lapse, curve

    def chance(self, rung: int, hardness: float = 0.0) -> float:
        """Return the chance of a right answer; it is 1/2 at the threshold."""
        x = self.slope * (self.threshold - rung) - hardness
        if self.curve == "logistic":
            shift = np.log(0.5 / (0.5 - self.lapse))
            return float((1 - self.lapse) / (1 + np.exp(-(x + shift))))
        # Complementary log-log: falls slowly at first and steeply later, or the other way round.
        return float(1 - np.exp(-np.exp(x + np.log(np.log(2)))))

    def answer(self, rung: int, hardness: float = 0.0) -> float:
        """Return 1.0 for a right answer, else 0.0."""
        return float(self.rng.random() < self.chance(rung, hardness))


def ask(
    model: Model, width: float, block: int, hardness: dict[tuple[int, int], float] | None = None
) -> tuple[ThresholdPosterior, list[tuple[int, int]]]:
    """Ask a model until the interval is so wide; block 0 asks every rung in turn. Returns also the items asked."""
    posterior, items, used = ThresholdPosterior(RUNGS), [], dict.fromkeys(range(1, RUNGS + 1), 0)
    while len(items) < MOST:
        for rung in posterior.next_rungs(block) if block else range(1, RUNGS + 1):
            item = (rung, used[rung])
            used[rung] += 1
            items.append(item)
            posterior.record(rung, model.answer(rung, 0.0 if hardness is None else hardness[item]))
        if posterior.is_settled(width):
            break
    return posterior, items


def holds(found: Threshold, truth: float) -> bool:
    """Return whether an interval holds the truth."""
    return (found.low is None or found.low <= truth) and (found.high is None or truth <= found.high)


def measure(
    models: int, width: float, block: int, curve: str, slopes: tuple[float, float], seed: int
) -> dict[str, Any]:
    """Return the coverage and the items of one setting."""
    rng = np.random.default_rng(seed)
    hits = np.zeros(models)
    items, fixed_items = np.zeros(models), np.zeros(models)
    for at in range(models):
        slope = float(np.exp(rng.uniform(*np.log(slopes))))
        model = Model(
            rng, float(rng.uniform(1, RUNGS)), slope, float(rng.choice([0, 0.02, 0.05, 0.1])), curve
        )
        posterior, asked = ask(model, width, block)
        hits[at], items[at] = holds(posterior.threshold(), model.threshold), len(asked)
        if at < FIXED:
            fixed_items[at] = len(ask(model, width, 0)[1])
    fixed = fixed_items[:FIXED]
    return {
        "models": models, "width_rungs": width, "block": block, "curve": curve, "slopes": list(slopes),
        "coverage": round(float(hits.mean()), 4), "items_mean": round(float(items.mean()), 1),
        "items_fixed_mean": round(float(fixed.mean()), 1),
        "items_over_fixed": round(float(items[:FIXED].mean() / fixed.mean()), 3),
    }  # fmt: skip


def measure_gap(pairs: int, width: float, block: int, spread: float, seed: int) -> dict[str, Any]:
    """Return the coverage of the gap between two models that were asked the same items where their rungs agree."""
    rng = np.random.default_rng(seed)
    hits, widths, unpaired, correlations = [], [], [], []
    for _ in range(pairs):
        hardness = {
            (rung, item): float(rng.normal(0, spread)) for rung in range(1, RUNGS + 1) for item in range(400)
        }
        base, slope = float(rng.uniform(2, RUNGS - 1)), float(np.exp(rng.uniform(*np.log((0.6, 3)))))
        both = [Model(rng, base + float(rng.uniform(-1.0, 1.0)), slope, 0.02, "logistic") for _ in range(2)]
        (one, items_one), (two, items_two) = (ask(model, width, block, hardness) for model in both)
        places = {item: place for place, item in enumerate(items_two)}
        shared = [(place, places[item]) for place, item in enumerate(items_one) if item in places]
        truth = both[0].threshold - both[1].threshold
        paired, alone = compare_thresholds(one, two, shared), compare_thresholds(one, two, [])
        if paired.low is None or paired.high is None or alone.low is None or alone.high is None:
            continue
        hits.append(paired.low <= truth <= paired.high)
        widths.append(paired.high - paired.low)
        unpaired.append(alone.high - alone.low)
        correlations.append(paired.correlation)
    return {
        "pairs": len(hits), "width_rungs": width, "block": block, "item_sd_logits": spread,
        "coverage": round(float(np.mean(hits)), 4), "width_over_unpaired": round(float(np.mean(widths) / np.mean(unpaired)), 3),
        "correlation_mean": round(float(np.mean(correlations)), 3),
    }  # fmt: skip


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=2_000)
    models = parser.parse_args().models
    result = {
        "rungs": RUNGS,
        "threshold": [
            measure(models, 1.5, 8, "logistic", (0.4, 4), 2),
            measure(models // 4, 1.5, 4, "logistic", (0.4, 4), 1),
            measure(models // 4, 1.5, 16, "logistic", (0.4, 4), 3),
            measure(models // 4, 1.0, 8, "logistic", (0.4, 4), 4),
            measure(models // 4, 1.5, 8, "logistic", (0.5, 0.5001), 6),
            measure(models // 4, 1.5, 8, "logistic", (1, 1.0001), 7),
            measure(models // 4, 1.5, 8, "logistic", (3, 3.0001), 8),
            measure(models // 4, 1.5, 8, "complementary log-log", (0.4, 4), 9),
        ],
        "gap": [
            measure_gap(models // 4, 1.5, 8, spread, 10 + at) for at, spread in enumerate((0.0, 1.0, 2.0))
        ],
    }
    for row in (*result["threshold"], *result["gap"]):
        print(row)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
