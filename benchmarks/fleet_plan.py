"""The fleet plan against brute force, and replayed request by request: are its dollars the least, and do they come true?

    .venv/bin/python benchmarks/fleet_plan.py                      200 small cases, 100 seeds of each replay
    .venv/bin/python benchmarks/fleet_plan.py --cases 20 --seeds 5 --name -

Brute force tries every number of reserved replicas, of rented ones by hour and every share, with sums over counts in place of
the planner's formulas. A replay draws a log from a known truth, plans by it, then draws four coming weeks from the same truth
and lets each request arrive: routed by chance, served while replicas that are up have room in the hour, else paid by its own
tokens. The plan's dollars should be within its own 95 % interval.

- ``exact``: prices and capacity are known, so the interval has only the traffic's own uncertainty. Logs of four weeks.
- ``long``: the same with twelve weeks, where whole weeks are resampled.
- ``short``: the same with ten days, where weekdays share their hours.
- ``ranges``: the GPU's price and the capacity of the replay are drawn from their ranges; the plan knows only the ranges.

Must-show of the traffic issue: equal on 200 cases; in at least 95 % of 100 seeds.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from truth import write

sys.path.insert(0, str(Path(__file__).parent.parent))

from gapbench.analysis.economics.fleet.fleet_optimum import cheapest_fleet
from gapbench.analysis.economics.fleet.fleet_plan import FleetPlan, plan_fleet
from gapbench.analysis.economics.fleet.fleet_terms import FleetSettings
from gapbench.analysis.economics.fleet.request_prices import Api, ApiPrices
from gapbench.analysis.economics.fleet.requests_to_plan import select_requests
from gapbench.analysis.economics.quantity import Quantity
from gapbench.analysis.economics.scenario import Scenario
from gapbench.analysis.economics.scenario_inputs import build_scenario
from tests.fleet_cases import (
    ReplayTerms,
    Truth,
    brute_force_usd,
    make_problem,
    office_week,
    replay_usd,
)

INPUT_USD, OUTPUT_USD, BATCH = 5e-6, 25e-6, 0.5
RATE, GPU_USD = (0.018, 0.02, 0.0208), (0.24, 0.32, 0.44)
HEADROOM, OVERHEAD, DISCOUNT, STARTUP_S, AVAILABILITY = 0.8, 0.25, 0.2, 600.0, 0.99
WEEKS = {"exact": 4, "long": 12, "short": 10 / 7, "ranges": 4}


def fleet_scenario(*, has_ranges: bool) -> Scenario:
    """Return the scenario of the replays: one GPU a replica, no people."""
    given: dict[str, Any] = {
        "input_tokens": 1000.0, "output_tokens": 200.0, "headroom": HEADROOM, "overhead": OVERHEAD, "engineers": 0.0,
        "updates_per_year": 0.0, "storage_usd_per_month": 0.0, "gpus_per_replica": 1.0, "reserved_discount": DISCOUNT,
    }  # fmt: skip
    ranged = {"replica_requests_per_s": RATE, "usd_per_gpu_hour": GPU_USD}
    inputs = {name: Quantity(value, "") for name, value in given.items()}
    for name, (low, value, high) in ranged.items():
        inputs[name] = Quantity(value, "", low, high) if has_ranges else Quantity(value, "")
    scenario = build_scenario(at=date(2026, 11, 1)).with_inputs(**inputs)
    kept = {name: one for name, one in scenario.inputs.items() if name != "input_share"}
    return Scenario(kept, scenario.demand, availability=AVAILABILITY, gpu="GPU")


def replay_once(case: str, seed: int) -> tuple[FleetPlan, float]:
    """Return a plan by a drawn log, and the dollars of the month that follows."""
    rng = np.random.default_rng([seed, len(case)])
    truth = Truth(
        office_week(float(rng.uniform(50, 140))),
        day_spread=float(rng.uniform(0, 0.15)),
        hour_spread=float(rng.uniform(0, 0.2)),
    )
    log = truth.draw(round(7 * WEEKS[case]), rng)
    requests = select_requests(log, waiting_routes=["nightly"])
    live = price(requests.frame)
    prices: dict[Api, ApiPrices] = {"closed": ApiPrices("closed", live, live * BATCH, "batch")}
    has_ranges = case == "ranges"
    settings = FleetSettings(growths=(), api_prices=(), draws=1000, seed=seed)
    plan = plan_fleet(requests, prices, fleet_scenario(has_ranges=has_ranges), settings)
    rate = rng.triangular(*RATE) if has_ranges else RATE[1]
    hourly = (rng.triangular(*GPU_USD) if has_ranges else GPU_USD[1]) * (1 + OVERHEAD)
    month = truth.draw(28, rng)
    waits = (month["route"] == "nightly").to_numpy()
    usd = price(month) * np.where(waits, BATCH, 1.0)
    terms = ReplayTerms(
        rate * HEADROOM * 3600 * 1200, AVAILABILITY, 2.0, hourly * (1 - DISCOUNT), hourly, STARTUP_S / 3600
    )
    return plan, replay_usd(month, usd, waits, plan.to_json(), terms, rng)


def price(frame: Any) -> Any:
    """Return what each request costs at once."""
    read, written = (frame[name].astype(float).to_numpy() for name in ("input_tokens", "output_tokens"))
    return read * INPUT_USD + written * OUTPUT_USD


def compare_once(seed: int) -> tuple[float, bool]:
    """Return how far the cheapest fleet of a small case is from the cheapest of all plans, and whether it has own replicas."""
    problem = make_problem(seed)
    found, least = cheapest_fleet(problem), brute_force_usd(problem)
    return abs(found.usd_per_h - least) / least, found.has_own


def figures_of(plan: FleetPlan, usd: float) -> dict[str, float]:
    """Return what a replay tells of a plan."""
    row = plan.options[0]
    return {
        "inside": row["low"] <= usd <= row["high"],
        "below": usd < row["low"],
        "error": usd / row["usd"] - 1,
        "width": (row["high"] - row["low"]) / row["usd"],
        "own": plan.flows.own / plan.flows.total,
        "gap": plan.found.gap,
    }


def figures_once(task: tuple[str, int]) -> dict[str, float]:
    """Replay one seed of a case."""
    return figures_of(*replay_once(*task))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--only", nargs="*", default=list(WEEKS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--name", default="fleet_plan")
    given = parser.parse_args()
    with ProcessPoolExecutor(given.jobs) as pool:
        compared = list(pool.map(compare_once, range(given.cases)))
        brute_force = {
            "cases": given.cases,
            "with_own": sum(own for _, own in compared),
            "largest_relative_difference": max((away for away, _ in compared), default=0.0),
        }
        print("brute force", brute_force, flush=True)
        replays = {}
        for case in given.only:
            found = list(pool.map(figures_once, [(case, seed) for seed in range(given.seeds)]))
            values = {name: np.array([row[name] for row in found], dtype=float) for name in found[0]}
            replays[case] = {
                "seeds": given.seeds,
                "log_days": round(7 * WEEKS[case]),
                "inside": int(values["inside"].sum()),
                "below": int(values["below"].sum()),
                "mean_error": float(values["error"].mean()),
                "rms_error": float(np.sqrt((values["error"] ** 2).mean())),
                "mean_relative_width": float(values["width"].mean()),
                "mean_own_share": float(values["own"].mean()),
                "largest_mip_gap": float(values["gap"].max()),
            }
            print(case, replays[case], flush=True)
    if given.name != "-":
        write(given.name, {"brute_force": brute_force, "replays": replays})


if __name__ == "__main__":
    main()
