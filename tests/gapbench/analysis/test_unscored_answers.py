"""Answers without a score, such as those that wait for `bench judge`: no ratio over right answers counts their dollars."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from gapbench.analysis.cost.attempt_costs import bill
from gapbench.analysis.cost.cost import cost
from gapbench.analysis.frames import load_runs
from gapbench.analysis.performance.capacity import capacity
from gapbench.analysis.quality.gap import gap
from gapbench.analysis.quality.summary import summarize
from gapbench.analysis.quality.trajectories import summarize_trajectories
from gapbench.analysis.regression.compare import compare_runs
from gapbench.analysis.regression.threshold import RegressionRule
from gapbench.values import Attempt
from gapbench.values.slo import Slo
from tests.run_folders import make_answers, make_attempt, make_episode, write_run

Make = Callable[..., Path]
HOSTED = {"runner": "openai", "cost": {"input_usd_per_mtok": 0.3, "output_usd_per_mtok": 0.9}}
GPUS = {
    "runner": "vllm",
    "cost": {
        "gpu": "H100-80GB",
        "gpus": 1,
        "usd_per_gpu_hour": 3.6,
        "weights": "meta-llama/Llama-3.3-70B-Instruct",
    },
}
"""A cell of 100 s costs $0.10."""


def random_rows(rng: random.Random, model: str) -> list[Attempt]:
    """Return answers of random sizes and outcomes, some of them at the second attempt, in two categories."""
    rows = []
    for task in ("reasoning/sums", "writing/letters"):
        for n in range(20):
            outcome = (
                "unscored" if n % 5 == 0 and task == "writing/letters" else rng.choice(["correct", "wrong"])
            )
            tokens = {"input_tokens": rng.randint(1, 9_000), "output_tokens": rng.randint(1, 900)}
            retried = rng.random() < 0.3
            common = {"model_id": model, "task": task, "sample_id": str(n), **tokens}
            if retried:
                rows.append(make_attempt(**{**common, "final": False, "outcome": "infra", **tokens}))
            rows.append(make_attempt(**common, attempt=1 + retried, outcome=outcome))
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_dollars_per_right_answer_are_those_of_a_run_without_them(tmp_path: Path, seed: int) -> None:
    """In the table of costs and its intervals, in the summary and in the gap; a task is paid for with or without a score."""
    rng = random.Random(seed)
    rows = [row for model in ("closed-a", "open-a") for row in random_rows(rng, model)]
    waiting = {(row.task, row.sample_id) for row in rows if row.outcome == "unscored"}
    scored = [row for row in rows if (row.task, row.sample_id) not in waiting]
    runs = [
        load_runs([write_run(tmp_path / name, made, open_a=HOSTED)])
        for name, made in (("all", rows), ("scored", scored))
    ]
    costs = [cost(read).frame for read in runs]
    columns = ["usd_per_correct", "usd_per_correct_low", "usd_per_correct_high"]
    pd.testing.assert_frame_equal(costs[0][columns], costs[1][columns], rtol=1e-9)
    assert (costs[0]["usd"] >= costs[1]["usd"]).all()
    assert (costs[0]["tasks"] * costs[0]["usd_per_task"]).tolist() == pytest.approx(costs[0]["usd"].tolist())
    summaries = [summarize(read).frame[["usd_per_correct"]] for read in runs]
    pd.testing.assert_frame_equal(summaries[0], summaries[1], rtol=1e-9)
    gaps = [table[table["metric"] == "usd_per_correct"] for table in (gap(read).frame for read in runs)]
    names = ["category", "closed_value", "open_value", "ratio", "n_pairs"]
    pd.testing.assert_frame_equal(gaps[0][names], gaps[1][names], rtol=1e-9)


def test_own_gpus_answer_all_and_are_paid_for_what_has_a_score(make_run: Make) -> None:
    """$0.10 made 30 answers; 20 have a score and 10 of these are right: 20/30 of $0.10 over 10, also at a host's prices."""
    rows = make_answers("open-a", 10, 20)
    rows += make_answers("open-a", 0, 10, start=20)
    rows = [replace(row, outcome="unscored", score=None) if n >= 20 else row for n, row in enumerate(rows)]
    table = cost([make_run(rows, open_a=GPUS)])
    row = table.frame.iloc[0]
    hosted = table.legs[table.legs["leg"] == "hosted"].iloc[0]

    assert row["usd_per_task"] == pytest.approx(0.1 / 30)
    assert row["usd_per_correct"] == pytest.approx(0.1 * 20 / 30 / 10)
    assert hosted["usd_per_correct"] == pytest.approx(hosted["usd_per_task"] * 20 / 10)


def test_without_any_score_nothing_is_known(make_run: Make) -> None:
    rows = [make_attempt(sample_id=str(n), outcome="unscored") for n in range(5)]

    assert pd.isna(cost([make_run(rows)]).frame["usd_per_correct"].iloc[0])


def test_episodes_without_a_score_are_no_part_of_a_solved_one(tmp_path: Path) -> None:
    """Two replies each at $0.00315: solved, wrong, and one that no scorer has seen."""
    rows = [
        *make_episode(2, sample_id="a"),
        *make_episode(2, sample_id="b", outcome="wrong", scheduled_s=10.0),
        *make_episode(2, sample_id="c", outcome="unscored", score=None, scheduled_s=20.0),
    ]
    row = summarize_trajectories(write_run(tmp_path / "run", rows)).frame.iloc[0]

    assert row["usd_per_episode"] == pytest.approx(2 * 0.00315)
    assert row["usd_per_solved"] == pytest.approx(4 * 0.00315)


def test_a_level_with_answers_that_wait_does_not_say_what_is_solved(make_run: Make) -> None:
    """Unknown, and not too few: in a minute, and for a dollar."""
    found = {}
    for waiting in (0, 3):
        rows = make_answers("open-a", 10, 20)
        rows += [
            make_attempt(model_id="open-a", sample_id=f"w{n}", outcome="unscored") for n in range(waiting)
        ]
        runs = load_runs(make_run(rows, name=f"run-{waiting}", open_a=HOSTED), chunks=True)
        found[waiting] = capacity(runs, Slo(ttft_s=2.0), bill(runs).usd).frame.iloc[0]
    names = ["usd_per_solved", "solved_per_usd", "solved_per_min"]

    assert found[0][names].notna().all()
    assert found[3][names].isna().all()


def test_the_gate_on_dollars_per_right_answer_leaves_them_out(tmp_path: Path) -> None:
    """The same answers with fewer scores: no regression, where all dollars over the right ones would be a rise of a third."""
    base = [make_attempt(sample_id=str(n), outcome="correct" if n % 4 else "wrong") for n in range(200)]
    new = [replace(row, outcome="unscored", score=None) if n < 50 else row for n, row in enumerate(base)]
    folders = [write_run(tmp_path / name, made) for name, made in (("base", base), ("new", new))]
    found = compare_runs([folders[0]], [folders[1]], [RegressionRule.parse("cost_per_correct>+10%")])

    assert "pass" == found.verdict
    assert found.frame.iloc[0]["change"] == pytest.approx(0)
