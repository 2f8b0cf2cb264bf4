"""The oracle of weights: a weighted figure of a file is the plain figure of the file with each item as often as its weight.

Runs are made by seed. Each item is asked twice and has a whole weight, the lightest 1; its copies in the other run have no
weight.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gapbench.analysis.cost.cost import cost
from gapbench.analysis.economics.tiers import evaluate_tiers
from gapbench.analysis.frames import Runs, load_runs
from gapbench.analysis.performance.distributions import latency_quantiles
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.pass_at_k import summarize_pass_at_k
from gapbench.analysis.quality.summary import summarize
from gapbench.analysis.quality.trajectories import summarize_trajectories
from gapbench.analysis.regression.compare import compare_runs
from gapbench.analysis.regression.threshold import METRICS, RegressionRule
from gapbench.values import Attempt
from tests.run_folders import make_attempt, make_episode, write_run

PRICES = {
    name: {"cost": {"input_usd_per_mtok": usd, "output_usd_per_mtok": usd, "source": "a test"}}
    for name, usd in (("closed_a", 10.0), ("open_b", 1.0))
}
TASKS = ("reasoning/sums", "coding/patches")
COUNTS = (
    "planned", "done", "n", "scored", "correct", "wrong", "infra", "unparsed", "truncated", "refused", "unscored", "retries",
    "replies", "rate_rps", "window_s", "completed_rps", "input_tokens_per_s", "output_tokens_per_s",
)  # fmt: skip
"""Figures of the summary that count what was run; every other one must follow the weights."""


def requests(seed: int, chance: float = 0.7) -> list[Attempt]:
    """Return the rows of two models over weighted items: right, wrong, half right, made again, or lost for money."""
    rng, weights = random.Random(seed), random.Random(0)  # An item has one weight in every run.
    rows: list[Attempt] = []
    for task in TASKS:
        for number in range(17):
            lost = number == 5
            given = {
                "task": task,
                "sample_id": str(number),
                "cluster_id": str(number // 2),
                "weight": float(weights.randint(1, 4)),
                "stratum": str(number % 2),
            }
            for model in ("closed-a", "open-b"):
                for repeat in (0, 1):
                    outcome = (
                        "infra"
                        if lost and model == "open-b"
                        else rng.choices(("correct", "wrong"), (chance, 1 - chance))[0]
                    )
                    plateau = float(rng.choices((1, 2, 30), (0.6, 0.3, 0.1))[0])
                    prompt = rng.randint(500, 3_000)
                    own: dict[str, Any] = {
                        "model_id": model, "repeat": repeat, "outcome": outcome, "input_tokens": prompt,
                        "cached_input_tokens": prompt // rng.randint(2, 9), "output_tokens": rng.randint(10, 900),
                        "scheduled_s": 0.0, "sent_s": plateau / 8, "first_token_s": plateau / 2, "first_answer_s": plateau / 2,
                        "done_s": plateau, "partial": rng.random(),
                    }  # fmt: skip
                    if outcome == "wrong":
                        own["score"] = rng.choice((0.0, 0.5))
                    if rng.random() < 0.2:
                        again = {
                            **own,
                            "outcome": "infra",
                            "score": None,
                            "failure_kind": "server",
                            "final": False,
                        }
                        rows.append(make_attempt(**given, **again))
                        own["attempt"] = 2
                    rows.append(make_attempt(**given, **own))
    return rows


def episodes(seed: int) -> list[Attempt]:
    """Return the rows of weighted episodes of one to four replies."""
    rng = random.Random(seed)
    rows: list[Attempt] = []
    for number in range(24):
        weight, turns = float(rng.randint(1, 4)), rng.randint(1, 4)
        rows += make_episode(
            turns, model_id="closed-a", sample_id=str(number), weight=weight, stratum=str(number % 3),
            outcome=rng.choice(("correct", "wrong")), partial=rng.random(), input_tokens=rng.randint(100, 900),
            cached_input_tokens=rng.randint(0, 90), tool_wait_s=float(rng.choice((1, 8))),
        )  # fmt: skip
    return rows


def replicate(rows: list[Attempt]) -> list[Attempt]:
    """Return each row as often as its weight, as another item each time, without weights."""
    copies: list[Attempt] = []
    for row in rows:
        for copy in range(int(row.weight or 0)):
            name = f"{row.sample_id}.{copy}"
            episode = None if row.trajectory_id is None else f"{row.trajectory_id}.{copy}"
            copies.append(
                dataclasses.replace(
                    row,
                    sample_id=name,
                    trajectory_id=episode,
                    prompt_sha256=f"{row.task}{name}",
                    weight=None,
                    stratum=None,
                )
            )
    return copies


def both(folder: Path, rows: list[Attempt]) -> list[Runs]:
    """Return a run with weights, and its replica."""
    parts = {"weighted": rows, "replica": replicate(rows)}
    return [load_runs([write_run(folder / name, part, **PRICES)]) for name, part in parts.items()]


@pytest.fixture(scope="module", params=[1, 2])
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of the generated rows."""
    return int(request.param)


@pytest.fixture(scope="module")
def asked(seed: int, tmp_path_factory: pytest.TempPathFactory) -> list[Runs]:
    """A run of questions, and its replica."""
    return both(tmp_path_factory.mktemp("asked"), requests(seed))


@pytest.fixture(scope="module")
def conversed(seed: int, tmp_path_factory: pytest.TempPathFactory) -> list[Runs]:
    """A run of episodes, and its replica."""
    return both(tmp_path_factory.mktemp("conversed"), episodes(seed))


def numbers(frame: pd.DataFrame, keys: list[str]) -> Iterator[tuple[Any, float]]:
    """Yield the point estimates of a table, by the row's labels and the column: no counts and no ends of intervals."""
    ends = ("_low", "_high", "_samples")
    for row in frame.to_dict("records"):
        label = tuple(str(row[name]) for name in keys)
        for name, value in row.items():
            is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if is_number and not str(name).endswith(ends):
                yield (*label, name), float(value)


def same(figures: Sequence[Mapping[Any, float]], left_out: tuple[str, ...] = ()) -> int:
    """Check that all figures of a run and its replica agree but for those left out; return how many there are."""
    weighted, replica = figures
    assert weighted.keys() == replica.keys()
    checked = [key for key in weighted if key[-1] not in left_out]
    assert {key: weighted[key] for key in checked} == pytest.approx(
        {key: replica[key] for key in checked}, nan_ok=True, rel=1e-9
    )
    return len(checked)


def test_the_summary_is_that_of_the_replica(asked: list[Runs]) -> None:
    """Every share, mean and quantile at every level; counts and rates are what was run."""
    keys = ["level", "model_id", "category", "task", "load"]
    found = [dict(numbers(summarize(runs).frame, keys)) for runs in asked]

    assert same(found, COUNTS) > 80


def test_the_cost_is_that_of_the_replica(asked: list[Runs]) -> None:
    """Dollars per request, right answer and million tokens, money lost on requests without an answer included."""
    units = ("usd_per_task", "usd_per_correct", "usd_per_mtok", "tokens_per_task")
    found = []
    for runs in asked:
        frame = cost(runs).frame
        found.append(dict(numbers(frame[["model_id", "category", *units]], ["model_id", "category"])))
        assert frame["usd_per_correct"].notna().all()

    assert same(found) == 2 * 3 * 4


def test_the_gap_is_that_of_the_replica(asked: list[Runs]) -> None:
    """Both values, the gap and the ratio of every metric; with few items a category has no 95th percentile."""
    columns = [
        "category",
        "metric",
        "closed_value",
        "open_value",
        "gap_points",
        "gap_percent_of_closed",
        "ratio",
    ]
    found = []
    for runs in asked:
        frame = gap(runs).frame
        has_enough = (frame["metric"] != "response_p95_s") | (frame["category"] == "overall")
        found.append(dict(numbers(frame.loc[has_enough, columns], columns[:2])))

    assert same(found) > 60


def test_repeats_are_those_of_the_replica(asked: list[Runs]) -> None:
    """pass@k, pass^k, partial credit, and the variance within items of the noise floor."""
    found = [dict(numbers(summarize_pass_at_k(runs).frame, ["model_id", "task"])) for runs in asked]

    assert same(found, ("samples", "answers", "noise_floor", "icc")) >= 4 * 5


def test_episodes_are_those_of_the_replica(conversed: list[Runs]) -> None:
    """Success, turns, calls, times of tasks and replies, tokens and dollars per solved task."""
    found = [dict(numbers(summarize_trajectories(runs).frame, ["model_id", "task"])) for runs in conversed]
    totals = (
        "episodes",
        "done",
        "scored",
        "solved",
        "retries",
        "usd",
        "max_turns",
        "budget",
        "context_overflow",
        "infra",
    )

    assert same(found, totals) > 20


def test_times_of_replies_count_each_reply_of_the_traffic(conversed: list[Runs]) -> None:
    """An episode of four replies has four times to first token: in the summary and in the charts."""
    keys = ["model_id", "metric", "share"]
    charts = [
        dict(numbers(latency_quantiles(one, [0.25, 0.5, 0.95])[[*keys, "value_s"]], keys[:2]))
        for one in conversed
    ]
    means = [
        summarize(one).level("model")[["ttft_p50_s", "input_tokens", "cached_share"]].iloc[0].to_dict()
        for one in conversed
    ]

    same(charts)
    assert means[0] == pytest.approx(means[1])


def test_tiers_are_those_of_the_replica(asked: list[Runs]) -> None:
    """Policies without a threshold, both models by category, and the gap. Thresholds depend on the order of ties."""
    found = [evaluate_tiers(runs, draws=100) for runs in asked]
    fixed = [one.frame[one.frame["policy"].isin(["all open", "all closed", "oracle"])] for one in found]
    policies = [dict(numbers(frame, ["policy"])) for frame in fixed]
    categories = [dict(numbers(one.categories, ["category"])) for one in found]

    assert same(policies) >= 3 * 5
    assert same(categories, ("n",)) == 2 * 6
    assert found[0].gap.estimate == pytest.approx(found[1].gap.estimate)
    assert found[0].needed_acceptance == pytest.approx(found[1].needed_acceptance)
    assert found[0].only_open_right == pytest.approx(found[1].only_open_right)


def test_a_comparison_is_that_of_the_replica(asked: list[Runs], seed: int, tmp_path: Path) -> None:
    """Both values and the change of every metric of the gate."""
    rules = [
        RegressionRule.parse(f"{name}<-2pp" if name in {"accuracy", "coverage"} else f"{name}>2%")
        for name in METRICS
    ]
    after = both(tmp_path, requests(seed + 10, 0.5))
    found = []
    for base, new in zip(asked, after, strict=True):
        frame = compare_runs(base, new, rules).frame
        found.append(
            dict(numbers(frame[["model_id", "metric", "base", "new", "change"]], ["model_id", "metric"]))
        )

    assert same(found) > 30
