"""Episodes of which our own response cache gave some replies: in each table they count as if it had given all of them."""

from __future__ import annotations

import random
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gapbench.analysis.caveats import find_caveats
from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.cost import cost
from gapbench.analysis.cost.gpu_token_cost import request_shapes
from gapbench.analysis.economics.measured_inputs import throughput_at_load
from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.analysis.quality.trajectories import summarize_trajectories
from gapbench.analysis.regression.compare import compare_runs
from gapbench.analysis.regression.threshold import RegressionRule
from gapbench.values import Attempt
from tests.gapbench.analysis.test_cached_models import GPUS, PRICED, from_cache
from tests.run_folders import make_episode, write_run

TURNS = 3
TIMES = ("wall_s", "wall_p50_s", "wall_p95_s", "model_s", "tool_s", "user_s", "queue_s")


def episode(model_id: str, number: int, cached: Collection[int] = (), **given: Any) -> list[Attempt]:
    """Return an episode, some of whose turns the cache answered."""
    rows = make_episode(TURNS, model_id=model_id, sample_id=str(number), **given)
    return [from_cache(row) if row.turn in cached else row for row in rows]


def read(folder: Path, cached: Collection[int], numbers: Collection[int] = (0,), count: int = 3) -> Runs:
    """Return a run of episodes on GPUs of $0.10, some with cached turns, and of a closed model."""
    rows = [row for number in range(count) for row in episode("closed-a", number)]
    for number in range(count):
        rows += episode("open-a", number, cached if number in numbers else ())
    return load_runs([write_run(folder, rows, closed_a=PRICED, open_a=GPUS)])


@pytest.mark.parametrize("cached", [(0,), (1,), (2,), (0, 2), (0, 1, 2)])
def test_gpu_time_is_that_of_the_other_episodes(tmp_path: Path, cached: tuple[int, ...]) -> None:
    """$0.10 made two whole episodes: $0.05 a task, whichever turns of the third the cache gave; $0.10 was spent."""
    runs = read(tmp_path / "run", cached)
    row = cost(runs).frame.set_index("model_id").loc["open-a"]
    episodes = summarize_trajectories(runs).frame.set_index("model_id").loc["open-a"]

    assert (row["usd"], row["usd_from_cache"], row["usd_per_task"]) == pytest.approx((0.1, 0.05, 0.05))
    assert gap(runs).frame.set_index("metric").loc["usd_per_task", "open_value"] == pytest.approx(0.05)
    assert (episodes["usd"], episodes["usd_per_episode"]) == pytest.approx((0.1, 0.05))


def test_bought_turns_are_still_paid(tmp_path: Path) -> None:
    """A model by the token was paid for the two turns that it answered, and a task costs all three."""
    rows = episode("closed-a", 0, (1,))
    row = cost([write_run(tmp_path / "run", rows, closed_a=PRICED)]).frame.iloc[0]

    assert (row["usd"], row["usd_per_task"]) == pytest.approx((2 * 0.0011, 3 * 0.0011))


@pytest.mark.parametrize("cached", [(0,), (2,)])
def test_without_a_whole_episode_of_the_model_the_cost_is_not_known(
    tmp_path: Path, cached: tuple[int, ...]
) -> None:
    runs = read(tmp_path / "run", cached, numbers=range(3))

    assert cost(runs).frame.set_index("model_id")["usd_per_task"].isna()["open-a"]
    assert "unknown" in str(gap(runs).frame.set_index("metric").loc["usd_per_task", "verdict"])


@pytest.mark.parametrize("cached", [(0,), (2,), (0, 1, 2)])
def test_every_table_says_that_the_cache_answered(tmp_path: Path, cached: tuple[int, ...]) -> None:
    """One of three episodes, in the costs, the fairness of the gap, and the caveats."""
    runs = read(tmp_path / "run", cached)

    assert "open-a: the response cache answered 1 of 3 requests" in " ".join(cost(runs).warnings)
    assert "open-a: the response cache answered 33 % of requests" in " ".join(gap(runs).fairness)
    assert find_caveats(runs, bill(runs)).cached == ("open-a",)


def test_the_sizes_of_requests_leave_cached_replies_out(tmp_path: Path) -> None:
    """8 replies of the model keep the GPU busy for the same time each, however many the cache gave beside them."""
    shapes = [
        request_shapes(read(tmp_path / name, cached), "open-a")[0]
        for name, cached in (("live", ()), ("partly", (0,)))
    ]

    assert shapes[1].gpu_s / shapes[0].gpu_s == pytest.approx(9 / 8)


@pytest.mark.parametrize("seed", range(6))
def test_a_partly_cached_episode_counts_as_a_cached_one(tmp_path: Path, seed: int) -> None:
    """Times, throughput and dollars are those of the run in which the cache gave every reply of the same episodes."""
    rng = random.Random(seed)
    partly: list[Attempt] = []
    whole: list[Attempt] = []
    for model in ("closed-a", "open-a"):
        for number in range(14):
            given = {"outcome": rng.choice(["correct", "wrong"]), "scheduled_s": float(number)}
            given["tool_wait_s"] = rng.choice([0.5, 1.5, 4.0])
            some = (
                rng.sample(range(TURNS), rng.randint(1, TURNS - 1)) if rng.random() < 0.4 and number else []
            )
            partly += episode(model, number, some, **given)
            whole += episode(model, number, range(TURNS) if some else (), **given)
    folders = [
        write_run(tmp_path / name, rows, closed_a=PRICED, open_a=GPUS)
        for name, rows in (("partly", partly), ("whole", whole))
    ]
    found = [load_runs([folder]) for folder in folders]
    rule = RegressionRule.parse("p50_ttft>50%")

    costs = [cost(runs).frame.set_index("model_id") for runs in found]
    names = ["usd", "usd_from_cache", "usd_per_task", "usd_per_correct", "usd_per_mtok"]
    pd.testing.assert_frame_equal(costs[0].loc[["open-a"], names], costs[1].loc[["open-a"], names])
    pd.testing.assert_frame_equal(costs[0][names[2:]], costs[1][names[2:]])
    gaps = [gap(runs).frame for runs in found]
    pd.testing.assert_frame_equal(gaps[0], gaps[1])
    rows = [summarize(runs).level("model").set_index("model_id") for runs in found]
    timed = ["response_p50_s", "response_p95_s", "answer_chars_per_s_p50", "completed_rps", "window_s"]
    pd.testing.assert_frame_equal(rows[0][timed], rows[1][timed])
    episodes = [summarize_trajectories(runs).frame.set_index("model_id")[[*TIMES]] for runs in found]
    pd.testing.assert_frame_equal(episodes[0], episodes[1])
    rates = [throughput_at_load(runs, bill(runs), "open-a") for runs in found]
    assert rates[0] == rates[1] is not None
    compared = [compare_runs([folders[1]], [folder], [rule]).frame[["pairs", "new"]] for folder in folders]
    pd.testing.assert_frame_equal(compared[0], compared[1])
