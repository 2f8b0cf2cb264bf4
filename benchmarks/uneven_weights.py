"""Do weighted intervals cover the truth where few items hold most of the weight?

    .venv/bin/python benchmarks/uneven_weights.py                   1,500 draws of each case
    .venv/bin/python benchmarks/uneven_weights.py --draws 200 --name -

400 items of known distributions, by seed; the weights say nothing of the values, so that the truth is known exactly. The
estimates are those of `bench gap`, `report`, `cost` and `compare`: the same functions of gapbench.stats. The last case is the
ordinary one, `month, equal` of `traffic_sample.py`: 400 prompts drawn from a simulated month by strata.

The results of a version are kept under ``--label``, beside those of others, so that the file shows before and after.

Must-show: 95 % intervals cover the truth in 95 % of draws or more where weights are very uneven, and in 95 ± 2 % in the
ordinary case.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from traffic_sample import run_named
from truth import HERE, write

from gapbench.stats import (
    Design,
    Floats,
    compare_quotients,
    mean_interval,
    paired_difference,
    quantile_difference,
    quantile_interval,
    ratio_interval,
)

SIZE = 400
CLOSED, OPEN = 0.9, 0.8
SIGMA = 0.8
TRUTH = {
    "accuracy": OPEN,
    "gap": CLOSED - OPEN,
    "gap, partial credit": (CLOSED - OPEN) / 2,
    "response p50": 1.0,
    "response p50 gap": 0.5,
    "usd per task": float(np.exp(SIGMA**2 / 2)),
    "usd per correct": float(np.exp(SIGMA**2 / 2)) / OPEN,
    "usd per correct gap": float(np.exp(SIGMA**2 / 2)) * (3 / CLOSED - 1 / OPEN),
}


def hold(items: int, share: float) -> Floats:
    """Return weights with which so many of the items hold a share of the total, equally among them."""
    heavy = share / items / ((1 - share) / (SIZE - items))
    return np.concatenate([np.full(items, heavy), np.ones(SIZE - items)])


def make_designs() -> dict[str, Design]:
    """Return the weights and strata of each case."""
    one = np.zeros(SIZE, dtype=np.int64)
    rng = np.random.default_rng(9)
    return {
        "all equal": Design(np.ones(SIZE), one),
        "5 of 400 hold 95 %": Design(hold(5, 0.95), one),
        "5 of 400 hold 95 %, a stratum of their own": Design(hold(5, 0.95), (np.arange(SIZE) < 5).astype(np.int64)),
        "5 of 400 hold 60 %": Design(hold(5, 0.6), one),
        "20 of 400 hold 90 %": Design(hold(20, 0.9), one),
        "lognormal weights, sigma 1.5": Design(np.exp(rng.normal(0, 1.5, SIZE)), one),
    }  # fmt: skip


def covers(interval: tuple[float | None, float | None], truth: float) -> bool:
    """Return whether an interval holds the truth; a missing bound is no bound."""
    low, high = interval
    return (low is None or low <= truth) and (high is None or truth <= high)


Intervals = dict[str, Callable[[], tuple[float | None, float | None]]]


def draw(design: Design, rng: np.random.Generator) -> Intervals:
    """Return what computes the 95 % intervals of one sample, by figure."""
    clusters = np.arange(SIZE)
    taste = rng.random(SIZE)  # of the item, shared by both models
    mixed = [np.where(rng.random(SIZE) < 0.5, taste, rng.random(SIZE)) for _ in range(2)]
    first, second = (
        (part < share).astype(np.float64) for part, share in zip(mixed, (CLOSED, OPEN), strict=True)
    )
    size = rng.normal(0, SIGMA, SIZE)
    usd = 3 * np.exp(size), np.exp(0.6 * size + 0.8 * rng.normal(0, SIGMA, SIZE))
    seconds, slower = (level * np.exp(rng.normal(0, SIGMA, SIZE)) for level in (1.0, 1.5))
    credit = first * rng.random(SIZE), second * rng.random(SIZE)

    def quotients() -> tuple[float | None, float | None]:
        found = compare_quotients((usd[0], first), (usd[1], second), clusters, design)
        return found.low, found.high

    return {
        "accuracy": lambda: mean_interval(second, clusters, design=design),
        "gap": lambda: paired_difference(first, second, clusters, design).interval(),
        "gap, partial credit": lambda: paired_difference(*credit, clusters, design).interval(),
        "response p50": lambda: quantile_interval(seconds, 0.5, clusters=clusters, design=design),
        "response p50 gap": lambda: quantile_difference(slower, seconds, clusters, 0.5, design).interval(),
        "usd per task": lambda: ratio_interval(usd[1], np.ones(SIZE), clusters, design=design),
        "usd per correct": lambda: ratio_interval(usd[1], second, clusters, design=design),
        "usd per correct gap": quotients,
    }


def run_case(design: Design, draws: int, figures: Sequence[str]) -> dict[str, Any]:
    """Return the share of samples whose interval covers the truth, and the median width, by figure."""
    hits = dict.fromkeys(figures, 0)
    widths: dict[str, list[float]] = {name: [] for name in figures}
    for number in range(draws):
        intervals = draw(design, np.random.default_rng(number))
        for name in figures:
            low, high = intervals[name]()
            hits[name] += covers((low, high), TRUTH[name])
            widths[name].append(np.inf if low is None or high is None else high - low)
    weights = design.weights
    return {
        "effective_items": round(float(weights.sum() ** 2 / (weights @ weights)), 1),
        "figures": {
            name: {
                "truth": round(TRUTH[name], 6),
                "draws": draws,
                "coverage": round(hits[name] / draws, 4),
                "median_width": round(float(np.median(widths[name])), 4),
            }
            for name in figures
        },
    }


def main() -> None:
    """Run all cases and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=1_500)
    parser.add_argument(
        "--ordinary", type=int, default=500, help="draws of the ordinary case; 0 leaves it out"
    )
    parser.add_argument("--label", default="after", help="under which the results of this version are kept")
    parser.add_argument("--name", default="uneven_weights", help="of the result file; -: none is written")
    parser.add_argument(
        "--figures", nargs="+", choices=list(TRUTH), help="only these; others of the label are kept"
    )
    parser.add_argument("--cases", nargs="+", help="only these; others of the label are kept")
    arguments = parser.parse_args()
    started = time.process_time()
    cases: dict[str, Any] = {}
    for name, design in make_designs().items():
        if arguments.cases and name not in arguments.cases:
            continue
        cases[name] = run_case(design, arguments.draws, arguments.figures or list(TRUTH))
        print(f"{name} (as many as {cases[name]['effective_items']} equal items)")
        for figure, row in cases[name]["figures"].items():
            print(f"  {figure:22} {row['coverage']:7.1%} width {row['median_width']:.3f}")
    if arguments.ordinary:
        found = run_named("month, equal", arguments.ordinary, 1)["figures"]
        cases["month, equal (traffic_sample.py)"] = {
            "figures": {
                name: {"draws": arguments.ordinary, "coverage": row["weighted_coverage"]}
                for name, row in found.items()
            },
        }
        print("month, equal")
        for figure, row in found.items():
            print(f"  {figure:22} {row['weighted_coverage']:7.1%}")
    if arguments.name != "-":
        file = HERE / "results" / f"{arguments.name}.json"
        kept = json.loads(file.read_text()).get("versions", {}) if file.exists() else {}
        cpu_s = round(time.process_time() - started, 1)
        earlier = (
            kept.get(arguments.label, {}).get("cases", {}) if arguments.figures or arguments.cases else {}
        )
        for name, case in cases.items():
            figures = {**earlier.get(name, {}).get("figures", {}), **case["figures"]}
            earlier[name] = {**case, "figures": figures}
        kept[arguments.label] = {"cpu_s_of_the_last_part": cpu_s, "cases": earlier}
        write(arguments.name, {"versions": kept})


if __name__ == "__main__":
    main()
