"""Does the weighted interval of a traffic sample cover the truth, and does the unweighted one miss it?

    .venv/bin/python benchmarks/traffic_sample.py                   2,000 draws of each case
    .venv/bin/python benchmarks/traffic_sample.py --draws 200 --name -

A simulated month, by seed: 6 routes with different shares of the requests, accuracies, times and prices, users in
sessions whose requests are alike, and prompts that are sent more than once. A draw is 400 distinct prompts by
:func:`gapbench.traffic.stratified_draw.draw_prompts`, which `bench traffic sample` uses. Estimates and intervals are those of
`bench gap`, `report`, `cost` and `compare`: the same functions of gapbench.stats, with and without weights.

Cases:

- ``month, proportional`` and ``month, equal``: draws from one month of a million requests; the truth is that of the month.
- ``months, equal``: each draw is from a new month of 20,000 requests in 1,000 sessions; the truth is that of endless sessions of
  these routes, in the proportions of the month, so that the intervals must allow for the sessions too.

Must-show of the traffic issue: the weighted 95 % intervals cover the truth in 95 ± 2 % of 2,000 draws.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from truth import write

from gapbench.stats import (
    Design,
    Floats,
    Ints,
    compare_quotients,
    dense_codes,
    mean_interval,
    paired_difference,
    quantile_difference,
    quantile_interval,
    ratio_interval,
)
from gapbench.traffic.stratified_draw import Allocation, draw_prompts

SHARES = np.array([0.52, 0.24, 0.12, 0.07, 0.035, 0.015])
CLOSED = np.array([0.96, 0.90, 0.85, 0.80, 0.70, 0.60])
OPEN = np.array([0.95, 0.86, 0.70, 0.74, 0.45, 0.30])
SECONDS = np.array([0.8, 1.5, 2.5, 4.0, 8.0, 15.0])
DOLLARS = np.array([0.0004, 0.001, 0.002, 0.006, 0.015, 0.04])
SIZE = 400
SESSION_SPREAD = 0.7
"""Standard deviation of a session's effect on the logarithm of the odds, and, halved, of times and dollars."""


@dataclass(frozen=True)
class Month:
    """The distinct prompts of a month, and what both models make of each."""

    requests: Ints
    route: Ints
    session: Ints
    closed: Floats
    open: Floats
    closed_s: Floats
    open_s: Floats
    closed_usd: Floats
    open_usd: Floats


def make_month(requests: int, sessions: int, rng: np.random.Generator) -> Month:
    """Return a month; about a third of its requests repeat a prompt."""
    of_session = np.searchsorted(np.cumsum(SHARES) * sessions, np.arange(sessions) + 0.5)
    session = rng.integers(0, sessions, int(requests / 1.5))
    route = of_session[session]
    effect = rng.normal(0, SESSION_SPREAD, sessions)[session]
    counts = np.minimum(rng.zipf(2.6, len(session)), 60)
    taste = rng.normal(0, 1.0, len(session))  # of the prompt itself, the same for both models
    columns: list[Floats] = []
    for accuracy in (CLOSED, OPEN):
        odds = np.log(accuracy / (1 - accuracy))[route] * 1.25 + effect + taste
        columns.append((rng.random(len(session)) < 1 / (1 + np.exp(-odds))).astype(np.float64))
    for level in (SECONDS, DOLLARS):
        for factor in (1.0, 0.4):
            noise = rng.normal(0, 0.6, len(session)) + effect / 2
            columns.append(level[route] * factor * np.exp(noise))
    return Month(counts, route, session, *columns)


Figures = dict[str, float]
Intervals = dict[str, tuple[float | None, float | None]]


def true_figures(month: Month, weights: Floats) -> Figures:
    """Return the figures of all requests of a month.

    Args:
        month: The month.
        weights: How many requests have each prompt.
    """
    whole = Design(weights, month.route)
    usd, other = float(weights @ month.open_usd), float(weights @ month.closed_usd)
    right, other_right = float(weights @ month.open), float(weights @ month.closed)
    requests = float(weights.sum())
    middle = whole.quantile(month.open_s, 0.5)
    return {
        "accuracy": right / requests,
        "gap": (other_right - right) / requests,
        "response p50": middle,
        "response p95": whole.quantile(month.open_s, 0.95),
        "response p50 gap": whole.quantile(month.closed_s, 0.5) - middle,
        "usd per task": usd / requests,
        "usd per correct": usd / right,
        "usd per correct gap": other / other_right - usd / right,
    }


class Endless:
    """The figures of endless sessions of each route, in the proportions that a month has."""

    def __init__(self) -> None:
        self._pool = make_month(150_000, 75_000, np.random.default_rng(2))
        self._requests = np.bincount(self._pool.route, weights=self._pool.requests)

    def figures(self, month: Month) -> Figures:
        """Return the figures with the routes in the proportions of a month."""
        share = np.bincount(month.route, weights=month.requests, minlength=len(SHARES)) / self._requests
        return true_figures(self._pool, self._pool.requests * share[self._pool.route])


def estimate(month: Month, places: Ints, design: Design | None) -> Intervals:
    """Return the 95 % intervals of a draw."""
    clusters = dense_codes(month.session[places])
    first, second = month.closed[places], month.open[places]
    times = month.closed_s[places], month.open_s[places]
    usd = month.closed_usd[places], month.open_usd[places]
    quotients = compare_quotients((usd[0], first), (usd[1], second), clusters, design)
    low, high = quotients.low, quotients.high
    return {
        "accuracy": mean_interval(second, clusters, design=design),
        "gap": paired_difference(first, second, clusters, design).interval(),
        "response p50": quantile_interval(times[1], 0.5, clusters=clusters, design=design),
        "response p95": quantile_interval(times[1], 0.95, clusters=clusters, design=design),
        "response p50 gap": quantile_difference(*times, clusters, 0.5, design, resamples=400).interval(),
        "usd per task": ratio_interval(usd[1], np.ones(len(places)), clusters, design=design),
        "usd per correct": ratio_interval(usd[1], second, clusters, design=design),
        "usd per correct gap": (low, high),
    }


def covers(interval: tuple[float | None, float | None], truth: float) -> bool:
    """Return whether an interval holds the truth; a missing bound is no bound."""
    low, high = interval
    return (low is None or low <= truth) and (high is None or truth <= high)


def run_case(
    months: Callable[[int], tuple[Month, Figures]], allocation: Allocation, draws: int, unweighted: int
) -> dict[str, Any]:
    """Return the share of draws whose interval covers the truth, by figure, with and without weights."""
    _, truth = months(0)
    hits: dict[str, dict[str, int]] = {
        "weighted": dict.fromkeys(truth, 0),
        "unweighted": dict.fromkeys(truth, 0),
    }
    widths = dict.fromkeys(truth, 0.0)
    started = time.process_time()
    for number in range(draws):
        month, truth = months(number)
        drawn = draw_prompts(month.requests, month.route, SIZE, allocation=allocation, seed=number)
        design = Design(drawn.weights, month.route[drawn.places])
        kinds: Iterator[tuple[str, Design | None]] = iter((("weighted", design), ("unweighted", None)))
        for kind, used in kinds:
            if kind == "unweighted" and number >= unweighted:
                continue
            for name, interval in estimate(month, drawn.places, used).items():
                hits[kind][name] += covers(interval, truth[name])
                low, high = interval
                if kind == "weighted" and low is not None and high is not None:
                    widths[name] += high - low
    return {
        "allocation": allocation,
        "draws": draws,
        "draws_unweighted": min(draws, unweighted),
        "cpu_s": round(time.process_time() - started, 1),
        "figures": {
            name: {
                "truth": round(truth[name], 6),
                "weighted_coverage": round(hits["weighted"][name] / draws, 4),
                "unweighted_coverage": round(hits["unweighted"][name] / min(draws, unweighted), 4),
                "mean_weighted_width": round(widths[name] / draws, 6),
            }
            for name in truth
        },
    }


CASES = ("month, proportional", "month, equal", "months, equal")


def run_named(name: str, draws: int, unweighted: int) -> dict[str, Any]:
    """Return the result of a case."""
    allocation: Allocation = "equal" if name.endswith("equal") else "proportional"
    if name.startswith("months"):
        endless = Endless()

        def new_month(number: int) -> tuple[Month, Figures]:
            found = make_month(20_000, 1_000, np.random.default_rng(50_000 + number))
            return found, endless.figures(found)

        return run_case(new_month, allocation, draws, unweighted)
    month = make_month(1_000_000, 60_000, np.random.default_rng(1))
    truth = true_figures(month, month.requests.astype(np.float64))
    counts = {"requests": int(month.requests.sum()), "prompts": len(month.requests)}
    return counts | run_case(lambda _: (month, truth), allocation, draws, unweighted)


def main() -> None:
    """Run all cases and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument(
        "--unweighted", type=int, default=400, help="draws that are also estimated without weights"
    )
    parser.add_argument("--name", default="traffic_sample", help="of the result file; -: none is written")
    arguments = parser.parse_args()
    sizes = arguments.draws, arguments.unweighted
    with ProcessPoolExecutor(3) as pool:
        found = {name: pool.submit(run_named, name, *sizes) for name in CASES}
        cases = {name: future.result() for name, future in found.items()}
    for name, case in cases.items():
        print(name, f"({case['cpu_s']} s)")
        for figure, row in case["figures"].items():
            print(f"  {figure:22} {row['weighted_coverage']:7.1%} {row['unweighted_coverage']:7.1%}")
    if arguments.name != "-":
        write(arguments.name, cases)


if __name__ == "__main__":
    main()
