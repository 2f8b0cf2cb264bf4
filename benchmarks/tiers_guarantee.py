"""How often the router of `bench tiers --guarantee` loses more than it promises, and what it saves against an oracle.

    .venv/bin/python -m benchmarks.tiers_guarantee [--draws 2000] [--processes 2] [--only NAME …]

Each scenario is traffic with a known truth. A draw samples clusters from it, finds the rule at one point and 95 %, and compares
the rule's true loss with one point: 2,000 draws where promises were broken most often, 500 where each rule loses about a point, 200
elsewhere. A broken promise counts as saving nothing. The oracle knows the truth: it takes the rule that saves most among all sets
of categories (with and without the cascade on bad form) and all thresholds whose true loss is at most one point. Its savings are
those of infinitely many samples. What is attainable with these samples is bounded by benchmarks/tiers_attainable.py, for
procedures that know the truth and must keep the promise whatever it is. The product learns the order of its tests from a quarter of
the samples and tests with the others; *learnt elsewhere* is what it would save if nine other samples as large chose the order, and
the whole sample tested. Writes benchmarks/results/tiers_guarantee.json; about
twenty minutes on one free core.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tiers_attainable import attainable_savings
from gapbench.analysis.economics.guarantee import LEARN_SHARE, guarantee_routing
from gapbench.analysis.economics.routing import RoutedTasks
from gapbench.analysis.economics.routing_rules import Grouping, RoutingRule, Score
from gapbench.stats import Design

RESULT = Path(__file__).parent / "results" / "tiers_guarantee.json"
MEANS = ("saved_of_oracle", "learnt_elsewhere_of_oracle", "attainable_of_oracle", "saved_of_attainable")
MARGIN, CONFIDENCE = 0.01, 0.95
THRESHOLDS = 100
"""Thresholds of the length that the oracle and the bound try."""
ELSEWHERE_SHARE, ELSEWHERE_DRAWS = 0.9, 60
"""Share of the samples that only learn where the order is learnt elsewhere, and the draws."""
MOST_BROKEN = ("edge, iid, n=1000", "edge, iid, n=2000")
TRAFFIC_CLUSTERS = 60_000
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Scenario:
    """Traffic with a known truth, and how it is sampled.

    Attributes:
        name: Its name in the result.
        clusters: Clusters in a sample.
        share: Share of each category in the traffic's clusters.
        loss: Share of tasks that only the closed model solves, by category.
        win: Share of tasks that only the open model solves, by category.
        closed_usd: Dollars of a closed call, by category.
        sizes: Sizes of clusters, equally likely.
        alike: Share of clusters whose tasks all have the same outcome.
        by_length: Whether losses grow with the prompt's length instead of the category: none below half of the lengths.
        bad_form: Share of the losses whose open answer is unreadable.
        partial: Whether a loss is a small one (0.2), as partial credit gives, and five times as frequent.
        sampling: ``iid``, ``weighted`` (clusters drawn by category, the rare ones more often), ``strata`` (a fixed number
            from each category), or ``heavy`` (the larger a cluster, the more its tasks lose).
    """

    name: str
    clusters: int
    share: tuple[float, ...]
    loss: tuple[float, ...]
    win: tuple[float, ...]
    closed_usd: tuple[float, ...]
    sizes: tuple[int, ...] = (1,)
    alike: float = 0.0
    by_length: bool = False
    bad_form: float = 0.0
    partial: bool = False
    sampling: str = "iid"


SIX: dict[str, Any] = {
    "share": (0.3, 0.2, 0.15, 0.15, 0.1, 0.1),
    "closed_usd": (0.01, 0.008, 0.012, 0.015, 0.02, 0.01),
}
CLEAR = SIX | {"loss": (0.002, 0.004, 0.003, 0.15, 0.25, 0.2), "win": (0.002, 0.004, 0.003, 0.02, 0.03, 0.02)}
NOISY = SIX | {"loss": (0.02, 0.03, 0.02, 0.15, 0.25, 0.2), "win": (0.02, 0.03, 0.02, 0.02, 0.03, 0.02)}
GRADED = SIX | {"loss": (0.01, 0.03, 0.05, 0.08, 0.12, 0.2), "win": (0.01, 0.01, 0.01, 0.02, 0.02, 0.02)}
# Every category alone loses slightly more than the margin, so that each rule is a violation.
EDGE = SIX | {"loss": tuple(0.0102 / p + 0.02 for p in SIX["share"]), "win": (0.02,) * 6}
EVEN = SIX | {"loss": (0.0102,) * 6, "win": (0.0,) * 6}


def scenarios() -> list[Scenario]:
    """Return all scenarios."""
    many: dict[str, dict[str, Any]] = {"clear": CLEAR, "noisy": NOISY, "graded": GRADED, "edge": EDGE}
    sizes = {
        "clear": (100, 400, 1_000, 2_000, 4_000),
        "noisy": (1_000, 2_000, 4_000),
        "graded": (2_000, 4_000),
        "edge": (400, 1_000, 2_000),
    }
    found = [
        Scenario(f"{name}, iid, n={n}", n, **many[name]) for name, counts in sizes.items() for n in counts
    ]
    found += [Scenario(f"even loss of 1.02 points, iid, n={n}", n, **EVEN) for n in (400, 2_000)]
    for name in ("clear", "edge"):
        given = many[name]
        clustered: dict[str, Any] = {"sizes": (1, 1, 2, 4), "alike": 0.5}
        found += [
            Scenario(f"{name}, clusters of 1 to 4, half alike, n=2000", 1_000, **given, **clustered),
            Scenario(f"{name}, weighted, n=2000", 2_000, **given, sampling="weighted"),
            Scenario(f"{name}, weighted clusters, n=2000", 1_000, **given, **clustered, sampling="weighted"),
            Scenario(f"{name}, strata of fixed size, n=2000", 2_000, **given, sampling="strata"),
            Scenario(
                f"{name}, large clusters lose more, n=2000",
                1_000,
                **given,
                sizes=(1, 1, 2, 4),
                sampling="heavy",
            ),
            Scenario(f"{name}, partial credit, n=2000", 2_000, **given, partial=True),
        ]
    found += [
        Scenario("by length, iid, n=2000", 2_000, **CLEAR, by_length=True),
        Scenario("bad form, iid, n=2000", 2_000, **NOISY, bad_form=0.7),
    ]
    return found


@dataclass(frozen=True)
class Traffic:
    """All requests of a scenario: one entry for each task."""

    open_quality: Floats
    closed_quality: Floats
    open_usd: Floats
    closed_usd: Floats
    category: np.ndarray[Any, np.dtype[np.int64]]
    length: Floats
    bad_form: np.ndarray[Any, np.dtype[np.bool_]]
    start: np.ndarray[Any, np.dtype[np.int64]]
    """First task of each cluster, and the end of the last."""


def make_traffic(scenario: Scenario, seed: int) -> Traffic:
    """Return the traffic of a scenario."""
    rng = np.random.default_rng([seed, 1])
    kinds = len(scenario.share)
    counts = np.round(np.array(scenario.share) * TRAFFIC_CLUSTERS).astype(int)
    of_cluster = np.repeat(np.arange(kinds), counts)
    size = rng.choice(scenario.sizes, len(of_cluster))
    start = np.concatenate([[0], np.cumsum(size)])
    category = np.repeat(of_cluster, size)
    cluster = np.repeat(np.arange(len(of_cluster)), size)
    loss, win = np.array(scenario.loss)[category], np.array(scenario.win)[category]
    length = rng.integers(20, 2_000, len(category)).astype(float)
    if scenario.by_length:
        loss, win = np.where(length < 1_000, 0.003, 0.2), np.full(len(category), 0.003)
    if scenario.sampling == "heavy":
        # The mean loss of each category stays.
        rise = size[cluster] / np.average(size, weights=size)
        loss = loss * rise
    width = 0.2 if scenario.partial else 1.0
    frequency = np.minimum((loss + win) / width, 1.0)
    shared = rng.random(len(of_cluster)) < scenario.alike
    first = np.repeat(rng.random(len(of_cluster)), size)
    draw = np.where(shared[cluster], first, rng.random(len(category)))
    split = loss / np.maximum(loss + win, 1e-12) * frequency
    lost, won = draw < split, (draw >= split) & (draw < frequency)
    both = rng.random(len(category)) < 0.9
    closed = np.where(lost, 1.0, np.where(won, 1.0 - width, both))
    opened = np.where(lost, 1.0 - width, np.where(won, 1.0, both))
    usd = np.array(scenario.closed_usd)[category] * rng.lognormal(0, 0.5, len(category))
    bad = lost & (rng.random(len(category)) < scenario.bad_form)
    return Traffic(opened, closed, usd / 10, usd, category, length, bad, start)


def closed_by(rule: RoutingRule, traffic: Traffic) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return for which tasks of the traffic a rule calls the closed model."""
    if rule.grouping is not None:
        closed = ~np.isin(traffic.category, [int(name) for name in rule.groups])
        return closed | traffic.bad_form if rule.kind == "cascade" else closed
    assert rule.threshold is not None
    return traffic.length > rule.threshold


def truth(
    closed: np.ndarray[Any, Any], direct: np.ndarray[Any, Any] | None, traffic: Traffic
) -> tuple[float, float]:
    """Return the loss of a rule over the traffic, and the dollars it saves for a task.

    A cascade sends the tasks of ``direct`` to the closed model at once, without an open call. None: a router.
    """
    loss = np.where(closed, 0.0, traffic.closed_quality - traffic.open_quality)
    if direct is not None:
        saved = np.where(direct, 0.0, np.where(closed, 0.0, traffic.closed_usd) - traffic.open_usd)
    else:
        saved = np.where(closed, 0.0, traffic.closed_usd - traffic.open_usd)
    return float(loss.mean()), float(saved.mean())


def policies(traffic: Traffic) -> Iterator[tuple[Any, Any]]:
    """Yield all sets of categories, with and without the cascade on bad form, and thresholds of the length.

    For each: which tasks the closed model answers, and to which of them it is asked at once by a cascade.
    """
    kinds = int(traffic.category.max()) + 1
    for count in range(1, kinds + 1):
        for taken in itertools.combinations(range(kinds), count):
            closed = ~np.isin(traffic.category, taken)
            yield closed, None
            if traffic.bad_form.any():
                yield closed | traffic.bad_form, closed
    for cut in np.quantile(traffic.length, np.linspace(0, 1, THRESHOLDS + 1)[1:]):
        yield traffic.length > cut, None


def bounds(scenario: Scenario, traffic: Traffic) -> tuple[float, float]:
    """Return the dollars that the oracle saves for a task, and a bound of what a procedure with the guarantee can save."""
    starts, kinds, total = traffic.start[:-1], len(scenario.share), len(traffic.start) - 1
    category, size = traffic.category[starts], np.diff(traffic.start)
    population = np.bincount(category, minlength=kinds)
    weight, probability = np.ones(total), np.full(total, 1 / total)
    stratum, counts = np.zeros(total, dtype=np.int64), np.array([scenario.clusters])
    if scenario.sampling in ("weighted", "strata"):
        weight, probability = population[category] * kinds / total, 1 / (kinds * population[category])
    if scenario.sampling == "strata":
        stratum, probability = category, probability * kinds
        counts = np.bincount(np.arange(scenario.clusters) % kinds, minlength=kinds)
    difference = traffic.closed_quality - traffic.open_quality
    saved, excess = [], []
    best = 0.0
    for closed, direct in policies(traffic):
        loss, dollars = truth(closed, direct, traffic)
        if loss > MARGIN or dollars <= 0:
            continue
        best = max(best, dollars)
        saved.append(dollars)
        sums = np.add.reduceat(np.where(closed, 0.0, difference), starts)
        excess.append(weight * (sums - MARGIN * size) / size.mean())
    if not saved:
        return 0.0, 0.0
    attainable, _ = attainable_savings(
        np.stack(excess, axis=1), np.array(saved), probability, counts, stratum, 1 - CONFIDENCE
    )
    return best, min(attainable, best)


def draw_clusters(scenario: Scenario, traffic: Traffic, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return the clusters of a sample, and the weight of each."""
    kinds, total = len(scenario.share), len(traffic.start) - 1
    if scenario.sampling not in ("weighted", "strata"):
        return rng.integers(0, total, scenario.clusters), np.ones(scenario.clusters)
    of_cluster = traffic.category[traffic.start[:-1]]
    population = np.bincount(of_cluster, minlength=kinds)
    # The same number from each category, whatever its share.
    if scenario.sampling == "weighted":
        category = rng.integers(0, kinds, scenario.clusters)
    else:
        category = np.arange(scenario.clusters) % kinds
    first = np.concatenate([[0], np.cumsum(population)])
    picked = first[category] + (rng.random(scenario.clusters) * population[category]).astype(int)
    return picked, population[category] * kinds / total


def one_draw(
    scenario: Scenario, traffic: Traffic, seed: int, learn_share: float = LEARN_SHARE
) -> tuple[RoutingRule | None, int]:
    """Return the rule that a sample leads to, and the number of tasks."""
    rng = np.random.default_rng([seed, 2])
    picked, weight = draw_clusters(scenario, traffic, rng)
    size = traffic.start[picked + 1] - traffic.start[picked]
    cluster = np.repeat(np.arange(len(picked)), size)
    within = np.arange(len(cluster)) - np.repeat(np.cumsum(size) - size, size)
    rows = traffic.start[picked][cluster] + within
    ones = np.ones(len(rows))
    items = RoutedTasks(
        traffic.open_quality[rows], traffic.closed_quality[rows], traffic.open_usd[rows], traffic.closed_usd[rows],
        ones, ones, traffic.category[rows], cluster, Design(weight[cluster], np.zeros(len(rows), dtype=np.int32)),
    )  # fmt: skip
    names = tuple(str(code) for code in range(len(scenario.share)))
    found = guarantee_routing(
        items,
        margin=MARGIN,
        confidence=CONFIDENCE,
        groupings=[Grouping("category", traffic.category[rows], names)],
        scores=[
            Score("by prompt length", "router", traffic.length[rows], "prompts of at most {threshold} tokens")
        ],
        bad_form=traffic.bad_form[rows],
        learn_share=learn_share,
        seed=seed,
    )
    return (None if found.chosen is None else found.chosen.rule), len(rows)


def run_scenario(scenario: Scenario, draws: int) -> dict[str, Any]:
    """Return the figures of a scenario."""
    started = time.perf_counter()
    if not scenario.name.startswith(MOST_BROKEN):
        draws = -(-draws // (4 if scenario.name.startswith(("edge", "even")) else 10))
    traffic = make_traffic(scenario, 19)
    best, attainable = bounds(scenario, traffic)
    known: dict[Any, tuple[float, float]] = {}

    def figures(rule: RoutingRule | None) -> tuple[float, float]:
        """Return the true loss and savings of a rule. A broken promise saves nothing, and so does no rule."""
        if rule is None:
            return 0.0, 0.0
        key = (rule.policy, rule.groups, rule.threshold)
        if key not in known:
            direct = ~np.isin(traffic.category, [int(name) for name in rule.groups])
            known[key] = truth(closed_by(rule, traffic), direct if rule.kind == "cascade" else None, traffic)
        loss, saved = known[key]
        return loss, saved if loss <= MARGIN else 0.0

    chosen, counts = zip(*(one_draw(scenario, traffic, seed) for seed in range(draws)), strict=True)
    losses, savings = zip(*map(figures, chosen), strict=True)
    found = float(np.mean(savings))
    elsewhere = None
    if counts_for_mean(scenario.name, float(np.mean(counts))):
        larger = replace(scenario, clusters=round(scenario.clusters / (1 - ELSEWHERE_SHARE)))
        rules = (one_draw(larger, traffic, seed, ELSEWHERE_SHARE)[0] for seed in range(ELSEWHERE_DRAWS))
        elsewhere = round(float(np.mean([figures(rule)[1] for rule in rules])) / best, 4)
    return {
        "scenario": scenario.name,
        "draws": draws,
        "mean_tasks": round(float(np.mean(counts))),
        "violations": round(float(np.mean(np.array(losses) > MARGIN)), 4),
        "nothing_guaranteed": round(float(np.mean([rule is None for rule in chosen])), 4),
        "saved_of_oracle": round(found / best, 4),
        "saved_of_attainable": round(found / attainable, 4),
        "learnt_elsewhere_of_oracle": elsewhere,
        "attainable_of_oracle": round(attainable / best, 4),
        "oracle_saves_of_closed": round(best / float(traffic.closed_usd.mean()), 4),
        "wall_s": round(time.perf_counter() - started, 1),
    }


def counts_for_mean(name: str, tasks: float) -> bool:
    """Return whether a scenario has 1,000 tasks or more, and not every rule is at the margin."""
    return round(tasks) >= 1_000 and not name.startswith(("edge", "even"))


def mean_of(rows: list[dict[str, Any]], name: str) -> float | None:
    """Return the mean of a figure over the scenarios of :func:`counts_for_mean`."""
    values = [row[name] for row in rows if counts_for_mean(row["scenario"], row["mean_tasks"])]
    return round(float(np.mean(values)), 4) if values else None


def write_result(rows: list[dict[str, Any]]) -> None:
    """Write the scenarios that are done."""
    result = {
        "margin_points": 100 * MARGIN,
        "confidence": CONFIDENCE,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "worst_violations": max(row["violations"] for row in rows),
        **{f"mean_{name}": mean_of(rows, name) for name in MEANS},
        "scenarios": rows,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Run the scenarios and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--draws",
        type=int,
        default=2_000,
        help="Draws where promises were broken most often; a quarter or a tenth of them elsewhere.",
    )
    parser.add_argument("--only", nargs="*", default=None)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--dry", action="store_true", help="Write no file.")
    given = parser.parse_args()
    chosen = [
        one for one in scenarios() if given.only is None or any(part in one.name for part in given.only)
    ]
    with ProcessPoolExecutor(given.processes) as pool:
        rows: list[dict[str, Any]] = []
        for row in pool.map(run_scenario, chosen, itertools.repeat(given.draws)):
            print(json.dumps(row), flush=True)
            rows.append(row)
            if not given.dry:
                write_result(rows)


if __name__ == "__main__":
    main()
